"""All workers' counters together: totals that never fall, and what was counted in the last seconds.

Workers push cumulative counters; only what each has gained since its last push is added, so a lost push, a
restart or a worker's death neither loses nor repeats anything. What a worker counted before the sidecar first
heard of it belongs to the totals, but to no window.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.errors import MonitorError
from monitor.serve.counters import Counters
from monitor.serve.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.serve.push import PushDocument

#: A worker that has not pushed for so long is dead: its gauges and clients no longer count.
DEAD_AFTER_S: Final = 15.0
#: How many workers are remembered, dead ones included, so that one that only paused is not counted twice.
_MAX_WORKERS: Final = 512
#: Names and SQL of all remembered workers together are at most so many characters.
_MAX_NAMES: Final = 16 * 1024 * 1024


class TooManyWorkers(MonitorError):
    """All places are taken by workers that push; one more would push one of them out."""


@dataclass(frozen=True)
class Worker:
    """One worker's last push, and when it came by the monotonic clock."""

    document: PushDocument
    counters: Counters
    heard: float


@dataclass(frozen=True)
class Window:
    """What all workers counted in the last seconds: the counts and how many seconds they really cover."""

    counters: Counters
    seconds: float


class Workers:
    """The merged counters of all workers.

    Args:
        longest_window_s: how far back `window` may be asked for.
        clock: a monotonic clock in seconds.
        wall: seconds since the epoch, which workers state their start in.
    """

    def __init__(
        self,
        longest_window_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._began = wall()
        self._workers: OrderedDict[tuple[str, str], Worker] = OrderedDict()
        self._total = Counters()
        self._recent = Recent(longest_window_s)
        self._observed_since: float | None = None
        self._last_heard: float | None = None
        self._names_held = 0

    def push(self, document: PushDocument) -> None:
        """Add what a worker gained since its last push; a repeated or overtaken document adds nothing.

        Raises:
            TooManyWorkers: it is a new one, and there is no place that a dead one could give up.
        """
        counters = document.counters()
        with self._lock:
            now = self._clock()
            key = (document.instance, document.worker)
            last = self._workers.get(key)
            same_life = last is not None and last.document.start_time == document.start_time
            if same_life and last is not None and document.seq <= last.document.seq:
                return
            self._make_room(key, counters, now)
            gained = counters.since(last.counters) if same_life and last is not None else None
            if gained is None and not same_life and document.start_time < self._began - 1:
                # It has counted since before this sidecar began: for the totals, but not "in the last
                # seconds".
                self._total += counters
                self._observe_from(now)
            else:
                gained = counters if gained is None else gained
                self._total += gained
                self._recent.add(now, gained)
                self._observe_from(now if same_life else self._clock_of(document.start_time, now))
            self._workers[key] = Worker(_slim(document), counters, now)
            self._workers.move_to_end(key)
            self._last_heard = now

    def _make_room(self, key: tuple[str, str], counters: Counters, now: float) -> None:
        """Forget the longest dead where a new worker needs its place; those that push keep theirs.

        So a flood of invented workers neither fills the memory nor drives the real ones out.
        """
        known = self._workers.get(key)
        before = 0 if known is None else _names(known.counters)
        self._names_held += _names(counters) - before
        while (len(self._workers) >= _MAX_WORKERS and known is None) or self._names_held > _MAX_NAMES:
            oldest = next(iter(self._workers), None)
            if oldest is None or oldest == key or now - self._workers[oldest].heard < DEAD_AFTER_S:
                self._names_held -= _names(counters) - before
                raise TooManyWorkers(f"more than {len(self._workers)} workers push at the same time")
            self._names_held -= _names(self._workers.pop(oldest).counters)

    def total(self) -> Counters:
        """Return everything counted by all workers, dead ones included; no count ever falls."""
        with self._lock:
            return self._total

    def window(self, seconds: float) -> Window:
        """Return what was counted in the last seconds before the last push."""
        with self._lock:
            if self._last_heard is None or self._observed_since is None:
                return Window(Counters(), 0.0)
            counted, begin = self._recent.window(self._last_heard - seconds)
            covered = max(self._last_heard - max(begin, self._observed_since), 0.0)
            return Window(counted, round(covered, 3))

    def live(self) -> tuple[Worker, ...]:
        """Return the workers that push."""
        with self._lock:
            oldest = self._clock() - DEAD_AFTER_S
            return tuple(worker for worker in self._workers.values() if worker.heard >= oldest)

    def _observe_from(self, moment: float) -> None:
        if self._observed_since is None or moment < self._observed_since:
            self._observed_since = moment

    def _clock_of(self, wall: float, now: float) -> float:
        """Translate a worker's start into the monotonic clock, never into the future."""
        return min(now - (self._wall() - wall), now)


def _names(counters: Counters) -> int:
    """Return how many characters of names a worker's counters hold: what of them can grow without bound."""
    return sum(map(len, counters.routes)) + sum(map(len, counters.statements))


def _slim(document: PushDocument) -> PushDocument:
    """Leave out what the counters hold already: most of a document's memory."""
    latency = document.latency.model_copy(update={"buckets": {}})
    return document.model_copy(update={"routes": {}, "slow_statements": {}, "latency": latency})
