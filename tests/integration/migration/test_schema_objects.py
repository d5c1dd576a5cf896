"""One file with an object of every kind: `run` and the script make the same of it, and name the same rest."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.planning import PlanOptions
from migration.run import RunOptions, run_migration
from migration.running.progress import Silent
from migration.script import write_script
from migration.verify import verify_migration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres
    from migration.running.steps import Outcome, Step

EVERYTHING = r"""
CREATE TABLE author ( -- who writes
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE UNIQUE, -- as printed
  born DATE DEFAULT CURRENT_DATE, seen DATETIME DEFAULT (datetime('now')),
  key TEXT DEFAULT (lower(hex(randomblob(16)))), odd TEXT DEFAULT (app_default()),
  CONSTRAINT named CHECK (length(name) > 1), CHECK (name GLOB '[A-Z]*'), CHECK (app_check(name)));
CREATE TABLE book (
  author INT NOT NULL REFERENCES author ON DELETE CASCADE, number INT, title VARCHAR(80), price DECIMAL(8, 2),
  gross AS (price * 1.2) VIRTUAL, upper_title TEXT AS (upper(title)) STORED, strange AS (app_fn(title)),
  next INT, meta JSON CHECK (meta IS NULL OR json_valid(meta)), sold BOOLEAN DEFAULT 0, changed DATETIME,
  PRIMARY KEY (author, number DESC), UNIQUE (title, number) ON CONFLICT IGNORE,
  CONSTRAINT sequel FOREIGN KEY (author, next) REFERENCES book (author, number) DEFERRABLE INITIALLY DEFERRED,
  FOREIGN KEY (next) REFERENCES nowhere (id)) WITHOUT ROWID;
CREATE TABLE strict_one (a INT PRIMARY KEY, b ANY, c BLOB) STRICT;
CREATE TABLE keyless (x, y REAL);
INSERT INTO author (name, born) VALUES ('Ann', '1970-01-01'), ('Bob', '1980-02-02');
INSERT INTO book (author, number, title, price, meta, sold) VALUES
  (1, 1, 'One', 9.5, '{"a": 1}', 1), (1, 2, 'Two', NULL, NULL, 0), (2, 1, 'Words', 3.25, '[]', 1);
UPDATE book SET next = 2 WHERE author = 1 AND number = 1;
INSERT INTO strict_one VALUES (1, 'x', x'00'), (2, 5, NULL);
INSERT INTO keyless VALUES ('a', 1.5), (NULL, NULL);
CREATE INDEX book_title ON book (title DESC) WHERE sold = 1;
CREATE INDEX book_lower ON book (lower(title), price);
CREATE INDEX book_nocase ON book (title COLLATE NOCASE);
CREATE INDEX book_odd ON book (app_fn(title));
CREATE UNIQUE INDEX author_key ON author (key) WHERE key IS NOT NULL;
CREATE VIEW shelf AS SELECT a.name, b.title, b.price FROM author a JOIN book b ON b.author = a.id;
CREATE VIEW odd_view AS SELECT app_fn(name) FROM author;
CREATE TABLE log (line TEXT);
CREATE TRIGGER book_in AFTER INSERT ON book BEGIN INSERT INTO log VALUES ('in ' || NEW.title); END;
CREATE TRIGGER book_changed AFTER UPDATE ON book BEGIN
  UPDATE book SET changed = datetime('now') WHERE author = NEW.author AND number = NEW.number;
END;
CREATE TRIGGER shelf_in INSTEAD OF INSERT ON shelf BEGIN INSERT INTO author (name) VALUES (NEW.name); END;
CREATE TRIGGER odd_trigger BEFORE DELETE ON book BEGIN SELECT app_fn(OLD.title); END;
CREATE VIRTUAL TABLE titles USING fts5(title, content='book_text', content_rowid='id');
CREATE TABLE book_text (id INTEGER PRIMARY KEY, title TEXT);
CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('some words');
CREATE VIRTUAL TABLE words USING fts5(body, content='');
CREATE VIRTUAL TABLE area USING rtree(id, a, b); INSERT INTO area VALUES (1, 0, 1);
"""

#: Everything that no PostgreSQL has: its kind, its name, the file it stands in, and a part of its SQLite SQL.
LEFT = [
    ("default", "author.odd", "10_schema.sql", "DEFAULT app_default()"),
    ("generated column", "book.strange", "10_schema.sql", "AS (app_fn(title)) VIRTUAL"),
    ("index", "book_odd", "30_keys_and_indexes.sql", "CREATE INDEX book_odd ON book (app_fn(title))"),
    ("check", "author", "40_constraints.sql", "CHECK (app_check(name))"),
    ("foreign key", "book (next)", "40_constraints.sql", 'FOREIGN KEY ("next") REFERENCES "nowhere"'),
    ("view", "odd_view", "60_views_and_triggers.sql", "CREATE VIEW odd_view AS SELECT app_fn(name)"),
    ("trigger", "odd_trigger", "60_views_and_triggers.sql", "CREATE TRIGGER odd_trigger BEFORE DELETE"),
    ("virtual table", "words", "60_views_and_triggers.sql", "CREATE VIRTUAL TABLE words USING fts5"),
]


@pytest.fixture
def psql(postgres: LocalPostgres) -> Callable[[str, Path], None]:
    def run(dsn: str, file: Path) -> None:
        ran = subprocess.run(
            [postgres.psql, "-X", "-q", "--dbname", dsn, "--file", file],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, (file, ran.stderr)
        assert "was left out" not in ran.stderr

    return run


@pytest.fixture
def other(postgres: LocalPostgres) -> Iterator[str]:
    """A second database."""
    yield postgres.create_database("scripted")
    postgres.drop_database("scripted")


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    path = tmp_path / "everything.db"
    with closing(sqlite3.connect(path)) as source:
        for name, arguments in (("app_check", 1), ("app_fn", 1)):
            source.create_function(name, arguments, lambda _value: 1, deterministic=True)
        source.create_function("app_default", 0, lambda: "odd", deterministic=True)
        source.executescript(EVERYTHING)
    return path


@pytest.mark.both_servers
@pytest.mark.parametrize(
    "options",
    [
        PlanOptions(),
        PlanOptions(fts="tsvector", nocase="citext", comments="no"),
        PlanOptions(schema="Other one", names="snake", orm="generic"),
    ],
    ids=["defaults", "tsvector and citext", "another schema and spelling"],
)
def test_run_and_script_make_the_same_database(  # noqa: PLR0917
    everything: Path,
    database: str,
    other: str,
    psql: Callable[[str, Path], None],
    content_of: Callable[..., Any],
    options: PlanOptions,
) -> None:
    report = run_migration(everything, database, RunOptions(plan=options))
    write_script(everything, everything.parent / "out", options)
    psql(other, everything.parent / "out" / "run.sql")
    made, scripted = content_of(database, options.schema), content_of(other, options.schema)
    assert made == scripted
    assert made["functions"]
    assert len(made["triggers"]) == 3
    assert bool(made["comments"]) == (options.comments != "no")
    assert report.verification is not None
    assert report.verification["rows_equal"]
    assert not report.verification["surprises"], report.verification["objects"]
    assert not [item for item in report.left if item.refused]


def test_everything_left_is_a_stub_in_its_file_and_in_the_report(
    everything: Path, tmp_path: Path, database: str
) -> None:
    options = PlanOptions(fts="tsvector")
    report = json.loads(json.dumps(run_migration(everything, database, RunOptions(plan=options)).to_json()))
    left = {(item["kind"], item["name"]): item for item in report["left"]}
    assert set(left) == {(kind, name) for kind, name, _, _ in LEFT}
    write_script(everything, tmp_path / "out", options)
    for kind, name, file, sql in LEFT:
        assert sql in left[kind, name]["sql"]
        assert left[kind, name]["why"]
        assert not left[kind, name]["refused"]
        stub = (tmp_path / "out" / file).read_text()
        assert f"-- Not migrated: {kind} {name}" in stub
        assert f"-- {left[kind, name]['sql'].splitlines()[0]}" in stub
    assert report["exit_code"] == 3


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DROP TRIGGER book_in ON book", ("trigger", "book_in", "is missing")),
        ("ALTER TABLE book DISABLE TRIGGER book_in", ("trigger", "book_in", "is disabled")),
        (
            "CREATE OR REPLACE TRIGGER book_in BEFORE UPDATE ON book FOR EACH ROW EXECUTE FUNCTION book_in()",
            ("trigger", "book_in", "fires BEFORE UPDATE instead of AFTER INSERT"),
        ),
        ("DROP VIEW shelf", ("view", "shelf", "is missing")),
        ("DROP FUNCTION shelf_in CASCADE", ("trigger", "shelf_in", "is missing")),
        ("DROP INDEX book_lower", ("index", "book_lower", "there is no such index")),
        ("ALTER TABLE author DROP CONSTRAINT named", ("check", "named", "is missing")),
        (
            'ALTER TABLE author ALTER name TYPE text COLLATE "C"',
            ("column", "author.name", "has the type text instead of citext"),
        ),
    ],
)  # fmt: skip
def test_the_verification_finds_an_object_that_is_missing_or_otherwise(
    everything: Path, database: str, damage: str, found: tuple[str, str, str]
) -> None:
    options = PlanOptions(nocase="citext")
    run_migration(everything, database, RunOptions(plan=options, verify=False))
    with psycopg.connect(database, autocommit=True) as target:
        if "ALTER name" in damage:
            target.execute("DROP VIEW shelf")
        target.execute(damage.encode())
    findings = verify_migration(everything, database, options).objects
    assert found in [(item.kind, item.name, item.text) for item in findings if item.announced is None]


def test_the_rollback_takes_functions_and_collations_back(
    everything: Path, database: str, psql: Callable[[str, Path], None]
) -> None:
    out = everything.parent / "out"
    write_script(everything, out, PlanOptions(fts="tsvector", nocase="citext"))
    for file in ("run.sql", "90_rollback.sql", "run.sql"):
        psql(database, out / file)


class _Killed(Exception):
    """Ends a run in the middle."""


class _UntilTriggers(Silent):
    def end(self, step: Step, outcome: Outcome) -> None:
        del outcome
        if step.name == "trigger shelf_in":
            raise _Killed


def test_a_run_that_starts_over_replaces_its_functions_and_collations(
    everything: Path, database: str, other: str, content_of: Callable[..., Any]
) -> None:
    options = RunOptions(plan=PlanOptions(nocase="citext", fts="tsvector"))
    with pytest.raises(_Killed):
        run_migration(everything, database, options, _UntilTriggers())
    with closing(sqlite3.connect(everything)) as source:
        source.create_function("app_fn", 1, lambda _value: 1, deterministic=True)
        source.execute("INSERT INTO keyless VALUES ('later', 2)")
        source.commit()
    report = run_migration(everything, database, options)
    assert report.started_over
    run_migration(everything, other, RunOptions(plan=options.plan, journal=everything.with_suffix(".second")))
    assert content_of(database) == content_of(other)
