"""Opening the source read-only, and holding one state of it for all reads.

Nothing here ever writes to the file: connections are `mode=ro` with `query_only`.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from migration.errors import SourceBusyError, SourceRefusedError
from migration.source.damage import damaged
from migration.source.header import read_header, write_ahead_log

if TYPE_CHECKING:
    from pathlib import Path

#: How long an opened source waits for another program's lock, in seconds.
LOCK_WAIT_S = 10.0


def open_source(path: Path) -> sqlite3.Connection:
    """Open the file read-only: autocommit, text as bytes, collations of the application's own replaced.

    A WAL database in a read-only folder needs `immutable`, which is sound only where its log is empty.

    Raises:
        SourceRefusedError: SQLite cannot read it, or its log cannot be read where it lies.
        SourceBusyError: it stays locked.
    """
    real = path.resolve()
    try:
        return opened(real, "mode=ro")
    except sqlite3.Error as error:
        if not _needs_writable_folder(real, error):
            raise refusal(real, error) from error
    log = write_ahead_log(real)
    if log.exists() and log.stat().st_size > 0:
        raise SourceRefusedError(
            f"{real} cannot be read where it lies",
            why="its write-ahead log holds transactions, which SQLite can read only in a folder it can write",
            next_step=f"copy {real.name} and {log.name} together into another folder, and use that copy",
        )
    try:
        return opened(real, "mode=ro&immutable=1")
    except sqlite3.Error as error:
        raise refusal(real, error) from error


def is_immutable(connection: sqlite3.Connection) -> bool:
    """Whether the connection was opened as immutable, so that SQLite itself would not notice a change."""
    return bool(getattr(connection, "immutable", False))


class _Connection(sqlite3.Connection):
    """A connection that remembers how it was opened, and whose errors can be read."""

    immutable = False

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """SQLite quotes the file in its messages, and a damaged file may hold bytes that are no text."""
        try:
            return super().execute(*arguments)
        except UnicodeDecodeError as error:
            said = sqlite3.DatabaseError(bytes(error.object).decode("utf-8", "replace"))
            said.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise said from None


def opened(path: Path, query: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{query}",
        uri=True,
        timeout=LOCK_WAIT_S,
        isolation_level=None,
        check_same_thread=False,
        factory=_Connection,
    )
    connection.immutable = "immutable" in query
    connection.text_factory = bytes
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        _register_unknown_collations(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _register_unknown_collations(connection: sqlite3.Connection) -> None:
    """Give every collation that only the application defines a bytewise stand-in.

    Reading never orders or looks up by such a column, but without a stand-in SQLite refuses to scan some
    tables.
    """
    rows = connection.execute(
        "SELECT DISTINCT x.coll"
        " FROM sqlite_schema AS t, pragma_index_list(t.name) AS l, pragma_index_xinfo(l.name) AS x"
        " WHERE t.type = 'table' AND x.coll IS NOT NULL"
    ).fetchall()
    for (raw,) in rows:
        name = raw.decode("utf-8", "surrogateescape")
        if name.upper() not in {"BINARY", "NOCASE", "RTRIM"}:
            connection.create_collation(name, lambda left, right: (left > right) - (left < right))


def _needs_writable_folder(path: Path, error: sqlite3.Error) -> bool:
    codes = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
    return error.sqlite_errorcode & 0xFF in codes and read_header(path).write_ahead


def refusal(path: Path, error: sqlite3.Error) -> SourceRefusedError | SourceBusyError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return SourceBusyError(
            f"{path} stayed locked for {LOCK_WAIT_S:.0f} seconds",
            why="another program is writing to it, or holds it in exclusive mode",
            next_step="stop the application for the migration, then run the same command again",
        )
    if code == sqlite3.SQLITE_NOTADB:
        return SourceRefusedError(
            f"{path} is encrypted or damaged",
            why=f"it begins like a SQLite database, but SQLite says: {error}",
            next_step="decrypt it into a plain file first, or restore a backup",
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return damaged(path, [str(error)], [])
    return SourceRefusedError(
        f"{path} cannot be opened by SQLite {sqlite3.sqlite_version}",
        why=str(error),
        next_step=f"look at it with: sqlite3 '{path}' 'PRAGMA quick_check'",
    )
