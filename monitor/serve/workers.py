"""All workers' counters together: totals that never fall, and what was counted in the last seconds.

Workers push cumulative counters; only what each has gained since its last push is added, so a lost push, a
restart or a worker's death neither loses nor repeats anything. What a worker counted before the sidecar first
heard of it belongs to the totals, but to no window.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.serve.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.serve.push import PushDocument

#: A worker that has not pushed for so long is dead: its gauges and clients no longer count.
DEAD_AFTER_S: Final = 15.0
#: How many workers are remembered, dead ones included, so that one that only paused is not counted twice.
_MAX_WORKERS: Final = 512
#: Pushes of so many seconds share one entry of the window.
_SLOT_S: Final = 1.0


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
        self._longest_s = longest_window_s
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._began = wall()
        self._workers: OrderedDict[tuple[str, str], Worker] = OrderedDict()
        self._total = Counters()
        self._recent: deque[tuple[float, Counters]] = deque()
        self._observed_since: float | None = None
        self._last_heard: float | None = None

    def push(self, document: PushDocument) -> None:
        """Add what a worker gained since its last push; a repeated or overtaken document adds nothing."""
        counters = document.counters()
        with self._lock:
            now = self._clock()
            key = (document.instance, document.worker)
            last = self._workers.get(key)
            same_life = last is not None and last.document.start_time == document.start_time
            if same_life and last is not None and document.seq <= last.document.seq:
                return
            gained = counters.since(last.counters) if same_life and last is not None else None
            if gained is None and not same_life and document.start_time < self._began - 1:
                # It has counted since before this sidecar began: for the totals, but not "in the last
                # seconds".
                self._total += counters
                self._observe_from(now)
            else:
                gained = counters if gained is None else gained
                self._total += gained
                self._remember(now, gained)
                self._observe_from(now if same_life else self._clock_of(document.start_time, now))
            self._workers[key] = Worker(document, counters, now)
            self._workers.move_to_end(key)
            self._last_heard = now
            while len(self._workers) > _MAX_WORKERS:
                self._workers.popitem(last=False)

    def total(self) -> Counters:
        """Return everything counted by all workers, dead ones included; no count ever falls."""
        with self._lock:
            return self._total

    def window(self, seconds: float) -> Window:
        """Return what was counted in the last seconds before the last push."""
        with self._lock:
            if self._last_heard is None or self._observed_since is None:
                return Window(Counters(), 0.0)
            begin = self._last_heard - seconds
            counted = Counters.total(gained for heard, gained in self._recent if heard > begin)
            covered = max(min(seconds, self._last_heard - self._observed_since), 0.0)
            return Window(counted, round(covered, 3))

    def live(self) -> tuple[Worker, ...]:
        """Return the workers that push."""
        with self._lock:
            oldest = self._clock() - DEAD_AFTER_S
            return tuple(worker for worker in self._workers.values() if worker.heard >= oldest)

    def _remember(self, now: float, gained: Counters) -> None:
        gained = gained.without_names()
        if self._recent and now - self._recent[-1][0] < _SLOT_S:
            began, before = self._recent.pop()
            self._recent.append((began, before + gained))
        else:
            self._recent.append((now, gained))
        while self._recent and self._recent[0][0] <= now - self._longest_s - _SLOT_S:
            self._recent.popleft()

    def _observe_from(self, moment: float) -> None:
        if self._observed_since is None or moment < self._observed_since:
            self._observed_since = moment

    def _clock_of(self, wall: float, now: float) -> float:
        """Translate a worker's start into the monotonic clock, never into the future."""
        return min(now - (self._wall() - wall), now)
