"""What workers have counted, as values that add and subtract: merging workers is adding them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from monitor.middleware.buckets import merge
from monitor.middleware.recorder import OVERFLOW, ROUTE_CAP, STATEMENT_CAP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class RouteCounts:
    """One route: finished requests, those that failed, and the seconds of all."""

    count: int = 0
    errors: int = 0
    seconds: float = 0.0

    def __add__(self, other: RouteCounts) -> RouteCounts:
        return RouteCounts(self.count + other.count, self.errors + other.errors, self.seconds + other.seconds)

    def __sub__(self, other: RouteCounts) -> RouteCounts:
        return RouteCounts(self.count - other.count, self.errors - other.errors, self.seconds - other.seconds)


@dataclass(frozen=True)
class QueryCounts:
    """The application's statements: how many, their seconds, the slow ones, those that found a lock.

    `buckets` holds their durations by slot, from workers that report them.
    """

    count: int = 0
    seconds: float = 0.0
    slow: int = 0
    busy: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: QueryCounts) -> QueryCounts:
        return QueryCounts(
            self.count + other.count,
            self.seconds + other.seconds,
            self.slow + other.slow,
            self.busy + other.busy,
            merge((self.buckets, other.buckets)),
        )

    def __sub__(self, other: QueryCounts) -> QueryCounts:
        return QueryCounts(
            self.count - other.count,
            self.seconds - other.seconds,
            self.slow - other.slow,
            self.busy - other.busy,
            {
                slot: gained
                for slot, count in self.buckets.items()
                if (gained := count - other.buckets.get(slot, 0)) > 0
            },
        )


@dataclass(frozen=True)
class StatementCounts:
    """One slow statement, its literals taken out: how often it was slow, the seconds of all and the most."""

    count: int = 0
    seconds: float = 0.0
    longest_seconds: float = 0.0

    def __add__(self, other: StatementCounts) -> StatementCounts:
        return StatementCounts(
            self.count + other.count,
            self.seconds + other.seconds,
            max(self.longest_seconds, other.longest_seconds),
        )

    def __sub__(self, other: StatementCounts) -> StatementCounts:
        # What was longest since is not known: the longest of all is.
        return StatementCounts(self.count - other.count, self.seconds - other.seconds, self.longest_seconds)


@dataclass(frozen=True)
class Counters:
    """Everything a worker, or all of them together, have counted.

    Args:
        classes: finished requests by status class ("2xx").
        aborted: requests whose client went away.
        buckets: latencies by slot (`middleware.buckets`).
        latency_seconds: the sum of those latencies.
        routes: by method and template.
        queries: None where no worker reports any.
        statements: slow ones, by their SQL without literals.
    """

    classes: Mapping[str, int] = field(default_factory=dict)
    aborted: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict)
    latency_seconds: float = 0.0
    routes: Mapping[str, RouteCounts] = field(default_factory=dict)
    queries: QueryCounts | None = None
    statements: Mapping[str, StatementCounts] = field(default_factory=dict)

    @property
    def finished(self) -> int:
        """Requests answered to their end."""
        return sum(self.classes.values())

    @property
    def failed(self) -> int:
        """Requests answered with 5xx."""
        return self.classes.get("5xx", 0)

    @classmethod
    def total(cls, parts: Iterable[Counters]) -> Counters:
        """Add up counters of several workers or intervals."""
        classes: Counter[str] = Counter()
        buckets: Counter[int] = Counter()
        routes: dict[str, RouteCounts] = {}
        aborted, seconds = 0, 0.0
        queries: QueryCounts | None = None
        statements: dict[str, StatementCounts] = {}
        for part in parts:
            classes.update(part.classes)
            buckets.update(part.buckets)
            aborted += part.aborted
            seconds += part.latency_seconds
            if part.queries is not None:
                queries = part.queries if queries is None else queries + part.queries
            for name, counts in part.routes.items():
                # All workers together keep to the cap each of them keeps.
                key = name if name in routes or len(routes) < ROUTE_CAP else OVERFLOW
                routes[key] = routes.get(key, RouteCounts()) + counts
            for sql, slow in part.statements.items():
                key = sql if sql in statements or len(statements) < STATEMENT_CAP else OVERFLOW
                statements[key] = statements.get(key, StatementCounts()) + slow
        return cls(dict(classes), aborted, dict(buckets), seconds, routes, queries, statements)

    def __add__(self, other: Counters) -> Counters:
        return Counters.total((self, other))

    def since(self, earlier: Counters) -> Counters | None:
        """Return what a worker counted since an earlier state; None if any counter fell: it has restarted."""
        if self._fell_below(earlier):
            return None
        queries = self.queries
        if queries is not None and earlier.queries is not None:
            queries -= earlier.queries
        return Counters(
            classes={name: count - earlier.classes.get(name, 0) for name, count in self.classes.items()},
            aborted=self.aborted - earlier.aborted,
            buckets={
                slot: gained
                for slot, count in self.buckets.items()
                if (gained := count - earlier.buckets.get(slot, 0))
            },
            latency_seconds=self.latency_seconds - earlier.latency_seconds,
            routes={
                name: counts - earlier.routes[name] if name in earlier.routes else counts
                for name, counts in self.routes.items()
                if counts != earlier.routes.get(name)
            },
            queries=queries,
            statements={
                sql: slow - earlier.statements.get(sql, StatementCounts())
                for sql, slow in self.statements.items()
                if slow != earlier.statements.get(sql)
            },
        )

    def without_names(self) -> Counters:
        """Return the same without routes and statements, which windows do not need."""
        return replace(self, routes={}, statements={})

    def _fell_below(self, earlier: Counters) -> bool:
        return (
            self.aborted < earlier.aborted
            or any(self.classes.get(name, 0) < count for name, count in earlier.classes.items())
            or any(self.buckets.get(slot, 0) < count for slot, count in earlier.buckets.items())
            or any(
                name not in self.routes or self.routes[name].count < counts.count
                for name, counts in earlier.routes.items()
            )
            or (
                earlier.queries is not None
                and (self.queries is None or self.queries.count < earlier.queries.count)
            )
            or any(
                sql not in self.statements or self.statements[sql].count < slow.count
                for sql, slow in earlier.statements.items()
            )
        )
