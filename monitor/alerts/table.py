"""Every alert there is. The numbers are the thresholds: warning from *stay*, critical beyond *urgent*.

The mission lists its alerts in three groups (database, performance, system); the two metrics of the decision
matrix it lists no alert for have theirs in a fourth, capacity. Its "over 1 GB" begins at 1 GB here, as the
decision matrix has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from monitor.thresholds import ALL_METRICS, PHASE_METRICS, Category

if TYPE_CHECKING:
    from monitor.thresholds import Thresholds

#: Where the explanation of every alert lies; each metric has a heading there.
RUNBOOKS: Final = "docs/runbooks.md"


class AlertGroup(StrEnum):
    """Who looks after it."""

    DATABASE = "database"
    PERFORMANCE = "performance"
    SYSTEM = "system"
    CAPACITY = "capacity"


class AlertSeverity(StrEnum):
    """Warning: plan. Critical: act. A critical alert's warning is active too."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Alert:
    """One alert.

    Args:
        id: stable name, the metric's with the severity.
        group: who looks after it.
        metric: the metric it watches.
        severity: which of the metric's limits it watches.
    """

    id: str
    group: AlertGroup
    metric: str
    severity: AlertSeverity

    def limit(self, thresholds: Thresholds) -> float | None:
        """Return the number the alert watches; None where the metric has no such limit."""
        limit = thresholds[self.metric]
        return limit.stay if self.severity is AlertSeverity.WARNING else limit.urgent

    def fires(self, category: Category) -> bool:
        """Say whether a metric in this category raises the alert."""
        if self.severity is AlertSeverity.WARNING:
            return category is not Category.STAY
        return category is Category.URGENT

    def holds(self, value: float, thresholds: Thresholds, recovery: float) -> bool:
        """Say whether a raised alert stays raised: until its value is below `recovery` times its limit.

        Args:
            value: the metric's, in its unit.
            thresholds: the limits.
            recovery: a share of the limit, above 0 and at most 1.
        """
        limit = self.limit(thresholds)
        return limit is not None and value >= recovery * limit

    @property
    def rule_name(self) -> str:
        """The alert's name in Prometheus: "OutgrowDatabaseSizeWarning"."""
        return rule_name(ALL_METRICS[self.metric].title, self.severity)

    @property
    def runbook(self) -> str:
        """What to do, as a page of the project and its heading."""
        return runbook(ALL_METRICS[self.metric].title)

    @property
    def summary(self) -> str:
        """What the alert means, one line."""
        title = ALL_METRICS[self.metric].title
        if self.severity is AlertSeverity.WARNING:
            return f"{title} is past its stay limit: plan"
        return f"{title} is beyond its urgent limit: act now"


@dataclass(frozen=True)
class Timing:
    """When an alert fires and when it ends.

    Args:
        for_s: how long a value must be past the limit without a break before the alert fires.
        keep_firing_s: how long it must be below the recovery limit before the alert ends.
        recovery: that limit, as a share of the alert's own: between the two a firing alert stays.
    """

    for_s: float = 120.0
    keep_firing_s: float = 900.0
    recovery: float = 0.9


#: The same for both severities, so that a critical alert never fires before its warning.
TIMING: Final = Timing()


def rule_name(title: str, severity: AlertSeverity) -> str:
    """Make a name for Prometheus of a title: letters and digits only."""
    words = re.findall(r"[A-Za-z0-9]+", title)
    return "Outgrow" + "".join(word[0].upper() + word[1:] for word in words) + severity.capitalize()


def runbook(title: str) -> str:
    """Return the place of a title's heading in the runbooks."""
    return f"{RUNBOOKS}#{re.sub(r'[^a-z0-9]+', '-', title.lower())}"


def _both(group: AlertGroup, metric: str) -> tuple[Alert, Alert]:
    return (
        Alert(f"{metric}_warning", group, metric, AlertSeverity.WARNING),
        Alert(f"{metric}_critical", group, metric, AlertSeverity.CRITICAL),
    )


#: In the mission's order; the request rate has a warning only.
ALERTS: Final = (
    *_both(AlertGroup.DATABASE, "database_size_bytes"),
    *_both(AlertGroup.DATABASE, "average_query_ms"),
    *_both(AlertGroup.PERFORMANCE, "p95_ms"),
    *_both(AlertGroup.PERFORMANCE, "error_rate_percent"),
    _both(AlertGroup.PERFORMANCE, "requests_per_second")[0],
    *_both(AlertGroup.SYSTEM, "memory_percent"),
    *_both(AlertGroup.SYSTEM, "cpu_percent"),
    *_both(AlertGroup.CAPACITY, "concurrent_users"),
    *_both(AlertGroup.CAPACITY, "writes_per_second"),
)
#: Of metrics that only some phases have limits for; what colours nothing raises nothing either.
PHASE_ALERTS: Final = tuple(
    alert
    for metric in PHASE_METRICS.values()
    if not metric.informational
    for alert in _both(AlertGroup.DATABASE, metric.id)
)


def alerts_for(thresholds: Thresholds) -> tuple[Alert, ...]:
    """Return the alerts that these limits give a number: the mission's, and those of the phase's own."""
    phase = [alert for alert in PHASE_ALERTS if alert.metric in thresholds]
    return tuple(alert for alert in (*ALERTS, *phase) if alert.limit(thresholds) is not None)
