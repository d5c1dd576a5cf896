"""What COPY writes is what PostgreSQL holds: every value is read back and compared with what was meant."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.planning import PlanOptions, draft_migration
from migration.schema.ddl import quote_identifier
from migration.schema.tokens import quoted
from migration.values.convert import converter, select_list
from migration.values.copy_text import copy_line, row_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

LENIENT = PlanOptions(nul_policy="replace", invalid_utf8="replace")
DECLARED = [
    *(
        "INTEGER",
        "SMALLINT",
        "TINYINT(1)",
        "BOOLEAN",
        "REAL",
        "DECIMAL(8,2)",
        "NUMERIC",
        "VARCHAR(9)",
        "TEXT",
        "BLOB",
    ),
    *("DATETIME", "DATE", "TIME", "JSON", "UUID", "", "STRING"),
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-1, 2),
    st.integers(1_500_000_000, 1_700_000_000),
    st.floats(allow_nan=False),
    st.decimals(-999, 999, places=2).map(float),
    texts,
    st.sampled_from(
        ["\\", "\\N", "\\.", "a\tb", "a\nb", "\r", "'", '"', "true", "F", "[1, 2]", "NaN", "", "\0"]
    ),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(str),  # noqa: DTZ001  # without a zone on purpose
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()).map(str),  # noqa: DTZ001
    st.dates().map(str),
    st.times().map(str),
    st.uuids().map(str),
    st.binary(max_size=16),
)


@pytest.fixture(scope="module")
def target(postgres: LocalPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.create_database("values"), autocommit=True) as connection:
        connection.prepare_threshold = None  # the same names have other types in every example
        connection.execute("SET timezone = 'Asia/Kathmandu'")
        yield connection
    postgres.drop_database("values")


def load(target: psycopg.Connection, path: Path, name: str) -> tuple[list[Any], list[Any], str]:
    """Load the only table of a file; give what was meant, what is there, and the column's type."""
    plan = draft_migration(path, LENIENT).plan
    (table,) = plan.tables
    (column,) = table.columns
    convert, encode = converter(column, LENIENT), row_encoder(table, LENIENT)
    target.execute(f"DROP TABLE IF EXISTS {quote_identifier(table.name)}")
    target.execute(plan.create[0].sql.encode())
    target.execute(
        f"ALTER TABLE {quote_identifier(table.name)} ADD n bigint GENERATED ALWAYS AS IDENTITY".encode()
    )
    meant, exactly = [], []
    copied = quote_identifier(column.name)
    with closing(sqlite3.connect(path)) as source:
        rows = source.execute(f"SELECT {select_list(table)} FROM {quoted(name)}").fetchall()
    with target.cursor().copy(f"COPY {quote_identifier(table.name)} ({copied}) FROM STDIN".encode()) as copy:
        for row in rows:
            meant.append(convert(row[0]))
            copy.write(encode(row))
            exactly.append(copy_line([meant[-1]]))
        for line in exactly:  # both ways of writing a row are loaded, one after the other
            copy.write(line)
    shown = f"{copied}::text" if column.type == "json" else copied
    query = f"SELECT {shown} FROM {quote_identifier(table.name)} ORDER BY n"
    return meant + meant, [row[0] for row in target.execute(query.encode())], column.type


def comparable(value: Any) -> Any:
    if isinstance(value, float):
        return struct.pack(">d", value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(DECLARED), st.lists(values, min_size=1, max_size=6))
@pytest.mark.both_servers
def test_every_value_arrives_as_it_was_meant(
    target: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory, declared: str, stored: list[Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "values.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE t (x {declared})")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in stored])
    meant, found, type_name = load(target, path, "t")
    assert [comparable(value) for value in found] == [comparable(value) for value in meant], type_name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=80),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=80),
)
def test_any_name_of_sqlite_s_finds_its_place_in_postgresql(
    target: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory, table: str, column: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "names.db"
    path.unlink(missing_ok=True)
    if table.casefold().startswith("sqlite_"):
        table = "x" + table
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {quoted(table)} ({quoted(column)} TEXT)")
        connection.execute(f"INSERT INTO {quoted(table)} VALUES ('here')")
    _, found, _ = load(target, path, table)
    assert found == ["here", "here"]


@pytest.mark.both_servers
def test_numbers_are_exact_to_the_last_bit(target: psycopg.Connection, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    # -0.0 is not among them: SQLite itself stores it as 0.
    stored = [4.9e-324, 1.7976931348623157e308, 1 / 3, 0.1 + 0.2, float("inf"), float("-inf"), 2.0**53 + 2]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x REAL)")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in stored])
    _, found, type_name = load(target, path, "t")
    assert type_name == "double precision"
    assert [comparable(value) for value in found] == [comparable(value) for value in stored + stored]


def test_decimals_keep_their_digits(target: psycopg.Connection, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x DECIMAL(10,2))")
        connection.executemany(
            "INSERT INTO t VALUES (?)", [(5,), (19.99,), (0.1 + 0.2,), (-0.01,), (99999999.99,)]
        )
    _, found, type_name = load(target, path, "t")
    assert type_name == "numeric(10,2)"
    assert found[:5] == [Decimal(text) for text in ("5.00", "19.99", "0.30", "-0.01", "99999999.99")]


def test_infinity_and_large_integers_share_a_column(target: psycopg.Connection, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x DECIMAL(5,2))")
        connection.executemany("INSERT INTO t VALUES (?)", [(float("-inf"),), (2**53 + 1,)])
    _, found, type_name = load(target, path, "t")
    assert type_name == "numeric"
    assert found[:2] == [Decimal("-Infinity"), Decimal(2**53 + 1)]


def test_a_database_in_utf_16_gives_the_same_text(target: psycopg.Connection, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA encoding = 'UTF-16be'")
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("naïve €𝄞",), ("plain",)])
    _, found, _ = load(target, path, "t")
    assert found[:2] == ["naïve €𝄞", "plain"]
