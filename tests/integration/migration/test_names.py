"""Names under the three policies, in PostgreSQL itself (hazards 25 to 28)."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from migration.rules.values import ColumnRule, Rules, TableRule
from migration.run import PlanOptions, RunOptions, run_migration
from migration.schema.naming import spell
from migration.schema.tokens import quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

AWKWARD = """
CREATE TABLE "order" ("select" INTEGER PRIMARY KEY, "user" text, "two words" text, "quo""ted" text,
  "id2" integer, "ID3" integer, "naïveÉtat" text, "camelCase" text CHECK ("camelCase" <> ''));
CREATE TABLE "table with a very long name that goes on and on until nobody can read it 1" (x integer);
CREATE TABLE "table with a very long name that goes on and on until nobody can read it 2" (x integer);
CREATE TABLE "userAccount" (id INTEGER PRIMARY KEY AUTOINCREMENT, "orderId" integer REFERENCES "order");
CREATE INDEX "IX by User" ON "order" ("user", "two words");
CREATE VIEW "allOrders" AS SELECT o."select" AS "orderNo", a.id FROM "order" o JOIN "userAccount" a
  ON a."orderId" = o."select";
INSERT INTO "order" VALUES (1, 'a', 'b', 'c', 2, 3, 'd', 'e');
INSERT INTO "table with a very long name that goes on and on until nobody can read it 2" VALUES (7);
INSERT INTO "userAccount" ("orderId") VALUES (1), (1);
"""


def make(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


@pytest.mark.parametrize("policy", ["keep", "lower", "snake"])
def test_reserved_long_and_quoted_names_arrive_under_every_policy(
    tmp_path: Path, database: str, outgrow: Callable[..., Any], policy: str
) -> None:
    source = make(tmp_path / "awkward.db", AWKWARD)
    ended = outgrow("migrate", "run", source, database, "--names", policy, "--json")
    assert ended.code == 0, ended.out + ended.err
    report = json.loads(ended.out)
    assert report["equal"] is True
    listed = json.loads((tmp_path / "awkward.db.outgrow-journal.names.json").read_text())
    assert listed == report["names"]
    renamed = {(name["kind"], name["table"], name["old"]): name["new"] for name in listed}
    with psycopg.connect(database) as connection:
        names = {
            name
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " UNION SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
                " WHERE relnamespace = 'public'::regnamespace AND attnum > 0"
            )
        }
        assert set(renamed.values()) <= names
        view = sql.Identifier(renamed.get(("view", "", "allOrders"), "allOrders"))
        shown = {"keep": "orderNo", "lower": "orderno", "snake": "order_no"}[policy]
        rows = connection.execute(sql.SQL("SELECT {}, id FROM {}").format(sql.Identifier(shown), view))
        assert sorted(rows.fetchall()) == [(1, 1), (1, 2)]
        if policy == "snake":  # no quotes needed but for what SQL reserves
            assert connection.execute('SELECT two_words, quo_ted, camel_case FROM "order"').fetchone()
    assert outgrow("migrate", "verify", source, database, "--names", policy).code == 0


def test_the_script_brings_the_list_of_names(tmp_path: Path, outgrow: Callable[..., Any]) -> None:
    source = make(tmp_path / "awkward.db", AWKWARD)
    assert outgrow("migrate", "script", source, "--out", tmp_path / "sql", "--names", "snake").code == 0
    listed = json.loads((tmp_path / "sql" / "names.json").read_text())
    assert {
        "kind": "table",
        "table": "",
        "old": "userAccount",
        "new": "user_account",
        "why": "policy",
    } in listed
    plain = make(tmp_path / "plain.db", "CREATE TABLE plain (id INTEGER PRIMARY KEY)")
    assert outgrow("migrate", "script", plain, "--out", tmp_path / "sql", "--force").code == 0
    assert not (tmp_path / "sql" / "names.json").exists()


_name = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=70
) | st.sampled_from(["select", "User", "userId", "user_id", "User Id", "ctid", "É", "é", "a" * 64, "a" * 65])


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    tables=st.lists(_name, unique_by=str.casefold, min_size=1, max_size=3),
    columns=st.lists(_name, unique_by=str.casefold, min_size=1, max_size=5),
    policy=st.sampled_from(["keep", "lower", "snake"]),
)
def test_a_file_with_any_names_is_migrated(
    tmp_path: Path, database: str, tables: list[str], columns: list[str], policy: Any
) -> None:
    path = tmp_path / "random.db"
    for stale in tmp_path.glob("random.db*"):
        stale.unlink()
    listed = ", ".join(f"{quoted(column)} text" for column in columns)
    named = [f"t{name}" if name.lower().startswith("sqlite_") else name for name in tables]
    make(
        path,
        "".join(
            f"CREATE TABLE {quoted(name)} ({listed});"
            f"CREATE INDEX {quoted('IX ' + name)} ON {quoted(name)} ({quoted(columns[0])});"
            f"INSERT INTO {quoted(name)} ({quoted(columns[0])}) VALUES ('x');"
            for name in named
        ),
    )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    report = run_migration(path, database, RunOptions(PlanOptions(names=policy)))
    assert report.equal is True
    assert not report.left


VIEWS = """
CREATE TABLE "userAccount" (id INTEGER PRIMARY KEY, "firstName" text, "lastName" text);
CREATE TABLE "userOrder" (id INTEGER PRIMARY KEY, "userId" integer, "orderTotal" integer);
CREATE VIEW "plainView" AS SELECT "firstName", "lastName" AS "familyName" FROM "userAccount";
CREATE VIEW "starView" AS SELECT * FROM "userAccount";
CREATE VIEW "overViews" AS SELECT p."familyName", s."firstName" FROM "plainView" p
  JOIN "starView" s ON s."lastName" = p."familyName";
CREATE VIEW "subView" AS SELECT q."userId", q."sumTotal" FROM
  (SELECT "userId", sum("orderTotal") AS "sumTotal" FROM "userOrder" GROUP BY "userId") AS q
  WHERE "sumTotal" > 0;
CREATE VIEW "cteView" AS WITH "bigOnes" AS
  (SELECT "userId", "orderTotal" FROM "userOrder" WHERE "orderTotal" > 1)
  SELECT "userId", "orderTotal" FROM "bigOnes" ORDER BY "orderTotal";
CREATE VIEW "unionView" AS SELECT "firstName" AS "anyName" FROM "userAccount"
  UNION ALL SELECT "lastName" FROM "userAccount";
CREATE VIEW "listedView" ("oneName", "otherName") AS SELECT "firstName", "lastName" FROM "userAccount";
CREATE VIEW "overListed" AS SELECT "otherName" FROM "listedView" WHERE "oneName" = 'Ann';
INSERT INTO "userAccount" VALUES (1, 'Ann', 'Ash'), (2, 'Bob', 'Birch');
INSERT INTO "userOrder" VALUES (1, 1, 5), (2, 1, 7), (3, 2, 1);
"""


def shown(dsn: str, view: str) -> tuple[list[str], list[tuple[object, ...]]]:
    with psycopg.connect(dsn) as connection:
        cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(view)))
        return [column.name for column in cursor.description or ()], sorted(cursor.fetchall(), key=str)


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("policy", ["keep", "snake"])
def test_views_show_the_same_under_new_names(
    tmp_path: Path, database: str, policy: Any, renamed: bool
) -> None:
    """Columns that rules rename keep their old names in views, apart from a bare star."""
    source = make(tmp_path / "views.db", VIEWS)
    columns = (
        ColumnRule("userAccount.lastName", rename="surname"),
        ColumnRule("userOrder.userId", rename="who"),
    )
    tables = (TableRule("userAccount", rename="people"), TableRule("plainView", rename="simple"))
    rules = Rules(tables, columns) if renamed else Rules()
    report = run_migration(source, database, RunOptions(PlanOptions(names=policy, rules=rules)))
    assert (report.left, report.equal) == ((), True)
    with closing(sqlite3.connect(source)) as connection:
        views = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        for (view,) in views:
            cursor = connection.execute(f'SELECT * FROM "{view}"')
            names = [spell(name, policy) for name, *_ in cursor.description]
            rows = sorted(cursor.fetchall(), key=str)
            if renamed and view == "starView":
                names[2] = "surname"
            name = "simple" if renamed and view == "plainView" else spell(view, policy)
            assert shown(database, name) == (names, rows), view


def test_include_and_exclude_leave_the_rest_alone_and_a_second_run_remembers_the_names(
    tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    source = make(tmp_path / "views.db", VIEWS)
    command = ["run", source, database, "--include", "user*", "--exclude", "*Order", "--names", "snake"]
    first = outgrow("migrate", *command, "--json")
    assert first.code == 0, first.err
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
        )
        assert found.fetchall() == [("user_account",)]
    second = outgrow("migrate", *command, "--json")
    assert second.code == 0
    assert json.loads(second.out)["already_finished"] is True
    assert json.loads(second.out)["names"] == json.loads(first.out)["names"] != []
    assert outgrow("migrate", "verify", source, database, *command[3:]).code == 0
    refused = outgrow("migrate", "inspect", source, "--exclude", "userOder")
    assert (refused.code, "did you mean userOrder?" in refused.err) == (2, True)


def test_the_scripts_make_what_a_run_makes_under_new_names(
    tmp_path: Path,
    postgres: LocalPostgres,
    outgrow: Callable[..., Any],
    content_of: Callable[..., dict[str, Any]],
) -> None:
    source = make(tmp_path / "awkward.db", AWKWARD)
    ran, written = postgres.create_database("names_ran"), postgres.create_database("names_written")
    assert outgrow("migrate", "run", source, ran, "--names", "snake").code == 0
    assert outgrow("migrate", "script", source, "--out", tmp_path / "sql", "--names", "snake").code == 0
    done = subprocess.run(
        [postgres.psql, "--no-psqlrc", "--dbname", written, "--file", tmp_path / "sql" / "run.sql"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert content_of(written) == content_of(ran)
    postgres.drop_database("names_ran")
    postgres.drop_database("names_written")
