"""The one table of metrics and limits: score, decision, alerts and exposition all read it.

What a metric is stands here; its numbers stand in the phase's stack file. A value x is *stay* while x < stay,
*plan* from stay up to and including urgent, *urgent* beyond it. An alert that says "over 1 GB" and a matrix
that says "under 1 GB" disagree about 1 GB itself; this rule settles it for every reader.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


class BadThresholds(MonitorError, UsageError):
    """Limits that contradict each other or are not numbers."""


class Category(StrEnum):
    """Where a value lies: below stay, between the limits, beyond urgent. In order, best first."""

    STAY = "stay"
    PLAN = "plan"
    URGENT = "urgent"


@dataclass(frozen=True)
class Metric:
    """What is measured. A higher value is always worse.

    Args:
        id: the name in JSON, stack files and rules.
        title: the name on a screen.
        unit: of the value: "users", "bytes", "ms", "%", or a rate.
        in_matrix: whether the migration decision depends on it (the mission's decision matrix).
        load: whether it grows with the application's load; `Thresholds.scaled` lowers only such limits.
        source: how it is measured, in words.
        informational: whether it is shown and judged, but colours nothing and costs the score nothing.
    """

    id: str
    title: str
    unit: str
    in_matrix: bool
    load: bool
    source: str
    informational: bool = False

    @property
    def required(self) -> bool:
        """Whether nothing is called green or stay while this is unknown: so for each metric of the matrix."""
        return self.in_matrix


_TABLE: Final = (
    Metric(
        "concurrent_users",
        "Concurrent users",
        "users",
        in_matrix=True,
        load=True,
        source="distinct clients active in the last five minutes, from the request middleware",
    ),
    Metric(
        "database_size_bytes",
        "Database size",
        "bytes",
        in_matrix=True,
        load=True,
        source="the database file with its write-ahead log, or pg_database_size",
    ),
    Metric(
        "p95_ms",
        "Response time P95",
        "ms",
        in_matrix=True,
        load=False,
        source="95th percentile of finished requests, from the request middleware",
    ),
    Metric(
        "error_rate_percent",
        "Error rate",
        "%",
        in_matrix=True,
        load=False,
        source="5xx responses among all finished ones (aborts by the client are counted apart)",
    ),
    Metric(
        "writes_per_second",
        "Write load",
        "writes/s",
        in_matrix=True,
        load=True,
        source="committed write transactions, counted by the database itself",
    ),
    Metric(
        "requests_per_second",
        "Request rate",
        "requests/s",
        in_matrix=False,
        load=True,
        source="finished requests, from the request middleware",
    ),
    Metric(
        "average_query_ms",
        "Average query time",
        "ms",
        in_matrix=False,
        load=False,
        source="the application's queries, from pg_stat_statements or the query logger",
    ),
    Metric(
        "cpu_percent",
        "CPU usage",
        "%",
        in_matrix=False,
        load=False,
        source="the machine, or the control group's share of it",
    ),
    Metric(
        "memory_percent",
        "Memory usage",
        "%",
        in_matrix=False,
        load=False,
        source="the machine, or the control group's limit",
    ),
)

#: Every metric by id, the matrix's five first, in the mission's order.
METRICS: Final[Mapping[str, Metric]] = MappingProxyType({metric.id: metric for metric in _TABLE})
_PHASE_TABLE: Final = (
    Metric(
        "connections_percent",
        "Connections",
        "%",
        in_matrix=False,
        load=False,
        source="open connections among those the database server admits",
    ),
    Metric(
        "replication_lag_seconds",
        "Replication lag",
        "s",
        in_matrix=False,
        load=False,
        source="how far the slowest replica is behind, from pg_stat_replication or CloudWatch",
    ),
    Metric(
        "database_cpu_percent",
        "Database CPU",
        "%",
        in_matrix=False,
        load=False,
        source="the database server, from CloudWatch or its own exporter",
    ),
    Metric(
        "writer_occupancy_percent",
        "Writer occupancy",
        "%",
        in_matrix=False,
        load=False,
        source="the share of time in which SQLite's one write lock is held",
        informational=True,
    ),
    Metric(
        "event_loop_delay_ms",
        "Event loop delay P99",
        "ms",
        in_matrix=False,
        load=False,
        source="Node's monitorEventLoopDelay in the worst worker, from the request middleware",
        informational=True,
    ),
)
#: Metrics that only some phases have limits for, and that not every application has. Their limits are
#: ours, not the mission's; where nothing measures them they are left out, not unknown.
PHASE_METRICS: Final[Mapping[str, Metric]] = MappingProxyType({metric.id: metric for metric in _PHASE_TABLE})
#: Both tables.
ALL_METRICS: Final[Mapping[str, Metric]] = MappingProxyType({**METRICS, **PHASE_METRICS})
#: The ids the migration decision depends on.
MATRIX: Final[tuple[str, ...]] = tuple(metric.id for metric in _TABLE if metric.in_matrix)


@dataclass(frozen=True)
class Limit:
    """One metric's limits, in the metric's unit.

    Args:
        stay: below it nothing needs doing.
        urgent: beyond it something must be done now; None means the metric never goes further than *plan*.
        scale_at: with urgent None, where the utility curve reaches its floor of 60. Left out it is twice
            `stay`, the proportion of the mission's request rate (monitor at 500, scale at 1,000).

    Raises:
        BadThresholds: a limit is not a positive finite number, or stay is not below the other one.
    """

    stay: float
    urgent: float | None
    scale_at: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("stay", self.stay), ("urgent", self.urgent), ("scale_at", self.scale_at)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise BadThresholds(
                    f"{name}: {value} is not a limit", why="a limit is a positive, finite number"
                )
        if self.urgent is not None and self.scale_at is not None:
            raise BadThresholds(
                f"urgent: {self.urgent:g} and scale_at: {self.scale_at:g} exclude each other",
                why="scale_at stands in for urgent where urgent is null",
            )
        if not self.stay < self.upper:
            name = "urgent" if self.scale_at is None else "scale_at"
            raise BadThresholds(f"stay: {self.stay:g} is not below {name}: {self.upper:g}")

    @property
    def upper(self) -> float:
        """The curve's second anchor: where a value is worth 60 points."""
        if self.urgent is not None:
            return self.urgent
        return 2 * self.stay if self.scale_at is None else self.scale_at

    def category(self, value: float) -> Category:
        """Say where a value (a number, in the metric's unit) lies."""
        if value < self.stay:
            return Category.STAY
        if self.urgent is None or value <= self.urgent:
            return Category.PLAN
        return Category.URGENT

    def times(self, factor: float) -> Limit:
        """Return these limits multiplied by a factor."""
        return Limit(
            self.stay * factor,
            None if self.urgent is None else self.urgent * factor,
            None if self.scale_at is None else self.scale_at * factor,
        )


@dataclass(frozen=True)
class Thresholds(Mapping[str, Limit]):
    """A limit for every metric of the table, by id.

    Args:
        limits: the ids of `METRICS`, and those of `PHASE_METRICS` that the phase judges.
        scale: the factor by which limits of load were lowered; 1.0 means they are the phase's own.

    Raises:
        BadThresholds: a metric has no limit, or a limit no metric.
    """

    limits: Mapping[str, Limit]
    scale: float = 1.0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.limits) - set(ALL_METRICS))
        missing = [name for name in METRICS if name not in self.limits]
        if unknown:
            raise BadThresholds(f"{unknown[0]} is not a metric", why=f"the metrics are {', '.join(METRICS)}")
        if missing:
            raise BadThresholds(f"{missing[0]} has no limits", why="every metric needs stay and urgent")
        ordered = {name: self.limits[name] for name in ALL_METRICS if name in self.limits}
        object.__setattr__(self, "limits", MappingProxyType(ordered))

    def __getitem__(self, metric: str) -> Limit:
        return self.limits[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.limits)

    def __len__(self) -> int:
        return len(self.limits)

    @property
    def version(self) -> str:
        """A short name for exactly these limits: whatever was judged by equal ones can be compared."""
        text = repr((sorted(self.limits.items()), self.scale))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def scaled(self, factor: float) -> Thresholds:
        """Lower the limits of load (users, size, writes, requests) for a demonstration, never a measurement.

        Args:
            factor: above 0, at most 1. Whoever shows a result made with it shows the factor too.

        Raises:
            BadThresholds: the factor is out of range.
        """
        if not 0 < factor <= 1:
            raise BadThresholds(
                f"--scale {factor:g} is out of range",
                why="it lowers limits for a demonstration, so it lies above 0 and at most at 1",
                next_step="use for instance --scale 0.02",
            )
        limits = {
            name: limit.times(factor) if ALL_METRICS[name].load else limit for name, limit in self.items()
        }
        return Thresholds(limits, scale=self.scale * factor)

    def with_limit(self, metric: str, limit: Limit) -> Thresholds:
        """Return these thresholds with one metric's limits exchanged."""
        return replace(self, limits={**self.limits, metric: limit})
