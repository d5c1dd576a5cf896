"""Rates from counters: what a counter gained over the last seconds, by the monotonic clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Gain:
    """What counters gained, and in how many seconds."""

    amounts: tuple[float, ...]
    seconds: float


class CounterWindow:
    """Keeps what rising counters showed over some time.

    Args:
        seconds: how far back differences are taken.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: deque[tuple[float, tuple[float, ...]]] = deque()

    def add(self, now: float, *counters: float) -> None:
        """Remember what the counters show.

        Args:
            now: the monotonic clock, in seconds.
            counters: always as many; a smaller one than before means another start, and everything before is
                forgotten.
        """
        if self._seen and any(new < old for new, old in zip(counters, self._seen[-1][1], strict=True)):
            self._seen.clear()
        self._seen.append((now, counters))
        # One look at or before the window's beginning stays: differences reach back to it.
        while len(self._seen) > 1 and self._seen[1][0] <= now - self._seconds:
            self._seen.popleft()

    def clear(self) -> None:
        """Forget everything, after a time nothing could be seen in."""
        self._seen.clear()

    def gain(self) -> Gain | None:
        """Return what was gained from the window's beginning to the last look; None with fewer than two."""
        if len(self._seen) < 2:
            return None
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        if ended <= began:
            return None
        return Gain(tuple(new - old for old, new in zip(first, last, strict=True)), ended - began)
