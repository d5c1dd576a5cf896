"""The alerts as documents: what GET /api/alerts answers and `outgrow monitor alerts list` prints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from monitor.alerts.conditions import EXTRA, waits
from monitor.alerts.states import AlertState
from monitor.alerts.table import AlertGroup, AlertSeverity, alerts_for
from monitor.terminal import to_json
from monitor.thresholds import ALL_METRICS
from monitor.units import show

if TYPE_CHECKING:
    from monitor.alerts.config import AlertsConfig
    from monitor.alerts.delivery import ReceiverStatus
    from monitor.alerts.engine import AlertStatus
    from monitor.serve.published import Published
    from monitor.thresholds import Thresholds


class AlertDocument(BaseModel):
    """One alert: what it watches, what it sees, and where it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "p95_ms_warning",
                "group": "performance",
                "severity": "warning",
                "metric": "p95_ms",
                "title": "Response time P95",
                "state": "firing",
                "since": 1764072000.0,
                "fired_at": 1764072000.0,
                "notified": True,
                "value": 245.8,
                "limit": 200.0,
                "shown": "245.8 ms, limit 200 ms",
                "summary": "Response time P95 is past its stay limit: plan",
                "runbook": "docs/runbooks.md#response-time-p95",
            }
        }
    )

    id: str
    group: AlertGroup
    severity: AlertSeverity
    metric: str
    title: str
    state: AlertState
    since: Annotated[float | None, Field(description="When this state began; null if it always was so")]
    fired_at: float | None
    notified: Annotated[bool, Field(description="Whether receivers are told; a critical alert is enough")]
    value: float | None
    limit: float | None
    shown: str
    summary: str
    runbook: str


class ReceiverDocument(BaseModel):
    """How telling one receiver goes."""

    name: str
    type: str
    sent: int
    failed: int
    waiting: int
    last_sent_at: float | None
    last_error: str | None


class AlertsDocument(BaseModel):
    """Every alert, firing ones first, and the receivers."""

    taken_at: float
    phase: str
    firing: int
    pending: int
    alerts: list[AlertDocument]
    receivers: list[ReceiverDocument]


_ORDER = (AlertState.FIRING, AlertState.RECOVERING, AlertState.PENDING, AlertState.INACTIVE)


def alerts_document(published: Published, receivers: tuple[ReceiverStatus, ...]) -> AlertsDocument:
    """Put states and receivers together."""
    statuses = sorted(published.alert_states, key=_rank)
    return AlertsDocument(
        taken_at=published.assessment.taken_at,
        phase=published.assessment.phase,
        firing=sum(status.standing.fires for status in statuses),
        pending=sum(status.standing.state is AlertState.PENDING for status in statuses),
        alerts=[_document(status) for status in statuses],
        receivers=[ReceiverDocument(**to_json(receiver)) for receiver in receivers],
    )


def _rank(status: AlertStatus) -> tuple[int, bool]:
    return _ORDER.index(status.standing.state), status.condition.severity is not AlertSeverity.CRITICAL


def _document(status: AlertStatus) -> AlertDocument:
    condition, standing = status.condition, status.standing
    return AlertDocument(
        id=condition.id,
        group=condition.group,
        severity=condition.severity,
        metric=condition.metric,
        title=condition.title,
        state=standing.state,
        since=standing.since or None,
        fired_at=standing.fired_at,
        notified=status.audible,
        value=to_json(condition.value),
        limit=condition.limit,
        shown=condition.shown,
        summary=condition.summary,
        runbook=condition.runbook,
    )


class ListedAlert(BaseModel):
    """One alert as the configuration has it."""

    id: str
    group: AlertGroup
    severity: AlertSeverity
    limit: str
    for_s: float
    keep_firing_s: float
    recovery: float | None
    enabled: bool
    runbook: str


def listed(thresholds: Thresholds, config: AlertsConfig) -> list[ListedAlert]:
    """List every alert with its limit and its timing."""
    waiting = waits(config)
    found = [
        (alert.id, alert.group, alert.severity, _limit(alert.metric, alert.limit(thresholds)), alert.runbook)
        for alert in alerts_for(thresholds)
    ]
    for extra in EXTRA:
        burn = extra.burn
        limit = "any missing" if burn is None else f"> {burn.factor:g}x in {burn.long} and {burn.short}"
        found.append((extra.id, extra.group, extra.severity, limit, extra.runbook))
    return [
        ListedAlert(
            id=name,
            group=group,
            severity=severity,
            limit=limit,
            for_s=waiting[name],
            keep_firing_s=config.timing_of(name).keep_firing_s,
            recovery=config.timing_of(name).recovery if name not in {extra.id for extra in EXTRA} else None,
            enabled=config.enabled(name),
            runbook=runbook,
        )
        for name, group, severity, limit, runbook in found
    ]


def _limit(metric: str, limit: float | None) -> str:
    return show(metric, limit) if metric in ALL_METRICS else str(limit)


def age(since: float | None, now: float | None = None) -> str:
    """Say how long ago something began, for people: "3 min"."""
    if since is None:
        return ""
    seconds = max((time.time() if now is None else now) - since, 0)
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
