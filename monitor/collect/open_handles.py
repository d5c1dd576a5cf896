"""Which processes have the database open, with how many descriptors, and what memory they use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Opener:
    """A process that has the database open.

    Args:
        process: its id.
        name: the program's name; its arguments, which may hold secrets, are never read.
        handles: descriptors on the database and its -wal and -shm files; a connection in WAL mode has three.
        memory_bytes: the memory it occupies (resident).
        cpu_s: CPU seconds it has used.
    """

    process: int
    name: str
    handles: int
    memory_bytes: int
    cpu_s: float


@dataclass(frozen=True)
class OpenHandles:
    """Who has the database open.

    Args:
        openers: those that could be seen, the one with the most descriptors first.
        hidden: processes of other users, whose descriptors could not be listed.
    """

    openers: tuple[Opener, ...]
    hidden: int


def read_open_handles(path: Path, own: int | None = None) -> OpenHandles:
    """Look through the descriptors of all processes this user may see: some milliseconds.

    Args:
        path: the main file, links resolved.
        own: the monitor's own process, left out.
    """
    names = {f"{path}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")}
    found, hidden = [], 0
    for process in psutil.process_iter():
        if process.pid == own:
            continue
        try:
            handles = sum(opened.path in names for opened in process.open_files())
            if handles:
                with process.oneshot():
                    times = process.cpu_times()
                    memory = process.memory_info().rss
                    found.append(
                        Opener(process.pid, process.name(), handles, memory, times.user + times.system)
                    )
        except psutil.AccessDenied:
            hidden += 1
        except psutil.NoSuchProcess:  # it ended meanwhile
            continue
    return OpenHandles(tuple(sorted(found, key=lambda one: (-one.handles, one.process))), hidden)


def name_of(process: int) -> str | None:
    """Return the name of a process; None if it has ended or cannot be seen from here."""
    if process <= 0:
        return None
    try:
        return psutil.Process(process).name()
    except psutil.Error:
        return None
