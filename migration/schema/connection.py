"""Connections that only read a SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from migration.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class UnreadableSource(MigrationError):
    """The SQLite file cannot be opened or read."""


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open the file without the right to write; transactions are begun explicitly.

    A file in WAL mode without its side files, in a folder that cannot be written, can only be opened as
    immutable: without a WAL nothing outside the file can be newer than the file.

    Raises:
        UnreadableSource: the file cannot be opened, or is not a SQLite database.
    """
    location = f"file:{quote(str(path.absolute()))}?mode=ro"
    wal = path.with_name(path.name + "-wal")
    try:
        try:
            return _open(location)
        except sqlite3.OperationalError:
            if not path.is_file() or (wal.exists() and wal.stat().st_size > 0):
                raise
            return _open(location + "&immutable=1")
    except sqlite3.Error as error:
        raise UnreadableSource(
            f"cannot read {path}",
            why=str(error),
            next_step="check the path, and that the file is a SQLite database you may read",
        ) from error


def _open(location: str) -> sqlite3.Connection:
    connection = sqlite3.connect(location, uri=True, isolation_level=None, timeout=10)
    try:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def reading(path: Path, connection: sqlite3.Connection | None) -> Iterator[sqlite3.Connection]:
    """The given connection, left as it is afterwards; without one, a connection of its own with one read
    transaction.
    """
    if connection is not None:
        before = connection.text_factory
        try:
            yield connection
        finally:
            connection.text_factory = before
        return
    own = connect_readonly(path)
    try:
        own.execute("BEGIN")
        yield own
    except sqlite3.DatabaseError as error:
        raise UnreadableSource(
            f"cannot read {path}",
            why=str(error),
            next_step=f"check the file: sqlite3 {path} 'PRAGMA integrity_check'",
        ) from error
    finally:
        own.close()
