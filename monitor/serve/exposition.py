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

from monitor.middleware.buckets import count_at_most
from monitor.middleware.recorder import OVERFLOW
from monitor.serve.exposed_sources import (
    cache_families,
    cloud_families,
    database_families,
    machine_families,
)
from monitor.serve.judged_exposition import alerting, judgement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from monitor.alerts.delivery import ReceiverStatus
    from monitor.serve.published import Published
    from monitor.thresholds import Thresholds

#: Upper bounds of the request duration histogram, in seconds; the mission's 100, 200 and 500 ms are among
#: them.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)


def bounds(thresholds: Thresholds) -> tuple[float, ...]:
    """Return the histogram's upper bounds in seconds: the usual ones, and the limits of P95 themselves.

    So that the share of requests beyond a limit is counted, not interpolated.
    """
    limit = thresholds["p95_ms"]
    own = {value / 1000 for value in (limit.stay, limit.urgent) if value is not None}
    return tuple(sorted({*BOUNDS, *own}))


class Names(StrEnum):
    """Which names to expose."""

    MISSION = "mission"
    CONVENTIONAL = "conventional"
    BOTH = "both"


def expose(
    published: Published, names: Names, accept: str, receivers: Sequence[ReceiverStatus] = ()
) -> tuple[bytes, str]:
    """Write an evaluation as text.

    Args:
        published: the evaluation.
        names: which metric names.
        accept: the request's Accept header; it chooses between the text format and OpenMetrics.
        receivers: how telling the receivers of alerts goes.

    Returns:
        The body and its content type.
    """
    registry = CollectorRegistry()
    registry.register(_Exposition(published, names, receivers))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Exposition(Collector):
    def __init__(self, published: Published, names: Names, receivers: Sequence[ReceiverStatus]) -> None:
        self._published = published
        self._names = names
        self._receivers = receivers

    def collect(self) -> Iterator[Metric]:
        if self._names is not Names.CONVENTIONAL:
            yield from _mission(self._published)
        if self._names is not Names.MISSION:
            yield from judgement(self._published)
            yield from alerting(self._published, self._receivers)
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


def _requests(published: Published) -> Iterator[Metric]:
    total = published.total
    requests = CounterMetricFamily("http_requests", "Finished requests.", labels=["status_class"])
    if total.classes:
        # Each class from the first request on: a ratio of failed requests has a 0 to begin with.
        for name in ("1xx", "2xx", "3xx", "4xx", "5xx"):
            requests.add_metric([name], total.classes.get(name, 0))
    yield requests
    yield CounterMetricFamily("http_requests_aborted", "Requests whose client went away.", total.aborted)
    yield GaugeMetricFamily(
        "http_requests_in_flight",
        "Requests being answered.",
        sum(worker.document.requests.in_flight for worker in published.workers),
    )
    if total.buckets:
        counts = [
            (str(bound), float(count_at_most(total.buckets, bound))) for bound in bounds(published.thresholds)
        ]
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
    yield from cache_families(published.cache)
    yield from cloud_families(published.cloud)
    # What was read from a Prometheus must not be read back from it as one more instance's.
    if "concurrent_users" in values and published.fleet is None:
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
