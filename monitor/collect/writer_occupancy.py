"""How much of the time somebody writes: SQLite lets one connection write at a time, so this is its limit.

A thread asks the kernel, at random moments, who holds the lock that a writer holds: byte 120 of the -shm file
in WAL mode, the RESERVED byte of the main file in the others. The share of moments in which it is held is the
writer's occupancy; 3,000 moments in a minute are exact to about one percent. Asking takes no lock.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.collect import file_locks
from monitor.collect.sqlite_format import (
    CHANGE_COUNTER_AT,
    RESERVED_BYTE,
    WAL_INDEX_COMMITS_AT,
    WRITER_BYTE,
)
from monitor.collect.sqlite_place import leads_to, open_regular

if TYPE_CHECKING:
    from collections.abc import Callable

#: Moments a second while somebody has the database open. Random ones: a writer that writes every 20 ms would
#: be met always or never by a regular look.
_PER_SECOND: Final = 50
#: How often it is checked that the paths still lead to the open files.
_CHECK_S: Final = 0.5
#: Below so many moments a share says little.
_ENOUGH: Final = 50


@dataclass(frozen=True)
class Occupancy:
    """The writer's lock over some seconds.

    Args:
        ratio: share of the time it was held, 0 to 1.
        samples: the moments that rests on.
        process: who held it most often; None if nobody, 0 if it cannot be told (another PID namespace).
        longest_s: the longest single transaction seen holding it; a lower bound.
    """

    ratio: float
    samples: int
    process: int | None
    longest_s: float


@dataclass
class _Second:
    """What was seen in one second."""

    at: float
    samples: int = 0
    held: int = 0
    longest_s: float = 0.0
    holders: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Hold:
    """One transaction seen holding the lock: since when, who, and the commits counted before it."""

    since: float
    process: int
    commits: bytes


class WriterWatch:
    """Watches the writer's lock of one database.

    Args:
        path: the main file, links resolved.
        window_s: over how many seconds the share is taken.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self, path: Path, window_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._files = {"shm": Path(f"{path}-shm"), "main": path}
        self._window_s = window_s
        self._clock = clock
        self._open: dict[str, int] = {}
        self._checked: float | None = None
        self._seconds: deque[_Second] = deque()
        self._hold: _Hold | None = None
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        #: Why there is nothing to tell; empty while there is.
        self.problem = "" if file_locks.SUPPORTED else file_locks.UNSUPPORTED

    def start(self) -> None:
        """Sample in a thread, until closed."""
        if self._thread is None and file_locks.SUPPORTED:
            self._thread = threading.Thread(target=self._run, name="outgrow-writer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread and close the files."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2)
        self._drop()

    def sample(self) -> None:
        """Ask once, now."""
        now = self._clock()
        try:
            self._keep_open(now)
            process, commits = self._ask()
        except OSError as error:
            self.problem = f"locks cannot be read: {error.strerror}"
            return
        self.problem = ""
        self._count(now, process, commits)

    def seen(self) -> Occupancy | None:
        """Return the occupancy over the window; None while too little was seen, or nothing can be."""
        with self._guard:
            self._forget(self._clock())
            samples = sum(second.samples for second in self._seconds)
            held = sum(second.held for second in self._seconds)
            holders: Counter[int] = Counter()
            for second in self._seconds:
                holders.update(second.holders)
            longest = max((second.longest_s for second in self._seconds), default=0.0)
        if self.problem or samples < _ENOUGH:
            return None
        most = holders.most_common(1)
        return Occupancy(held / samples, samples, most[0][0] if most else None, longest)

    def _run(self) -> None:
        while not self._stop.wait(random.expovariate(_PER_SECOND)):  # moments, not secrets
            self.sample()

    def _count(self, now: float, process: int | None, commits: bytes) -> None:
        hold = self._hold
        if process is None:
            self._hold = None
        elif hold is None or (hold.process, hold.commits) != (process, commits):
            self._hold = _Hold(now, process, commits)
        with self._guard:
            if not self._seconds or now - self._seconds[-1].at >= 1:
                self._forget(now)
                self._seconds.append(_Second(now))
            second = self._seconds[-1]
            second.samples += 1
            if process is not None and self._hold is not None:
                second.held += 1
                second.holders[process] += 1
                second.longest_s = max(second.longest_s, now - self._hold.since)

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0].at < now - self._window_s:
            self._seconds.popleft()

    def _ask(self) -> tuple[int | None, bytes]:
        """Return who holds the lock, and the counter of commits, which tells transactions apart."""
        if (shm := self._open.get("shm")) is not None:
            process = file_locks.holder(shm, WRITER_BYTE)
            return process, b"" if process is None else os.pread(shm, 4, WAL_INDEX_COMMITS_AT)
        if (main := self._open.get("main")) is not None:
            process = file_locks.holder(main, RESERVED_BYTE)
            return process, b"" if process is None else os.pread(main, 4, CHANGE_COUNTER_AT)
        return None, b""

    def _keep_open(self, now: float) -> None:
        """Open the files; open them again when the paths lead to others."""
        if self._checked is not None and now - self._checked < _CHECK_S:
            return
        self._checked = now
        for name, path in self._files.items():
            held = self._open.get(name)
            if held is not None and not leads_to(path, held):
                os.close(self._open.pop(name))
            if name not in self._open:
                with contextlib.suppress(FileNotFoundError):
                    self._open[name] = open_regular(path)

    def _drop(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
