"""Opens the monitor's store: one writer, checked at the start, a damaged one set aside and begun again."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import TextIOWrapper

_LOG: Final = logging.getLogger("outgrow.monitor")

#: Stands for a store that lives as long as the process.
IN_MEMORY: Final = ":memory:"
#: Marks the file as ours ("OGRW"), so that no other program's database is ever taken for a store.
APPLICATION_ID: Final = 0x4F475257
_VERSION: Final = 1
#: How many damaged stores are kept aside.
_KEPT_ASIDE: Final = 3
_PAGE: Final = 4096
#: The file never grows beyond this, whatever happens; all tiers of all series full take about a third.
MAX_BYTES: Final = 128 * 1024 * 1024

_SCHEMA: Final = """
create table if not exists series (id integer primary key, name text not null unique);
create table if not exists points (
  series integer not null references series,
  step integer not null,
  slot integer not null,
  n integer not null,
  total real not null,
  low real not null,
  high real not null,
  primary key (series, step, slot)
) without rowid;
create table if not exists memory (key text primary key, value text not null, at real not null) without rowid;
create table if not exists transitions (
  id integer primary key, at real not null, kind text not null, before text not null, after text not null,
  reason text not null
);
"""


class StoreInUse(MonitorError):
    """Another monitor writes to the store: it has one writer."""


class NotAStore(MonitorError, UsageError):
    """The file is something else, most likely a database of the application, and is left alone."""


class CannotOpenStore(MonitorError):
    """The store cannot be made or opened where it was asked for."""


class NoStore(MonitorError, UsageError):
    """There is no store to read."""


@dataclass(frozen=True)
class Opened:
    """An open store.

    Args:
        connection: may be used by any thread, by one at a time.
        path: its file; None in memory.
        set_aside: where a damaged predecessor was moved; None if there was none.
        lock: held as long as it is open.
    """

    connection: sqlite3.Connection
    path: Path | None
    set_aside: Path | None = None
    lock: TextIOWrapper | None = None

    def close(self) -> None:
        """Close it and let another writer in."""
        self.connection.close()
        if self.lock is not None:
            self.lock.close()


def open_store(path: Path | None) -> Opened:
    """Open the store for writing, make it if there is none.

    Args:
        path: its file; None for one that lives in memory.

    Raises:
        StoreInUse: another monitor writes to it.
        NotAStore: the file is something else.
        CannotOpenStore: the folder cannot be written to.
    """
    if path is None:
        return Opened(_prepare(sqlite3.connect(IN_MEMORY, check_same_thread=False)), None)
    path = path.absolute()
    known = _lock_path(path).exists()
    lock = _lock(path)
    try:
        try:
            return Opened(_open_checked(path), path, lock=lock)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise _cannot(path, error) from None
            if not known:
                # Without the lock file beside it nothing says that this was ever a store: an encrypted
                # database of the application looks exactly like this.
                raise NotAStore(
                    f"{path} is not a store of the monitor",
                    why="it is no SQLite database that can be read, and no monitor has used it before",
                    next_step="name another file with --store FILE, or move this one away",
                ) from None
            aside = set_aside(path)
            _LOG.warning("the store was damaged (%s); it is kept as %s and begun again", error, aside)
            return Opened(_open_checked(path), path, aside, lock)
    except BaseException:
        lock.close()
        raise


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store that a monitor may be writing to, for reading only.

    Raises:
        NoStore: there is none.
        NotAStore: the file is something else.
    """
    if not path.is_file():
        raise NoStore(
            f"there is no store at {path}",
            next_step="make one with: outgrow monitor serve --database FILE --store FILE",
        )
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        _refuse_others(connection, path)
        yield connection
    except sqlite3.DatabaseError as error:
        raise NotAStore(f"{path} cannot be read as a store", why=str(error)) from None
    finally:
        connection.close()


def set_aside(path: Path) -> Path:
    """Move a damaged store away, with its log files, and forget the oldest of many; it is closed."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = Path(f"{path}{suffix}")
        if beside.exists():
            beside.rename(Path(f"{aside}{suffix}"))
    kept = sorted(
        (
            old
            for old in path.parent.glob(f"{path.name}.damaged-*")
            if not old.name.endswith(("-wal", "-shm"))
        ),
        key=lambda old: old.stat().st_mtime,
    )
    for old in kept[:-_KEPT_ASIDE]:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{old}{suffix}").unlink(missing_ok=True)
    return aside


def _open_checked(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
    try:
        _refuse_others(connection, path)
        _check(connection)
        return _prepare(connection)
    except BaseException:
        connection.close()
        raise


def _check(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("pragma integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _refuse_others(connection: sqlite3.Connection, path: Path) -> None:
    """Leave every database alone that is not marked as ours, but an empty one."""
    marked = connection.execute("pragma application_id").fetchone()[0]
    tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    if marked != APPLICATION_ID and (tables or marked):
        raise NotAStore(
            f"{path} is not a store of the monitor",
            why="it is another program's database, which the monitor never writes to",
            next_step="name another file with --store FILE",
        )
    version = connection.execute("pragma user_version").fetchone()[0]
    if version > _VERSION:
        raise NotAStore(
            f"{path} was written by a newer version",
            why=f"its format is {version}, this version knows {_VERSION}",
            next_step="update Outgrow, or name another file with --store FILE",
        )


def _prepare(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.isolation_level = None
    connection.execute(f"pragma page_size = {_PAGE}")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma journal_size_limit = 4194304")
    page = connection.execute("pragma page_size").fetchone()[0]
    connection.execute(f"pragma max_page_count = {MAX_BYTES // page}")
    connection.execute("begin immediate")
    for statement in _SCHEMA.split(";\n"):
        connection.execute(statement)
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute(f"pragma user_version = {_VERSION}")
    connection.execute("commit")
    return connection


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _lock(path: Path) -> TextIOWrapper:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _lock_path(path).open("a+", encoding="utf-8")
    except OSError as error:
        raise _cannot(path, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise StoreInUse(
            f"the store {path} is in use",
            why=f"another monitor writes to it{f' (process {holder})' if holder else ''}",
            next_step="stop that one, or give this one a store of its own with --store FILE",
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _cannot(path: Path, error: Exception) -> CannotOpenStore:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return CannotOpenStore(
        f"the store {path} cannot be opened",
        why=why,
        next_step="name a file in a folder that can be written to with --store FILE",
    )
