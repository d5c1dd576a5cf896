"""What an application is told about PostgreSQL: one sentence a theme, about the columns of its own file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from migration.planning import PlanOptions, plan_migration

if TYPE_CHECKING:
    from pathlib import Path

    from migration.schema.target import Advice


def advice(path: Path, sql: str, options: PlanOptions | None = None) -> dict[str, Advice]:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sql)
    found = plan_migration(path, options).application
    assert len({item.theme for item in found}) == len(found)
    return {item.theme: item for item in found}


def test_only_what_a_file_holds_is_spoken_of(tmp_path: Path) -> None:
    found = advice(tmp_path / "a.db", "CREATE TABLE t (a INTEGER PRIMARY KEY, b REAL NOT NULL) STRICT")
    assert set(found) == {"numbers", "sequences", "transactions", "concurrency"}
    assert (found["numbers"].columns, found["sequences"].columns) == (("t.a",), ("t.a",))


@pytest.mark.parametrize(
    ("theme", "declaration", "columns"),
    [
        ("numbers", "price decimal(10,2), n bigint, s smallint, r real", ("t.price", "t.n")),
        ("time zone", "at timestamp, d date", ("t.at",)),
        ("dates", "at timestamp, d date, x text", ("t.at", "t.d")),
        ("booleans", "ok boolean, n smallint", ("t.ok",)),
        ("json", "data json, x text", ("t.data",)),
        ("lengths", "a varchar(10), b varchar, c text", ("t.a",)),
        ("names", 'userId int, "user" text, plain text', ("t.userId", "t.user")),
        ("like", "a text", ()),
        ("order of texts", "a text", ()),
        ("types", "a int", ()),
        ("foreign keys", "a int REFERENCES t (a) UNIQUE", ()),
    ],
)
def test_a_theme_names_the_columns_it_is_about(
    tmp_path: Path, theme: str, declaration: str, columns: tuple[str, ...]
) -> None:
    assert advice(tmp_path / "a.db", f"CREATE TABLE t ({declaration})")[theme].columns == columns


def test_the_order_of_nulls_matters_only_where_there_are_some(tmp_path: Path) -> None:
    found = advice(tmp_path / "a.db", "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, NULL)")
    assert found["order of NULLs"].columns == ("t.b",)


def test_five_columns_are_named_and_the_others_counted(tmp_path: Path) -> None:
    declared = ", ".join(f"c{number} bigint" for number in range(9))
    numbers = advice(tmp_path / "a.db", f"CREATE TABLE t ({declared})")["numbers"]
    assert (len(numbers.columns), numbers.more) == (5, 4)
    assert str(numbers).endswith("; here: t.c0, t.c1, t.c2, t.c3, t.c4 and 4 more")


def test_names_in_snake_case_need_no_quotes(tmp_path: Path) -> None:
    found = advice(tmp_path / "a.db", "CREATE TABLE T (userId int)", PlanOptions(names="snake"))
    assert "names" not in found


def test_what_the_library_deals_with_is_not_said_again(tmp_path: Path) -> None:
    sql = "CREATE TABLE t (a bigint, b boolean, c varchar(9))"
    assert {"numbers", "booleans", "lengths"} <= set(advice(tmp_path / "a.db", sql))
    said = set(advice(tmp_path / "b.db", sql, PlanOptions(orm="django")))
    assert not {"numbers", "booleans", "like", "lengths"} & said
    assert "transactions" in said
