"""The Prometheus exposition: the mission's metric names exactly, and conventional ones beside them.

The registry is its own, so nothing of the process's default registry mixes in. `response_time_milliseconds`
carries the `quantile` label, which is legal on a summary only, so it is one; values that are not known are
absent, never NaN.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from monitor.alerts.table import ALERTS
from monitor.assessment import Decision, Light
from monitor.middleware.buckets import count_at_most
from monitor.middleware.recorder import OVERFLOW
from monitor.serve.exposed_sources import database_families, machine_families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from monitor.serve.published import Published

#: Upper bounds of the request duration histogram, in seconds; the mission's 100, 200 and 500 ms are among
#: them.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)


class Names(StrEnum):
    """Which names to expose."""

    MISSION = "mission"
    CONVENTIONAL = "conventional"
    BOTH = "both"


def expose(published: Published, names: Names, accept: str) -> tuple[bytes, str]:
    """Write an evaluation as text.

    Args:
        published: the evaluation.
        names: which metric names.
        accept: the request's Accept header; it chooses between the text format and OpenMetrics.

    Returns:
        The body and its content type.
    """
    registry = CollectorRegistry()
    registry.register(_Exposition(published, names))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Exposition(Collector):
    def __init__(self, published: Published, names: Names) -> None:
        self._published = published
        self._names = names

    def collect(self) -> Iterator[Metric]:
        if self._names is not Names.CONVENTIONAL:
            yield from _mission(self._published)
        if self._names is not Names.MISSION:
            yield from _judgement(self._published)
            yield from _requests(self._published)
            yield from _resources(self._published)
            yield from _monitor(self._published)


def _values(published: Published) -> dict[str, float]:
    return {metric.id: metric.value for metric in published.assessment.metrics if metric.value is not None}


def _mission(published: Published) -> Iterator[Metric]:
    values, times = _values(published), published.times
    for name, metric, text in (
        ("database_size_bytes", "database_size_bytes", "Size of the database with its write-ahead log."),
        ("requests_per_second", "requests_per_second", "Finished requests per second over the window."),
        ("memory_usage_percent", "memory_percent", "Memory in use, of the machine or its control group."),
    ):
        if metric in values:
            yield GaugeMetricFamily(name, text, values[metric])
    if published.total.buckets:
        summary = SummaryMetricFamily(
            "response_time_milliseconds",
            "Response time: quantiles over the window, sum and count since the workers' start.",
            count_value=sum(published.total.buckets.values()),
            sum_value=1000 * published.total.latency_seconds,
        )
        for quantile, value in (("0.5", times.p50_ms), ("0.95", times.p95_ms), ("0.99", times.p99_ms)):
            if value is not None:
                summary.add_sample("response_time_milliseconds", {"quantile": quantile}, value)
        yield summary


def _judgement(published: Published) -> Iterator[Metric]:
    assessment = published.assessment
    if assessment.score is not None:
        yield GaugeMetricFamily(
            "scalability_score", "Score, 0 to 100; absent while unknown.", assessment.score
        )
    yield _states("scalability_light", "Traffic light; the current state is 1.", Light, assessment.light)
    yield _states(
        "scalability_decision", "Migration decision; the current state is 1.", Decision, assessment.decision
    )
    yield GaugeMetricFamily(
        "scalability_decision_held_seconds",
        "How long the decision has been at least this bad without a break.",
        published.held.seconds,
    )
    yield GaugeMetricFamily(
        "scalability_data_coverage_ratio", "Share of metrics whose value is known.", assessment.coverage
    )
    yield GaugeMetricFamily(
        "scalability_scale_ratio", "Factor by which limits of load were lowered; 1 is none.", assessment.scale
    )
    value = GaugeMetricFamily("scalability_metric_value", "Value, in the metric's unit.", labels=["metric"])
    limit = GaugeMetricFamily(
        "scalability_metric_threshold", "Limit, in the metric's unit.", labels=["metric", "limit"]
    )
    points = GaugeMetricFamily("scalability_metric_utility", "Worth, 0 to 100 points.", labels=["metric"])
    stale = GaugeMetricFamily(
        "scalability_metric_stale", "1 while the metric's value is not known.", labels=["metric"]
    )
    for metric in assessment.metrics:
        limit.add_metric([metric.id, "stay"], metric.stay)
        if metric.urgent is not None:
            limit.add_metric([metric.id, "urgent"], metric.urgent)
        stale.add_metric([metric.id], float(metric.value is None))
        if metric.value is not None and metric.utility is not None:
            value.add_metric([metric.id], metric.value)
            points.add_metric([metric.id], metric.utility)
    yield from (value, limit, points, stale)
    raised = {alert.id for alert in published.alerts}
    alerts = GaugeMetricFamily(
        "scalability_alert_active", "1 while the alert is raised.", labels=["alert", "group", "severity"]
    )
    for alert in ALERTS:
        alerts.add_metric([alert.id, alert.group, alert.severity], float(alert.id in raised))
    yield alerts


def _states(name: str, text: str, states: type[StrEnum], current: StrEnum) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state in states:
        family.add_metric([state.value], float(state is current))
    return family


def _requests(published: Published) -> Iterator[Metric]:
    total = published.total
    requests = CounterMetricFamily("http_requests", "Finished requests.", labels=["status_class"])
    for name, count in sorted(total.classes.items()):
        requests.add_metric([name], count)
    yield requests
    yield CounterMetricFamily("http_requests_aborted", "Requests whose client went away.", total.aborted)
    yield GaugeMetricFamily(
        "http_requests_in_flight",
        "Requests being answered.",
        sum(worker.document.requests.in_flight for worker in published.workers),
    )
    if total.buckets:
        counts = [(str(bound), float(count_at_most(total.buckets, bound))) for bound in BOUNDS]
        yield HistogramMetricFamily(
            "http_request_duration_seconds",
            "Response time; bounds are exact to 1.1 %.",
            buckets=[*counts, ("+Inf", float(sum(total.buckets.values())))],
            sum_value=total.latency_seconds,
        )
    by_route = CounterMetricFamily("http_route_requests", "Finished requests by route.", labels=["route"])
    errors = CounterMetricFamily("http_route_errors", "5xx answers by route.", labels=["route"])
    seconds = CounterMetricFamily(
        "http_route_duration_seconds", "Response time summed by route.", labels=["route"]
    )
    for name, counted in sorted(total.routes.items()):
        by_route.add_metric([name], counted.count)
        errors.add_metric([name], counted.errors)
        seconds.add_metric([name], counted.seconds)
    yield from (by_route, errors, seconds)
    yield CounterMetricFamily(
        "scalability_series_dropped",
        "Requests counted together because their routes are beyond the cap.",
        total.routes[OVERFLOW].count if OVERFLOW in total.routes else 0,
    )
    yield from _connections(published)
    if total.queries is not None:
        yield CounterMetricFamily("scalability_queries", "The application's statements.", total.queries.count)
        yield CounterMetricFamily(
            "scalability_query_duration_seconds", "Their time, summed.", total.queries.seconds
        )
        yield CounterMetricFamily("scalability_slow_queries", "Those that were slow.", total.queries.slow)
        yield CounterMetricFamily(
            "scalability_busy_errors", "Those that found the database locked.", total.queries.busy
        )


def _connections(published: Published) -> Iterator[Metric]:
    documents = [worker.document for worker in published.workers]
    reported = [document.connections for document in documents if document.connections is not None]
    opened = [connections.open for connections in reported if connections.open is not None]
    if opened:
        yield GaugeMetricFamily("http_open_sockets", "Open connections, idle ones included.", sum(opened))
    if reported:
        kinds = GaugeMetricFamily("http_streaming_connections", "Long-lived ones.", labels=["kind"])
        kinds.add_metric(["websocket"], sum(connections.websockets for connections in reported))
        kinds.add_metric(["event_stream"], sum(connections.event_streams for connections in reported))
        yield kinds
    loops = [document.event_loop for document in documents if document.event_loop is not None]
    if loops:
        yield GaugeMetricFamily(
            "nodejs_eventloop_delay_p99_seconds",
            "P99 of the event loop's delay since the last push, of the worst worker.",
            max(loop.delay_p99_ms for loop in loops) / 1000,
        )
        yield GaugeMetricFamily(
            "nodejs_eventloop_utilization_ratio",
            "Share of the time the event loop is busy, of the busiest worker.",
            max(loop.utilization for loop in loops),
        )


def _resources(published: Published) -> Iterator[Metric]:
    database, machine, values = published.database, published.machine, _values(published)
    yield from database_families(database)
    yield from machine_families(machine)
    if "concurrent_users" in values:
        yield GaugeMetricFamily(
            "scalability_concurrent_users", "Distinct clients in the window.", values["concurrent_users"]
        )
    for resource, metric in (("cpu", "cpu_percent"), ("memory", "memory_percent")):
        if machine is not None and metric in values:
            scope = machine.cpu_scope if resource == "cpu" else machine.memory_scope
            usage = GaugeMetricFamily(
                f"scalability_{resource}_usage_ratio", "Mean over the window, 0 to 1.", labels=["scope"]
            )
            usage.add_metric([scope], values[metric] / 100)
            yield usage


def _monitor(published: Published) -> Iterator[Metric]:
    state = published.state
    yield InfoMetricFamily(
        "scalability_build",
        "The monitor.",
        value={
            "version": state.version,
            "phase": published.assessment.phase,
            "profile": published.assessment.profile,
        },
    )
    yield GaugeMetricFamily("scalability_workers", "Workers that push.", len(published.workers))
    yield CounterMetricFamily("scalability_pushes", "Documents accepted from workers.", state.pushes)
    yield CounterMetricFamily("scalability_pushes_refused", "Documents refused.", state.refused_pushes)
    yield CounterMetricFamily("scalability_evaluations", "Evaluations.", state.evaluations)
    yield GaugeMetricFamily(
        "scalability_evaluated_timestamp_seconds",
        "When the last evaluation was.",
        published.assessment.taken_at,
    )
