from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from migration.errors import SourceRefusedError
from migration.schema.read import read_schema
from migration.schema.source import FENCE_PREFIX, SourceSchema, Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def schema(tmp_path: Path) -> Callable[[str], SourceSchema]:
    def read(sql: str) -> SourceSchema:
        path = tmp_path / "it's 100%?#.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.create_collation("unicase", lambda a, b: (a > b) - (a < b))
            connection.executescript(sql)
        return read_schema(path)

    return read


def only(schema: SourceSchema) -> Table:
    (table,) = schema.tables
    return table


def test_columns_keep_their_names_types_defaults_and_collations(
    schema: Callable[[str], SourceSchema],
) -> None:
    table = only(
        schema(
            """CREATE TABLE "T x" ("a""b" VARCHAR( 10 ) NOT NULL DEFAULT "dq", c, d TEXT COLLATE NOCASE)"""
        )
    )
    first, second, third = table.columns
    assert (table.name, first.name, first.declared_type, first.not_null) == (
        "T x",
        'a"b',
        "VARCHAR( 10 )",
        True,
    )
    assert first.default == '"dq"'
    assert (second.declared_type, second.default, second.collation) == ("", None, None)
    assert third.collation == "NOCASE"


@pytest.mark.parametrize(
    ("declaration", "alias", "autoincrement"),
    [
        ("id INTEGER PRIMARY KEY", True, False),
        ("id INTEGER PRIMARY KEY AUTOINCREMENT", True, True),
        ("id INT PRIMARY KEY", False, False),
        ("id INTEGER PRIMARY KEY DESC", False, False),
        ("id INTEGER, PRIMARY KEY (id)", True, False),
    ],
)
def test_only_integer_primary_key_is_the_rowid(
    schema: Callable[[str], SourceSchema], declaration: str, alias: bool, autoincrement: bool
) -> None:
    key = only(schema(f"CREATE TABLE t ({declaration})")).primary_key
    assert key is not None
    assert (key.columns, key.rowid_alias, key.autoincrement) == (("id",), alias, autoincrement)


def test_a_table_without_rowid_has_no_alias_and_its_key_order(schema: Callable[[str], SourceSchema]) -> None:
    table = only(schema("CREATE TABLE t (a INTEGER, b, PRIMARY KEY (b, a DESC)) WITHOUT ROWID"))
    assert table.without_rowid
    assert table.primary_key is not None
    assert (table.primary_key.columns, table.primary_key.rowid_alias) == (("b", "a"), False)


def test_unique_constraints_are_told_from_unique_indexes(schema: Callable[[str], SourceSchema]) -> None:
    table = only(
        schema("CREATE TABLE t (a CONSTRAINT ua UNIQUE, b, UNIQUE (b, a)); CREATE UNIQUE INDEX i ON t (b)")
    )
    assert [(unique.name, unique.columns) for unique in table.uniques] == [("ua", ("a",)), (None, ("b", "a"))]
    assert [(index.name, index.unique) for index in table.indexes] == [("i", True)]


def test_indexes_keep_expressions_predicates_order_and_collations(
    schema: Callable[[str], SourceSchema],
) -> None:
    table = only(
        schema(
            "CREATE TABLE t (a TEXT, b INT); "
            "CREATE INDEX i ON t (lower(a) COLLATE NOCASE DESC, b ASC, (a || ',(')) WHERE b > 0 AND a <> 'x)'"
        )
    )
    (index,) = table.indexes
    assert index.where == "b > 0 AND a <> 'x)'"
    lowered, plain, joined = index.terms
    assert (lowered.expression, lowered.descending, lowered.collation) == ("lower(a)", True, "NOCASE")
    assert (plain.column, plain.descending) == ("b", False)
    assert joined.expression == "(a || ',(')"


def test_an_implicit_reference_is_resolved_to_the_parent_s_key(schema: Callable[[str], SourceSchema]) -> None:
    tables = schema(
        "CREATE TABLE Parent (x, Y, PRIMARY KEY (Y, x));"
        "CREATE TABLE c (a, b, FOREIGN KEY (A, b) REFERENCES pARENT)"
    ).tables
    (key,) = tables[1].foreign_keys
    assert (key.columns, key.parent_table, key.parent_columns) == (("a", "b"), "Parent", ("Y", "x"))


def test_several_references_keep_their_own_names_and_actions(schema: Callable[[str], SourceSchema]) -> None:
    table = schema(
        """CREATE TABLE p (id INTEGER PRIMARY KEY);
        CREATE TABLE c (
          a INT CONSTRAINT one REFERENCES p ON DELETE CASCADE, b INT REFERENCES p (id) ON UPDATE SET NULL,
          d INT, CONSTRAINT three FOREIGN KEY (d) REFERENCES missing (q) DEFERRABLE INITIALLY DEFERRED)"""
    ).tables[1]
    assert [
        (key.name, key.columns, key.on_delete, key.on_update, key.deferrable) for key in table.foreign_keys
    ] == [
        ("one", ("a",), "CASCADE", "NO ACTION", False),
        (None, ("b",), "NO ACTION", "SET NULL", False),
        ("three", ("d",), "NO ACTION", "NO ACTION", True),
    ]


def test_generated_columns_and_strict_tables_are_recognised(schema: Callable[[str], SourceSchema]) -> None:
    table = only(
        schema("CREATE TABLE t (a INT, b INT AS (a + 1), c INT GENERATED ALWAYS AS (a * (2)) STORED) STRICT")
    )
    assert table.strict
    assert [(column.generated, column.generation_expression) for column in table.columns] == [
        (None, None),
        ("virtual", "a + 1"),
        ("stored", "a * (2)"),
    ]


def test_everything_that_is_no_table_is_named(schema: Callable[[str], SourceSchema]) -> None:
    found = schema(
        f"""CREATE TABLE t (a); CREATE TABLE ft_x (a);
        CREATE VIRTUAL TABLE ft USING fts5(body); CREATE VIRTUAL TABLE "r t" USING rtree(id, a, b);
        CREATE VIEW v AS SELECT a FROM t;
        CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;
        CREATE TRIGGER {FENCE_PREFIX}0 BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'moved'); END;"""
    )
    assert [table.name for table in found.tables if not table.virtual] == ["t", "ft_x"]
    assert [table.name for table in found.tables if table.virtual] == ["ft", "r t"]
    kinds = {(other.kind, other.name) for other in found.others}
    assert {("virtual table", "ft"), ("virtual table", "r t"), ("view", "v"), ("trigger", "g")} <= kinds
    shadows = {other.name: other.table for other in found.others if other.kind == "shadow table"}
    assert shadows["ft_data"] == "ft"
    assert shadows["r t_node"] == "r t"
    assert not any(other.name.startswith(FENCE_PREFIX) for other in found.others)


def test_the_last_numbers_given_out_are_read(schema: Callable[[str], SourceSchema]) -> None:
    found = schema(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT);"
        "INSERT INTO t VALUES (41), (42); DELETE FROM t WHERE id = 42"
    )
    assert found.sequences == {"t": 42}


def test_a_database_in_utf_16_is_read_alike(schema: Callable[[str], SourceSchema]) -> None:
    found = schema("PRAGMA encoding = 'UTF-16'; CREATE TABLE \"größe€\" (\"ä\" TEXT DEFAULT 'ö')")
    assert found.encoding.startswith("UTF-16")
    assert (only(found).name, only(found).columns[0].name, only(found).columns[0].default) == (
        "größe€",
        "ä",
        "'ö'",
    )


def test_a_collation_that_only_the_application_knows_does_not_stop_the_reading(
    schema: Callable[[str], SourceSchema],
) -> None:
    table = only(
        schema("CREATE TABLE t (a TEXT COLLATE unicase UNIQUE); CREATE INDEX i ON t (a COLLATE unicase)")
    )
    assert table.uniques[0].collations == ("unicase",)
    assert table.indexes[0].terms[0].collation == "unicase"


def test_conflict_clauses_are_kept(schema: Callable[[str], SourceSchema]) -> None:
    table = only(
        schema("CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, u UNIQUE ON CONFLICT IGNORE)")
    )
    assert table.primary_key is not None
    assert (table.primary_key.on_conflict, table.uniques[0].on_conflict) == ("REPLACE", "IGNORE")


def test_a_module_that_is_missing_does_not_stop_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "spatial.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute(
            "INSERT INTO sqlite_master VALUES"
            " ('table', 'idx', 'idx', 0, 'CREATE VIRTUAL TABLE idx USING VirtualSpatial()')"
        )
    found = read_schema(path)
    assert [table.name for table in found.tables] == ["t"]
    assert [(other.kind, other.name) for other in found.others] == [("virtual table", "idx")]


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("just some text that is long enough to be looked at " * 20)
    with pytest.raises(SourceRefusedError):
        read_schema(path)
