"""Every alert there is. The numbers are the thresholds: warning from *stay*, critical beyond *urgent*.

The mission lists its alerts in three groups (database, performance, system); the two metrics of the decision
matrix it lists no alert for have theirs in a fourth, capacity. Its "over 1 GB" begins at 1 GB here, as the
decision matrix has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from monitor.thresholds import ALL_METRICS, Category

if TYPE_CHECKING:
    from monitor.thresholds import Thresholds


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

    @property
    def summary(self) -> str:
        """What the alert means, one line."""
        title = ALL_METRICS[self.metric].title
        if self.severity is AlertSeverity.WARNING:
            return f"{title} is past its stay limit: plan"
        return f"{title} is beyond its urgent limit: act now"


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
