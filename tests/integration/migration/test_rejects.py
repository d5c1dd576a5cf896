"""Rows that cannot be stored: kept with their bytes, exactly once, in table and file, whatever happens."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import migration.running.copy
from migration.errors import TooManyRejectsError
from migration.planning import plan_migration
from migration.run import RunOptions, run_migration
from migration.running.copy import Aside, TableCopy
from migration.running.progress import Silent
from migration.schema.options import PlanOptions
from migration.script import write_script
from migration.source.snapshot import Reader, hold_snapshot
from migration.target.database import connected
from migration.target.rejects import Reject, RejectTable
from migration.verify import verify_migration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

REJECT = PlanOptions(misfits="reject")
#: Every kind of table by what tells its rows apart: an alias of the rowid, a hidden rowid, a key, nothing.
TABLES = """
CREATE TABLE aliased (id INTEGER PRIMARY KEY, n INTEGER, b BLOB);
CREATE TABLE hidden (n INTEGER, t TEXT);
CREATE TABLE keyed (k TEXT, v REAL, n INTEGER, PRIMARY KEY (k, v)) WITHOUT ROWID;
CREATE TABLE shadowed (rowid TEXT, oid TEXT, _rowid_ INTEGER);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES aliased (id));
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Tables of 50 rows, of which every tenth does not fit, and one that refers to all of them."""
    path = tmp_path / "source.db"

    def number(n: int) -> Any:
        return f"no number {n}" if n % 10 == 3 else n

    rows = {
        "aliased": [(3 * n, number(n), bytes([n])) for n in range(50)],
        "hidden": [(number(n), f"text {n}") for n in range(50)],
        "keyed": [(f"k{n}", n / 7, number(n)) for n in range(50)],
        "shadowed": [(f"r{n}", "o", number(n)) for n in range(50)],
        "child": [(n, 3 * n) for n in range(50)],
    }
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(TABLES)
        for table, values in rows.items():
            marks = ", ".join("?" * len(values[0]))
            file.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    return path


def kept(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as target:
        return target.execute(
            "SELECT source_table, source_rowid, source_column, original::text FROM outgrow_rejects.rejects"
            " ORDER BY 1, 2, 4"
        ).fetchall()


def test_rows_of_every_kind_of_table_are_kept_as_they_were(source: Path, database: str) -> None:
    report = run_migration(source, database, RunOptions(REJECT))
    assert {item.name: (item.rows, item.rejected) for item in report.tables} == {
        "aliased": (45, 5),
        "hidden": (45, 5),
        "keyed": (45, 5),
        "shadowed": (45, 5),
        "child": (50, 0),
    }
    assert report.equal, report.verification
    first = {
        table: (rowid, column, json.loads(row)) for table, rowid, column, row in reversed(kept(database))
    }
    assert first["aliased"] == (
        9,
        "n",
        {
            "id": {"class": "integer", "value": 9},
            "n": {"class": "text", "value": "no number 3", "hex": b"no number 3".hex()},
            "b": {"class": "blob", "hex": "03"},
        },
    )
    assert first["hidden"][:2] == (4, "n")
    assert first["keyed"][:2] == (None, "n")
    assert first["keyed"][2]["v"]["class"] == "real"
    assert first["shadowed"][2]["rowid"]["value"].startswith("r")


def test_a_reference_to_a_rejected_row_leaves_its_foreign_key_unchecked(source: Path, database: str) -> None:
    report = run_migration(source, database, RunOptions(REJECT))
    assert report.equal
    assert not report.left
    with psycopg.connect(database) as target:
        row = target.execute("SELECT convalidated FROM pg_constraint WHERE contype = 'f'").fetchone()
    assert row == (False,)
    assert any("NOT VALID" in note.text for note in report.notes if note.object == "child (parent)")


class _Killed(BaseException):
    """Like kill -9, it is no error that anything could handle."""


class _Killer(Silent):
    """Ends the run at the n-th word about progress."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def advance(self, rows: int) -> None:
        del rows
        self.left -= 1
        if self.left < 0:
            raise _Killed


def test_a_run_killed_anywhere_loses_no_reject_and_doubles_none(
    source: Path, database: str, postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = postgres.create_database("rejects_in_one_go")
    run_migration(source, other, RunOptions(REJECT, journal=source.with_name("other.journal")))
    monkeypatch.setattr(migration.running.copy, "FIRST_ROWS", 7)
    monkeypatch.setattr(migration.running.copy, "MOST_ROWS", 7)
    killed = 0
    for moment in range(1, 90, 3):
        try:
            report = run_migration(source, database, RunOptions(REJECT), _Killer(moment))
        except _Killed:
            killed += 1
        else:
            break
    assert killed > 3
    assert report.equal
    assert kept(database) == kept(other)
    assert report.rejected.file is not None
    assert len(report.rejected.file.read_text("utf-8").splitlines()) == 20
    postgres.drop_database("rejects_in_one_go")


def test_far_too_many_rejects_end_the_run_before_anything_is_written(source: Path, database: str) -> None:
    with pytest.raises(TooManyRejectsError, match="more than 4 rows of table aliased") as ended:
        run_migration(source, database, RunOptions(REJECT, max_rejects=4))
    assert "--max-rejects" in (ended.value.next_step or "")
    with psycopg.connect(database) as target:
        assert target.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_more_than_half_of_a_table_s_rows_is_never_rejected_unless_the_user_says_so(
    tmp_path: Path, database: str
) -> None:
    path = tmp_path / "half.db"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, x integer)")
        file.executemany("INSERT INTO t (x) VALUES (?)", [("a",), ("b",), (1,)])
    report = run_migration(path, database, RunOptions(PlanOptions(orm="typeorm")))
    assert report.rejected.rows == 0
    (said,) = [note.text for note in report.notes if "would be rejected" in note.text]
    assert said == "2 of 3 rows would be rejected: text instead of integer"


def test_a_reject_that_is_lost_or_altered_is_a_difference(source: Path, database: str) -> None:
    run_migration(source, database, RunOptions(REJECT))
    with psycopg.connect(database) as target:
        target.execute("DELETE FROM outgrow_rejects.rejects WHERE source_rowid = 9")
        target.execute(
            "UPDATE outgrow_rejects.rejects SET original = replace(original::text, 'no ', '')::json"
            " WHERE source_table = 'hidden' AND source_rowid = 4"
        )
    found = {table.table: table for table in verify_migration(source, database, REJECT).tables}
    assert [(row.kind, row.key) for row in found["aliased"].rows] == [("missing", {"id": "9"})]
    assert found["hidden"].unconfirmed[0].key == {"rejected rowid": "4"}
    assert not found["aliased"].equal
    assert not found["hidden"].equal
    assert found["keyed"].equal


def test_a_reject_that_was_stored_after_all_is_a_difference(source: Path, database: str) -> None:
    run_migration(source, database, RunOptions(REJECT))
    with psycopg.connect(database) as target:
        target.execute("INSERT INTO aliased VALUES (9, 3, '\\x03')")
    found = {table.table: table for table in verify_migration(source, database, REJECT).tables}
    assert [(row.kind, row.key) for row in found["aliased"].rows] == [("extra", {"id": "9"})]


@pytest.mark.parametrize("compiled", [True, False])
def test_rows_that_postgresql_refuses_are_found_among_the_others(
    source: Path,
    database: str,
    compiled: bool,  # pytest gives it by name
) -> None:
    """CHECKs and unique keys of a table that stands already: only the refused rows are kept aside."""
    plan = plan_migration(source, REJECT)
    table = next(item for item in plan.tables if item.name == "aliased")
    with connected(database) as target, hold_snapshot(source, 1) as snapshot:
        reader = snapshot.readers[0] if compiled else Reader(snapshot.connection, None)
        target.execute(
            "CREATE TABLE public.aliased"
            " (id bigint CHECK (id <> 30), n bigint UNIQUE, b bytea CHECK (b <> '\\x14'))"
        )
        target.execute("INSERT INTO public.aliased VALUES (-1, 41)")
        aside = RejectTable.provide(target, "public")
        passed: list[int] = []
        copy = TableCopy(
            reader, target, table, "public", REJECT, advance=passed.append, aside=Aside(aside, "UTF-8")
        )
        chunks = list(copy.chunks(None, lambda _: None))
        reasons = {reject.rowid: (reject.column, reject.reason) for reject in aside.rejects()}
    assert sum(chunk.rejected for chunk in chunks) == len(reasons) == 8
    assert sum(chunk.rows for chunk in chunks) == 42
    assert {rowid for rowid, (column, _) in reasons.items() if column is None} == {30, 60, 123}
    assert "violates check constraint" in reasons[30][1]
    assert "already exists" in reasons[123][1]


def test_a_script_keeps_the_same_rejects_as_a_run(
    source: Path, database: str, postgres: LocalPostgres, tmp_path: Path
) -> None:
    run_migration(source, database, RunOptions(REJECT))
    script = write_script(source, tmp_path / "sql", REJECT)
    assert script.rejected == 20
    assert "22_rejects.sql" in script.files
    other = postgres.create_database("rejects_by_script")
    psql = [postgres.psql, "--no-psqlrc", "--quiet", "--dbname", other, "--file"]
    subprocess.run([*psql, script.folder / "run.sql"], check=True, capture_output=True)
    assert kept(other) == kept(database)
    assert verify_migration(source, other, REJECT).equal
    subprocess.run([*psql, script.folder / "90_rollback.sql"], check=True, capture_output=True)
    with psycopg.connect(other) as target:
        assert target.execute("SELECT to_regnamespace('outgrow_rejects')").fetchone() == (None,)
    postgres.drop_database("rejects_by_script")


def test_a_role_that_may_create_no_schema_keeps_them_in_its_own(
    source: Path, database: str, postgres: LocalPostgres
) -> None:
    del postgres
    with psycopg.connect(database, autocommit=True) as target:
        target.execute("DROP ROLE IF EXISTS plain_rejecter")
        target.execute("CREATE ROLE plain_rejecter LOGIN PASSWORD 'secret'")
        target.execute("CREATE SCHEMA mine AUTHORIZATION plain_rejecter")
        target.execute("REVOKE CREATE ON DATABASE " + str(target.info.dbname) + " FROM PUBLIC")
    plain = psycopg.conninfo.make_conninfo(database, user="plain_rejecter", password="secret")
    options = PlanOptions(misfits="reject", schema="mine")
    report = run_migration(source, plain, RunOptions(options))
    assert report.equal
    assert report.rejected.table == '"mine"."_outgrow_rejects"'
    with psycopg.connect(database, autocommit=True) as target:
        target.execute("DROP OWNED BY plain_rejecter")
        target.execute("DROP ROLE plain_rejecter")


def test_the_commands_say_what_is_and_what_would_be_rejected(
    source: Path, database: str, outgrow: Callable[..., Any], tmp_path: Path
) -> None:
    inspected = outgrow("migrate", "inspect", source, "--misfits", "reject", "--json")
    assert inspected.code == 3
    columns = {
        f"{table['name']}.{column['name']}": column["rejects"]
        for table in json.loads(inspected.out)["tables"]
        for column in table["columns"]
    }
    assert {name: count for name, count in columns.items() if count} == {
        "aliased.n": 5,
        "hidden.n": 5,
        "keyed.n": 5,
        "shadowed._rowid_": 5,
    }
    assert "5 rejected" in outgrow("migrate", "inspect", source, "--misfits", "reject").out
    kept_in = tmp_path / "aside.jsonl"
    ran = outgrow("migrate", "run", source, database, "--misfits", "reject", "--rejects", kept_in, "--json")
    assert ran.code == 3
    assert json.loads(ran.out)["rejected_rows"] == 20
    assert len(kept_in.read_text("utf-8").splitlines()) == 20
    again = outgrow("migrate", "run", source, database, "--misfits", "reject", "--accept-rejects")
    assert again.code == 0, again.err
    listed = outgrow("migrate", "rejects", database)
    assert listed.code == 3
    assert "aliased.n, rowid 9: the value 'no number 3' of column n cannot be stored as bigint" in listed.out
    assert len(json.loads(outgrow("migrate", "rejects", database, "--json").out)["rejects"]) == 20
    proved = outgrow("migrate", "verify", source, database, "--misfits", "reject")
    assert proved.code == 3
    assert "20 rows" in proved.out
    assert outgrow("migrate", "verify", source, database, "--misfits", "reject", "--accept-rejects").code == 0


def test_a_migration_beside_another_one_keeps_its_rejects_when_that_one_finishes(database: str) -> None:
    reject = Reject("t", "t", 1, "x", "it does not fit", {"x": {"class": "integer", "value": 1}})
    with connected(database) as target:
        ours, theirs = RejectTable.provide(target, "public"), RejectTable.provide(target, "other")
        theirs.drop_if_empty()
        with target.transaction():
            ours.write([reject])
        theirs.drop_if_empty()
        assert list(ours.rejects()) == [reject]
        ours.forget()
        ours.drop_if_empty()
        ours.drop_if_empty()
        assert RejectTable.find(target, "public") is None
