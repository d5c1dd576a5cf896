"""Which PostgreSQL type a column gets, by what was declared and what is stored."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from migration.planning import PlanOptions, draft_migration
from migration.schema.decision import Decision, by_storage
from migration.schema.declared import Affinity, affinity_of, parse_type
from migration.values.facts import ColumnProfile

if TYPE_CHECKING:
    from pathlib import Path

    from migration.schema.target import TargetColumn

TIMESTAMP, TIMESTAMPTZ = "timestamp without time zone", "timestamp with time zone"


def planned(
    tmp_path: Path, declared: str, values: list[Any], orm: str = "generic"
) -> tuple[TargetColumn, set[str]]:
    """The planned column, and the levels of the notes about it."""
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE t (x {declared})")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    draft = draft_migration(path, PlanOptions(orm=orm))  # type: ignore[arg-type]  # one of the choices
    return draft.plan.tables[0].columns[0], {note.level for note in draft.plan.notes}


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ("INTEGER", [1, None, -5], "bigint"),
        ("INT UNSIGNED", [1], "bigint"),
        ("UNSIGNED BIG INT", [1], "bigint"),
        ("SMALLINT", [1, 32767], "smallint"),
        ("TINYINT(1)", [0, 1, None], "boolean"),
        ("TINYINT(1)", [], "smallint"),
        ("BOOLEAN", [0, 1, None, "true", "F"], "boolean"),
        ("BOOL", [], "boolean"),
        ("REAL", [1.5, 2], "double precision"),
        ("FLOAT", [float("inf")], "double precision"),
        ("DECIMAL(10,2)", [1.25, 5, 99999999.99], "numeric(10,2)"),
        ("DECIMAL", [1.25, 5], "numeric"),
        ("NUMERIC(5)", [12345], "numeric(5,0)"),
        ("VARCHAR(3)", ["abc", "äöü", None], "character varying(3)"),
        ("NVARCHAR", ["abc"], "character varying"),
        ("VARYING CHARACTER(20)", ["x"], "character varying(20)"),
        ("TEXT", ["x", ""], "text"),
        ("STRING", ["x"], "text"),
        ("BLOB", [b"x"], "bytea"),
        ("DATETIME", ["2024-01-02 03:04:05", "2024-01-02T03:04"], TIMESTAMP),
        ("DATETIME", ["2024-01-02 03:04:05.123456"], TIMESTAMP),
        ("DATETIME", ["2024-01-02T03:04:05Z"], TIMESTAMPTZ),
        ("DATETIME", [], TIMESTAMP),
        ("TIMESTAMP WITH TIME ZONE", ["2024-01-02 03:04:05"], TIMESTAMPTZ),
        ("DATE", ["2024-02-29"], "date"),
        ("TIME", ["12:30", "12:30:15.5"], "time without time zone"),
        ("JSON", ['{"a": [1, null]}', '"x"', "5"], "json"),
        ("UUID", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], "uuid"),
        ("UUID", [bytes(range(16))], "uuid"),
        ("CHAR(36)", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None], "uuid"),
        ("VARCHAR(36)", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], "character varying(36)"),
        ("CHAR(32)", ["d41d8cd98f00b204e9800998ecf8427e"], "character varying(32)"),
        ("", [1, 2], "bigint"),
        ("", ["x"], "text"),
        ("", [b"x"], "bytea"),
        ("", [1, 2.5], "double precision"),
        ("ANY", [], "text"),
        ("INTEGER_OR_TEXT", [1, 2], "bigint"),
        ("GEOMETRY", [b"GP"], "bytea"),
    ],
)
def test_a_type_that_holds_every_value_is_kept_without_remark(
    tmp_path: Path, declared: str, values: list[Any], expected: str
) -> None:
    column, levels = planned(tmp_path, declared, values)
    assert column.type == expected
    assert not levels, column.why


@pytest.mark.parametrize(
    ("declared", "values", "expected", "level"),
    [
        ("SMALLINT", [32768], "integer", "widened"),
        ("TINYINT", [2**40], "bigint", "widened"),
        ("INTEGER", ["lots", 1], "text", "changed"),
        ("INTEGER", [1, 2.5], "double precision", "widened"),
        ("INTEGER", [2**62, 2.5], "numeric", "widened"),
        ("BOOLEAN", [0, 2], "smallint", "widened"),
        ("BOOLEAN", ["maybe"], "text", "widened"),
        ("REAL", ["n/a", 1.5], "text", "changed"),
        ("DECIMAL(4,1)", [5.55], "numeric", "widened"),
        ("DECIMAL(4,2)", [100], "numeric", "widened"),
        ("DECIMAL(4,2)", [99.995], "numeric", "widened"),
        ("DECIMAL(4,2)", [float("inf")], "double precision", "widened"),
        ("DECIMAL(4,2)", [float("inf"), 2**53 + 1], "numeric", "widened"),
        ("DECIMAL(10,2)", [0.1 + 0.2], "numeric(10,2)", "changed"),
        ("VARCHAR(3)", ["abcd"], "text", "widened"),
        ("TEXT", ["x", b"\x00"], "text", "changed"),
        ("TEXT", [b"\x00"], "bytea", "widened"),
        ("BLOB", ["aGVsbG8="], "bytea", "changed"),
        ("BLOB", [b"x", "x", 5, 1.5], "bytea", "changed"),
        ("JSON", [bytes.fromhex("4c1761"), "[1]"], "text", "changed"),
        ("JSON", [bytes.fromhex("0b"), "[1]"], "json", "changed"),
        ("CHAR(32)", ["a0eebc999c0b4ef8bb6d6bb9bd380a11"], "uuid", "changed"),
        ("DATETIME", [1704164645, 1704164646], TIMESTAMPTZ, "changed"),
        ("DATETIME", [1704164645123], TIMESTAMPTZ, "changed"),
        ("DATETIME", [1704164645123456], TIMESTAMPTZ, "changed"),
        ("DATETIME", [1704164645123, "2024-01-02 03:04:05"], TIMESTAMPTZ, "changed"),
        ("DATETIME", [1704164645, 1704164645123], "bigint", "widened"),
        ("DATETIME", [1704164645123456789], TIMESTAMPTZ, "changed"),
        ("DATETIME", [1704164645.5, 1704164646], TIMESTAMPTZ, "changed"),
        ("DATETIME", [5, 1704164645], "bigint", "widened"),
        ("DATETIME", [0, 1704164645], TIMESTAMPTZ, "changed"),
        ("DATETIME NOT NULL", [0, 1704164645], "bigint", "widened"),
        ("DATETIME", [2460311.628, 2460312], TIMESTAMPTZ, "changed"),
        ("DATETIME", ["2024-01-02 24:00:00"], TIMESTAMP, "changed"),
        ("DATETIME", ["2024-01-02", "2024-01-02 03:04:05"], TIMESTAMP, "changed"),
        ("DATETIME", ["2024-01-02 03:04:05+02:00"], TIMESTAMPTZ, "changed"),
        ("DATETIME", ["0000-00-00"], TIMESTAMP, "changed"),
        ("DATETIME", ["2024-01-02 03:04:05", ""], TIMESTAMP, "changed"),
        ("DATETIME NOT NULL", ["2024-01-02 03:04:05", ""], "text", "widened"),
        ("DATE", ["", "0000-00-00", "2024-01-02"], "date", "changed"),
        ("INTEGER", ["", 1], "text", "changed"),
        ("INTEGER", [1, 18446744073709551615.0], "numeric", "changed"),
        ("DATETIME", ["2024-01-02 03:04:05.1234567"], "text", "widened"),
        ("DATETIME", ["2024-02-30 00:00:00"], "text", "widened"),
        ("DATETIME", ["now"], "text", "widened"),
        ("DATE", ["01/02/2024"], "text", "widened"),
        ("DATE", ["2024-01-02", "2024-01-02 10:00:00"], TIMESTAMP, "widened"),
        ("TIME", ["25:61"], "text", "widened"),
        ("JSON", ["{'a': 1}"], "text", "widened"),
        ("JSON", ["NaN"], "text", "widened"),
        ("UUID", ["A0EEBC999C0B4EF8BB6D6BB9BD380A11"], "uuid", "changed"),
        ("UUID", ["x"], "text", "widened"),
        ("", [1, "x", b"y", None], "text", "changed"),
        ("INTEGER_OR_TEXT", [1, "x"], "text", "changed"),
    ],
)
def test_a_type_that_does_not_hold_every_value_is_widened_and_said(
    tmp_path: Path, declared: str, values: list[Any], expected: str, level: str
) -> None:
    column, levels = planned(tmp_path, declared, values)
    assert column.type == expected, column.why
    assert level in levels


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ("integer", [1], "integer"),
        ("integer", [2**31], "bigint"),
        ("varchar", ["x"], "character varying"),
        ("datetime", ["2024-01-02 03:04:05.678"], TIMESTAMP),
        ("bigint", [1], "bigint"),
    ],
)
def test_typeorm_s_own_types_are_aimed_at(
    tmp_path: Path, declared: str, values: list[Any], expected: str
) -> None:
    column, _ = planned(tmp_path, declared, values, orm="typeorm")
    assert column.type == expected


@pytest.mark.parametrize(
    ("declared", "affinity"),
    [
        ("CHARINT", Affinity.INTEGER),
        ("POINT", Affinity.INTEGER),
        ("FLOATING POINT", Affinity.INTEGER),
        ("CLOB", Affinity.TEXT),
        ("", Affinity.BLOB),
        ("DOUBLE", Affinity.REAL),
        ("DECIMAL(10,5)", Affinity.NUMERIC),
        ("STRING", Affinity.NUMERIC),
    ],
)
def test_affinity_follows_sqlite_s_five_rules(declared: str, affinity: Affinity) -> None:
    assert affinity_of(declared) is affinity


def test_the_reason_names_what_was_found() -> None:
    decision: Decision = by_storage(parse_type("INTEGER"), ColumnProfile(integers=1200, texts=1))
    assert "1,200 integers, 1 text" in decision.why
