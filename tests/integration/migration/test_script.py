"""The written files are run with psql alone, and the database is compared with the source by other means."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from migration.schema.options import PlanOptions
from migration.script import OutputRefusedError, write_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

HAZARDS = r"""
CREATE TABLE "Order" (
  "select" INTEGER PRIMARY KEY AUTOINCREMENT, "we ""ird" TEXT, [br ack] TEXT NOT NULL DEFAULT 'it''s',
  xmin INT, "日本" TEXT, "naïve;--" TEXT CHECK ("naïve;--" <> '$outgrow$'));
INSERT INTO "Order" VALUES (1, 'tab	nl
cr' || char(13) || 'bs\x', '\N', 5, '日', '\.'), (9, '', '''', NULL, '😀', ':name $1 %');
DELETE FROM "Order" WHERE "select" = 9;
CREATE TABLE parent (
  id INTEGER PRIMARY KEY, code VARCHAR(5) UNIQUE, a INT, b INT, CONSTRAINT ab UNIQUE (a, b));
INSERT INTO parent VALUES (1, 'A', 1, 1), (2, 'B', 2, 2);
CREATE TABLE child (
  id INTEGER PRIMARY KEY, p INT REFERENCES parent ON DELETE CASCADE, code TEXT REFERENCES parent (code),
  a INT, b INT, lost INT REFERENCES parent (id), CONSTRAINT fk_ab FOREIGN KEY (a, b) REFERENCES parent (a, b)
  DEFERRABLE INITIALLY DEFERRED);
INSERT INTO child VALUES (1, 1, 'A', 1, 1, 99), (5, 2, NULL, NULL, 2, 1);
CREATE INDEX child_p ON child (p DESC) WHERE lost > 0;
CREATE TABLE wide (
  flag BOOLEAN, at DATETIME, zoned DATETIME, day DATE, clock TIME, price DECIMAL(8, 2), ratio REAL, raw BLOB,
  doc JSON, uid UUID, anything, epoch DATETIME, mixed INTEGER,
  doubled INT AS (single * 2) STORED, single INT);
INSERT INTO wide
  (flag, at, zoned, day, clock, price, ratio, raw, doc, uid, anything, epoch, mixed, single) VALUES
  (1, '2024-01-02 03:04:05.678', '2024-01-02T03:04:05+02:00', '2024-02-29', '12:34', 19.99, 1e999,
   x'00ff5c0a', '{"a": [1]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1, 1704164645, 5, 21),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, x'01', NULL, 'five', NULL),
  (0, '1999-12-31 23:59:59', '2024-01-02 03:04:05Z', '0001-01-01', '00:00:00.5', -1, 4.9e-324, x'', '"x"',
   'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', 'text', 1704164646, -9, -21);
CREATE TABLE keyless (k TEXT PRIMARY KEY, v) ; INSERT INTO keyless VALUES (NULL, 1), (NULL, 2), ('k', 3);
CREATE TABLE pairs (a TEXT, b INT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('x', 1), ('x', 2);
CREATE TABLE empty (id INTEGER PRIMARY KEY);
CREATE TABLE only_generated (g INT AS (1) STORED, id INTEGER);
CREATE VIEW ordered AS SELECT id, ifnull(code, '-') AS code FROM PARENT WHERE id > 0 ORDER BY ID;
CREATE VIEW odd AS SELECT app_function(at) FROM wide;
CREATE TRIGGER after_parent AFTER INSERT ON parent BEGIN DELETE FROM child WHERE 0; END;
CREATE TRIGGER odd_parent AFTER DELETE ON parent BEGIN SELECT app_function(OLD.id); END;
CREATE VIRTUAL TABLE search USING fts5 (body);
"""


@pytest.fixture
def hazards(tmp_path: Path) -> Path:
    path = tmp_path / "hazards.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(HAZARDS)
    return path


@pytest.fixture
def psql(postgres: LocalPostgres, database: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [postgres.psql, "--no-psqlrc", "--quiet", "--dbname", database, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=cwd,
        )

    return run


@pytest.fixture
def target(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def rows(target: psycopg.Connection, table: str, *columns: str, order: str) -> list[tuple[Any, ...]]:
    listed = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        listed, sql.Identifier(table), sql.Identifier(order)
    )
    return target.execute(query).fetchall()


@pytest.mark.both_servers
def test_psql_alone_makes_the_whole_database(
    hazards: Path, tmp_path: Path, psql: Callable[..., Any], target: psycopg.Connection
) -> None:
    script = write_script(hazards, tmp_path / "out")
    ran = psql("--file", tmp_path / "out" / "run.sql")
    assert ran.returncode == 0, ran.stderr
    assert "different" in ran.stdout
    assert script.rows == 13

    (order,) = target.execute('SELECT * FROM "Order"').fetchall()
    assert order == (1, "tab\tnl\ncr\rbs\\x", "\\N", 5, "日", "\\.")
    wide = target.execute(
        "SELECT flag, at::text, zoned::text, day::text, clock::text, price::text, ratio, raw, doc::text,"
        " uid::text, anything, epoch::text, mixed, doubled FROM wide ORDER BY epoch NULLS FIRST"
    ).fetchall()
    assert wide == [
        (*([None] * 10), "\\x01", None, "five", None),
        (
            *(True, "2024-01-02 03:04:05.678", "2024-01-02 01:04:05+00", "2024-02-29", "12:34:00", "19.99"),
            *(float("inf"), b"\x00\xff\\\n", '{"a": [1]}', "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "1"),
            *("2024-01-02 03:04:05+00", "5", 42),
        ),
        (
            *(False, "1999-12-31 23:59:59", "2024-01-02 03:04:05+00", "0001-01-01", "00:00:00.5", "-1.00"),
            *(4.9e-324, b"", '"x"', "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12", "text"),
            *("2024-01-02 03:04:06+00", "-9", -42),
        ),
    ]
    assert rows(target, "child", "id", "p", "code", "a", "b", "lost", order="id") == [
        (1, 1, "A", 1, 1, 99),
        (5, 2, None, None, 2, 1),
    ]
    assert target.execute("SELECT * FROM ordered").fetchall() == [(1, "A"), (2, "B")]
    with pytest.raises(psycopg.errors.UndefinedTable):
        target.execute("SELECT * FROM odd")


def test_sequences_go_on_behind_everything_that_was_ever_given_out(
    hazards: Path, tmp_path: Path, psql: Callable[..., Any], target: psycopg.Connection
) -> None:
    write_script(hazards, tmp_path / "out")
    assert psql("--file", tmp_path / "out" / "run.sql").returncode == 0
    assert target.execute('INSERT INTO "Order" DEFAULT VALUES RETURNING "select"').fetchone() == (10,)
    assert target.execute("INSERT INTO child DEFAULT VALUES RETURNING id").fetchone() == (6,)
    assert target.execute("INSERT INTO empty DEFAULT VALUES RETURNING id").fetchone() == (1,)


@pytest.mark.both_servers
def test_keys_and_constraints_hold_afterwards(
    hazards: Path, tmp_path: Path, psql: Callable[..., Any], target: psycopg.Connection
) -> None:
    write_script(hazards, tmp_path / "out")
    assert psql("--file", tmp_path / "out" / "run.sql").returncode == 0
    constraints = dict(
        target.execute(
            "SELECT conname::text, contype::text || convalidated::int FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
        ).fetchall()
    )
    assert constraints == {
        "Order_pkey": "p1",
        "Order_naïve;--_check": "c1",
        "parent_pkey": "p1",
        "parent_code_key": "u1",
        "ab": "u1",
        "child_pkey": "p1",
        "child_p_fkey": "f1",
        "child_code_fkey": "f1",
        "child_lost_fkey": "f0",
        "fk_ab": "f1",
        "keyless_k_key": "u1",
        "pairs_pkey": "p1",
        "empty_pkey": "p1",
        "search_pkey": "p1",
    }
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        target.execute("INSERT INTO child (lost) VALUES (77)")
    (index,) = target.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'child_p'").fetchone() or (
        "",
    )
    assert index.endswith("(p DESC NULLS LAST) WHERE (lost > 0)")


def test_what_is_left_is_there_as_a_comment_and_in_the_readme(hazards: Path, tmp_path: Path) -> None:
    script = write_script(hazards, tmp_path / "out")
    left = {note.object for note in script.left}
    assert {"odd", "odd_parent", "search"} <= left
    assert "after_parent" not in left
    stubs = (tmp_path / "out" / "60_views_and_triggers.sql").read_text()
    assert "-- CREATE VIEW odd AS SELECT app_function(at) FROM wide" in stubs
    assert "-- CREATE TRIGGER odd_parent" in stubs
    assert 'CREATE TRIGGER "after_parent" AFTER INSERT' in stubs
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "Needs a hand" in readme
    assert "**odd_parent**" in readme
    assert "--file run.sql" in readme


def test_a_second_run_is_refused_and_changes_nothing(
    hazards: Path, tmp_path: Path, psql: Callable[..., Any], target: psycopg.Connection
) -> None:
    write_script(hazards, tmp_path / "out")
    assert psql("--file", tmp_path / "out" / "run.sql").returncode == 0
    again = psql("--file", tmp_path / "out" / "run.sql")
    assert again.returncode != 0
    assert "schema public already has" in again.stderr
    (data,) = (tmp_path / "out" / "20_data").glob("*_parent.sql")
    twice = psql("--file", data)
    assert twice.returncode != 0
    assert "already holds rows" in twice.stderr
    assert target.execute("SELECT count(*) FROM parent").fetchone() == (2,)


@pytest.mark.both_servers
def test_the_rollback_takes_everything_back_and_the_files_run_again(
    hazards: Path, tmp_path: Path, psql: Callable[..., Any], target: psycopg.Connection
) -> None:
    write_script(hazards, tmp_path / "out", PlanOptions(schema="Shop 1"))
    target.execute("CREATE TABLE other (id int)")
    for _ in range(2):
        ran = psql("--file", "out/run.sql", cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert psql("--file", "out/90_rollback.sql", cwd=tmp_path).returncode == 0
    left = (
        "SELECT relname::text FROM pg_class"
        " WHERE relnamespace IN ('public'::regnamespace, '\"Shop 1\"'::regnamespace)"
    )
    assert target.execute(left).fetchall() == [("other",)]


@pytest.mark.both_servers
def test_the_verification_finds_a_value_that_differs(
    hazards: Path, tmp_path: Path, psql: Callable[..., Any], target: psycopg.Connection
) -> None:
    write_script(hazards, tmp_path / "out")
    assert psql("--file", tmp_path / "out" / "run.sql").returncode == 0
    assert psql("--file", tmp_path / "out" / "70_verify.sql").returncode == 0
    target.execute("UPDATE parent SET a = 3 WHERE id = 2")
    ran = psql("--file", tmp_path / "out" / "70_verify.sql")
    assert ran.returncode != 0
    assert "sum of a" in ran.stdout
    assert "do not hold what the source held" in ran.stderr


def test_an_optional_statement_that_fails_does_not_stop_the_rest(
    tmp_path: Path, psql: Callable[..., Any], target: psycopg.Connection
) -> None:
    path = tmp_path / "long.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.execute("CREATE INDEX long ON t (x)")
        connection.execute("CREATE INDEX short ON t (substr(x, 1, 10))")
        connection.execute("INSERT INTO t VALUES (hex(randomblob(20000)))")
    write_script(path, tmp_path / "out")
    ran = psql("--file", tmp_path / "out" / "run.sql")
    assert ran.returncode == 0, ran.stderr
    assert "index long of table t was left out" in ran.stderr
    assert target.execute("SELECT indexname::text FROM pg_indexes WHERE tablename = 't'").fetchall() == [
        ("short",)
    ]


def test_a_folder_with_something_in_it_is_refused(hazards: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    with pytest.raises(OutputRefusedError, match="not empty") as refused:
        write_script(hazards, out)
    assert "--force" in refused.value.next_step
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    write_script(hazards, out, force=True)
    assert (out / "mine.txt").read_text() == "kept"


def test_force_replaces_the_rows_of_an_earlier_script(hazards: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_script(hazards, out)
    before = sorted(path.name for path in (out / "20_data").iterdir())
    with closing(sqlite3.connect(hazards)) as connection:
        connection.execute("DROP TABLE wide")
    write_script(hazards, out, force=True)
    after = sorted(path.name for path in (out / "20_data").iterdir())
    assert len(after) == len(before) - 1
    assert not any("wide" in name for name in after)


def test_a_script_that_cannot_be_finished_leaves_no_folder(tmp_path: Path, hazards: Path) -> None:
    with closing(sqlite3.connect(hazards)) as connection, connection:
        connection.execute("INSERT INTO parent VALUES (3, CAST(x'00' AS TEXT), 3, 3)")
    with pytest.raises(Exception, match="cannot be migrated"):
        write_script(hazards, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["hazards.db"]
