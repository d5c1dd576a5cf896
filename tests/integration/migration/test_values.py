"""Values at the edges of every type arrive exactly, in files of every encoding, and verify says so."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest

from migration.run import RunOptions, run_migration
from migration.schema.options import PlanOptions
from migration.verify import verify_migration

if TYPE_CHECKING:
    from pathlib import Path

#: Declared type, stored values, and what PostgreSQL must return.
EDGES: list[tuple[str, list[Any], list[Any]]] = [
    ("bigint", [-(2**63), 2**63 - 1, 0, None], [-(2**63), 2**63 - 1, 0, None]),
    (
        "real",
        [5e-324, 1.7976931348623157e308, float("-inf"), 1 / 3],
        [5e-324, 1.7976931348623157e308, float("-inf"), 1 / 3],
    ),
    (
        "decimal(10,2)",
        [0.1, 12345678.9, -7, None],
        [Decimal("0.10"), Decimal("12345678.90"), Decimal("-7.00"), None],
    ),
    ("boolean", [0, 1, "true", None], [False, True, True, None]),
    ("text", ["", "\\", "\t\n\r\b\f\v", "\u2028 €𝄞 \ufeff"], ["", "\\", "\t\n\r\b\f\v", "\u2028 €𝄞 \ufeff"]),
    ("varchar(3)", ["abc", "äöü", "", None], ["abc", "äöü", "", None]),
    ("blob", [b"", bytes(range(256)), b"\\x00", None], [b"", bytes(range(256)), b"\\x00", None]),
    (
        "datetime",
        ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2024-02-29T12:00", None],
        [
            *map(datetime.fromisoformat, ("0001-01-01", "9999-12-31 23:59:59.999999", "2024-02-29 12:00")),
            None,
        ],
    ),
    (
        "timestamp",
        [1704164645678, 1704164645679, 1704164645680, None],
        [*(datetime(2024, 1, 2, 3, 4, 5, 678_000 + n, UTC) for n in (0, 1000, 2000)), None],
    ),
    ("date", ["2024-02-29", "0001-01-01", "9999-12-31", None], [date(2024, 2, 29), date.min, date.max, None]),
    ("time", ["00:00", "23:59:59.999999", "12:34:56", None], [time(0), time.max, time(12, 34, 56), None]),
    (
        "uuid",
        ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-ffff-ffff-ffff-ffffffffffff", None, None],
        [UUID(int=0), UUID(int=2**128 - 1), None, None],
    ),
    ("", [1, 1.5, "text", b"\x01\xff"], ["1", "1.5", "text", "\\x01ff"]),
]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.both_servers
def test_edge_values_of_every_type_arrive_exactly(tmp_path: Path, database: str, encoding: str) -> None:
    path = tmp_path / "edges.db"
    columns = [f"c{number}" for number in range(len(EDGES))]
    with closing(sqlite3.connect(path)) as source, source:
        source.execute(f"PRAGMA encoding = '{encoding}'")
        declared = ", ".join(f"{name} {kind}" for name, (kind, *_) in zip(columns, EDGES, strict=True))
        source.execute(f"CREATE TABLE edge (id INTEGER PRIMARY KEY, {declared})")
        for number, row in enumerate(zip(*(stored for _, stored, _ in EDGES), strict=True)):
            marks = ", ".join("?" * (len(row) + 1))
            source.execute(f"INSERT INTO edge VALUES ({marks})", [number, *row])
    report = run_migration(path, database)
    assert report.equal
    with psycopg.connect(database) as target:
        target.execute("SET TimeZone = 'UTC'")
        arrived = target.execute("SELECT * FROM edge ORDER BY id").fetchall()
    for position, (kind, _, expected) in enumerate(EDGES, start=1):
        assert [row[position] for row in arrived] == expected, kind


def test_text_that_postgresql_cannot_store_arrives_as_the_user_chose(tmp_path: Path, database: str) -> None:
    path = tmp_path / "damaged.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
        source.execute(
            "INSERT INTO t VALUES (1, 'nul ' || char(0) || ' inside'), (2, CAST(x'61ff62' AS TEXT)), (3, 'é')"
        )
    options = PlanOptions(nul_policy="replace", invalid_utf8="replace")
    assert run_migration(path, database, RunOptions(options)).equal
    with psycopg.connect(database) as target:
        texts = target.execute("SELECT a FROM t ORDER BY id").fetchall()
    assert texts == [("nul \u2400 inside",), ("a\ufffdb",), ("é",)]
    assert verify_migration(path, database, options).equal
    strict = verify_migration(path, database)
    assert [row.key for row in strict.tables[0].rows] == [{"id": "1"}, {"id": "2"}], (
        "what was changed, differs"
    )


def test_tables_that_are_hard_to_cut_arrive_whole(tmp_path: Path, database: str) -> None:
    """Columns with all names of the rowid, negative and sparse rowids, keys without rowid, no rows at all."""
    path = tmp_path / "odd.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("CREATE TABLE shadowed (rowid TEXT, oid TEXT, _rowid_ TEXT)")
        source.execute("CREATE TABLE sparse (id INTEGER PRIMARY KEY, a)")
        source.execute("CREATE TABLE keyed (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID")
        source.execute("CREATE TABLE hollow (a)")
        source.executemany(
            "INSERT INTO shadowed VALUES (?, ?, ?)", ((f"{n}", "x", "y") for n in range(12_000))
        )
        source.executemany("INSERT INTO sparse VALUES (?, 1)", ((n * 10**14 - 2**62,) for n in range(12_000)))
        source.executemany("INSERT INTO sparse VALUES (?, 2)", ((2**63 - 1,), (-(2**63),)))
        source.executemany("INSERT INTO keyed VALUES (?, ?)", ((f"{n % 7}", n) for n in range(12_000)))
    report = run_migration(path, database)
    assert report.equal
    assert {table.name: table.rows for table in report.tables} == {
        "shadowed": 12_000,
        "sparse": 12_002,
        "keyed": 12_000,
        "hollow": 0,
    }


@pytest.mark.both_servers
def test_infinities_among_numbers_too_large_for_integers_arrive_and_are_proven(
    tmp_path: Path, database: str
) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("CREATE TABLE t (a TINYINT(1))")
        source.executemany("INSERT INTO t VALUES (?)", [[1e19], [math.inf], [-math.inf], [-3], [2]])
    assert run_migration(path, database).equal
    with psycopg.connect(database) as target:
        found = target.execute("SELECT a FROM t ORDER BY a").fetchall()
    assert [str(value) for (value,) in found] == ["-Infinity", "-3", "2", "10000000000000000000", "Infinity"]
