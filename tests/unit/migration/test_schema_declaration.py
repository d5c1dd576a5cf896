from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.schema.declaration import parse_table
from migration.schema.tokens import BadSqlError, quoted


def test_constraint_names_are_found_on_columns_and_tables() -> None:
    said = parse_table(
        """CREATE TABLE t (
          a INTEGER CONSTRAINT pk_t PRIMARY KEY AUTOINCREMENT,
          b TEXT CONSTRAINT uq_b UNIQUE CONSTRAINT ck_b CHECK (length(b) > (1 + 2)),
          c INT CONSTRAINT fk_c REFERENCES p (x) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
          CONSTRAINT "uq ab" UNIQUE (a, b COLLATE NOCASE DESC),
          CONSTRAINT fk_ab FOREIGN KEY (a, b) REFERENCES p MATCH FULL NOT DEFERRABLE,
          CONSTRAINT ck CHECK (a > 0)
        )"""
    )
    assert (said.keys[0].name, said.keys[0].autoincrement) == ("pk_t", True)
    assert [(unique.name, unique.columns) for unique in said.uniques] == [
        ("uq_b", ("b",)),
        ("uq ab", ("a", "b")),
    ]
    assert [(check.name, check.expression) for check in said.checks] == [
        ("ck_b", "length(b) > (1 + 2)"),
        ("ck", "a > 0"),
    ]
    first, second = said.references
    assert (first.name, first.parent, first.parent_columns) == ("fk_c", "p", ("x",))
    assert (first.deferrable, first.initially_deferred) == (True, True)
    assert (second.name, second.columns, second.parent_columns) == ("fk_ab", ("a", "b"), ())
    assert not second.deferrable


def test_commas_between_table_constraints_are_optional() -> None:
    said = parse_table("CREATE TABLE t (a, b, UNIQUE (a) UNIQUE (b), CHECK (a) FOREIGN KEY (a) REFERENCES p)")
    assert len(said.uniques) == 2
    assert len(said.checks) == 1
    assert len(said.references) == 1


def test_odd_but_legal_declarations_are_understood() -> None:
    said = parse_table(
        """CREATE TABLE "a(b" ( -- (
          [select] VARCHAR ( 10 , 2 ) /* , */ DEFAULT 'it''s, (odd' COLLATE [NOCASE],
          'string name' "TYPE (x)" NOT NULL ON CONFLICT IGNORE DEFAULT -5,
          key INTEGER_OR_TEXT, replace TEXT
          N, plain, d DEFAULT (datetime('now', '+1 day')) CHECK (d IN ('a)', "b(")),
          g INT GENERATED ALWAYS AS (json_extract(x, '$.a')) STORED UNIQUE,
          "constraint" TEXT, unique_ TEXT UNIQUE ON CONFLICT REPLACE
        ) WITHOUT ROWID, STRICT"""
    )
    assert [column.name for column in said.columns] == [
        *("select", "string name", "key", "replace", "plain", "d", "g", "constraint", "unique_"),
    ]
    assert said.columns[0].collation == "NOCASE"
    assert said.columns[1].not_null_on_conflict == "IGNORE"
    assert said.columns[6].generation_expression == "json_extract(x, '$.a')"
    assert said.checks[0].expression == """d IN ('a)', "b(")"""
    assert [unique.on_conflict for unique in said.uniques] == [None, "REPLACE"]


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE t AS SELECT 1", "CREATE TABLE t (a, CHECK (b", "CREATE TABLE t (a b"]
)
def test_what_is_no_whole_declaration_is_refused(sql: str) -> None:
    with pytest.raises(BadSqlError):
        parse_table(sql)


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
types = st.sampled_from(
    ["", "INT", "VARCHAR(10)", "DECIMAL(10, 2)", "TEXT\nN", "a b c", "DOUBLE PRECISION", '"x y"']
)
parts = st.lists(
    st.sampled_from(
        [
            "NOT NULL",
            "DEFAULT 'a, (b'",
            "DEFAULT (1 + (2))",
            "DEFAULT -1.5",
            "COLLATE NOCASE",
            "CHECK (1)",
            "UNIQUE",
            "REFERENCES p (x) ON DELETE SET NULL",
            "-- remark, (\n",
            "/* a, b */",
            "CONSTRAINT c CHECK (')' <> '(')",
        ]
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(names, types, parts), min_size=1, max_size=5, unique_by=lambda column: column[0].casefold()
    ),
    st.booleans(),
)
def test_every_declaration_that_sqlite_accepts_is_read_as_sqlite_reads_it(
    columns: list[tuple[str, str, list[str]]], table_constraint: bool
) -> None:
    items = [" ".join((quoted(name), declared, *extras)) for name, declared, extras in columns]
    if table_constraint:
        items.append(f"CONSTRAINT u UNIQUE ({quoted(columns[0][0])})")
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(f"CREATE TABLE t ({', '.join(items)})")
        except sqlite3.OperationalError:
            return  # two names that SQLite takes for the same
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 't'").fetchone()
        found = [row[1] for row in connection.execute("PRAGMA table_info(t)")]
        references = {row[0] for row in connection.execute("PRAGMA foreign_key_list(t)")}
        autoindexes = connection.execute("SELECT count(*) FROM pragma_index_list('t')").fetchone()[0]
    said = parse_table(sql)
    assert [column.name for column in said.columns] == found
    assert len(said.references) == len(references)
    assert len({unique.columns for unique in said.uniques}) == autoindexes
