"""Policies for one column alone, and what a rule does to keys, references and damaged text."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.planning import PlanRefusedError
from migration.rules.reading import read_rules
from migration.run import PlanOptions, RunOptions, run_migration
from migration.verify import verify_migration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def make(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def chosen(path: Path, text: str, **options: Any) -> RunOptions:
    path.write_text(text, encoding="utf-8")
    return RunOptions(PlanOptions(rules=read_rules(path), **options))


def test_policies_hold_for_their_column_alone(tmp_path: Path, database: str) -> None:
    source = make(
        tmp_path / "app.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a text, b text, c text, n integer, m integer);"
        "INSERT INTO t VALUES (1, 'x' || char(0), 'y' || char(0), CAST(x'ff41' AS text), '', 'many'),"
        "(2, 'x', 'y', 'z', 5, 6), (3, 'x', 'y', 'z', 5, 6)",
    )
    rules = tmp_path / "rules.yaml"
    some = "columns: {t.a: {nul: strip}, t.c: {utf8: latin-1}, t.n: {blanks: 'null'}}"
    with pytest.raises(PlanRefusedError) as refused:
        run_migration(source, database, chosen(rules, some))
    assert refused.value.why.startswith("t.b: the character NUL in 1 text")
    text = "columns: {t.a: {nul: strip}, t.b: {nul: replace}, t.c: {utf8: latin-1}, t.n: {blanks: 'null'}}"
    report = run_migration(source, database, chosen(rules, text))
    assert (report.equal, report.rejected.rows) == (True, 0)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT a, b, c, n, m FROM t WHERE id = 1").fetchone() == (
            "x", "y\u2400", "ÿA", None, "many",
        )  # fmt: skip


def test_a_column_may_keep_its_misfits_aside(tmp_path: Path, database: str) -> None:
    source = make(
        tmp_path / "app.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n integer, m integer);"
        "INSERT INTO t VALUES (1, 'many', 'few'), (2, 5, 6), (3, 7, 8)",
    )
    report = run_migration(
        source, database, chosen(tmp_path / "rules.yaml", "columns: {t.n: {misfits: reject}}")
    )
    assert report.rejected.rows == 1
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT n, m FROM t ORDER BY id").fetchall() == [(5, "6"), (7, "8")]


def test_a_key_of_another_type_is_no_identity_and_its_references_follow_where_they_are_told_to(
    tmp_path: Path, database: str
) -> None:
    source = make(
        tmp_path / "app.db",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, x text); CREATE TABLE c (p integer REFERENCES p (id));"
        "INSERT INTO p VALUES (1, 'a'), (22, 'b'); INSERT INTO c VALUES (22)",
    )
    text = "columns: {p.id: {type: text}, c.p: {type: text}}"
    report = run_migration(source, database, chosen(tmp_path / "rules.yaml", text))
    assert (report.left, report.equal) == ((), True)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT p FROM c JOIN p ON p.id = c.p").fetchall() == [("22",)]
        assert connection.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f'").fetchone() == (1,)


def test_a_dry_run_shows_hooks_in_their_places(
    tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    source = make(tmp_path / "app.db", "CREATE TABLE t (a integer)")
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "hooks: {before_schema: [SELECT 1], after_schema: [SELECT 2], before_load: [SELECT 3],"
        " after_load: [SELECT 4], after_all: [SELECT 5, SELECT 6]}"
    )
    ended = outgrow("migrate", "run", source, database, "--rules", rules, "--dry-run", "--json")
    steps = [(step["kind"], step["sql"]) for step in json.loads(ended.out)["steps"]]
    places = [f"{kind}: {sql}" if kind == "hook" else kind for kind, sql in steps]
    assert [place for place in places if place not in ("analyze", "compare")] == [
        "hook: SELECT 1", "create", "hook: SELECT 2", "hook: SELECT 3", "copy", "hook: SELECT 4",
        "verify", "hook: SELECT 5", "hook: SELECT 6", "finish",
    ]  # fmt: skip


def test_the_rules_command_prints_a_beginning_and_the_schema(
    tmp_path: Path, outgrow: Callable[..., Any]
) -> None:
    source = make(tmp_path / "app.db", "CREATE TABLE t (a integer)")
    assert "# t.a: {type: bigint}" in outgrow("migrate", "rules", source).out
    assert json.loads(outgrow("migrate", "rules", "--schema").out)["title"] == "Rules of outgrow migrate"
    refused = outgrow("migrate", "rules")
    assert (refused.code, "outgrow migrate rules SRC" in refused.err) == (2, True)


def test_keys_that_a_rule_changes_are_proven_by_what_they_become(tmp_path: Path, database: str) -> None:
    source = make(
        tmp_path / "app.db",
        "CREATE TABLE written (id text PRIMARY KEY, x text);"
        "CREATE TABLE moved (id INTEGER PRIMARY KEY, x text);"
        "INSERT INTO written VALUES ('1', 'a'), ('5000000', 'b'), ('900000000', NULL);"
        "INSERT INTO moved VALUES (1, 'a'), (5000000, 'b'), (900000000, NULL)",
    )
    (tmp_path / "keys.py").write_text("def move(value):\n    return value * 3 + 1\n")
    text = "columns: {written.id: {type: bigint}, moved.id: {transform: 'keys:move'}}"
    report = run_migration(source, database, chosen(tmp_path / "rules.yaml", text))
    assert (report.left, report.equal) == ((), True)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE moved SET x = 'c' WHERE id = 15000001")
    found = verify_migration(source, database, chosen(tmp_path / "rules.yaml", text).plan)
    assert [table.table for table in found.tables if not table.equal] == ["moved"]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_damaged_text_is_mended_before_a_rule_reads_it(tmp_path: Path, database: str, encoding: str) -> None:
    damaged = {"UTF-8": "x'ff35'", "UTF-16le": "x'00d83500'"}[encoding]
    source = make(
        tmp_path / "app.db",
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE t (id INTEGER PRIMARY KEY, a text, b text, c text);"
        f"INSERT INTO t VALUES (1, CAST({damaged} AS text), '31/12/2023', 'plain'), (2, '7', NULL, x'00ff');",
    )
    (tmp_path / "digits.py").write_text(
        "def only(value):\n    return ''.join(c for c in value if c.isdigit()) or None\n"
    )
    text = (
        "columns: {t.a: {transform: 'digits:only', type: integer, utf8: replace}, t.b: {format: '%d/%m/%Y'}}"
    )
    report = run_migration(source, database, chosen(tmp_path / "rules.yaml", text))
    assert (report.left, report.equal) == ((), True)
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT a, b::text FROM t ORDER BY id").fetchall()
    assert rows == [(5, "2023-12-31"), (7, None)]


def test_what_differs_is_announced_under_the_new_names_too(tmp_path: Path, database: str) -> None:
    source = make(
        tmp_path / "app.db",
        """CREATE TABLE "userAccount" ("firstKey" text, "secondKey" text, "isNew" integer DEFAULT 1,
             PRIMARY KEY ("firstKey", "secondKey"));
           INSERT INTO "userAccount" VALUES ('a', NULL, 2)""",
    )
    text = "columns: {userAccount.isNew: {default: null}}"
    report = run_migration(source, database, chosen(tmp_path / "rules.yaml", text, names="snake"))
    assert report.verification is not None
    found = report.verification["objects"]
    assert {item["kind"] for item in found} == {"primary key", "default"}
    assert all(item["accepted"] for item in found)
    assert report.equal is True
