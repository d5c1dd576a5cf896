"""Every text that is read as a date or time here is the same one to PostgreSQL."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.values.epoch import from_epoch
from migration.values.temporal import parse_datetime, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.local_postgres import LocalPostgres

two = st.one_of(st.integers(0, 23), st.integers(0, 99)).map("{:02}".format)
days = st.one_of(
    st.dates().map(str),
    st.tuples(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32)).map(
        lambda part: f"{part[0]:04}-{part[1]:02}-{part[2]:02}"
    ),
)
clocks = st.one_of(
    st.times().map(str),
    st.tuples(two, two).map(":".join),
    st.tuples(two, two, st.sampled_from(["00", "59", "60", "61", "60.000", "60.5", "30.1234567"])).map(
        ":".join
    ),
    st.sampled_from(["24:00", "24:00:00", "24:00:00.000", "24:00:01", "24:01", "23:59:60", "00:00:60"]),
)
zones = st.sampled_from(
    ["", "", "Z", "+00", "+02:00", "-0530", " +01:00", "+14:00", "-15:59", "+16", "+02:60", "z"]
)
moments = st.tuples(days, st.sampled_from([" ", "T", "t", "  "]), clocks, zones).map("".join)


@pytest.fixture(scope="module")
def target(postgres: LocalPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.create_database("temporal"), autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection
    postgres.drop_database("temporal")


def read(texts: list[str], parse: Callable[[str], Any]) -> dict[str, Any]:
    """What is made of the texts that are understood."""
    found = {}
    for text in texts:
        with suppress(ValueError):
            found[text] = parse(text)
    return found


def asked(target: psycopg.Connection, texts: list[str], kind: str) -> list[Any]:
    """What PostgreSQL makes of them; an error is one of the test's."""
    query = f"SELECT t::{kind} FROM unnest(%s::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n"
    return [row[0] for row in target.execute(query.encode(), [texts]).fetchall()]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(days, moments), min_size=20, max_size=60))
def test_dates_and_times_mean_to_postgresql_what_they_mean_here(
    target: psycopg.Connection, texts: list[str]
) -> None:
    found = read(texts, parse_datetime)
    local = {text: moment for text, moment in found.items() if moment.tzinfo is None}
    zoned = {text: moment for text, moment in found.items() if moment.tzinfo is not None}
    # Python's dates end where the zone would lead beyond the years 1 and 9999; PostgreSQL's do not.
    zoned = {text: moment for text, moment in zoned.items() if 1 < moment.year < 9999}
    assert asked(target, list(local), "timestamp") == list(local.values())
    assert asked(target, list(zoned), "timestamptz") == [moment.astimezone(UTC) for moment in zoned.values()]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(clocks, min_size=10, max_size=40))
def test_times_of_day_mean_the_same_to_postgresql(target: psycopg.Connection, texts: list[str]) -> None:
    found = read(texts, parse_time)
    assert asked(target, list(found), "time") == list(found.values())


def test_the_unusual_ends_of_days_and_minutes_are_among_what_is_understood(
    target: psycopg.Connection,
) -> None:
    texts = ["2024-02-28 24:00", "2016-12-31T23:59:60Z", "2024-12-31 24:00:00.000", "2024-01-01 00:00:60"]
    assert len(read(texts, parse_datetime)) == len(texts)
    assert not read(["24:00", "12:30:60"], parse_time), "Python has no such time of day"
    assert asked(target, ["2024-02-28 24:00"], "timestamp") == [datetime(2024, 2, 29)]  # noqa: DTZ001
    assert asked(target, ["23:59:59.999999"], "time") == [time.max]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-62_135_596_800_000, 253_402_300_799_999), min_size=1, max_size=40))
def test_milliseconds_are_the_instants_that_postgresql_counts(
    target: psycopg.Connection, numbers: list[int]
) -> None:
    # In days and the rest of a day, because an interval is multiplied as a double.
    parts = "days => (n / 86400000)::int, secs => mod(n, 86400000) / 1000.0"
    query = f"SELECT 'epoch'::timestamptz + make_interval({parts}) FROM unnest(%s::bigint[]) AS n"
    expected = [row[0] for row in target.execute(query.encode(), [numbers]).fetchall()]
    assert [from_epoch(number, "ms") for number in numbers] == expected


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))  # noqa: DTZ001  # naive on purpose
def test_a_julian_day_comes_back_to_the_millisecond(moment: datetime) -> None:
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    day = 2440587.5 + since / timedelta(days=1)
    assert abs(from_epoch(day, "julian") - moment.replace(tzinfo=UTC)) <= timedelta(milliseconds=1)
