"""What rules do to a database and to scripts; the example is that of docs/rules.md."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.errors import JournalRefusedError, StatementRefusedError
from migration.planning import PlanRefusedError
from migration.rules.reading import read_rules
from migration.run import PlanOptions, RunOptions, run_migration

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local_postgres import LocalPostgres

DOCUMENT = Path(__file__).parents[3] / "docs" / "rules.md"
SETTINGS = '{"a": [1, 2.50], "b": 1}'
SOURCE = """
CREATE TABLE "user" (id INTEGER PRIMARY KEY AUTOINCREMENT, name text NOT NULL, secret text, phone text,
  score integer, settings text, birthday text, created_at integer, CHECK (name <> ''));
CREATE TABLE "order" (id INTEGER PRIMARY KEY, user integer NOT NULL REFERENCES "user" (id), placed text,
  total real, note text, created_at integer);
CREATE TABLE audit_log (id INTEGER PRIMARY KEY, what text);
CREATE INDEX by_user ON "order" (user);
CREATE VIEW spending AS SELECT u.name, sum(o.total) AS total FROM "user" u JOIN "order" o ON o.user = u.id
  GROUP BY u.name;
INSERT INTO "user" VALUES
  (1, 'Ann' || char(0), 's', '0151 23-45', 7, '{"b": 1, "a": [1, 2.50]}', '2001-02-03', 1700000000123),
  (2, 'Bob', NULL, 'none', NULL, NULL, '', NULL);
INSERT INTO "order" VALUES
  (1, 1, '31/12/2023 23:30', 12.5, NULL, 1700000000000), (2, 1, '29/10/2023 02:30', 0.1, 'x', 0);
INSERT INTO audit_log VALUES (1, 'x');
"""


def example(folder: Path) -> Path:
    """The rules and the functions of the documentation, written into a folder."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in ("rules.yaml", "clean.py"):
        found = re.search(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)```", text, re.DOTALL)
        assert found is not None
        (folder / name).write_text(found[1], encoding="utf-8")
    return folder / "rules.yaml"


def make(path: Path, script: str = SOURCE) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def options(path: Path, text: str) -> RunOptions:
    path.write_text(text, encoding="utf-8")
    return RunOptions(PlanOptions(rules=read_rules(path)))


def assert_as_documented(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SET timezone = 'UTC'")
        rows = connection.execute(
            "SELECT id, full_name, phone, score, settings::text, birthday::text, created_at::text"
            ' FROM "user" ORDER BY id'
        ).fetchall()
        assert rows == [
            (
                1,
                "Ann",
                "+491512345",
                7,
                '{"a": [1, 2.50], "b": 1}',
                "2001-02-03",
                "2023-11-14 22:13:20.123+00",
            ),
            (2, "Bob", None, None, None, None, None),
        ]
        rows = connection.execute(
            "SELECT placed::text, total::text, created_at::text FROM orders ORDER BY id"
        ).fetchall()
        assert rows == [
            ("2023-12-31 22:30:00+00", "12.50", "2023-11-14 22:13:20+00"),
            ("2023-10-29 00:30:00+00", "0.10", "1970-01-01 00:00:00+00"),
        ]
        kinds = dict(
            connection.execute(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = '\"user\"'::regclass AND attnum > 0"
            ).fetchall()
        )
        assert kinds["score"] == "smallint"
        assert kinds["settings"] == "jsonb"
        assert "secret" not in kinds
        assert connection.execute("SELECT name, total FROM spending").fetchall()[0][0] == "Ann"
        assert connection.execute("SELECT to_regclass('audit_log')").fetchone() == (None,)
        assert connection.execute("SELECT obj_description('orders'::regclass)").fetchone() == (
            "moved from SQLite",
        )
        assert connection.execute("SELECT to_regnamespace('reporting') IS NOT NULL").fetchone() == (True,)
        connection.execute("INSERT INTO \"user\" (full_name) VALUES ('new')")
        assert connection.execute('SELECT id, score FROM "user" ORDER BY id DESC').fetchone() == (3, 0)
        connection.rollback()


def test_the_documented_example_does_what_it_says(
    tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    source, rules = make(tmp_path / "app.db"), example(tmp_path)
    ended = outgrow("migrate", "run", source, database, "--rules", rules, "--json")
    report = json.loads(ended.out or "{}")
    assert (ended.code, report.get("left"), report.get("equal")) == (0, [], True), ended.out + ended.err
    assert {"kind": "table", "table": "", "old": "order", "new": "orders", "why": "rule"} in report["names"]
    assert_as_documented(database)
    assert outgrow("migrate", "verify", source, database, "--rules", rules).code == 0


def test_the_scripts_carry_the_example_out_with_psql_alone(
    tmp_path: Path, database: str, postgres: LocalPostgres, outgrow: Callable[..., Any]
) -> None:
    source, rules = make(tmp_path / "app.db"), example(tmp_path)
    ended = outgrow("migrate", "script", source, "--out", tmp_path / "sql", "--rules", rules)
    assert ended.code == 0, ended.err
    done = subprocess.run(
        [
            postgres.psql,
            "--no-psqlrc",
            "--dbname",
            database,
            "--file",
            tmp_path / "sql" / "run.sql",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_as_documented(database)


def test_a_value_that_does_not_fit_a_chosen_type_is_found_before_anything_is_written(
    tmp_path: Path, database: str
) -> None:
    source = make(tmp_path / "app.db", "CREATE TABLE t (a text); INSERT INTO t VALUES ('1'), ('x'), ('y')")
    rules = tmp_path / "rules.yaml"
    with pytest.raises(PlanRefusedError) as refused:
        run_migration(source, database, options(rules, "columns: {t.a: {type: integer}}"))
    assert "2 of 3 values cannot be stored as integer, such as 'x'" in str(refused.value)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)
    report = run_migration(
        source, database, options(rules, "columns: {t.a: {type: integer, misfits: reject}}")
    )
    assert report.rejected.rows == 2
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_failed_hook_ends_the_run_and_the_same_command_goes_on(tmp_path: Path, database: str) -> None:
    source = make(tmp_path / "app.db", "CREATE TABLE t (a integer); INSERT INTO t VALUES (1)")
    chosen = options(tmp_path / "rules.yaml", "hooks: {after_load: [CREATE VIEW v AS SELECT * FROM needed]}")
    with pytest.raises(StatementRefusedError) as refused:
        run_migration(source, database, chosen)
    assert 'relation "needed" does not exist' in str(refused.value)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE needed (x integer)")
    report = run_migration(source, database, chosen)
    assert report.resumed


def test_changed_rules_are_refused_with_what_changed(tmp_path: Path, database: str) -> None:
    source = make(tmp_path / "app.db", "CREATE TABLE t (a integer, b text); INSERT INTO t VALUES (1, 'x')")
    rules = tmp_path / "rules.yaml"
    run_migration(source, database, options(rules, "columns: {t.a: {type: smallint}}"))
    with pytest.raises(JournalRefusedError) as refused:
        run_migration(source, database, options(rules, "columns: {t.a: {type: bigint}, t.b: {skip: true}}"))
    assert "the rules: columns: t.a: type: was smallint, now bigint" in refused.value.why
    assert "the rules: columns: t.b: was nothing, now {skip: True}" in refused.value.why


TYPES = {
    "int": "5", "int8": "5", "smallint": "5", "float": "0.5", "float4": "0.5", "decimal(8,2)": "1.5",
    "numeric(6)": "7", "bool": "yes", "varchar(5)": "abc", "char(3)": "ab", "bytea": "ab",
    "timestamptz": "2024-01-02 03:04:05", "timestamp(3)": "2024-01-02 03:04:05.123", "time(0)": "10:11:12",
    "date": "2024-01-02", "uuid": "6F1C0A52-3C5C-4A8F-9C1B-0123456789ab", "jsonb": '{"b":1, "a":2}',
    "json": "[1]", "inet": "10.0.0.1/8", "interval": "1 day", "text[]": '["a", "b,c"]', "integer[]": "[1, 2]",
    "bit(4)": "0101", "mood": "low", "public.mood": "high", "money": "1.50",
}  # fmt: skip


def test_a_column_can_have_any_type_of_postgresql(tmp_path: Path, database: str) -> None:
    """What the plan calls a type is what the catalog calls it, and the verification agrees on the values."""
    columns = ", ".join(f"c{number} text" for number in range(len(TYPES)))
    values = ", ".join("'" + value.replace("'", "''") + "'" for value in TYPES.values())
    source = make(tmp_path / "app.db", f"CREATE TABLE t ({columns}); INSERT INTO t VALUES ({values})")
    listed = "\n".join(f"  t.c{number}: {{type: '{name}'}}" for number, name in enumerate(TYPES))
    hook = "hooks: {before_schema: [\"CREATE TYPE mood AS ENUM ('low', 'high')\"]}"
    report = run_migration(source, database, options(tmp_path / "rules.yaml", f"columns:\n{listed}\n{hook}"))
    assert report.verification is not None
    assert report.verification["objects"] == []
    assert report.equal is True


def test_names_follow_into_triggers_and_every_clause(tmp_path: Path, database: str) -> None:
    source = make(
        tmp_path / "app.db",
        """CREATE TABLE "userAccount" (id INTEGER PRIMARY KEY, "loginCount" integer NOT NULL DEFAULT 0);
        CREATE TABLE "loginEvent" (id INTEGER PRIMARY KEY, "accountId" integer REFERENCES "userAccount");
        CREATE TRIGGER "countLogin" AFTER INSERT ON "loginEvent" WHEN new."accountId" IS NOT NULL BEGIN
          UPDATE "userAccount" SET "loginCount" = "loginCount" + 1 WHERE id = new."accountId"; END;
        INSERT INTO "userAccount" VALUES (1, 0);""",
    )
    rules = tmp_path / "rules.yaml"
    rules.write_text("tables: {loginEvent: {rename: logins}}\ncolumns: {loginEvent.accountId: {rename: who}}")
    plan = PlanOptions(names="snake", rules=read_rules(rules))
    report = run_migration(source, database, RunOptions(plan))
    assert (report.left, report.equal) == ((), True)
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO logins (who) VALUES (1)")
        assert connection.execute("SELECT login_count FROM user_account").fetchone() == (1,)


@pytest.mark.parametrize("big", [1, 100_000], ids=["in two steps", "at once"])
def test_a_foreign_key_that_a_hook_has_broken_stands_for_new_rows_and_is_named(
    big: int, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration.schema.keys._BIG", big)
    source = make(
        tmp_path / "app.db",
        "CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE c (p integer REFERENCES p (id));"
        "INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1), (2)",
    )
    chosen = options(tmp_path / "rules.yaml", "hooks: {after_load: [DELETE FROM p WHERE id = 2]}")
    report = run_migration(source, database, chosen)
    said = [note.text for note in report.notes if "NOT VALID" in note.text]
    assert len(said) == 1
    assert 'is not present in table "p"' in said[0]
    with psycopg.connect(database) as connection:
        valid = connection.execute("SELECT convalidated FROM pg_constraint WHERE contype = 'f'").fetchall()
        assert valid == [(False,)]
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("INSERT INTO c VALUES (3)")
