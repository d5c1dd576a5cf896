"""A translated expression means in PostgreSQL what it meant in SQLite: both are asked, row by row."""

from __future__ import annotations

import math
import sqlite3
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.planning import plan_migration
from migration.schema.scope import Scope
from migration.schema.translate import translate
from migration.schema.typed import UntranslatableError
from migration.values.convert import select_list
from migration.values.copy_text import row_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres
    from migration.schema.target import TargetTable

SCHEMA = """
CREATE TABLE t (
  id INTEGER PRIMARY KEY, i INTEGER, s SMALLINT, r REAL, n DECIMAL(8,2), t TEXT, c TEXT COLLATE NOCASE,
  b BOOLEAN, d DATETIME, x BLOB
);
INSERT INTO t VALUES
  (1, 5, 1, 1.5, 2.25, 'Apple', 'Ab', 1, '2024-01-02 03:04:05', x'00ff'),
  (2, -7, 0, -0.5, -1.1, 'apple pie', 'aB', 0, '2023-12-31 23:59:59.5', x''),
  (3, 0, -3, 0.0, 0, '', '', NULL, NULL, NULL),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, 1, '2024-06-01 00:00:00', x'41'),
  (5, 1000, 327, 1e10, 999.99, 'a_b%c\\d', 'ÉÈ', 0, '2024-01-02 00:00:00', x'0a'),
  (6, 12, 2, 2.5, 12.5, '[x] 12*?', 'éè', 1, '1999-01-01 12:00:00', x'5c'),
  (7, 1, 1, 100.0, 1, 'Zebra ', 'z ', 0, '2024-01-02 03:04:05.000001', x'ff');
"""


@pytest.fixture(scope="module")
def both(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One table in both databases: a connection to each, and the planned table."""
    path: Path = tmp_path_factory.mktemp("translation") / "t.db"
    source = sqlite3.connect(path)
    source.executescript(SCHEMA)
    plan = plan_migration(path)
    table = plan.tables[0]
    with psycopg.connect(postgres.create_database("translation"), autocommit=True) as target:
        target.execute("SET timezone = 'America/New_York'")
        target.execute(plan.create[0].sql)
        encode = row_encoder(table)
        names = ", ".join(f'"{column.name}"' for column in table.copied)
        with target.cursor().copy(f'COPY "public"."t" ({names}) FROM STDIN') as copy:
            for row in source.execute(f"SELECT {select_list(table)} FROM t"):
                copy.write(encode(row))
        yield source, target, table
    source.close()
    postgres.drop_database("translation")


def answers(both: Any, expression: str, *, for_index: bool = False) -> tuple[list[Any], list[Any], str]:
    source, target, table = both
    translated = translate(expression, scope_of(table, for_index=for_index)).sql
    there = [row[0] for row in source.execute(f"SELECT {expression} FROM t ORDER BY id")]
    here = [row[0] for row in target.execute(f'SELECT {translated} FROM "public"."t" ORDER BY "id"')]
    return [plain(value) for value in there], [plain(value) for value in here], translated


def scope_of(table: TargetTable, *, for_index: bool = False) -> Scope:
    return Scope.of(table.columns, "id", for_index=for_index)


def plain(value: Any) -> Any:
    """Truths are 0 and 1 in SQLite; numbers compare by value."""
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, str | bytes):
        return value
    return float(value)


def same(left: list[Any], right: list[Any]) -> bool:
    return all(
        math.isclose(a, b, rel_tol=1e-12) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(left, right, strict=True)
    )


@pytest.mark.parametrize(
    "expression",
    [
        "i > 0 AND NOT (t = 'apple pie' OR b)",
        "b = 1",
        "1 <> b",
        "b IS NOT 1",
        "b",
        "NOT b",
        "i",
        "i IS NULL OR i IN (1, 5, NULL)",
        "i NOT IN (1, 5)",
        "i IN ()",
        "b IN (0, 1)",
        "c = 'AB'",
        "c IN ('AB', 'x')",
        "c LIKE 'a%'",
        "c <> 'éè'",
        "t BETWEEN 'A' AND 'b'",
        "t < 'a'",
        "t COLLATE NOCASE = 'APPLE'",
        "t COLLATE RTRIM = 'Zebra'",
        "t LIKE 'APPLE%'",
        "t LIKE 'a\\_b%' ESCAPE '\\'",
        "t LIKE '%\\d'",
        "t NOT LIKE '%e%'",
        "t GLOB '[A-Z]*'",
        "t GLOB '*[^a-z]'",
        "t GLOB '[[]x[]]*'",
        "t GLOB 'a?b*'",
        "length(t) > 3",
        "length(x)",
        "length(i)",
        "i + s * 2 - 1",
        "i / 2",
        "i / s",
        "i % 5",
        "r / 2",
        "n * 3",
        "- i",
        "~i",
        "i & 6 | 1",
        "i || ':' || t",
        "coalesce(i, 0) + ifnull(s, 1)",
        "coalesce(b, 0)",
        "nullif(i, 5)",
        "iif(i > 0, 'pos', 'neg')",
        "CASE WHEN i > 0 THEN 1 WHEN i = 0 THEN 0 ELSE -1 END",
        "CASE t WHEN 'Apple' THEN 'x' WHEN '' THEN 'y' END",
        "substr(t, 2, 3)",
        "substr(t, 2)",
        "substr(t, -2)",
        "length(CAST(c AS BLOB))",
        "CASE WHEN i > 0 THEN b ELSE 1 END",
        "date(d) = '2024-01-02'",
        "date(i, 'unixepoch') = '1970-01-01'",
        "date('2024-01-31', '+1 month') = '2024-03-02'",
        "julianday(d) > 2460311.5",
        "unixepoch(d)",
        "d > datetime('2024-01-02')",
        "trim(t)",
        "rtrim(c, ' z')",
        "replace(t, 'p', 'q')",
        "instr(t, 'pp')",
        "upper(t)",
        "lower(c)",
        "abs(i)",
        "round(r)",
        "round(n, 1)",
        "max(i, s)",
        "min(r, 1)",
        "typeof(i) = 'integer'",
        "typeof(t)",
        "typeof(r) IN ('real', 'null')",
        "CAST(i AS TEXT)",
        "CAST(r AS INTEGER)",
        "CAST(i AS REAL)",
        "d > '2024-01-02 00:00:00'",
        "d = '2024-01-02 00:00:00'",
        "rowid > 3",
        '"t" = "Apple"',
        "i = '5'",
        "likely(i > 0)",
        "b IS TRUE",
        "b IS NOT TRUE",
        "i IS NOT DISTINCT FROM s",
        "x = x'00ff'",
        "i == 5 AND i != 4",
        "(i > 0) + (s > 0)",
        "t ISNULL OR i NOTNULL",
        "i NOT BETWEEN 0 AND 10",
    ],
)
def test_both_databases_give_the_same_answers(both: Any, expression: str) -> None:
    there, here, translated = answers(both, expression)
    assert same(there, here), (translated, there, here)


@pytest.mark.parametrize(
    "expression",
    [
        "i = 'five'",
        "d > '2024-01-02'",
        "t > 5.5",
        "nowhere = 1",
        "t REGEXP 'a'",
        "strftime('%Y', d) = '2024'",
        "random() > 0",
        "CURRENT_TIMESTAMP > d",
        "CAST(t AS INTEGER) > 0",
        "t",
        "i << 3",
        "r || ''",
        "EXISTS (SELECT 1)",
        "i = (SELECT 1)",
        "t COLLATE unicase = 'x'",
        "max(t, c)",
        "i >",
    ],
)
def test_what_would_mean_something_else_is_refused(both: Any, expression: str) -> None:
    _, _, table = both
    if expression == "t":  # a text is a condition in SQLite by what number it begins with
        expression = "NOT t"
    with pytest.raises(UntranslatableError):
        translate(expression, scope_of(table))


def test_an_index_keeps_postgresql_s_own_lower(both: Any) -> None:
    _, _, table = both
    assert translate("lower(t)", scope_of(table, for_index=True)).sql == 'lower("t")'


numbers = st.sampled_from(["i", "s", "r", "n", "0", "1", "5", "-7", "2.5", "NULL", "length(t)", "abs(i)"])
texts = st.sampled_from(["t", "c", "'Apple'", "''", "'a%'", "lower(t)", "substr(t, 1, 2)", "NULL", "trim(c)"])
truths = st.sampled_from(["b", "i > 0", "t = 'Apple'", "r IS NULL", "1", "0", "c LIKE 'a%'", "NULL"])


def _number(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner),
        st.builds("coalesce({}, {})".format, inner, inner),
        st.builds("nullif({}, {})".format, inner, inner),
        st.builds("max({}, {})".format, inner, inner),
        st.builds("(-{})".format, inner),
    )


def _truth(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT"])
    number = st.recursive(numbers, _number, max_leaves=4)
    return st.one_of(
        st.builds("({} {} {})".format, number, comparison, number),
        st.builds("({} {} {})".format, texts, comparison, texts),
        st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR", "=", "IS"]), inner),
        st.builds("(NOT {})".format, inner),
        st.builds("({} BETWEEN {} AND {})".format, number, number, number),
        st.builds("({} IN ({}, {}))".format, number, numbers, numbers),
        st.builds("({} IN ({}, {}))".format, texts, texts, texts),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, inner, inner, inner),
        st.builds("({} IS NULL)".format, number),
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(truths, _truth, max_leaves=6))
def test_any_condition_that_translates_means_the_same(both: Any, expression: str) -> None:
    try:
        there, here, translated = answers(both, expression)
    except UntranslatableError:
        return
    assert same(there, here), (translated, there, here)
