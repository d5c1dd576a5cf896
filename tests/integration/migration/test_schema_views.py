"""A translated view shows in PostgreSQL what it showed in SQLite."""

from __future__ import annotations

import datetime as dt
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
CREATE TABLE "order" (id INTEGER PRIMARY KEY, user INT REFERENCES "User", code INT, total DECIMAL(8,2),
  at DATETIME);
INSERT INTO "order" VALUES (1, 1, 7, 10.5, '2024-01-01 10:11:12'), (2, 1, 'x7', 5, '2024-01-01 23:59:59'),
  (3, 3, 8, 1, '2024-02-29 00:00:00');
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
    "globs and instr": "SELECT name FROM user WHERE name GLOB 'A*' OR instr(name, 'o') > 0 ORDER BY name",
    "totals": "SELECT total(score) AS t, max(userId, 2) AS m FROM user GROUP BY userId ORDER BY 2, 1",
    "a collation": "SELECT nick FROM user WHERE nick = 'C' OR name = 'ANN' COLLATE NOCASE ORDER BY userId",
    "bytes": "SELECT hex(name) AS h, x'00ff' AS b FROM user ORDER BY userId",
    "days of instants": "SELECT date(at) AS day, count(*) AS n FROM [order] GROUP BY date(at) ORDER BY n, 1",
    "months": "SELECT strftime('%Y-%m', at) AS month, sum(id) AS s FROM [order] GROUP BY 1 ORDER BY month",
    "seconds since 1970": "SELECT datetime(id * 100000, 'unixepoch') AS t FROM [order] ORDER BY id",
    "times": "SELECT time(at), strftime('%d.%m.%Y um %H:%M', at) AS x FROM [order] ORDER BY id",
    "days between": (
        "SELECT CAST(julianday(at) - julianday('2024-01-01') AS INTEGER) AS d FROM [order] ORDER BY id"
    ),
    "filled up": "SELECT printf('%05d|%s|%d%%', id, name, NULL) AS p FROM known ORDER BY id",
    "printf of negatives": (
        "SELECT printf('%04d', id - 2) AS p, substr(code, -1) AS s FROM [order] ORDER BY id"
    ),
    "json": "SELECT json_object('n', name, 'id', userId, 'a', active) AS j FROM user ORDER BY userId",
    "names without AS": "SELECT upper(name), length( name ) FROM user WHERE name GLOB '*b*'",
    "a table twice": (
        "SELECT a.id, b.id AS other FROM [order] a, [order] b WHERE a.user = b.user AND a.id < b.id"
        " AND a.code NOT GLOB 'q*'"
    ),
    "subqueries in FROM": (
        "SELECT s.u, s.n FROM"
        " (SELECT user AS u, count(*) AS n FROM [order] WHERE code GLOB '*' GROUP BY user) s ORDER BY s.u"
    ),
    "groups with a condition": (
        "SELECT user, group_concat(id) AS g FROM [order] WHERE code GLOB '*'"
        " GROUP BY user HAVING count(*) > 0 ORDER BY user"
    ),
}


def plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.date):
        return str(value)
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
        "SELECT json_extract(name, '$.a') FROM user",
        "SELECT rowid, total(score) FROM user",
        "SELECT name, max(userId) FROM user WHERE name GLOB '*' GROUP BY active",
        "SELECT DISTINCT nick FROM user WHERE name GLOB '*'",
        "SELECT name FROM user WHERE name GLOB '*' ORDER BY nick",
        "SELECT printf('%.2f', score) FROM user",
        "SELECT strftime('%W', at) FROM [order]",
        "SELECT datetime(name, 'unixepoch') FROM user",
        "SELECT app(name) FROM user",
    ],
)
def test_a_view_with_parts_that_mean_something_else_is_left(tmp_path: Path, query: str) -> None:
    path = tmp_path / "views.db"
    with closing(sqlite3.connect(path)) as source:
        source.executescript(TABLES + f"CREATE VIEW shown AS {query};")
    plan = plan_migration(path)
    assert [statement.name for statement in plan.after_load if statement.kind == "view"] == ["known"]
    assert ("left", "shown") in {(note.level, note.object) for note in plan.notes}
