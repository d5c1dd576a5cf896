"""Which alerts are active: a pure function of the assessment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.alerts.table import ALERTS, PHASE_ALERTS, AlertGroup, AlertSeverity
from monitor.units import show

if TYPE_CHECKING:
    from monitor.assessment import Assessment


@dataclass(frozen=True)
class ActiveAlert:
    """An alert that is raised, with the value and the limit that raise it (in the metric's unit)."""

    id: str
    group: AlertGroup
    severity: AlertSeverity
    metric: str
    value: float | None
    limit: float | None
    summary: str


def active_alerts(assessment: Assessment) -> tuple[ActiveAlert, ...]:
    """Return the raised alerts, critical ones first, each group in the table's order.

    A metric whose value is not known raises none; the light says "unknown" for it.
    """
    judged = {metric.id: metric for metric in assessment.metrics}
    raised = []
    for alert in (*ALERTS, *PHASE_ALERTS):
        metric = judged.get(alert.metric)
        if metric is None or metric.category is None or not alert.fires(metric.category):
            continue
        limit = metric.stay if alert.severity is AlertSeverity.WARNING else metric.urgent
        text = f"{alert.summary} ({show(metric.id, metric.value)}, limit {show(metric.id, limit)})"
        raised.append(
            ActiveAlert(alert.id, alert.group, alert.severity, metric.id, metric.value, limit, text)
        )
    return tuple(sorted(raised, key=lambda alert: alert.severity is not AlertSeverity.CRITICAL))
