"""A translated view shows in PostgreSQL what it showed in SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.planning import plan_migration
from migration.schema.tokens import quoted
from migration.values.convert import select_list
from migration.values.copy_text import row_encoder

if TYPE_CHECKING:
    from pathlib import Path

TABLES = """
CREATE TABLE "User" ("userId" INTEGER PRIMARY KEY, name TEXT, active BOOLEAN, score REAL,
  nick TEXT COLLATE NOCASE);
INSERT INTO "User" VALUES (1, 'Ann', 1, 2.5, 'A'), (2, 'bob', 0, NULL, 'b'), (3, NULL, 1, -1, 'c');
CREATE TABLE "order" (id INTEGER PRIMARY KEY, user INT REFERENCES "User", code INT, total DECIMAL(8,2));
INSERT INTO "order" VALUES (1, 1, 7, 10.5), (2, 1, 'x7', 5), (3, 3, 8, 1);
CREATE VIEW known AS SELECT userid AS id, name FROM user;
"""

VIEWS = {
    "case": "SELECT U.USERID, ifnull(NAME, '-') AS N, nick FROM user U WHERE Active = 1 ORDER BY 1",
    "joins and aggregates": (
        "SELECT u.name, count(*) AS orders, sum(o.total) AS total FROM [order] o "
        'JOIN user u ON u."userId" = o.user '
        "GROUP BY u.name ORDER BY u.name"
    ),
    "truths": "SELECT sum(active) AS active FROM user WHERE active <> 0",
    "like": "SELECT name FROM user WHERE name LIKE 'A%' OR name LIKE '%B'",
    "unions of text and numbers": "SELECT user AS v FROM [order] UNION SELECT code FROM 'order' ORDER BY 1",
    "views on views": "SELECT upper(k.Name) AS big FROM KNOWN k WHERE k.ID < 3 ORDER BY 1",
    "subqueries": "SELECT name FROM user WHERE userId IN (SELECT user FROM [order]) ORDER BY 1",
    "common table expressions": (
        "WITH top AS (SELECT user, max(total) AS m FROM [order] GROUP BY user) "
        "SELECT * FROM top ORDER BY user"
    ),
    "a double-quoted text": 'SELECT "label" AS kind, userId FROM user ORDER BY userId',
    "windows": "SELECT id, row_number() OVER (PARTITION BY user ORDER BY id) AS n FROM [order] ORDER BY id",
    "conditions": "SELECT CASE WHEN score > 0 THEN 'up' ELSE 'down' END AS way FROM user ORDER BY userId",
    "nulls first": "SELECT name FROM user ORDER BY name LIMIT 2",
    "division": "SELECT id / 2 AS half, round(total / 3.0, 1) AS third FROM [order] ORDER BY id",
}


def plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    return f"{float(value):g}"


@pytest.mark.parametrize("query", VIEWS.values(), ids=VIEWS)
def test_a_view_shows_the_same_rows(tmp_path: Path, database: str, query: str) -> None:
    path = tmp_path / "views.db"
    with closing(sqlite3.connect(path)) as source, psycopg.connect(database, autocommit=True) as target:
        source.executescript(TABLES + f"CREATE VIEW shown AS {query};")
        plan = plan_migration(path)
        for statement in plan.create:
            target.execute(statement.sql.encode())
        for table in plan.tables:
            encode = row_encoder(table)
            with target.cursor().copy(f'COPY "{table.name}" FROM STDIN'.encode()) as copy:
                for row in source.execute(f"SELECT {select_list(table)} FROM {quoted(table.source.name)}"):
                    copy.write(encode(row))
        for statement in plan.after_load:
            target.execute(statement.sql.encode())
        there = source.execute("SELECT * FROM shown")
        here = target.execute("SELECT * FROM shown")
        names = [column[0] for column in there.description]
        assert [column.name.casefold() for column in here.description or ()] == [
            name.casefold() for name in names
        ]
        assert [[plain(value) for value in row] for row in here] == [
            [plain(value) for value in row] for row in there
        ]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT strftime('%Y', name) FROM user",
        "SELECT total / 3 FROM [order]",
        "SELECT rowid, total(score) FROM user",
        "SELECT name FROM user WHERE name GLOB 'A*'",
        "SELECT max(score, 1) FROM user",
        "SELECT json_extract(name, '$.a') FROM user",
        "SELECT x'00' AS b FROM user",
        "SELECT name COLLATE NOCASE FROM user",
        "SELECT nick FROM user WHERE nick = 'ANN'",
    ],
)
def test_a_view_with_parts_that_mean_something_else_is_left(tmp_path: Path, query: str) -> None:
    path = tmp_path / "views.db"
    with closing(sqlite3.connect(path)) as source:
        source.executescript(TABLES + f"CREATE VIEW shown AS {query};")
    plan = plan_migration(path)
    assert [statement.name for statement in plan.after_load if statement.kind == "view"] == ["known"]
    assert ("left", "shown") in {(note.level, note.object) for note in plan.notes}
