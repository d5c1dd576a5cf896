"""Rates from counters: what a counter gained over the last seconds, by the monotonic clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Windows:
    """Over how many seconds each kind of metric is taken.

    Args:
        requests_s: requests, response times, errors, queries.
        writes_s: write transactions, whose peaks are short.
        system_s: CPU and memory, whose peaks are not.
        stale_s: how old a value may get before it counts as missing.
    """

    requests_s: float
    writes_s: float
    system_s: float
    stale_s: float

    @classmethod
    def of(cls, seconds: float, interval_s: float) -> Windows:
        """Derive all windows from that of requests: five minutes give one for writes and ten for the machine.

        Args:
            seconds: the window of requests.
            interval_s: seconds between two evaluations; three without a new value make it stale.
        """
        return cls(seconds, max(seconds / 5, min(seconds, 10)), 2 * seconds, 3 * interval_s)


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

    @property
    def latest(self) -> float | None:
        """When the counters were looked at last; None before the first look."""
        return self._seen[-1][0] if self._seen else None

    def gain(self) -> Gain | None:
        """Return what was gained from the window's beginning to the last look; None with fewer than two."""
        if len(self._seen) < 2:
            return None
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        if ended <= began:
            return None
        return Gain(tuple(new - old for old, new in zip(first, last, strict=True)), ended - began)
