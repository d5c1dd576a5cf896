"""The journal's file: its tables, its marks, and how it is opened so that a commit is on the disk."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from migration.promotion.audit import GENESIS
from migration.promotion.errors import NoPromotionError

if TYPE_CHECKING:
    from pathlib import Path

#: "Outg" in ASCII: tells this file from any other SQLite file (PRAGMA application_id).
_APPLICATION_ID = 0x4F757467
_VERSION = 1

_SCHEMA = """
CREATE TABLE promotion (
  id TEXT PRIMARY KEY,
  plan_hash TEXT NOT NULL,
  plan TEXT NOT NULL,
  source TEXT NOT NULL,
  target TEXT NOT NULL,
  runner TEXT NOT NULL,
  options TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);

CREATE TABLE step (
  promotion TEXT NOT NULL REFERENCES promotion (id),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  intent TEXT NOT NULL DEFAULT '{}',
  outcome TEXT NOT NULL DEFAULT '{}',
  error TEXT NOT NULL DEFAULT '',
  started_at TEXT NOT NULL DEFAULT '',
  ended_at TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (promotion, name)
);

CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  promotion TEXT NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  why TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL
);

CREATE TABLE audit_head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  hash TEXT NOT NULL
);

CREATE TABLE lease (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started REAL NOT NULL,
  acquired_at TEXT NOT NULL
);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
"""


def make(path: Path) -> sqlite3.Connection:
    """Open the journal at `path`, making it where there is none.

    Raises:
        NoPromotionError: the path cannot be written, or holds something else.
    """
    if path.exists() and path.stat().st_size > 0:
        return reopen(path)
    connection = _connect(path, "rwc")
    try:
        connection.execute("BEGIN IMMEDIATE")
        if not _marked(connection):  # two processes may arrive here together; the second finds it made
            for statement in _statements(_SCHEMA):
                connection.execute(statement)
            connection.execute("INSERT INTO audit_head VALUES (1, ?)", (GENESIS,))
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        connection.close()
        raise NoPromotionError(f"cannot make the journal {path}", why=str(error)) from error
    return connection


def reopen(path: Path) -> sqlite3.Connection:
    """Open a journal that exists.

    Raises:
        NoPromotionError: there is none at `path`, or the file is something else.
    """
    if not path.exists():
        raise NoPromotionError(
            f"there is no promotion journal at {path}",
            next_step="start one with outgrow promote --to PHASE, or name the journal with --journal FILE",
        )
    connection = _connect(path, "rw")
    try:
        marked = _marked(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _no_journal(path, str(error)) from error
    if not marked:
        connection.close()
        raise _no_journal(path, "it is another SQLite database")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, isolation_level=None, timeout=10
        )
    except sqlite3.Error as error:
        raise NoPromotionError(
            f"cannot open the journal {path}",
            why=str(error),
            next_step="name a file in a folder that can be written",
        ) from error
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        connection.close()
        raise _no_journal(path, str(error)) from error
    return connection


def _no_journal(path: Path, why: str) -> NoPromotionError:
    return NoPromotionError(
        f"{path} is not a promotion journal", why=why, next_step="name another file with --journal FILE"
    )


def _marked(connection: sqlite3.Connection) -> bool:
    marks = [
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    ]
    return marks == [_APPLICATION_ID, _VERSION]


def _statements(script: str) -> list[str]:
    found: list[str] = []
    pending = ""
    for line in script.splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    return found
