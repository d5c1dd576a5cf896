"""The fence ends every kind of writing, and is lifted without a trace."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from migration.promotion.errors import FenceError
from migration.promotion.fence import MOVED, lift_fence, raise_fence, read_fence
from migration.schema.source import FENCE_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE);
CREATE TABLE "odd ""name" (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER REFERENCES users (id));
CREATE VIEW people AS SELECT * FROM users;
CREATE TRIGGER through_view INSTEAD OF INSERT ON people
  BEGIN INSERT INTO users VALUES (NEW.id, NEW.email); END;
CREATE TRIGGER own AFTER INSERT ON users BEGIN INSERT INTO child (owner) VALUES (NEW.id); END;
CREATE VIRTUAL TABLE notes USING fts5 (body);
INSERT INTO users VALUES (1, 'ada@example.com');
INSERT INTO "odd ""name" VALUES ('a', 1);
INSERT INTO notes VALUES ('hello');
"""

WRITES = [
    "INSERT INTO users VALUES (2, 'b')",
    "INSERT OR IGNORE INTO users VALUES (1, 'c')",
    "INSERT OR REPLACE INTO users VALUES (1, 'd')",
    "INSERT OR REPLACE INTO users VALUES (9, 'ada@example.com')",
    "INSERT INTO users VALUES (1, 'e') ON CONFLICT (id) DO UPDATE SET email = 'f'",
    "UPDATE users SET email = 'g'",
    "UPDATE OR REPLACE users SET id = 7",
    "DELETE FROM users",
    "DELETE FROM users WHERE id = 1",
    'REPLACE INTO "odd ""name" VALUES (\'a\', 2)',
    'DELETE FROM "odd ""name"',
    "INSERT INTO people VALUES (3, 'h')",
]


@pytest.fixture(params=["wal", "delete"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "app ?#%.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {request.param}")
        connection.executescript(SCHEMA)
    return path


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("write", WRITES)
def test_no_write_passes_the_fence_even_on_a_connection_opened_before(source: Path, write: str) -> None:
    with closing(sqlite3.connect(source, isolation_level=None)) as application:
        application.execute("SELECT count(*) FROM users").fetchone()
        before = dump(source)
        raise_fence(source, "abc", timeout=5)
        fenced = dump(source)
        with pytest.raises(sqlite3.IntegrityError):
            application.execute(write)
    assert dump(source) == fenced
    lift_fence(source, "abc", timeout=5)
    assert dump(source) == before


def test_a_writer_is_told_where_the_database_went(source: Path) -> None:
    raise_fence(source, "abc", timeout=5)
    with closing(sqlite3.connect(source)) as application, pytest.raises(sqlite3.IntegrityError) as caught:
        application.execute("INSERT INTO users VALUES (2, 'b')")
    assert str(caught.value) == MOVED


def test_reading_goes_on_behind_the_fence(source: Path) -> None:
    raise_fence(source, "abc", timeout=5)
    with closing(sqlite3.connect(source)) as application:
        assert application.execute("SELECT email FROM users").fetchall() == [("ada@example.com",)]
        assert application.execute("SELECT body FROM notes WHERE notes MATCH 'hello'").fetchall() == [
            ("hello",)
        ]


def test_full_text_tables_stay_open_because_a_fence_there_could_crash_the_application(source: Path) -> None:
    assert not any("notes" in name for name in raise_fence(source, "abc", timeout=5).fenced)
    with closing(sqlite3.connect(source)) as application:
        application.execute("DELETE FROM notes")
        application.execute("INSERT INTO notes VALUES ('more')")


def test_fencing_twice_and_lifting_twice_is_the_same_as_once(source: Path) -> None:
    first = raise_fence(source, "abc", timeout=5)
    assert first.holds_for("abc")
    assert raise_fence(source, "abc", timeout=5) == first == read_fence(source)
    lifted = lift_fence(source, "abc", timeout=5)
    assert not lifted.present
    assert not lift_fence(source, "abc", timeout=5).present


def test_another_promotions_fence_is_neither_used_nor_removed(source: Path) -> None:
    raise_fence(source, "abc", timeout=5)
    with pytest.raises(FenceError, match="fenced by another promotion"):
        raise_fence(source, "xyz", timeout=5)
    with pytest.raises(FenceError, match="fenced by another promotion"):
        lift_fence(source, "xyz", timeout=5)
    assert read_fence(source).holds_for("abc")
    assert not read_fence(source).holds_for("xyz")


def test_a_table_made_or_rebuilt_behind_the_fence_is_seen(source: Path) -> None:
    before = raise_fence(source, "abc", timeout=5)
    with closing(sqlite3.connect(source)) as application:
        application.executescript(
            "PRAGMA legacy_alter_table = ON;"
            "CREATE TABLE temporary_users (id INTEGER PRIMARY KEY, email TEXT);"
            "INSERT INTO temporary_users SELECT * FROM users;"
            "DROP TABLE users; ALTER TABLE temporary_users RENAME TO users;"
        )
    after = read_fence(source)
    assert after.unfenced == {"users"}
    assert not after.holds_for("abc")
    assert after.schema_version != before.schema_version


def test_a_running_transaction_is_waited_for_and_keeps_its_write(source: Path) -> None:
    application = sqlite3.connect(source, isolation_level=None, check_same_thread=False)
    with closing(application):
        application.execute("BEGIN IMMEDIATE")
        application.execute("INSERT INTO users VALUES (2, 'late@example.com')")
        timer = threading.Timer(0.6, application.execute, ["COMMIT"])
        timer.start()
        raise_fence(source, "abc", timeout=10)
        timer.join()
        assert application.execute("SELECT count(*) FROM users").fetchone() == (2,)


def test_a_file_that_stays_locked_is_given_up_and_left_as_it_was(source: Path) -> None:
    with closing(sqlite3.connect(source, isolation_level=None)) as application:
        application.execute("BEGIN IMMEDIATE")
        with pytest.raises(FenceError, match="cannot change the fence") as caught:
            raise_fence(source, "abc", timeout=0.3)
        assert "locked" in caught.value.why
        application.execute("ROLLBACK")
    assert not read_fence(source).present


def test_triggers_of_the_application_stay_when_the_fence_is_lifted(source: Path) -> None:
    raise_fence(source, "abc", timeout=5)
    lift_fence(source, "abc", timeout=5)
    with closing(sqlite3.connect(source)) as application:
        names = {
            name for (name,) in application.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        }
    assert names == {"own", "through_view"}
    assert not any(name.startswith(FENCE_PREFIX) for name in names)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("nothing here " * 100)
    with pytest.raises(FenceError, match=r"text\.db"):
        read_fence(path)
    with pytest.raises(FenceError, match=r"text\.db"):
        raise_fence(path, "abc", timeout=1)
