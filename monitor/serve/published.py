"""What the sidecar publishes: one evaluation with everything it rests on, frozen until the next."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from monitor.alerts.table import ALERTS
from monitor.assessment import Assessment
from monitor.forecast import Forecast  # noqa: TC001  # the API's schema resolves these at run time
from monitor.held import Held  # noqa: TC001
from monitor.hysteresis import Sustained  # noqa: TC001
from monitor.middleware.buckets import quantile
from monitor.middleware.recorder import OVERFLOW
from monitor.outlook import BusyHour, Outlook  # noqa: TC001
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.alerts.engine import AlertStatus
    from monitor.alerts.evaluation import ActiveAlert
    from monitor.collect.cloudwatch import CloudReading
    from monitor.collect.fleet import FleetReading
    from monitor.collect.reading import DatabaseReading, SystemReading
    from monitor.collect.redis_probe import CacheReading
    from monitor.phases import Phase
    from monitor.serve.counters import Counters, QueryCounts, StatementCounts
    from monitor.serve.traffic import ResponseTimes
    from monitor.serve.workers import Worker
    from monitor.thresholds import Thresholds

#: How many routes the metrics list, those with the most total time first.
SHOWN_ROUTES = 50
#: How many slow statements, those with the most total time first.
SHOWN_STATEMENTS = 50


@dataclass(frozen=True)
class MonitorState:
    """The monitor's own health.

    Args:
        version: of the program.
        started_at: seconds since the epoch.
        interval_s: seconds between two evaluations.
        window_s: the window of requests.
        evaluations: how many there have been.
        pushes: documents accepted from workers.
        refused_pushes: documents refused.
    """

    version: str
    started_at: float
    interval_s: float
    window_s: float
    evaluations: int
    pushes: int
    refused_pushes: int


@dataclass(frozen=True)
class Published:
    """One evaluation: the judgement, what is held, what the history adds, what was measured.

    `alerts` are raised at this moment; `alert_states` says how long each alert has been so, what it waits
    for, and whether people are told.
    """

    assessment: Assessment
    held: Held
    sustained: Sustained
    outlook: Outlook
    alerts: tuple[ActiveAlert, ...]
    thresholds: Thresholds
    database: DatabaseReading | None
    machine: SystemReading | None
    total: Counters
    times: ResponseTimes
    workers: tuple[Worker, ...]
    state: MonitorState
    clock: float
    alert_states: tuple[AlertStatus, ...] = ()
    roadmap: tuple[Phase, ...] = ()
    fleet: FleetReading | None = None
    cache: CacheReading | None = None
    cloud: CloudReading | None = None


@dataclass(frozen=True, kw_only=True)
class AssessmentDocument(Assessment):
    """What the assessment's endpoint answers: the judgement, and how long its decision has held.

    Args:
        status: "ok", or "unknown" while there is no score.
        sustained: light, decision and categories that do not flap.
        capacity: the judgement of the busiest hour of seven days; None before one is known.
        forecast: when each metric reaches its limits.
    """

    held: Held
    status: Literal["ok", "unknown"]
    sustained: Sustained
    capacity: BusyHour | None
    forecast: tuple[Forecast, ...]


def assessment_document(published: Published) -> AssessmentDocument:
    """Put the judgement and its holding time together."""
    judged = {field.name: getattr(published.assessment, field.name) for field in fields(Assessment)}
    status: Literal["ok", "unknown"] = "unknown" if published.assessment.score is None else "ok"
    return AssessmentDocument(
        **judged,
        held=published.held,
        status=status,
        sustained=published.sustained,
        capacity=published.outlook.capacity,
        forecast=published.outlook.forecasts,
    )


def metrics_document(published: Published) -> dict[str, Any]:
    """Return what the metrics' endpoint answers: each measurement beside its limits, and its sources."""
    assessment = published.assessment
    return {
        "taken_at": assessment.taken_at,
        "phase": assessment.phase,
        "profile": assessment.profile,
        "scale": assessment.scale,
        "score": assessment.score,
        "light": assessment.light.value,
        "decision": assessment.decision.value,
        "coverage": assessment.coverage,
        "metrics": {
            metric.id: {
                "title": metric.title,
                "value": to_json(metric.value),
                "unit": metric.unit,
                "stay": metric.stay,
                "urgent": metric.urgent,
                "category": to_json(metric.category),
                "in_matrix": metric.in_matrix,
                "window_s": metric.window_s,
                "samples": metric.samples,
                "age_s": metric.age_s,
                "note": metric.note,
            }
            for metric in assessment.metrics
        },
        "http": _http(published),
        "database": to_json(published.database),
        "cache": to_json(published.cache),
        "cloud": to_json(published.cloud),
        "fleet": to_json(published.fleet),
        "system": None
        if published.machine is None
        else {**to_json(published.machine), "memory_percent": published.machine.memory_percent},
        "alerts": {
            "active": to_json(published.alerts),
            "all": [
                {**to_json(alert), "limit": alert.limit(published.thresholds), "summary": alert.summary}
                for alert in ALERTS
            ],
        },
        "monitor": to_json(published.state),
    }


def _http(published: Published) -> dict[str, Any]:
    total, workers = published.total, published.workers
    routes = sorted(total.routes.items(), key=lambda item: item[1].seconds, reverse=True)
    return {
        "requests": {"total": total.finished, "by_class": dict(sorted(total.classes.items()))},
        "aborted": total.aborted,
        "in_flight": sum(worker.document.requests.in_flight for worker in workers),
        "response_time": to_json(published.times),
        "connections": _connections(workers),
        "queries": _queries(total.queries),
        "slow_statements": _slow_statements(total.statements),
        "routes": [
            {
                "route": name,
                "count": counts.count,
                "errors": counts.errors,
                "total_seconds": counts.seconds,
                "average_ms": 1000 * counts.seconds / counts.count if counts.count else None,
            }
            for name, counts in routes[:SHOWN_ROUTES]
        ],
        "routes_counted": len(total.routes),
        "requests_beyond_the_cap": total.routes[OVERFLOW].count if OVERFLOW in total.routes else 0,
        "workers": [
            {
                "instance": worker.document.instance,
                "worker": worker.document.worker,
                "started_at": worker.document.start_time,
                "age_s": round(published.clock - worker.heard, 3),
                "in_flight": worker.document.requests.in_flight,
                "event_loop": None
                if worker.document.event_loop is None
                else worker.document.event_loop.model_dump(),
            }
            for worker in workers
        ],
    }


def _connections(workers: tuple[Worker, ...]) -> dict[str, int | None]:
    """Add up the live workers' connections; open sockets are unknown where no worker can count them."""
    reported = [worker.document.connections for worker in workers if worker.document.connections is not None]
    opened = [connections.open for connections in reported if connections.open is not None]
    return {
        "open": sum(opened) if opened else None,
        "websockets": sum(connections.websockets for connections in reported),
        "event_streams": sum(connections.event_streams for connections in reported),
    }


def _queries(queries: QueryCounts | None) -> dict[str, float | None] | None:
    if queries is None:
        return None
    p50, p95, p99 = (quantile(queries.buckets, fraction) for fraction in (0.5, 0.95, 0.99))
    return {
        "count": queries.count,
        "seconds": queries.seconds,
        "slow": queries.slow,
        "busy": queries.busy,
        "average_ms": 1000 * queries.seconds / queries.count if queries.count else None,
        "p50_ms": None if p50 is None else 1000 * p50,
        "p95_ms": None if p95 is None else 1000 * p95,
        "p99_ms": None if p99 is None else 1000 * p99,
    }


def _slow_statements(statements: Mapping[str, StatementCounts]) -> list[dict[str, Any]]:
    slowest = sorted(statements.items(), key=lambda item: item[1].seconds, reverse=True)
    return [
        {
            "sql": sql,
            "count": slow.count,
            "total_seconds": slow.seconds,
            "average_ms": 1000 * slow.seconds / slow.count if slow.count else None,
            "longest_ms": 1000 * slow.longest_seconds,
        }
        for sql, slow in slowest[:SHOWN_STATEMENTS]
    ]
