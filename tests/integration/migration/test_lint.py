"""What the lint suggests, proven: SQLite's statement on SQLite and the suggested one on PostgreSQL agree."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.lint.catalogue import BY_ID
from migration.lint.check import lint_files
from migration.lint.known import known_schema
from migration.schema.options import PlanOptions

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[3] / "docs" / "lint.md"
APP = """
CREATE TABLE "user" (id INTEGER PRIMARY KEY AUTOINCREMENT, firstName VARCHAR(50) NOT NULL, nick TEXT,
  active BOOLEAN NOT NULL DEFAULT 1, age INTEGER, createdAt DATETIME NOT NULL DEFAULT (datetime('now')),
  data TEXT);
CREATE TABLE visit (userId INTEGER NOT NULL, day TEXT NOT NULL, hits INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (userId, day));
INSERT INTO "user" (firstName, nick, active, age, createdAt, data) VALUES
  ('Ada', 'ada', 1, 36, '2024-01-15 10:30:00', '{"a": {"b": "x"}, "n": 3}'),
  ('bob', NULL, 0, NULL, '2024-02-01 00:00:00', '{"a": {"b": "y"}}'),
  ('Ann', 'ANN', 1, 0, '2024-02-29 23:59:59', '{}'),
  ('Zed', 'z\\d', 0, 7, '2023-12-31 12:00:00', NULL);
INSERT INTO visit VALUES (1, '2024-01-15', 2), (1, '2024-01-16', 4), (2, '2024-01-15', 1);
"""

#: Statements that SQLite answers and PostgreSQL refuses, or answers otherwise.
READS = [
    "SELECT firstName FROM user WHERE firstName LIKE 'a%' ORDER BY id",
    "SELECT firstname FROM user WHERE nick LIKE 'Z\\D'",
    "SELECT id FROM user WHERE firstName GLOB 'A[a-m]*'",
    "SELECT `firstName`, [nick] FROM user WHERE active = 1 ORDER BY nick",
    "SELECT firstName AS fullName, age FROM user ORDER BY age DESC, id",
    "SELECT firstName FROM user ORDER BY firstName LIMIT 1, 2",
    "SELECT ifnull(nick, '-'), iif(age > 10, 'old', 'young') FROM user ORDER BY id",
    "SELECT userId, group_concat(hits) FROM (SELECT * FROM visit ORDER BY day) v GROUP BY userId ORDER BY 1",
    "SELECT count(*) FROM user WHERE nick = 'ADA' COLLATE NOCASE",
    "SELECT strftime('%Y-%m', createdAt) AS month, count(*) FROM user GROUP BY month ORDER BY month",
    "SELECT date(createdAt), time(createdAt), datetime(createdAt, '+1 day', 'start of month') FROM user",
    "SELECT unixepoch(createdAt) FROM user ORDER BY id",
    "SELECT id FROM user WHERE date(createdAt) = '2024-02-29'",
    "SELECT id FROM user WHERE createdAt < datetime('2024-02-01', '-1 day') ORDER BY id",
    "SELECT round(julianday(createdAt) - julianday('2024-01-01'), 3) FROM user WHERE id = 1",
    "SELECT json_extract(data, '$.a.b') FROM user ORDER BY id",
    "SELECT id FROM user WHERE data ->> '$.a.b' == \"y\"",
    "SELECT sum(active), sum(age > 5), total(age) FROM user",
    "SELECT id, 10 / age, 10 % age FROM user ORDER BY id",
    "SELECT id FROM user WHERE age ORDER BY rowid",
    "SELECT id FROM user WHERE nick IS NOT 'ada' AND nick NOT NULL ORDER BY id",
    "SELECT substr(firstName, -2), max(id, 2), instr(firstName, 'd') FROM user ORDER BY id",
    "SELECT lower(firstName) AS low FROM user WHERE low = 'ada'",
    "SELECT id FROM user WHERE x'00ff' == x'00FF' ORDER BY id LIMIT -1",
    "SELECT userId FROM visit WHERE day < date('2024-01-16') ORDER BY userId",
    "SELECT id FROM user WHERE createdAt >= strftime('%Y-%m-%d %H:%M:%S', '2024-02-01') ORDER BY id",
    "SELECT id FROM user WHERE strftime('%m', createdAt) = strftime('%m', '2024-02-11') ORDER BY id",
    "SELECT hex(nick), printf('%05d', id) FROM user ORDER BY nick",
    "SELECT count(*) FROM visit WHERE day LIKE '2024%' AND userId LIKE '1%'",
]

#: Each with what is read afterwards.
WRITES = [
    (
        "INSERT OR IGNORE INTO visit (userId, day, hits) VALUES (1, '2024-01-15', 9), (3, '2024-01-15', 1)",
        "visit",
    ),
    ("INSERT OR REPLACE INTO visit (userId, day) VALUES (1, '2024-01-15'), (4, '2024-01-15')", "visit"),
    ("REPLACE INTO visit VALUES (2, '2024-01-15', 8)", "visit"),
    (
        (
            "INSERT INTO visit (userId, day, hits) VALUES (1, '2024-01-16', 1)"
            " ON CONFLICT DO UPDATE SET hits = hits + excluded.hits"
        ),
        "visit",
    ),
    ("UPDATE user SET active = 0 WHERE firstName LIKE 'ADA'", "user"),
    ("DELETE FROM visit WHERE userId = 1 AND ifnull(hits, 0) == 4", "visit"),
    (
        "INSERT INTO user (firstName, active, createdAt) VALUES (\"new one\", 1, '2024-03-01 00:00:00')",
        "user",
    ),
]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(APP)
    return path


def plain(rows: list[Any]) -> list[tuple[Any, ...]]:
    """Values of both drivers in one spelling: booleans are numbers in SQLite, dates are texts."""

    def one(value: Any) -> Any:
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, Decimal | float):
            return round(float(value), 3)
        return str(value) if hasattr(value, "isoformat") else value

    return [tuple(one(value) for value in row) for row in rows]


def test_what_is_suggested_gives_on_postgresql_what_sqlite_gives(
    app: Path, tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    assert outgrow("migrate", "run", app, database).code == 0
    known = known_schema(app, PlanOptions())

    def suggested(sql: str) -> str:
        path = tmp_path / "one.sql"
        path.write_text(sql)
        (statement,) = lint_files([path], known=known).statements
        written = statement.rewritten if statement.complete else statement.translated
        assert written is not None, sql
        return written

    with closing(sqlite3.connect(app)) as here, psycopg.connect(database, autocommit=True) as there:
        for sql in READS:
            written = suggested(sql)
            found = there.execute(written.encode()).fetchall()
            assert plain(found) == plain(here.execute(sql).fetchall()), written
        for sql, table in WRITES:
            written = suggested(sql)
            here.execute(sql)
            there.execute(written.encode())
            everything = f'SELECT * FROM "{table}" ORDER BY 1, 2'
            assert plain(there.execute(everything.encode()).fetchall()) == plain(
                here.execute(everything).fetchall()
            ), written


def test_the_command_prints_findings_with_their_places_and_ends_with_3(
    app: Path, tmp_path: Path, outgrow: Callable[..., Any]
) -> None:
    path = tmp_path / "app.ts"
    path.write_text("db.query(`SELECT firstName FROM user WHERE active = 1 AND nick = 7`)")
    ended = outgrow("migrate", "lint", path, "--source", app)
    assert ended.code == 3
    assert f"{path}:1:18" in ended.out
    assert 'SELECT "firstName" FROM "user" WHERE active = true AND nick = \'7\'' in ended.out
    found = json.loads(
        outgrow("migrate", "lint", path, "--source", app, "--json", "--ignore", "reserved-word").out
    )
    assert {item["rule"] for item in found["findings"]} == {
        "case-of-identifier",
        "boolean-number",
        "implicit-cast",
    }
    assert found["exit_code"] == 3
    assert outgrow("migrate", "lint", path, "--only", "glob").code == 0
    assert outgrow("migrate", "lint", path, "--only", "globb").code == 2
    assert outgrow("migrate", "lint", tmp_path / "none").code == 2
    assert outgrow("migrate", "lint").code == 2
    assert "like-case" in outgrow("migrate", "lint", "--list-rules").out


def test_advice_for_the_application_stands_apart_and_changes_no_verdict(
    app: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    inspected = outgrow("migrate", "inspect", app, "--json")
    ran = outgrow("migrate", "run", app, database, "--json")
    assert (inspected.code, ran.code) == (0, 0)
    advice = json.loads(inspected.out)["application"]
    assert json.loads(ran.out)["application"] == advice
    names = next(item for item in advice if item["theme"] == "names")
    assert names["columns"] == ["user", "user.firstName", "user.createdAt", "visit.userId"]
    again = json.loads(outgrow("migrate", "run", app, database, "--json").out)
    assert again["already_finished"]
    assert again["application"] == advice
    verified = outgrow("migrate", "verify", app, database, "--json")
    assert verified.code == 0
    assert "node-postgres" not in verified.out
    shown = outgrow("migrate", "inspect", app).out
    assert shown.count("Your application") == 1
    assert "names with capitals" in shown


def test_the_page_of_the_lint_shows_what_is_printed_and_lists_every_rule(tmp_path: Path) -> None:
    page = PAGE.read_text()
    blocks = dict(re.findall(r"<!-- ([\w.]+) -->\n```\w+\n(.*?)```", page, re.DOTALL))
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection, connection:
        connection.executescript(blocks["app.sql"])
    (tmp_path / "reports.ts").write_text(blocks["reports.ts"])
    command = [sys.executable, "-m", "outgrow", "migrate", "lint", "reports.ts", "--source", "app.db"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert ran.stdout == blocks["printed"]
    rows = {
        line.split("`")[1] for line in page.partition("## Rules")[2].splitlines() if line.startswith("| `")
    }
    assert rows == set(BY_ID)
