"""COLLATE NOCASE by each policy: what is unique stays unique, and what = means is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.errors import TargetRefusedError
from migration.planning import PlanOptions, plan_migration
from migration.run import RunOptions, run_migration
from migration.target import needs

if TYPE_CHECKING:
    from pathlib import Path

    from migration.running.report import RunReport

SCHEMA = """
CREATE TABLE account (
  name VARCHAR(40) COLLATE NOCASE PRIMARY KEY NOT NULL, email TEXT COLLATE NOCASE UNIQUE, code TEXT,
  tag TEXT COLLATE RTRIM, sorted TEXT COLLATE app, CHECK (email LIKE '%@%'), CHECK (name <> 'ROOT'));
INSERT INTO account VALUES ('Ann', 'Ann@x', 'c', 't', 's'), ('Bob', NULL, 'C', 't ', 's');
CREATE TABLE login (account VARCHAR(40) REFERENCES account (name), at INT);
INSERT INTO login VALUES ('Ann', 1);
CREATE UNIQUE INDEX code_once ON account (code COLLATE NOCASE, sorted) WHERE code <> 'c';
CREATE INDEX by_email ON account (email);
CREATE INDEX by_email_bytes ON account (email COLLATE BINARY);
CREATE TRIGGER known AFTER INSERT ON login WHEN NEW.account = 'Ann' BEGIN
  UPDATE account SET tag = 'seen' WHERE name = upper(NEW.account);
END;
"""


def make(path: Path, schema: str = SCHEMA) -> Path:
    with closing(sqlite3.connect(path)) as source:
        source.create_collation("app", lambda a, b: (a > b) - (a < b))
        source.executescript(schema)
    return path


def migrate(path: Path, dsn: str, schema: str = SCHEMA, *, nocase: Any) -> RunReport:
    """Migrate, or see that a server without ICU is refused by name."""
    options = RunOptions(plan=PlanOptions(nocase=nocase))
    with psycopg.connect(dsn, autocommit=True) as target:
        try:
            target.execute("CREATE COLLATION probe (provider = icu, locale = 'und'); DROP COLLATION probe")
        except psycopg.errors.FeatureNotSupported:
            if nocase == "icu":
                with pytest.raises(TargetRefusedError, match="no collations of ICU's"):
                    run_migration(make(path, schema), dsn, options)
                pytest.skip("this PostgreSQL was built without ICU, and is refused")
    return run_migration(make(path, schema), dsn, options)


@pytest.mark.both_servers
@pytest.mark.parametrize("policy", ["lower", "citext", "icu"])
def test_what_is_unique_without_case_stays_so(tmp_path: Path, database: str, policy: str) -> None:
    report = migrate(tmp_path / "n.db", database, nocase=policy)
    assert report.exit_code == 0, [*report.left, *(n for n in report.notes if n.level == "left")]
    assert report.equal
    with psycopg.connect(database, autocommit=True) as target:
        for taken in ("('ANN', 'other@x')", "('Cid', 'ANN@X')"):
            with pytest.raises(psycopg.errors.UniqueViolation):
                target.execute(f"INSERT INTO account (name, email) VALUES {taken}".encode())
        for refused in ("('Cid', 'none')", "('root', 'r@x')"):
            with pytest.raises(psycopg.errors.CheckViolation):
                target.execute(f"INSERT INTO account (name, email) VALUES {refused}".encode())
        target.execute("INSERT INTO login VALUES ('Ann', 2)")
        assert target.execute("SELECT tag FROM account WHERE name = 'Ann'").fetchone() == ("seen",)
        found = target.execute("SELECT count(*) FROM account WHERE email = 'ANN@X'").fetchone()
        assert found == (0 if policy == "lower" else 1,)
    meaning = {note.object: note.text for note in report.notes if note.level == "changed"}
    assert {"lower": "lower(", "citext": "citext", "icu": "nocase"}[policy] in meaning["account.email"]
    assert "rtrim" in meaning["account.tag"]
    assert "app exists in its application only" in meaning["account.sorted"]


@pytest.mark.parametrize("policy", ["citext", "icu"])
def test_a_column_that_refers_to_one_without_case_has_none_either(tmp_path: Path, policy: str) -> None:
    plan = plan_migration(make(tmp_path / "n.db"), PlanOptions(nocase=policy))
    folding = {f"{t.name}.{c.name}": c.folding for t in plan.tables for c in t.columns if c.folding}
    assert folding == dict.fromkeys(("account.name", "account.email", "login.account"), policy)


@pytest.mark.both_servers
@pytest.mark.parametrize("policy", ["lower", "citext", "icu"])
def test_rows_that_only_ascii_folding_tells_apart_are_named_before(
    tmp_path: Path, database: str, policy: str
) -> None:
    schema = """
        CREATE TABLE t (a TEXT COLLATE NOCASE UNIQUE, b INT);
        INSERT INTO t VALUES ('ÉCOLE', 1), ('école', 2), ('x', 3), ('Y', 4);
    """
    report = migrate(tmp_path / "u.db", database, schema, nocase=policy)
    assert any("2 rows differ only in the case" in note.text for note in report.notes)
    assert [item.kind for item in report.left] == ["index" if policy == "lower" else "unique"]
    assert sum(table.rows for table in report.tables) == 4
    assert report.exit_code == 3


def test_a_server_without_the_extension_is_refused_before_anything_is_made(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = needs.scalar

    def without(connection: Any, query: str, *rest: Any) -> Any:
        return False if "pg_available_extensions" in query else plain(connection, query, *rest)

    monkeypatch.setattr(needs, "scalar", without)
    with pytest.raises(TargetRefusedError) as refused:
        migrate(tmp_path / "n.db", database, nocase="citext")
    assert "--nocase icu" in refused.value.next_step
    with psycopg.connect(database) as target:
        assert target.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_an_extension_in_another_schema_is_named(tmp_path: Path, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as target:
        target.execute("CREATE SCHEMA elsewhere; CREATE EXTENSION citext WITH SCHEMA elsewhere")
    with pytest.raises(TargetRefusedError, match="is in schema elsewhere"):
        migrate(tmp_path / "n.db", database, nocase="citext")
