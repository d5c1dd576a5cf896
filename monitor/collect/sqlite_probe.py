"""Looks at a SQLite database from outside: size, journal mode, committed write transactions.

It reads a few bytes of the files and runs no SQL, so it takes no lock, holds up no checkpoint and cannot make
the application wait. One rule is absolute: it must not run in a process that itself uses SQLite on the same
file. Closing any descriptor of a file drops all of a process's POSIX locks on it, SQLite's among them,
without a word.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from monitor.collect.commits import CommitCounter
from monitor.collect.reading import DatabaseReading
from monitor.collect.sqlite_format import (
    HEADER_BYTES,
    MAGIC,
    WAL_INDEX_BYTES,
    Header,
    WalIndex,
    parse_header,
    parse_wal_index,
)
from monitor.errors import MonitorError, UsageError

#: How often a wal-index header that is being written is read again.
_ATTEMPTS: Final = 5
_WRITES: Final = "writes_per_second"
_SIZE: Final = "database_size_bytes"


class NotADatabase(MonitorError, UsageError):
    """The file cannot be watched as a SQLite database."""


class SqliteProbe:
    """Watches one SQLite file.

    Args:
        path: the database file.

    Raises:
        NotADatabase: the file is missing, empty, not readable or not SQLite (an encrypted one looks so too).
    """

    def __init__(self, path: Path) -> None:
        self._path = _checked(path)
        self._shm_path = Path(f"{self._path}-shm")
        self._wal_path = Path(f"{self._path}-wal")
        self._main: int | None = None
        self._shm: int | None = None
        self._mode: str | None = None
        self._commits = CommitCounter()
        self._remade = 0
        self._lone_wal: tuple[int, int] | None = None
        self._exclusive = False

    def read(self) -> DatabaseReading:
        """Look once. Never raises: a file that is gone is a reading without values."""
        try:
            header = self._header()
            files = self._sizes()
        except OSError as error:
            return self._unknown(f"{self._path.name} cannot be read: {error.strerror}")
        if header is None:
            return self._unknown(f"{self._path.name} is not a SQLite database any more")
        self._change_mode(header.journal_mode)
        index, problem = None, ""
        if header.journal_mode == "wal":
            index, problem = self._count_wal()
        else:
            self._commits.see(header.change_counter, restarts=False)
        note = problem or self._inexact()
        return DatabaseReading(
            database="sqlite",
            name=self._path.name,
            size_bytes=float(files["main"] + files.get("wal", 0)),
            files=files,
            journal_mode=header.journal_mode,
            writes=None if problem else self._commits.total,
            details=_details(header, index),
            notes={_WRITES: note} if note else {},
        )

    def close(self) -> None:
        """Close the descriptors."""
        self._drop_shm()
        if self._main is not None:
            os.close(self._main)
            self._main = None

    # --- The main file ---

    def _header(self) -> Header | None:
        """Read the header, from another file if the path now leads to one."""
        if self._main is not None and not _same_file(self._main, self._path):
            self.close()
            self._commits.exchanged()
        if self._main is None:
            self._main = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return parse_header(os.pread(self._main, HEADER_BYTES, 0))

    def _sizes(self) -> dict[str, int]:
        sizes = {"main": self._path.stat().st_size}
        for name, path in (("wal", self._wal_path), ("shm", self._shm_path)):
            with contextlib.suppress(FileNotFoundError):
                sizes[name] = path.stat().st_size
        return sizes

    def _change_mode(self, mode: str) -> None:
        """Turn to the other counter when the application switches the journal mode."""
        if self._mode is not None and mode != self._mode:
            self._drop_shm()
            # The first -shm file after the switch counts from zero; the header's counter stands anywhere.
            if mode == "wal":
                self._commits.anew()
            else:
                self._commits.exchanged()
        self._mode = mode

    # --- The wal-index ---

    def _count_wal(self) -> tuple[WalIndex | None, str]:
        """Count what the wal-index shows; answer with it, or with why commits cannot be counted.

        SQLite makes the -shm file with the first connection and deletes it with the last. The deleted one is
        still held open here and shows what was committed until then; the next one counts from zero.
        """
        index = self._see_shm()
        if self._shm is not None and _same_file(self._shm, self._shm_path):
            return index, ""
        if self._shm is not None:
            self._drop_shm()
            self._remade += 1
            self._commits.anew()
        try:
            self._shm = os.open(self._shm_path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._commits.anew()
            return None, self._alone()
        except OSError as error:
            self._commits.exchanged()
            return None, f"the -shm file cannot be read: {error.strerror}"
        self._lone_wal, self._exclusive = None, False
        return self._see_shm(), ""

    def _see_shm(self) -> WalIndex | None:
        if self._shm is None:
            return None
        for _ in range(_ATTEMPTS):
            index = parse_wal_index(os.pread(self._shm, WAL_INDEX_BYTES, 0))
            if index is not None:
                self._commits.see(index.commits, restarts=True)
                return index
        return None

    def _alone(self) -> str:
        """Tell a database nobody has open from one locked exclusively: only the log of the latter changes."""
        try:
            found = self._wal_path.stat()
        except FileNotFoundError:
            self._lone_wal, self._exclusive = None, False
            return ""
        now = (found.st_size, found.st_mtime_ns)
        if self._lone_wal is not None and self._lone_wal != now:
            self._exclusive = True
        self._lone_wal = now
        return "the application locks the database exclusively" if self._exclusive else ""

    def _inexact(self) -> str:
        if self._remade == 0:
            return ""
        return f"a lower bound: the application closed its last connection {self._remade} times"

    def _drop_shm(self) -> None:
        if self._shm is not None:
            os.close(self._shm)
            self._shm = None

    def _unknown(self, why: str) -> DatabaseReading:
        return DatabaseReading("sqlite", self._path.name, notes={_WRITES: why, _SIZE: why})


def _details(header: Header, index: WalIndex | None) -> dict[str, float]:
    details = {"page_size_bytes": header.page_size, "free_pages": header.free_pages}
    if index is not None:
        details["wal_frames"] = index.frames
        details["checkpoint_backlog_frames"] = max(index.frames - index.backfilled, 0)
    return dict(details)


def _same_file(descriptor: int, path: Path) -> bool:
    """Say whether a path still leads to the open file, whose inode number no other can get meanwhile."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (found.st_ino, found.st_dev) == (held.st_ino, held.st_dev)


def _checked(path: Path) -> Path:
    """Refuse what cannot be watched; follow links, because SQLite names its other files after the target."""
    resolved = path.resolve()
    try:
        with resolved.open("rb") as file:
            start = file.read(len(MAGIC))
    except FileNotFoundError:
        raise NotADatabase(
            f"{path} does not exist",
            why="there is no such file",
            next_step="give the database file the application writes to, after its first start",
        ) from None
    except OSError as error:
        raise NotADatabase(f"{path} cannot be read", why=error.strerror or str(error)) from None
    if not start:
        raise NotADatabase(
            f"{path} is empty",
            why="the application has stored nothing in it yet",
            next_step="let the application create its tables, then try again",
        )
    if start != MAGIC:
        raise NotADatabase(
            f"{path} is not a SQLite database",
            why="it does not begin as one; an encrypted database does not either",
            next_step="give the database file itself",
        )
    return resolved
