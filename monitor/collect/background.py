"""Reads what is slow in a thread of its own, so that no look at anything else waits for it."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG: Final = logging.getLogger("outgrow.monitor")
#: A source that takes long is asked less often: it is busy for at most a tenth of the time.
_REST: Final = 9

T = TypeVar("T")


@dataclass(frozen=True)
class Dated(Generic[T]):
    """What was read, and how many seconds ago the reading ended."""

    value: T
    age_s: float


class Background(Generic[T]):
    """Reads one source again and again and keeps the last result.

    Args:
        read: reads once; whatever it raises is logged, and the last result grows old.
        every_s: seconds between two readings.
        name: of the thread.
        close: gives back what the source holds open.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        read: Callable[[], T],
        every_s: float,
        name: str,
        *,
        close: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._every_s = every_s
        self._close = close
        self._clock = clock
        self._last: tuple[T, float] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"outgrow-{name}", daemon=True)

    def start(self) -> Background[T]:
        """Begin to read; returns itself."""
        self._thread.start()
        return self

    def read_now(self) -> T:
        """Read once in the caller's thread, before `start`.

        Raises:
            Exception: whatever the source raises.
        """
        value = self._read()
        self._last = (value, self._clock())
        return value

    def latest(self) -> Dated[T] | None:
        """Return the last result with its age; None before the first."""
        last = self._last
        return None if last is None else Dated(last[0], max(self._clock() - last[1], 0.0))

    def close(self) -> None:
        """End the thread, waiting for a reading under way at most two seconds, and close the source."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2)
        self._close()

    def _run(self) -> None:
        pause = 0.0 if self._last is None else self._every_s
        while not self._stop.wait(pause):
            began = self._clock()
            try:
                self.read_now()
            except Exception:  # noqa: BLE001  # one failed reading must not end the reading
                _LOG.exception("%s failed", self._thread.name)
            pause = max(self._every_s, _REST * (self._clock() - began))
