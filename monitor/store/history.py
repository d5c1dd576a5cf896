"""The series over time: written by one thread, read by many, bounded in rows and in points.

Time is the wall clock's, so a clock that jumps must do no harm: what lies in the future is never shown and
never pushes out what lies in the past, and nothing is deleted for its age, only for its number.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import MonitorError, UsageError
from monitor.store.opening import Opened, open_store, set_aside
from monitor.store.tiers import DEFAULT_POINTS, MAX_POINTS, SERIES, TIERS, Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_LOG: Final = logging.getLogger("outgrow.monitor")
#: What was appended is written at least so often; so much is lost when the power fails.
FLUSH_S: Final = 5.0
#: Rows beyond a tier's number are removed after so many writes.
_PRUNE_EVERY: Final = 60
#: How many changes of light and decision are remembered.
_MAX_TRANSITIONS: Final = 5000


#: What has tier.rows newer points beside it; what lies so far ahead that tier.rows points lie nearer.
_FORGET_OLDEST: Final = (
    "delete from points where series = ? and step = ? and slot < (select slot from points"
    " where series = ? and step = ? and slot <= ? order by slot desc limit 1 offset ?)"
)
_FORGET_FUTURE: Final = (
    "delete from points where series = ? and step = ? and slot > (select slot from points"
    " where series = ? and step = ? and slot > ? order by slot limit 1 offset ?)"
)


class UnknownSeries(MonitorError, UsageError):
    """No series has this name."""


class BadStep(MonitorError, UsageError):
    """A step or a beginning that is no time."""


@dataclass(frozen=True)
class Point:
    """What a series was over one step.

    Args:
        at: the step's beginning, seconds since the epoch.
        value: the mean of its samples.
        low: the least of them.
        high: the greatest of them.
        samples: how many evaluations it rests on.
    """

    at: float
    value: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True)
class Line:
    """One series over some time.

    Args:
        metric: the series' id.
        step_s: the seconds each point covers; where two neighbours are further apart, nothing is known
            between them.
        points: oldest first.
    """

    metric: str
    step_s: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Transition:
    """A change that is worth remembering: of the light, of the decision.

    Args:
        at: seconds since the epoch.
        kind: "light", "decision", or another room's word.
        before: what it was.
        after: what it became.
        reason: why, one line.
    """

    at: float
    kind: str
    before: str
    after: str
    reason: str


class History:
    """The series of one store. Every method may be called from any thread.

    Args:
        opened: the store; one that lives in memory by default.
        now: seconds since the epoch.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        opened: Opened | None = None,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._opened = open_store(None) if opened is None else opened
        self._now = now
        self._clock = clock
        self._lock = threading.RLock()
        self._ids: dict[str, int] = {}
        self._pending: dict[tuple[str, int, int], list[float]] = {}
        self._flushed = clock()
        self._writes = 0
        #: How many writes have failed, for instance because the disk was full.
        self.failures = 0

    @property
    def path(self) -> Path | None:
        """The store's file; None in memory."""
        return self._opened.path

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged store was moved when this one was opened; None if none was."""
        return self._opened.set_aside

    # --- Writing ---

    def append(self, at: float, values: Mapping[str, float | None]) -> None:
        """Add one evaluation's values. Never raises for the disk's sake: watching goes on without its memory.

        Args:
            at: seconds since the epoch.
            values: by series; None and what is not finite is not known and leaves a gap.

        Raises:
            UnknownSeries: there is no such series.
        """
        for name in values:
            _check(name)
        with self._lock:
            for name, value in values.items():
                if value is None or not math.isfinite(value):
                    continue
                for tier in TIERS:
                    key = (name, tier.step_s, int(at // tier.step_s))
                    seen = self._pending.get(key)
                    if seen is None:
                        self._pending[key] = [1, value, value, value]
                    else:
                        seen[0] += 1
                        seen[1] += value
                        seen[2] = min(seen[2], value)
                        seen[3] = max(seen[3], value)
            if self._clock() - self._flushed >= FLUSH_S:
                self.flush()

    def flush(self) -> None:
        """Write what is pending."""
        with self._lock:
            self._flushed = self._clock()
            if not self._pending:
                return
            pending, self._pending = self._pending, {}
            self._guarded(lambda: self._write(pending))

    def note(self, transition: Transition) -> None:
        """Remember a change; the oldest of thousands are forgotten."""
        with self._lock:
            self._guarded(lambda: self._write_transition(transition))

    def close(self) -> None:
        """Write what is pending and close the store."""
        with self._lock:
            self.flush()
            self._opened.close()

    # --- Reading ---

    def series(
        self, metric: str, *, since: float, step: float | None = None, until: float | None = None
    ) -> Line:
        """Return a series' points, oldest first; where nothing is known there is no point.

        Args:
            metric: a name of `tiers.SERIES`: a metric's id, "score", "health_index" and others.
            since: seconds since the epoch.
            step: the seconds a point covers; widened where that would be more than `MAX_POINTS`, or where
                what is that old is only kept coarser. None picks one that gives about 360 points.
            until: seconds since the epoch; now by default, and never later.

        Raises:
            UnknownSeries: there is no such series.
            BadStep: since or step is no time.
        """
        _check(metric)
        if not math.isfinite(since) or (step is not None and not (math.isfinite(step) and step > 0)):
            raise BadStep("since and step are numbers of seconds, and a step is above 0")
        now = self._now()
        end = now if until is None else min(until, now)
        since = min(max(since, 0.0), end)
        with self._lock:
            self.flush()
            tier, width = self._choose(since, end, now, step)
            found = self._ask(
                "select slot * step / :width * :width, sum(total) / sum(n), min(low), max(high), sum(n)"
                " from points where series = (select id from series where name = :name) and step = :step"
                " and slot between :first and :last group by 1 order by 1",
                {
                    "name": metric,
                    "step": tier.step_s,
                    "width": width,
                    "first": int(since // tier.step_s),
                    "last": int(end // tier.step_s),
                },
            )
        points = tuple(Point(float(at), value, low, high, int(n)) for at, value, low, high, n in found)
        return Line(metric, width, points[-MAX_POINTS:])

    def transitions(self, *, since: float, kind: str | None = None) -> tuple[Transition, ...]:
        """Return the changes since a time, oldest first."""
        with self._lock:
            rows = self._ask(
                "select at, kind, before, after, reason from transitions"
                " where at >= ? and (? is null or kind = ?) order by id",
                (since, kind, kind),
            )
        return tuple(Transition(*row) for row in rows)

    # --- Small documents ---

    def remember(self, key: str, document: str) -> None:
        """Keep a small text (JSON) under a key, over restarts."""
        with self._lock:
            self._guarded(
                lambda: self._opened.connection.execute(
                    "insert into memory values (?, ?, ?)"
                    " on conflict (key) do update set value = excluded.value, at = excluded.at",
                    (key, document, self._now()),
                )
            )

    def recall(self, key: str) -> str | None:
        """Return what is kept under a key, None if nothing is."""
        with self._lock:
            rows = self._ask("select value from memory where key = ?", (key,))
        return str(rows[0][0]) if rows else None

    # --- Inside ---

    def _choose(self, since: float, end: float, now: float, step: float | None) -> tuple[Tier, int]:
        """Pick the coarsest tier that is fine enough and old enough, and the width of the answer's points."""
        span = max(end - since, 1.0)
        wanted = max(span / DEFAULT_POINTS if step is None else step, span / MAX_POINTS)
        deep = [tier for tier in TIERS if now - tier.reach_s <= since] or [TIERS[-1]]
        fine = [tier for tier in deep if tier.step_s <= wanted]
        tier = fine[-1] if fine else deep[0]
        return tier, tier.step_s * max(1, math.ceil(wanted / tier.step_s - 1e-9))

    def _ask(self, query: str, values: Mapping[str, object] | tuple[object, ...]) -> list[Any]:
        try:
            return self._opened.connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            self._failed(error)
            return []

    def _guarded(self, write: Callable[[], object]) -> None:
        try:
            write()
        except sqlite3.DatabaseError as error:
            self._failed(error)

    def _failed(self, error: sqlite3.DatabaseError) -> None:
        """Count and tell; begin again where the file is damaged, go on without where the disk is full."""
        self.failures += 1
        if self.failures == 1 or self.failures % 1000 == 0:
            _LOG.warning("the history could not be used: %s (%d times)", error, self.failures)
        path = self._opened.path
        if path is None or isinstance(error, sqlite3.OperationalError):
            return
        try:
            self._opened.connection.close()
            aside = set_aside(path)
            if self._opened.lock is not None:
                self._opened.lock.close()
            self._ids.clear()
            self._opened = open_store(path)
            _LOG.warning("the store was damaged; it is kept as %s and begun again", aside)
        except (OSError, sqlite3.Error, MonitorError) as another:
            _LOG.warning("no history is kept on disk any more: %s", another)
            self._ids.clear()
            self._opened = open_store(None)

    def _write(self, pending: Mapping[tuple[str, int, int], list[float]]) -> None:
        connection = self._opened.connection
        connection.execute("begin immediate")
        try:
            connection.executemany(
                "insert into points values (?, ?, ?, ?, ?, ?, ?)"
                " on conflict (series, step, slot) do update set"
                " n = n + excluded.n, total = total + excluded.total,"
                " low = min(low, excluded.low), high = max(high, excluded.high)",
                [(self._id(name), step, slot, *seen) for (name, step, slot), seen in pending.items()],
            )
            if self._writes % _PRUNE_EVERY == 0:
                self._prune(connection)
            self._writes += 1
            connection.execute("commit")
        except BaseException:
            self._ids.clear()
            if connection.in_transaction:
                connection.execute("rollback")
            raise

    def _id(self, name: str) -> int:
        if name not in self._ids:
            connection = self._opened.connection
            connection.execute("insert or ignore into series (name) values (?)", (name,))
            self._ids[name] = connection.execute("select id from series where name = ?", (name,)).fetchone()[
                0
            ]
        return self._ids[name]

    def _prune(self, connection: sqlite3.Connection) -> None:
        """Keep the newest rows of each tier. Future rows (a clock that jumped) have a bound of their own."""
        for tier in TIERS:
            present = int(self._now() // tier.step_s)
            for series in self._ids.values():
                values = (series, tier.step_s, series, tier.step_s, present, tier.rows - 1)
                connection.execute(_FORGET_OLDEST, values)
                connection.execute(_FORGET_FUTURE, values)

    def _write_transition(self, transition: Transition) -> None:
        connection = self._opened.connection
        connection.execute(
            "insert into transitions (at, kind, before, after, reason) values (?, ?, ?, ?, ?)",
            (transition.at, transition.kind, transition.before, transition.after, transition.reason),
        )
        connection.execute(
            "delete from transitions where id <= (select max(id) from transitions) - ?", (_MAX_TRANSITIONS,)
        )


def _check(name: str) -> None:
    if name not in SERIES:
        raise UnknownSeries(f"{name} is not a series", next_step=f"use one of: {', '.join(SERIES)}")
