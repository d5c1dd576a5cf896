"""Where a SQLite database lies: what can be watched, and whether a path still leads to the same file."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from monitor.collect.filesystem import network_filesystem
from monitor.collect.sqlite_format import MAGIC
from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


class NotADatabase(MonitorError, UsageError):
    """The file cannot be watched as a SQLite database."""


class InMemory(NotADatabase):
    """A database without a file is its connection's own."""


class OnNetwork(NotADatabase):
    """The file lies on a network file system."""


def is_in_memory(target: str) -> bool:
    """Say whether SQLite would keep a database of this name in memory (https://sqlite.org/inmemorydb.html)."""
    return target == ":memory:" or (
        target.startswith("file:") and (target.startswith("file::memory:") or "mode=memory" in target)
    )


def check_place(path: Path) -> Path:
    """Return the file to watch, links resolved, because SQLite names its other files after the target.

    Args:
        path: as the user gave it.

    Raises:
        InMemory: it names no file.
        OnNetwork: other machines may have it open.
        NotADatabase: it is missing, empty, not readable, no file, or not SQLite (an encrypted one looks so
            too).
    """
    if is_in_memory(str(path)):
        raise InMemory(
            f"{path} cannot be watched",
            why="a database in memory can be seen by its own connection only",
            next_step="let the application use a file, then give that file",
        )
    resolved = path.resolve()
    start = _start_of(path, resolved)
    kind = network_filesystem(resolved)
    if kind is not None:
        raise OnNetwork(
            f"{path} lies on a network file system ({kind})",
            why="locks and the -shm file are not shared between machines there, so SQLite itself is not safe "
            "and nothing read here could be trusted",
            next_step="move the database to a local disk, and run the monitor on the same machine",
        )
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


def open_regular(path: Path) -> int:
    """Open a file for reading, never waiting for the other end of a pipe.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not a regular file")
    return descriptor


def leads_to(path: Path, descriptor: int) -> bool:
    """Say whether a path still leads to the open file, whose inode number no other can get meanwhile."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _start_of(path: Path, resolved: Path) -> bytes:
    try:
        descriptor = open_regular(resolved)
    except FileNotFoundError:
        raise NotADatabase(
            f"{path} does not exist",
            why="there is no such file",
            next_step="give the database file the application writes to, after its first start",
        ) from None
    except OSError as error:
        raise NotADatabase(f"{path} cannot be read", why=error.strerror or str(error)) from None
    try:
        return os.read(descriptor, len(MAGIC))
    finally:
        os.close(descriptor)
