from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.planning import PlanOptions, draft_migration
from migration.schema.tokens import quoted
from migration.values.convert import Unstorable, converter, select_list
from migration.values.copy_text import copy_line, row_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from migration.schema.target import TargetTable

LENIENT = PlanOptions(nul_policy="strip", invalid_utf8="replace")
DECLARED = [
    *(
        "INTEGER",
        "SMALLINT",
        "TINYINT(1)",
        "BIGINT",
        "BOOLEAN",
        "REAL",
        "DECIMAL(6,2)",
        "NUMERIC",
        "VARCHAR(5)",
    ),
    *(
        "TEXT",
        "CLOB",
        "BLOB",
        "DATETIME",
        "TIMESTAMP",
        "DATE",
        "TIME",
        "JSON",
        "UUID",
        "",
        "ANY",
        "STRING",
        "GEOMETRY",
    ),
]


def planned(
    path: Path, sql: str, options: PlanOptions = LENIENT
) -> tuple[TargetTable, list[tuple[Any, ...]]]:
    """The planned table and its rows as they are read for the copy."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    table = draft_migration(path, options).plan.tables[0]
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"SELECT {select_list(table)} FROM {quoted(table.source.name)}").fetchall()
    return table, rows


def converted(path: Path, declared: str, stored: str, options: PlanOptions = LENIENT) -> Any:
    """What becomes of one value, given as SQL."""
    table, rows = planned(path, f"CREATE TABLE t (x {declared}); INSERT INTO t VALUES ({stored})", options)
    return converter(table.columns[0], options)(rows[0][0])


@pytest.mark.parametrize(
    ("declared", "stored", "expected"),
    [
        ("INTEGER", "9223372036854775807", 2**63 - 1),
        ("REAL", "4.9e-324", 4.9e-324),
        ("DECIMAL(10,2)", "19.99", Decimal("19.99")),
        ("DECIMAL(10,2)", "0.1 + 0.2", Decimal("0.30")),
        ("DECIMAL", "0.1 + 0.2", Decimal("0.30000000000000004")),
        ("BOOLEAN", "'TRUE'", True),
        ("BOOLEAN", "0", False),
        ("DATETIME", "'2024-01-02 03:04:05.5'", datetime(2024, 1, 2, 3, 4, 5, 500000)),  # noqa: DTZ001  # no zone stored
        ("DATETIME", "'2024-01-02T03:04:05+02:00'", datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("DATETIME", "1704164645", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("DATETIME", "1704164645678", datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)),
        ("DATE", "'2024-02-29'", date(2024, 2, 29)),
        ("TIME", "'12:30'", time(12, 30)),
        ("UUID", "x'000102030405060708090a0b0c0d0e0f'", UUID("00010203-0405-0607-0809-0a0b0c0d0e0f")),
        ("BLOB", "'é'", "é".encode()),
        ("JSON", "'{\"a\":  1}'", '{"a":  1}'),
        ("JSON", "'5'", "5"),
        ("TEXT", "'a' || char(0) || 'b'", "ab"),
        ("TEXT", "CAST(x'61FF' AS TEXT)", "a\ufffd"),
        ("TEXT", "NULL", None),
        ("", "1e15", 1e15),
    ],
)
def test_a_value_becomes_what_it_means(tmp_path: Path, declared: str, stored: str, expected: Any) -> None:
    found = converted(tmp_path / "t.db", declared, stored)
    assert found == expected
    assert type(found) is type(expected)


def test_the_policies_decide_what_becomes_of_damaged_text(tmp_path: Path) -> None:
    nul, bad = "'a' || char(0)", "CAST(x'E9' AS TEXT)"
    path = tmp_path / "t.db"
    assert converted(path, "TEXT", nul, PlanOptions(nul_policy="replace")) == "a\u2400"
    assert converted(path, "TEXT", bad, PlanOptions(invalid_utf8="latin-1")) == "é"
    with pytest.raises(Unstorable):
        converted(path, "TEXT", nul, PlanOptions())
    with pytest.raises(Unstorable):
        converted(path, "TEXT", bad, PlanOptions())


def test_texts_and_blobs_of_one_column_stay_apart(tmp_path: Path) -> None:
    table, rows = planned(
        tmp_path / "t.db",
        "CREATE TABLE t (x TEXT); INSERT INTO t VALUES (CAST(x'61FF' AS TEXT)), (x'61FF'), ('ok'), (x'')",
    )
    convert = converter(table.columns[0], LENIENT)
    assert [convert(row[0]) for row in rows] == ["a\ufffd", "\\x61ff", "ok", "\\x"]


@pytest.mark.parametrize(
    ("declared", "stored", "later"),
    [
        ("SMALLINT", "1", 40000),
        ("INTEGER", "1", "x"),
        ("BOOLEAN", "1", 2),
        ("DATE", "'2024-01-01'", "soon"),
        ("DATETIME", "'2024-01-01 00:00:00'", "2024-01-01T24:00:01Z"),
        ("TEXT", "'x'", b"\x00"),
        ("DECIMAL(4,1)", "1.5", 1.55),
        ("JSON", "'{}'", "{"),
        ("UUID", "'00010203-0405-0607-0809-0a0b0c0d0e0f'", "x"),
    ],
)
def test_a_value_that_the_plan_did_not_foresee_is_refused(
    tmp_path: Path, declared: str, stored: str, later: Any
) -> None:
    table, _ = planned(tmp_path / "t.db", f"CREATE TABLE t (x {declared}); INSERT INTO t VALUES ({stored})")
    with pytest.raises(Unstorable, match="column x"):
        converter(table.columns[0])(later)
    with pytest.raises(Unstorable):
        row_encoder(table)((later,))


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2),
    st.integers(10**9, 2 * 10**9),
    st.floats(allow_nan=False),
    st.decimals(-999, 999, places=2).map(float),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.datetimes().map(str),
    st.dates().map(str),
    st.times().map(str),
    st.sampled_from(
        ["true", "f", "{}", "[1]", "NaN", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05 +05:30", ""]
    ),
    st.uuids().map(str),
    st.binary(max_size=16),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DECLARED), st.lists(values, min_size=1, max_size=6))
def test_every_stored_value_is_accepted_by_the_type_that_was_decided(
    tmp_path_factory: pytest.TempPathFactory, declared: str, stored: list[Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "accepted.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE t (x {declared})")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in stored])
    table = draft_migration(path, LENIENT).plan.tables[0]
    convert, encode = converter(table.columns[0], LENIENT), row_encoder(table, LENIENT)
    with closing(sqlite3.connect(path)) as connection:
        for row in connection.execute(f"SELECT {select_list(table)} FROM t"):
            exact = copy_line([convert(row[0])])
            assert encode(row).count(b"\n") == exact.count(b"\n") == 1
            nothing = row[0] is None or (table.columns[0].blanks == "null" and row[0] in ("", 0))
            assert (encode(row) == b"\\N\n") == nothing
