from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.schema.chosen_type import read_type
from migration.schema.source import Column
from migration.schema.target import Conversion, Reading, TargetColumn
from migration.values.convert import Unstorable, converter
from migration.verification.canonical import row_encoder
from migration.verification.catalog import CatalogColumn

if TYPE_CHECKING:
    from pathlib import Path

    from migration.schema.options import PlanOptions

INSTANTS = st.datetimes(
    datetime.fromisoformat("1600-01-01"), datetime.fromisoformat("9998-01-01"), timezones=st.just(UTC)
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def column(type_name: str, **reading: Any) -> TargetColumn:
    chosen = read_type(type_name)
    return TargetColumn(
        "c",
        Column("c", "", not_null=False),
        chosen.shown,
        Conversion.CAST,
        not_null=False,
        cast=chosen.type,
        reading=Reading(**reading),
    )


def stored_bytes(planned: TargetColumn, value: object, options: PlanOptions) -> bytes:
    """What the verification expects of a stored value."""
    assert planned.cast is not None
    plain = {"not_null": False, "has_default": False, "identity": False, "generated": False}
    actual = CatalogColumn("c", planned.type, planned.cast.name, kind="b", **plain)
    seen = bytearray(value.encode()) if isinstance(value, str) else value
    (encoded,) = row_encoder([(planned, actual)], options)([seen])
    return encoded


def read(planned: TargetColumn, value: object) -> Any:
    return converter(planned)(value)


def since_epoch(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@given(INSTANTS, st.sampled_from([("epoch-s", 10**6), ("epoch-ms", 10**3), ("epoch-us", 1)]))
def test_numbers_since_1970_are_read_exactly(moment: datetime, unit: tuple[str, int]) -> None:
    name, factor = unit
    whole = since_epoch(moment) // factor
    expected = EPOCH + timedelta(microseconds=whole * factor)
    planned = column("timestamptz", format=name)
    assert read(planned, whole) == expected
    assert read(planned, str(whole)) == expected
    assert read(column("timestamp", format=name), whole) == expected.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("form", "stored", "expected"),
    [
        ("epoch-ns", 1_700_000_000_123_456_789, datetime(2023, 11, 14, 22, 13, 20, 123457, UTC)),
        ("epoch-s", 1700000000.25, datetime(2023, 11, 14, 22, 13, 20, 250000, UTC)),
        ("epoch-s", -1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("julian", 2440587.5, EPOCH),
        ("julian", 2460000.75, datetime(2023, 2, 25, 6, tzinfo=UTC)),
        ("%d/%m/%Y %H:%M:%S%z", "31/12/2023 23:30:00+0100", datetime(2023, 12, 31, 22, 30, tzinfo=UTC)),
    ],
)
def test_a_format_reads_what_it_says(form: str, stored: object, expected: datetime) -> None:
    assert read(column("timestamptz", format=form), stored) == expected


@given(INSTANTS)
def test_julian_days_are_read_as_sqlite_reads_them(moment: datetime) -> None:
    connection = sqlite3.connect(":memory:")
    day = connection.execute("SELECT julianday(?)", [moment.strftime("%Y-%m-%d %H:%M:%S")]).fetchone()[0]
    (shown,) = connection.execute("SELECT strftime('%Y-%m-%d %H:%M:%f', ?)", [day]).fetchone()
    connection.close()
    found = read(column("timestamptz", format="julian"), day)
    assert found.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] == shown


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("epoch-ms", "soon"),
        ("epoch-s", 10**15),
        ("%d/%m/%Y", "2023-01-01"),
        ("%d/%m/%Y", 5),
        ("julian", b"x"),
    ],
)
def test_what_a_format_cannot_read_is_refused(form: str, value: object) -> None:
    with pytest.raises(Unstorable):
        read(column("timestamptz", format=form), value)


def test_a_date_takes_no_time_of_day() -> None:
    planned = column("date", format="epoch-s")
    assert str(read(planned, 86_400)) == "1970-01-02"
    with pytest.raises(Unstorable):
        read(planned, 86_401)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("2023-12-31 23:30", "2023-12-31 22:30:00+00:00"),
        ("2023-07-01T12:00:00.5", "2023-07-01 10:00:00.500000+00:00"),
        ("2023-07-01", "2023-06-30 22:00:00+00:00"),
        ("2023-10-29 02:30:00", "2023-10-29 00:30:00+00:00"),  # exists twice: the first
        ("2023-07-01 12:00:00Z", "2023-07-01 12:00:00+00:00"),  # has a zone of its own
        ("1890-01-01 00:00:00", "1889-12-31 23:06:32+00:00"),  # local mean time
    ],
)
def test_a_clock_without_a_zone_is_that_of_the_rule(stored: str, expected: str) -> None:
    assert str(read(column("timestamptz", time_zone="Europe/Berlin"), stored)) == expected


def test_blanks_are_null_where_the_user_lets_them() -> None:
    assert read(column("date", blanks=True), "  ") is None
    with pytest.raises(Unstorable):
        read(column("date"), "")


_NUMBERS = st.integers(-(10**19), 10**19) | st.floats(allow_nan=False, width=64)
_TEXTS = st.text(max_size=12) | st.datetimes(
    datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2100-01-01")
).map(lambda moment: moment.isoformat(" "))
_ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata"]
_FORMATS = ["epoch-s", "epoch-ms", "epoch-us", "epoch-ns", "julian"]
_PATTERNS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%d.%m.%y", "%H:%M"]
_READINGS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"format": st.sampled_from([*_FORMATS, *_PATTERNS])}),
    st.fixed_dictionaries({"time_zone": st.sampled_from(_ZONES)}),
    st.just({"blanks": True}),
)


@given(
    _READINGS,
    _NUMBERS | _TEXTS | st.binary(max_size=3),
    st.sampled_from(["timestamptz", "timestamp", "date"]),
)
def test_the_proof_expects_what_the_copy_sends(reading: dict[str, Any], stored: object, kind: str) -> None:
    """Two implementations: where the copy makes a value, the proof means the same one."""
    from migration.schema.options import PlanOptions

    planned = column(kind, **reading)
    try:
        made = read(planned, stored)
    except Unstorable:
        return
    plain = column(kind)
    again = made.isoformat(" ") if isinstance(made, datetime) else None if made is None else made.isoformat()
    expected = stored_bytes(plain, again, PlanOptions()) if again is not None else b"\x00"
    assert stored_bytes(planned, stored, PlanOptions()) == expected


def test_a_transform_gets_values_as_stored_and_its_errors_are_the_row_s(tmp_path: Path) -> None:
    from migration.rules.transform import find_transform

    (tmp_path / "clean.py").write_text(
        "def half(value):\n    return value // 2 or None\ndef wrong(value):\n    return [value]\n"
    )
    half = column("integer", transform=find_transform(tmp_path, "clean:half"))
    assert [read(half, value) for value in (8, 1, None)] == [4, None, None]
    for function, value in (("half", "x"), ("wrong", 1)):
        with pytest.raises(Unstorable):
            read(column("integer", transform=find_transform(tmp_path, f"clean:{function}")), value)
