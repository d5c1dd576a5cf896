"""A row's hash is the same whether PostgreSQL, Python or the compiled library makes it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.native.library import library
from migration.run import RunOptions, run_migration
from migration.source.snapshot import hold_snapshot
from migration.target.database import connected
from migration.verification.catalog import read_catalog
from migration.verification.checksums import source_sums, target_sums
from migration.verification.layout import Sides, plan_layout
from migration.verification.record import digest_hash, numeric_sent

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text(alphabet="0123456789abcdef", min_size=32, max_size=32))
def test_the_hash_of_a_digest_is_postgresqls(text: str, database: str) -> None:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT hashtextextended(%s, 0)", [text]).fetchone()
    assert row is not None
    assert digest_hash(text.encode()) == row[0] % 2**64


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(
        lambda n: abs(n.adjusted()) < 60
    )
)
def test_a_number_is_sent_as_postgresql_sends_it(number: Decimal, database: str) -> None:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT trim_scale(%(n)s::numeric)::text, numeric_send(trim_scale(%(n)s::numeric))", {"n": number}
        ).fetchone()
    assert row is not None
    assert numeric_sent(row[0]) == bytes(row[1])


COLUMNS = (
    "id INTEGER PRIMARY KEY, i BIGINT, r REAL, d DECIMAL(12,3), n NUMERIC, v VARCHAR(30), b BLOB, f BOOLEAN, "
    "ts DATETIME, tz DATETIME, da DATE, ti TIME, u UUID, j JSON"
)
ROWS = (
    (
        1,
        2**63 - 1,
        1 / 3,
        1234.5,
        0.1,
        "naïve 𝄞",
        b"\0\xff",
        1,
        "2024-02-29 10:11:12.345",
        1704164645,
        "1600-02-29",
    ),
    (2, -(2**63), -0.0, -0.001, 12345678.9, "", b"", 0, "0001-01-01T00:00", 1704164645, "9999-12-31"),
    (3, 0, 5e-324, 0, 100, None, None, None, None, None, None),
    (4, 7, 1.7e308, 10000, 1e-7, "x" * 30, bytes(3000), 1, "9999-12-31 23:59:59.999999", 253402300799, None),
    (5, None, float("inf"), 99999.999, 123456789012.25, "a\tb", b"\x01", 0, "2000-01-01", 0, "2000-01-01"),
)
LAST = (
    ("00:00", "c0ffee00-0000-4000-8000-00000000000a", '{"a": 1}'),
    ("23:59:59.999999", "C0FFEE0000004000800000000000000A", "[]"),
    (None, None, None),
    ("12:30:45", "00000000-0000-0000-0000-000000000000", "1e400"),
    ("12:30:45.5", None, '"text"'),
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three tables with the same rows: with an integer key, with another key, and without one."""
    path = tmp_path / "rows.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE by_number ({COLUMNS})")
        for name, key in (("by_text", ", PRIMARY KEY (u2, id)"), ("by_nothing", "")):
            listed = COLUMNS.replace(" PRIMARY KEY", "")
            connection.execute(f"CREATE TABLE {name} ({listed}, u2 TEXT NOT NULL DEFAULT 'k'{key})")
        for row, last in zip(ROWS, LAST, strict=True):
            marks = ", ".join("?" * (len(row) + len(last)))
            for name in ("by_number", "by_text", "by_nothing"):
                columns = ", ".join(part.split()[0] for part in COLUMNS.replace("12,3", "12;3").split(","))
                connection.execute(f"INSERT INTO {name} ({columns}) VALUES ({marks})", (*row, *last))
    return path


@pytest.mark.parametrize("name", ["by_number", "by_text", "by_nothing"])
def test_all_three_add_a_table_up_to_the_same_sums(name: str, source: Path, database: str) -> None:
    if library() is None:
        assert not os.environ.get("CI"), "CI compiles the library"
        pytest.skip("no C compiler here")
    run_migration(source, database, RunOptions())
    with connected(database) as target, hold_snapshot(source, 1) as snapshot:
        from migration.planning import plan_migration

        plan = plan_migration(source, connection=snapshot.connection)
        table = next(table for table in plan.tables if table.name == name)
        actual = read_catalog(target, "public").tables[name]
        snapshot.connection.text_factory = bytearray
        python = Sides(snapshot.connection, target, "public", plan.options)
        layout = plan_layout(python, table, actual, (1, 5) if name == "by_number" else None)
        seen: list[int] = []
        native = replace(python, native=snapshot.natives[0])
        compiled = source_sums(native, layout, seen.append)
        assert source_sums(python, layout, seen.append) == compiled
        assert target_sums(target, layout) == compiled
        assert sum(seen) == 2 * len(ROWS)
