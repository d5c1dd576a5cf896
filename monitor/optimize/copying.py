"""Takes a copy of a database in use by SQLite's backup interface, without getting in the application's way.

The file is opened read-only, and only by SQLite: a process that opened and closed it by other means would
drop its own locks on it. In WAL mode readers and writers do not meet. In a rollback mode a reader holds up
commits, so the copy is made in short steps with pauses; a write in between makes SQLite begin anew, and after
a while this gives up rather than hold a lock.
"""

from __future__ import annotations

import glob
import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from monitor.optimize.errors import BackupFailed, DatabaseBusy, NoRoom, NotOptimizable

if TYPE_CHECKING:
    from pathlib import Path

_STEP_PAGES: Final = 1024
_PAUSE_S: Final = 0.005
#: After so long of being overtaken by writers in a rollback mode, give up.
_PATIENCE_S: Final = 60.0
#: A half-made backup that nothing has written to for so long is nobody's.
_STALE_S: Final = 600.0
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def connect(path: Path, *, mode: str, wait_s: float = 5.0) -> sqlite3.Connection:
    """Open a SQLite file in autocommit mode.

    Args:
        path: the file; it must exist.
        mode: "ro" or "rw".
        wait_s: how long to wait for a lock.

    Raises:
        NotOptimizable: there is no such file, or it is no SQLite database.
        DatabaseBusy: it is locked for longer than that.
    """
    if not path.is_file():
        raise NotOptimizable(
            f"{path} does not exist" if not path.exists() else f"{path} is not a file",
            next_step="give the database file the application writes to",
        )
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=wait_s, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise refusal(path, error) from None
    return connection


def refusal(path: Path, error: sqlite3.Error) -> NotOptimizable | DatabaseBusy:
    """Say why SQLite does not let a file be read."""
    if is_busy(error):
        return DatabaseBusy(
            f"{path} is locked by another process",
            why=str(error),
            next_step="try again when its long transaction has ended; --wait SECONDS waits longer",
        )
    if _code(error) == sqlite3.SQLITE_READONLY:
        return NotOptimizable(
            f"{path} cannot be written to",
            why=str(error),
            next_step="run it as the user that the application runs as",
        )
    return NotOptimizable(
        f"{path} cannot be read as a SQLite database",
        why=str(error),
        next_step="give the database file itself; an encrypted one must be decrypted first",
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Say whether an error means that a lock is held elsewhere."""
    return _code(error) in _BUSY


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def copy(source: Path, target: Path, *, wait_s: float = 5.0, patience_s: float = _PATIENCE_S) -> None:
    """Write a copy of a database, as it is at one moment, to a new file.

    Raises:
        NotOptimizable: the source is no SQLite database.
        DatabaseBusy: it is locked, or written to all the time in a rollback mode.
        NoRoom: the disk is too small.
    """
    with closing(connect(source, mode="ro", wait_s=wait_s)) as reader:
        pages = int(reader.execute("PRAGMA page_count").fetchone()[0])
        needed = pages * int(reader.execute("PRAGMA page_size").fetchone()[0])
        _check_room(target, needed)
        wal = reader.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        try:
            with closing(sqlite3.connect(target)) as writer:
                _steps(reader, writer, patience_s, step=-1 if wal else _STEP_PAGES)
        except sqlite3.Error as error:
            target.unlink(missing_ok=True)
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise NoRoom(f"{target} cannot be written", why=str(error)) from None
            raise refusal(source, error) from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def _steps(reader: sqlite3.Connection, writer: sqlite3.Connection, patience_s: float, step: int) -> None:
    deadline = time.monotonic() + patience_s

    def told(_status: int, _remaining: int, _total: int) -> None:
        if time.monotonic() > deadline:
            raise DatabaseBusy(
                "the copy was overtaken by writes again and again",
                why=f"in a rollback journal mode it begins anew with each write; {patience_s:.0f} s passed",
                next_step="run it at a quieter hour, or on a backup of the file",
            )

    # In WAL mode one step, in one snapshot that writers do not notice; else short ones that let them in.
    reader.backup(writer, pages=step, progress=told, sleep=_PAUSE_S)


def _check_room(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < needed * 2:
        raise NoRoom(
            f"{target.parent} has no room for the copy",
            why=f"{free / 1e6:,.0f} MB are free; a copy with indexes takes up to {needed * 2 / 1e6:,.0f} MB",
            next_step="name a folder on a larger disk with --work DIR",
        )


def back_up(source: Path, *, wait_s: float) -> Path:
    """Write a verified backup beside a database: SRC.backup-DATE.

    It appears under its name only when it is complete, checked and on the disk.

    Raises:
        BackupFailed: the copy is damaged or differs.
        NotOptimizable, DatabaseBusy, NoRoom: as `copy`.
    """
    source = source.resolve()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    final = source.with_name(f"{source.name}.backup-{stamp}")
    number = 1
    while final.exists():
        number += 1
        final = source.with_name(f"{source.name}.backup-{stamp}-{number}")
    partial = final.with_name(final.name + ".partial")
    _remove_stale(source)
    copy(source, partial, wait_s=wait_s)
    try:
        _verify(source, partial)
        shutil.copymode(source, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(final)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return final


def _remove_stale(source: Path) -> None:
    """Remove what a killed run left half-made; nothing that another run may be writing now."""
    for left in source.parent.glob(f"{glob.escape(source.name)}.backup-*.partial*"):
        if time.time() - left.stat().st_mtime > _STALE_S:
            left.unlink(missing_ok=True)


def _verify(source: Path, backup: Path) -> None:
    """Check the backup's own soundness, and that it holds the source's schema."""
    with closing(sqlite3.connect(backup, isolation_level=None)) as copied:
        # The copy says WAL if the source does; beside a backup there shall be no -wal and -shm files.
        copied.execute("PRAGMA journal_mode=DELETE").fetchall()
        found = [row[0] for row in copied.execute("PRAGMA integrity_check(5)")]
        schema = copied.execute(_SCHEMA).fetchall()
    if found != ["ok"]:
        raise BackupFailed(
            f"{source} is damaged, and so is its backup",
            why="; ".join(found)[:500],
            next_step=f"sqlite3 {source} .recover | sqlite3 recovered.db",
        )
    with closing(connect(source, mode="ro")) as reader:
        if reader.execute(_SCHEMA).fetchall() != schema:
            raise BackupFailed(
                f"the backup of {source} has another schema than the file",
                why="the application changed it meanwhile",
                next_step="run it again",
            )


_SCHEMA: Final = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
