"""The technical dashboard: percentiles, database growth, errors, resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.alerts.objectives import ERRORS, OBJECTIVES
from monitor.dashboards.panels import (
    Panel,
    Query,
    Row,
    dashboard,
    limit_steps,
    limits_text,
    lines,
    recorded,
    series,
)
from monitor.rules.recording import burn, percentile

if TYPE_CHECKING:
    from monitor.phases import Phase
    from monitor.thresholds import Thresholds


def technical(phase: Phase) -> dict[str, Any]:
    """Build the dashboard by a phase's limits."""
    limits = phase.thresholds
    return dashboard(
        "outgrow-technical",
        "Outgrow / Technical",
        f"What the application and its database do, with the limits of {phase.id} ({phase.title}) as lines.",
        [
            Row("Response time", _response_times(limits)),
            Row("Database", _database(limits)),
            Row("Errors", _errors(limits)),
            Row("Resource utilization", _resources(limits)),
            Row("Statements and connections", _statements(limits)),
        ],
        refresh="30s",
    )


def _response_times(limits: Thresholds) -> tuple[Panel, ...]:
    steps = limit_steps(limits, "p95_ms")
    seconds = limit_steps(limits, "p95_ms", 0.001)
    quantiles = series("response_time_milliseconds")
    return (
        lines(
            "Response time percentiles",
            f"P50, P95 and P99 of each monitor, exact to 1.1 %. {limits_text(limits, 'p95_ms')}",
            "ms",
            Query(f"max by (quantile, instance) ({quantiles})", "P{{quantile}} {{instance}}"),
            steps=steps,
        ),
        lines(
            "Response time percentiles of all instances",
            "From the histograms of all instances together, by the recording rules of outgrow monitor rules.",
            "s",
            *(
                Query(recorded(percentile(name)), f"{name.upper()} {{{{job}}}}")
                for name in ("p50", "p95", "p99")
            ),
            steps=seconds,
        ),
        lines(
            "Share of requests over the limits",
            "Counted, not interpolated: the histogram has the limits of P95 among its bounds.",
            "percentunit",
            *(
                Query(_slower(limit / 1000), f"over {limit:g} ms")
                for limit in (limits["p95_ms"].stay, limits["p95_ms"].urgent)
                if limit is not None
            ),
            bounds=(0, 1),
        ),
        lines(
            "Slowest routes",
            "Mean response time of the ten routes that take the most time altogether.",
            "s",
            Query(
                f"topk(10, sum by (route) (rate({series('http_route_duration_seconds_total')}"
                f"[$__rate_interval])) / (sum by (route) (rate({series('http_route_requests_total')}"
                "[$__rate_interval])) > 0))",
                "{{route}}",
            ),
        ),
    )


def _slower(seconds: float) -> str:
    name = "http_request_duration_seconds"
    quick = series(f"{name}_bucket", f'le="{seconds}"')
    every = series(f"{name}_count")
    return (
        f"1 - sum by (job) (rate({quick}[$__rate_interval])) / "
        f"(sum by (job) (rate({every}[$__rate_interval])) > 0)"
    )


def _database(limits: Thresholds) -> tuple[Panel, ...]:
    size = series("database_size_bytes")
    return (
        lines(
            "Database size growth",
            f"The database with its write-ahead log. {limits_text(limits, 'database_size_bytes')}",
            "decbytes",
            Query(size, "size {{instance}}"),
            Query(f"predict_linear({size}[1d], 28 * 86400)", "in 28 days {{instance}}"),
            steps=limit_steps(limits, "database_size_bytes"),
        ),
        lines(
            "Database files",
            "The main file and the write-ahead log; a log that keeps growing has a reader that never ends.",
            "decbytes",
            Query(series("scalability_database_size_bytes"), "{{file}} {{instance}}"),
            width=6,
        ),
        lines(
            "Growth a day",
            "By the trend of six hours.",
            "decbytes",
            Query(f"86400 * deriv({size}[6h])", "{{instance}}"),
            width=6,
            bounds=(None, None),
        ),
        lines(
            "Write load",
            f"Write transactions, counted by the database. {limits_text(limits, 'writes_per_second')}",
            "ops",
            Query(f"rate({series('scalability_database_writes_total')}[$__rate_interval])", "{{instance}}"),
            steps=limit_steps(limits, "writes_per_second"),
        ),
        lines(
            "Average query time",
            f"Of the application's statements. {limits_text(limits, 'average_query_ms')}",
            "ms",
            Query(series("scalability_metric_value", 'metric="average_query_ms"'), "{{instance}}"),
            steps=limit_steps(limits, "average_query_ms"),
        ),
    )


def _errors(limits: Thresholds) -> tuple[Panel, ...]:
    requests = f"rate({series('http_requests_total')}[$__rate_interval])"
    return (
        lines(
            "Error rate trends",
            f"5xx answers among all finished ones. {limits_text(limits, 'error_rate_percent')}",
            "percent",
            Query(series("scalability_metric_value", 'metric="error_rate_percent"'), "{{instance}}"),
            steps=limit_steps(limits, "error_rate_percent"),
        ),
        lines(
            "Requests by status",
            "Finished requests by class of status, and those whose client went away.",
            "reqps",
            Query(f"sum by (status_class) ({requests})", "{{status_class}}"),
            Query(f"sum(rate({series('http_requests_aborted_total')}[$__rate_interval]))", "aborted"),
        ),
        lines(
            "How fast the budgets burn",
            f"1 spends the budget exactly in its time; {100 * ERRORS.budget:g} % of requests may fail.",
            "none",
            *(
                Query(recorded(burn(objective, window)), f"{objective.title.lower()} {window}")
                for objective in OBJECTIVES
                for window in ("5m", "1h", "6h")
            ),
            steps=((None, "green"), (1, "#d29200"), (14.4, "red")),
        ),
        lines(
            "Routes that fail",
            "The ten routes with the most 5xx answers.",
            "reqps",
            Query(
                f"topk(10, sum by (route) (rate({series('http_route_errors_total')}[$__rate_interval])) > 0)",
                "{{route}}",
            ),
        ),
    )


def _resources(limits: Thresholds) -> tuple[Panel, ...]:
    return (
        lines(
            "CPU usage",
            f"Of the machine, or of its control group's share. {limits_text(limits, 'cpu_percent')}",
            "percent",
            Query(f"100 * {series('scalability_cpu_usage_ratio')}", "{{scope}} {{instance}}"),
            steps=limit_steps(limits, "cpu_percent"),
            bounds=(0, 100),
        ),
        lines(
            "Memory usage",
            f"Of the machine, or of its control group's limit. {limits_text(limits, 'memory_percent')}",
            "percent",
            Query(series("memory_usage_percent"), "{{instance}}"),
            steps=limit_steps(limits, "memory_percent"),
            bounds=(0, 100),
        ),
        lines(
            "Event loop delay",
            "P99 of the worst worker: how long Node could not turn to anything else.",
            "s",
            Query(series("nodejs_eventloop_delay_p99_seconds"), "{{instance}}"),
        ),
        lines(
            "Event loop utilization",
            "Of the busiest worker; a worker at 100 % answers nothing in time.",
            "percentunit",
            Query(series("nodejs_eventloop_utilization_ratio"), "{{instance}}"),
            bounds=(0, 1),
        ),
    )


def _statements(limits: Thresholds) -> tuple[Panel, ...]:
    rate = "[$__rate_interval]"
    return (
        lines(
            "Statements",
            "All, those over the application's own limit, and those that found the database locked.",
            "ops",
            Query(f"sum(rate({series('scalability_queries_total')}{rate}))", "all"),
            Query(f"sum(rate({series('scalability_slow_queries_total')}{rate}))", "slow"),
            Query(f"sum(rate({series('scalability_busy_errors_total')}{rate}))", "busy"),
        ),
        lines(
            "Request rate",
            f"Finished requests. {limits_text(limits, 'requests_per_second')}",
            "reqps",
            Query(series("requests_per_second"), "{{instance}}"),
            steps=limit_steps(limits, "requests_per_second"),
        ),
        lines(
            "Connections",
            "Open sockets, and those that last: WebSockets and event streams.",
            "none",
            Query(f"sum by (instance) ({series('http_open_sockets')})", "open {{instance}}"),
            Query(f"sum by (kind) ({series('http_streaming_connections')})", "{{kind}}"),
            Query(f"sum by (instance) ({series('http_requests_in_flight')})", "in flight {{instance}}"),
        ),
    )
