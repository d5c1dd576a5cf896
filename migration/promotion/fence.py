"""The fence: triggers that end all writing to a SQLite file, also by connections that are already open.

It is durable (part of the file), installed in one transaction, and names the promotion that put it there, so
that no promotion mistakes another's fence for its own. It stands on the ordinary tables, which are those that
move. Virtual tables take no triggers, and a trigger that fails on one of their shadow tables makes some
SQLite versions crash the application (3.40 with FTS5), so these stay open: they do not move, and every plan
names them as left. DDL is not stopped by triggers; `read_fence` sees it, because a table without its triggers
or a changed schema version means that the fence does not hold.
"""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from migration.promotion.errors import FenceError
from migration.schema.shadow import shadow_tables
from migration.schema.source import FENCE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: What a writer is told. SQLite drivers raise it as a constraint error.
MOVED = "this database has moved to PostgreSQL"

_OPERATIONS = ("insert", "update", "delete")
_OWNER = re.compile(r"/\* outgrow promotion (\w+) \*/")
#: How long one attempt waits for the application's transaction before it steps back (seconds).
_ATTEMPT = 0.25


@dataclass(frozen=True)
class Fence:
    """What stands in a file: whose fence, which tables it covers and which it leaves open.

    `owners` are the promotions whose triggers were found (none: not fenced). `schema_version` is SQLite's
    counter of schema changes.
    """

    owners: frozenset[str]
    fenced: frozenset[str]
    unfenced: frozenset[str]
    schema_version: int

    @property
    def present(self) -> bool:
        return bool(self.owners)

    def holds_for(self, promotion: str) -> bool:
        """Whether every table is closed, and all by this promotion."""
        return self.owners == {promotion} and not self.unfenced


def read_fence(path: Path) -> Fence:
    """Read what stands in the file, without writing to it.

    Raises:
        FenceError: the file cannot be read.
    """
    try:
        with closing(_connect(path, "ro")) as connection:
            connection.execute("BEGIN")
            return _read(connection)
    except sqlite3.Error as error:
        raise FenceError(f"cannot read the fence of {path}", why=str(error)) from error


def raise_fence(
    path: Path, promotion: str, *, timeout: float, pause: Callable[[float], None] = time.sleep
) -> Fence:
    """Close every table of the file for writing; does nothing where this promotion's fence already stands.

    Args:
        path: the SQLite file.
        promotion: the id of the promotion that fences.
        timeout: how long (seconds) to wait for the application's running transactions.
        pause: waits between two attempts.

    Raises:
        FenceError: another promotion's fence stands there, or the file stayed locked or cannot be written.
    """

    def install(connection: sqlite3.Connection) -> Fence:
        found = _read(connection)
        _refuse_others(path, found, promotion)
        for table in sorted(found.unfenced):
            for operation in _OPERATIONS:
                connection.execute(_trigger(table, operation, promotion))
        return _read(connection)

    fence = _in_one_transaction(path, install, timeout, pause)
    _fold_log(path)
    return fence


def lift_fence(
    path: Path, promotion: str, *, timeout: float, pause: Callable[[float], None] = time.sleep
) -> Fence:
    """Remove exactly the triggers of this promotion's fence; does nothing where none stands.

    Raises:
        FenceError: another promotion's fence stands there, or the file stayed locked or cannot be written.
    """

    def remove(connection: sqlite3.Connection) -> Fence:
        _refuse_others(path, _read(connection), promotion)
        for name, _, _ in _triggers(connection):
            connection.execute(f"DROP TRIGGER {_quote(name)}")
        return _read(connection)

    return _in_one_transaction(path, remove, timeout, pause)


def _in_one_transaction(
    path: Path, work: Callable[[sqlite3.Connection], Fence], timeout: float, pause: Callable[[float], None]
) -> Fence:
    deadline = time.monotonic() + timeout
    while True:
        try:
            with closing(_connect(path, "rw")) as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    result = work(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
                return result
        except sqlite3.Error as error:
            if not _is_busy(error):
                raise FenceError(f"cannot change the fence of {path}", why=str(error)) from error
            if time.monotonic() >= deadline:
                raise FenceError(
                    f"cannot change the fence of {path}",
                    why=f"another process kept the file locked for {timeout:g} s ({error})",
                    next_step="stop the application or end its long transaction, then try again",
                ) from error
        pause(0.01)


def _fold_log(path: Path) -> None:
    """Move what a write-ahead log holds into the file: closing connections changes no byte of it any more.

    A reader may hold the log open; then it stays, and nothing is wrong.
    """
    try:
        with closing(_connect(path, "rw")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        if not _is_busy(error):
            raise FenceError(f"cannot fold the write-ahead log of {path}", why=str(error)) from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, isolation_level=None, timeout=_ATTEMPT
    )
    try:
        # The fence must be on the disk before anything relies on it, whatever the file's own setting is.
        connection.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _read(connection: sqlite3.Connection) -> Fence:
    tables = _ordinary_tables(connection)
    covered: dict[str, set[str]] = {}
    owners: set[str] = set()
    for name, table, sql in _triggers(connection):
        owner = _OWNER.search(sql)
        owners.add(owner.group(1) if owner else "unknown")
        covered.setdefault(table, set()).add(name.removeprefix(FENCE_PREFIX).partition("_")[0])
    fenced = frozenset(table for table in tables if covered.get(table, set()) == set(_OPERATIONS))
    version = connection.execute("PRAGMA schema_version").fetchone()[0]
    return Fence(frozenset(owners), fenced, frozenset(tables - fenced), version)


def _ordinary_tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name, sql, rootpage FROM sqlite_master WHERE type = 'table'").fetchall()
    virtual = {name: sql for name, sql, rootpage in rows if not rootpage}
    names = {name for name, _, rootpage in rows if rootpage and not name.startswith("sqlite_")}
    return names - shadow_tables(virtual, names).keys()


def _triggers(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return connection.execute(
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, ?) = ?",
        (len(FENCE_PREFIX), FENCE_PREFIX),
    ).fetchall()


def _trigger(table: str, operation: str, promotion: str) -> str:
    name = _quote(f"{FENCE_PREFIX}{operation}_{table}")
    return (
        f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {operation.upper()} ON {_quote(table)} "
        f"BEGIN /* outgrow promotion {promotion} */ SELECT RAISE(ABORT, '{MOVED}'); END"
    )


def _refuse_others(path: Path, found: Fence, promotion: str) -> None:
    others = found.owners - {promotion}
    if others:
        raise FenceError(
            f"{path} is fenced by another promotion",
            why=f"its triggers belong to promotion {', '.join(sorted(others))}, not to {promotion}",
            next_step="finish or abort that one with its own journal: outgrow promote status --journal FILE",
        )


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
