"""The operations dashboard: active alerts, health of the system and of the monitor, trends, planning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.dashboards.panels import (
    Panel,
    Query,
    Row,
    dashboard,
    limit_steps,
    limits_text,
    lines,
    series,
    stat,
)

if TYPE_CHECKING:
    from monitor.phases import Phase
    from monitor.thresholds import Thresholds

_WEEK: Final = "1w"


def operations(phase: Phase) -> dict[str, Any]:
    """Build the dashboard by a phase's limits."""
    limits = phase.thresholds
    return dashboard(
        "outgrow-operations",
        "Outgrow / Operations",
        f"What needs somebody now, by the limits of {phase.id} ({phase.title}).",
        [
            Row("Active alerts", _alerts()),
            Row("System health", _health()),
            Row("Performance trends", _trends(limits)),
            Row("Capacity planning metrics", _planning()),
        ],
        refresh="30s",
    )


def _alerts() -> tuple[Panel, ...]:
    firing = series("scalability_alert_state", 'state=~"firing|recovering"')
    pending = series("scalability_alert_state", 'state="pending"')
    hidden = ["Time", "Value", "__name__", "job"]
    tidy = (
        {
            "id": "organize",
            "options": {
                "excludeByName": dict.fromkeys(hidden, True),
                "indexByName": {"severity": 0, "alert": 1, "state": 2, "group": 3, "instance": 4},
            },
        },
    )
    return (
        Panel(
            "table",
            "Active alerts",
            "What fires, or is on its way back: below its recovery limit for less than the keep-firing time.",
            "none",
            (Query(f"{firing} == 1", instant=True),),
            transformations=tidy,
        ),
        Panel(
            "table",
            "Pending alerts",
            "What is past a limit, but not yet for long enough.",
            "none",
            (Query(f"{pending} == 1", instant=True),),
            width=6,
            transformations=tidy,
        ),
        lines(
            "Alerts over time",
            "How many fire, by severity.",
            "none",
            Query(f"sum by (severity) ({series('scalability_alert_active')})", "{{severity}}"),
            width=6,
        ),
    )


def _health() -> tuple[Panel, ...]:
    bad_above_0 = ((None, "green"), (1, "red"))
    return (
        stat(
            "Monitors up",
            "How many monitors Prometheus reaches.",
            "none",
            Query(f"sum({series('up')})"),
            steps=((None, "red"), (1, "green")),
        ),
        stat(
            "Metrics known",
            "The share of metrics whose value is known.",
            "percentunit",
            Query(f"min({series('scalability_data_coverage_ratio')})"),
            steps=((None, "red"), (0.7, "#d29200"), (1, "green")),
        ),
        stat(
            "Last evaluation",
            "How long ago the last evaluation was; one is due every few seconds.",
            "s",
            Query(f"time() - min({series('scalability_evaluated_timestamp_seconds')})"),
            steps=((None, "green"), (30, "#d29200"), (60, "red")),
        ),
        stat(
            "Workers",
            "Processes of the application that report.",
            "none",
            Query(f"sum({series('scalability_workers')})"),
        ),
        stat(
            "Messages not delivered",
            "Times in the last hour that a receiver of alerts did not take a message.",
            "none",
            Query(f"sum(increase({series('scalability_notifications_failed_total')}[1h])) or vector(0)"),
            steps=bad_above_0,
        ),
        stat(
            "Requests beyond the cap",
            "Requests in the last hour whose route was beyond the cap of routes and is counted with others.",
            "none",
            Query(f"sum(increase({series('scalability_series_dropped_total')}[1h]))"),
            steps=((None, "green"), (1, "#d29200")),
        ),
        lines(
            "What is not known",
            "1 while a metric's value is missing or too old.",
            "none",
            Query(f"{series('scalability_metric_stale')} == 1", "{{metric}} {{instance}}"),
            bounds=(0, 1),
        ),
        lines(
            "Documents of workers",
            "Accepted and refused ones.",
            "ops",
            Query(f"sum(rate({series('scalability_pushes_total')}[$__rate_interval]))", "accepted"),
            Query(f"sum(rate({series('scalability_pushes_refused_total')}[$__rate_interval]))", "refused"),
        ),
    )


def _trends(limits: Thresholds) -> tuple[Panel, ...]:
    panels = []
    for title, metric, unit in (
        ("Response time P95", "p95_ms", "ms"),
        ("Error rate", "error_rate_percent", "percent"),
        ("Request rate", "requests_per_second", "reqps"),
        ("Write load", "writes_per_second", "ops"),
    ):
        value = series("scalability_metric_value", f'metric="{metric}"')
        panels.append(
            lines(
                f"{title}, this week and last",
                f"Now, and the same hour a week ago. {limits_text(limits, metric)}",
                unit,
                Query(value, "now {{instance}}"),
                Query(f"{value} offset {_WEEK}", "a week ago {{instance}}"),
                steps=limit_steps(limits, metric),
            )
        )
    return tuple(panels)


def _planning() -> tuple[Panel, ...]:
    value, stay = series("scalability_metric_value"), series("scalability_metric_threshold", 'limit="stay"')
    same = "on (job, instance, metric)"
    growth = f"deriv({value}[1d])"
    return (
        Panel(
            "bargauge",
            "Share of the limit",
            "Each metric as a share of its stay limit.",
            "percentunit",
            (Query(f"max by (metric) ({value} / {same} {stay})", "{{metric}}"),),
            steps=((None, "green"), (0.8, "#d29200"), (1, "red")),
            bounds=(0, 1.5),
        ),
        Panel(
            "bargauge",
            "Headroom",
            "How many times today's peak fits below the stay limit; below 1 it does not.",
            "none",
            (Query(f"min by (metric) ({stay} / {same} (max_over_time({value}[1d]) > 0))", "{{metric}}"),),
            steps=((None, "red"), (1, "#d29200"), (2, "green")),
            bounds=(0, 10),
        ),
        lines(
            "Time to the stay limit",
            "By the trend of a day; nothing is drawn for what does not grow.",
            "s",
            Query(f"(({stay} - {same} {value}) > 0) / {same} ({growth} > 0)", "{{metric}} {{instance}}"),
        ),
        lines(
            "What each metric is worth",
            "0 to 100 points; the lowest is the score.",
            "none",
            Query(f"min by (metric) ({series('scalability_metric_utility')})", "{{metric}}"),
            bounds=(0, 100),
        ),
    )
