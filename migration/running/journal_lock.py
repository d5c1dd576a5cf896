"""One run at a time for each journal: a lock that the kernel takes away from a process however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from typing import TYPE_CHECKING

from migration.errors import AlreadyRunningError, JournalRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(journal: Path) -> Iterator[None]:
    """Hold `<journal>.lock` while the block runs; the file names its owner and is removed at the end.

    A lock left behind by a killed process binds nobody: only a living process holds it.

    Raises:
        AlreadyRunningError: another process holds it; names its pid and host.
        JournalRefusedError: the folder cannot be written.
    """
    path = journal.with_name(journal.name + ".lock")
    descriptor = _take(path, journal)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # still held: whoever waits for this file finds it gone and starts over
        os.close(descriptor)


def _take(path: Path, journal: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalRefusedError(
                f"no journal can be kept at {journal}",
                why=str(error.strerror),
                next_step="name a place that can be written: --journal FILE",
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(descriptor)
            os.close(descriptor)
            raise AlreadyRunningError(
                f"another process works with the journal {journal}",
                why=f"it is {owner}",
                next_step="wait for it to end, or end it; the same command then continues its work",
            ) from None
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # its owner has removed the file between our two calls


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _owner(descriptor: int) -> str:
    try:
        owner = json.loads(os.pread(descriptor, 1000, 0))
        return f"process {owner['pid']} on {owner['host']}"
    except (ValueError, KeyError, TypeError):
        return "a process that is just starting"
