"""The lease on a journal: one process at a time carries out its promotion.

The holder is known by host, process number and that process's start time, so a number that was given to
another process after a crash is not mistaken for the holder.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import psutil

#: Start times of one process, read twice, may differ by the clock's resolution (seconds).
_START_TOLERANCE = 0.5


@dataclass(frozen=True)
class Holder:
    """A process: where it runs, its number, and when it started (seconds since the epoch)."""

    host: str
    pid: int
    started: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Holder:
    """The process that asks."""
    return Holder(socket.gethostname(), os.getpid(), psutil.Process().create_time())


def is_alive(holder: Holder) -> bool:
    """Whether the holder still runs; one on another host cannot be seen from here and counts as alive."""
    if holder.host != socket.gethostname():
        return True
    try:
        process = psutil.Process(holder.pid)
        started = process.create_time()
        stopped = process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    return abs(started - holder.started) < _START_TOLERANCE and not stopped
