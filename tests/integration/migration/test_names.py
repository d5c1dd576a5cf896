"""Names under the three policies, in PostgreSQL itself (hazards 25 to 28)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from migration.run import PlanOptions, RunOptions, run_migration
from migration.schema.tokens import quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
