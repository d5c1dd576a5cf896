from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.values.epoch import EPOCH_WINDOWS, epoch_unit, from_epoch
from migration.values.temporal import is_zero_date, parse_datetime, parse_time

if TYPE_CHECKING:
    from migration.values.epoch import EpochUnit


@given(st.datetimes(), st.sampled_from([" ", "T"]), st.sampled_from(["auto", "milliseconds", "seconds"]))
def test_iso_texts_are_read_exactly(moment: datetime, separator: str, precision: str) -> None:
    text = moment.isoformat(separator, precision)
    assert parse_datetime(text) == datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2024-01-02 03:04:05Z", 0),
        ("2024-01-02T03:04:05.678+02:00", 120),
        ("2024-01-02 03:04:05 +00:00", 0),
        ("2024-01-02 03:04:05.5 -0530", -330),
        ("2024-01-02 03:04+01", 60),
    ],
)
def test_zones_are_honoured(text: str, offset: int) -> None:
    assert parse_datetime(text).tzinfo == timezone(timedelta(minutes=offset))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "infinity",
        "0000-00-00",
        "2024-02-30",
        "2024-1-2",
        "01/02/2024",
        "20240102",
        "2024-W01-1",
        "2024-01-02 03",
        "2024-01-02x03:04:05",
        "2024-01-02 25:00:00",
        "2024-01-02 03:04:05,5",
        "2024-01-02 03:04:05.1234567",
        "2024-01-02 03:04:05 Europe/Berlin",
        "2024-01-02 03:04:05+16:00",
        " 2024-01-02",
        "2024-01-02\n",
        "\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0662",
    ],
)
def test_what_postgresql_would_have_to_guess_is_no_date(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the message names the text
        parse_datetime(text)


def test_times_of_day_are_read_exactly() -> None:
    assert parse_time("12:34:56.789").microsecond == 789000
    for text in ("24:00", "1:2", "12:00+01:00", "12:60"):
        with pytest.raises(ValueError):  # noqa: PT011  # the message names the text
            parse_time(text)


def test_the_epoch_windows_do_not_overlap() -> None:
    bounds = [bound for window in EPOCH_WINDOWS.values() for bound in window]
    assert bounds == sorted(bounds)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1704164645, "s"),
        (-1704164645, "s"),
        (1704164645.678, "s"),
        (1704164645000, "ms"),
        (1704164645000000, "us"),
        (1704164645000000000, "ns"),
        (2460311.628, "julian"),
        (-2460311.628, None),
        (0, None),
        (12, None),
        (2.0**64, None),
        (float("inf"), None),
    ],
)
def test_the_magnitude_tells_the_unit(value: float, unit: str | None) -> None:
    assert epoch_unit(value) == unit


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1704164645, "s", "2024-01-02T03:04:05"),
        (-86_400, "s", "1969-12-31T00:00:00"),
        (1704164645.678, "s", "2024-01-02T03:04:05.678000"),
        (1704164645678901234, "ns", "2024-01-02T03:04:05.678901"),
        (2440587.5, "julian", "1970-01-01T00:00:00"),
        (2460311, "julian", "2024-01-01T12:00:00"),
        (2460311.628, "julian", "2024-01-02T03:04:19.200000"),
    ],
)
def test_numbers_become_the_instants_that_their_unit_means(
    value: float, unit: EpochUnit, expected: str
) -> None:
    assert from_epoch(value, unit) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-02 24:00", "2024-01-03T00:00:00"),
        ("2024-02-28T24:00:00.000", "2024-02-29T00:00:00"),
        ("2016-12-31 23:59:60", "2017-01-01T00:00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2024-01-02 12:30:60", "2024-01-02T12:31:00"),
    ],
)
def test_the_24th_hour_and_the_60th_second_are_the_next_day_and_minute(text: str, expected: str) -> None:
    assert parse_datetime(text) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-02 24:01",
        "2024-01-02 24:00:60",
        "2024-01-02 12:30:60.5",
        "2024-01-02 12:30:61",
        "9999-12-31 24:00",
    ],
)
def test_other_hours_and_seconds_beyond_their_end_are_no_times(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the message names the text
        parse_datetime(text)


def test_a_date_of_zeros_is_recognised_with_and_without_its_midnight() -> None:
    assert all(map(is_zero_date, ("0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00.000Z")))
    assert not any(map(is_zero_date, ("", "0000-00-01", "0000-00-00 00:00:01")))


@given(st.datetimes(min_value=datetime(1973, 3, 4), max_value=datetime(5138, 1, 1)))  # noqa: DTZ001  # naive on purpose
def test_microseconds_since_1970_come_back_exactly(moment: datetime) -> None:
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert from_epoch(since // timedelta(microseconds=1), "us") == moment.replace(tzinfo=UTC)
