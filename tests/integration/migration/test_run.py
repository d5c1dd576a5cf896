"""A migration from end to end, and everything that stops one before it has changed anything."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from migration.errors import TargetRefusedError
from migration.run import RunOptions, run_migration
from migration.schema.options import PlanOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

#: What becomes of a stored value, told for this file's columns by hand.
BY_HAND: dict[str, Callable[[Any], Any]] = {
    "user.active": bool,
    "user.created": datetime.fromisoformat,
    "product.price": lambda value: Decimal(str(value)).quantize(Decimal("0.01")),
    "order.placed": datetime.fromisoformat,
    "order.paid": bool,
    "measurement.taken": date.fromisoformat,
    "measurement.day_time": time.fromisoformat,
}


def assert_same_rows(path: Path, dsn: str, schema: str = "public") -> int:
    """Compare every value of both databases, in order of the source, with nothing of the project."""
    compared = 0
    with closing(sqlite3.connect(path)) as source, psycopg.connect(dsn) as target:
        names = [row[0] for row in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for name in (name for name in names if not name.startswith("sqlite_")):
            cursor = source.execute('SELECT * FROM "{}"'.format(name.replace('"', '""')))
            columns = [column[0] for column in cursor.description]
            changes = [BY_HAND.get(f"{name}.{column}", lambda value: value) for column in columns]
            ours = [
                tuple(
                    None if value is None else change(value)
                    for change, value in zip(changes, row, strict=True)
                )
                for row in cursor
            ]
            theirs = target.execute(
                sql.SQL("SELECT {} FROM {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, name)
                )
            ).fetchall()
            assert sorted(map(repr, ours)) == sorted(map(repr, theirs)), name
            compared += len(ours)
    return compared


@pytest.mark.both_servers
def test_every_row_arrives_and_the_report_says_so(
    shop: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    done = outgrow("migrate", "run", shop, database, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    rows = assert_same_rows(shop, database)
    assert report["rows"] == rows > 50_000
    assert report["equal"] is True
    assert {table["name"]: table["equal"] for table in report["tables"]} == dict.fromkeys(
        [
            "user",
            "category",
            "product",
            "order",
            "order_line",
            "tag",
            "event",
            "50% off",
            "empty",
            "measurement",
        ],
        True,
    )
    assert "copied order_line" in done.err, "progress is told on standard error"


@pytest.mark.both_servers
def test_keys_indexes_constraints_and_sequences_arrive(
    small_shop: Path, database: str, content_of: Callable[..., Any]
) -> None:
    run_migration(small_shop, database)
    found = content_of(database)
    assert found["schemas"] == [("public",)], "nothing of ours is left behind"
    constraints = {(table, name): text for table, name, text, _ in found["constraints"]}
    assert constraints['"user"', "UQ_user_email"] == "UNIQUE (email)"
    assert 'FOREIGN KEY ("userId") REFERENCES "user"(id) ON DELETE CASCADE' in constraints.values()
    assert 'PRIMARY KEY ("order", line)' in constraints.values()
    assert {"IX_order_user", "IX_order_placed", "IX_event_once", "IX_line_sku"} <= {
        row[1] for row in found["indexes"]
    }
    with closing(sqlite3.connect(small_shop)) as source:
        last = dict(source.execute("SELECT name, seq FROM sqlite_sequence"))
    assert last["empty"] == 41
    assert found["sequences"]["empty_id_seq"] == (41, True), "the next id is 42, as in SQLite"
    assert found["sequences"]["user_id_seq"] == (last["user"], True)


def test_a_second_run_on_a_finished_journal_changes_nothing(
    small_shop: Path, database: str, outgrow: Callable[..., Any], content_of: Callable[..., Any]
) -> None:
    assert outgrow("migrate", "run", small_shop, database).code == 0
    journal = small_shop.with_name(small_shop.name + ".outgrow-journal")
    before = content_of(database), journal.read_bytes()
    again = outgrow("migrate", "run", small_shop, database)
    assert again.code == 0
    assert "nothing was changed" in again.out
    assert (content_of(database), journal.read_bytes()) == before


def test_a_second_run_after_the_source_changed_says_so(
    small_shop: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    assert outgrow("migrate", "run", small_shop, database).code == 0
    with closing(sqlite3.connect(small_shop)) as application, application:
        application.execute("INSERT INTO category VALUES (99, 'late', NULL)")
    again = outgrow("migrate", "run", small_shop, database)
    assert again.code == 3
    assert "written to since" in again.out


def test_a_finished_journal_whose_tables_are_gone_is_refused(small_shop: Path, database: str) -> None:
    run_migration(small_shop, database)
    with psycopg.connect(database) as target:
        target.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with pytest.raises(TargetRefusedError, match="lacks its tables"):
        run_migration(small_shop, database)


def test_a_dry_run_prints_every_statement_and_touches_nothing(
    small_shop: Path, database: str, outgrow: Callable[..., Any], content_of: Callable[..., Any]
) -> None:
    before = content_of(database), sorted(path.name for path in small_shop.parent.iterdir())
    done = outgrow("migrate", "run", small_shop, database, "--dry-run")
    assert done.code == 0, done.err
    for expected in (
        'CREATE TABLE "public"."order"',
        'COPY "public"."50% off"',
        "FOREIGN KEY",
        "CREATE INDEX",
    ):
        assert expected in done.out
    assert (content_of(database), sorted(path.name for path in small_shop.parent.iterdir())) == before
    steps = json.loads(outgrow("migrate", "run", small_shop, database, "--dry-run", "--json").out)["steps"]
    assert [step["kind"] for step in steps][-3:] == ["compare", "verify", "finish"]


def test_a_schema_of_its_own_is_made(small_shop: Path, database: str, content_of: Callable[..., Any]) -> None:
    report = run_migration(small_shop, database, RunOptions(PlanOptions(schema="Shop 100%")))
    assert report.equal
    assert_same_rows(small_shop, database, "Shop 100%")
    assert content_of(database)["rows"] == {}


def test_a_target_with_other_tables_is_refused_and_not_touched(
    small_shop: Path, database: str, outgrow: Callable[..., Any], content_of: Callable[..., Any]
) -> None:
    with psycopg.connect(database) as target:
        target.execute("CREATE TABLE orders_of_somebody (a int); INSERT INTO orders_of_somebody VALUES (1)")
        target.execute("CREATE TYPE mood AS ENUM ('ok')")
    before = content_of(database)
    done = outgrow("migrate", "run", small_shop, database)
    assert done.code == 1
    assert "table orders_of_somebody, type mood" in done.err
    assert "--schema" in done.err
    assert content_of(database) == before
    assert not list(small_shop.parent.glob("*outgrow-journal*"))


def test_what_an_extension_brought_is_no_other_data(small_shop: Path, database: str) -> None:
    with psycopg.connect(database) as target:
        target.execute("CREATE VIEW pretend_extension AS SELECT 1 AS a")
        extension = target.execute("SELECT oid FROM pg_extension WHERE extname = 'plpgsql'").fetchone()
        assert extension is not None
        target.execute("ALTER EXTENSION plpgsql ADD VIEW pretend_extension")
    assert run_migration(small_shop, database).equal


def test_two_runs_into_one_schema_with_two_journals_are_refused(
    small_shop: Path, database: str, tmp_path: Path
) -> None:
    """The second is kept out by the database itself, wherever it runs."""
    holder = (
        "import sys, time\n"
        "from migration.target.database import connected\n"
        "from migration.target.lock import exclusive\n"
        "with connected(sys.argv[1]) as target, exclusive(target, 'public', print):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", holder, database], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Exception, match=f"another migration is at work.*{other.pid}"):
            run_migration(small_shop, database, RunOptions(journal=tmp_path / "another"))
    finally:
        other.kill()
        other.communicate()
    assert run_migration(small_shop, database, RunOptions(journal=tmp_path / "another")).equal


def test_a_role_without_rights_is_told_what_it_lacks(
    small_shop: Path, database: str, postgres: LocalPostgres, outgrow: Callable[..., Any]
) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS guest")
        admin.execute("CREATE ROLE guest LOGIN")
    guest = database.replace("postgres@", "guest@")
    for schema, lacks in (
        ("public", "may not create tables in schema public"),
        ("new", "may not create schema new"),
    ):
        done = outgrow("migrate", "run", small_shop, guest, "--schema", schema)
        assert done.code == 1
        assert lacks in done.err
        assert "next:" in done.err


@pytest.mark.both_servers
def test_a_role_that_owns_only_its_schema_can_migrate_into_it(
    small_shop: Path, database: str, content_of: Callable[..., Any]
) -> None:
    """Neither superuser nor CREATE on the database: our records lie in the schema and disappear from it."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS keeper")
        admin.execute("CREATE ROLE keeper LOGIN")
        admin.execute("CREATE SCHEMA mine AUTHORIZATION keeper")
    keeper = database.replace("postgres@", "keeper@")
    report = run_migration(small_shop, keeper, RunOptions(PlanOptions(schema="mine")))
    assert report.equal
    assert_same_rows(small_shop, database, "mine")
    found = content_of(database, "mine")
    assert not [name for name in found["rows"] if name.startswith("outgrow")]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP OWNED BY keeper; DROP ROLE keeper")


def test_a_target_that_is_read_only_is_refused(small_shop: Path, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with pytest.raises(TargetRefusedError, match="cannot be written"):
        run_migration(small_shop, database)


@pytest.mark.both_servers
def test_a_database_in_another_encoding_is_refused(small_shop: Path, postgres: LocalPostgres) -> None:
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(TargetRefusedError, match="encoding LATIN1"):
            run_migration(small_shop, postgres.dsn_of("latin"))
    finally:
        postgres.drop_database("latin")


@pytest.mark.both_servers
def test_a_statement_that_postgresql_refuses_is_named_and_the_rest_arrives(
    tmp_path: Path, database: str, outgrow: Callable[..., Any], content_of: Callable[..., Any]
) -> None:
    """An index over texts too long for a B-tree (2,704 bytes after compression) cannot exist there."""
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("CREATE TABLE page (id INTEGER PRIMARY KEY, body TEXT, title TEXT)")
        source.execute("CREATE INDEX page_body ON page (body)")
        source.execute("CREATE INDEX page_title ON page (title)")
        source.execute("INSERT INTO page VALUES (1, ?, 'a')", [os.urandom(20_000).hex()])
    done = outgrow("migrate", "run", path, database, "--json")
    assert done.code == 3
    report = json.loads(done.out)
    assert [(item["kind"], item["name"]) for item in report["left"]] == [("index", "page_body")]
    assert "maximum size" in report["left"][0]["why"]
    assert "CREATE INDEX" in report["left"][0]["sql"]
    found = content_of(database)
    assert {"page_title", "page_pkey"} <= {row[1] for row in found["indexes"]}
    assert len(found["rows"]["page"]) == 1
    assert found["schemas"] == [("public",)]


def test_memory_does_not_grow_with_the_file(tmp_path: Path, database: str) -> None:
    """80 MB of large values pass through a process that stays below 160 MB, most of it its libraries."""
    path = tmp_path / "big.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("CREATE TABLE blob (id INTEGER PRIMARY KEY, b BLOB)")
        source.execute("CREATE TABLE key_blob (k TEXT PRIMARY KEY, b BLOB) WITHOUT ROWID")
        source.executemany("INSERT INTO blob (b) VALUES (zeroblob(?))", ([1_000_000] for _ in range(40)))
        source.executemany(
            "INSERT INTO key_blob VALUES (?, zeroblob(?))", ((str(n), 1_000_000) for n in range(40))
        )
    # VmHWM and not ru_maxrss, which would begin with the size of the process that started this one.
    code = (
        "import re, sys; from pathlib import Path; from migration.run import run_migration\n"
        "report = run_migration(Path(sys.argv[1]), sys.argv[2])\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())\n"
        "print(report.equal, report.rows, int(peak[1]) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, database], capture_output=True, text=True, check=True
    ).stdout.split()
    assert done[:2] == ["True", "80"]
    assert int(done[2]) < 160


def test_a_writer_during_the_copy_is_noticed(
    small_shop: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In WAL mode the application can write on; its later rows are missing, and the report says that."""
    with closing(sqlite3.connect(small_shop)) as application, application:
        application.execute("PRAGMA journal_mode = WAL")

    class Interferes:
        written = False

        def plan(self, rows: int, done: int) -> None: ...
        def begin(self, step: Any) -> None: ...
        def end(self, step: Any, outcome: Any) -> None: ...
        def say(self, text: str) -> None: ...

        def advance(self, rows: int) -> None:
            if not self.written:
                self.written = True
                with closing(sqlite3.connect(small_shop)) as application, application:
                    application.execute("INSERT INTO category VALUES (99, 'late', NULL)")

    report = run_migration(small_shop, database, progress=Interferes())
    assert report.source_changed
    assert report.exit_code == 3
    assert report.equal, "both sides are compared in the state that was copied"
    with psycopg.connect(database) as target:
        assert target.execute("SELECT count(*) FROM category WHERE id = 99").fetchone() == (0,)


def test_a_key_made_of_an_index_is_the_one_that_is_made_at_once(
    small_shop: Path,
    postgres: LocalPostgres,
    database: str,
    content_of: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As big tables get it, so that several indexes are built at the same time."""
    run_migration(small_shop, database, RunOptions(journal=small_shop.with_name("at once.journal")))
    monkeypatch.setattr("migration.schema.keys._BIG", 1)
    other = postgres.create_database("by_index")
    try:
        report = run_migration(small_shop, other, RunOptions(journal=small_shop.with_name("index.journal")))
        assert report.equal
        assert content_of(other) == content_of(database)
    finally:
        postgres.drop_database("by_index")


def test_a_key_that_its_index_is_refused_for_is_left_and_named(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration.schema.keys._BIG", 1)
    with closing(sqlite3.connect(tmp_path / "twice.db")) as file, file:
        file.execute("CREATE TABLE t (at DATETIME, UNIQUE (at))")
        file.execute("INSERT INTO t VALUES ('2024-01-02 03:04:05'), ('2024-01-02T03:04:05')")
    report = run_migration(tmp_path / "twice.db", database)
    assert [(item.kind, item.name) for item in report.left if item.refused] == [("unique", "t_at_key")]
    assert report.exit_code == 3
    assert report.rows == 2
