"""Measurements from what the workers count: users, response time, errors, requests, queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.confidence import percentile_slots, wilson
from monitor.middleware.buckets import middle, quantile
from monitor.serve.workers import DEAD_AFTER_S, Window
from monitor.snapshot import Measurement
from monitor.thresholds import METRICS

if TYPE_CHECKING:
    from monitor.serve.active_clients import ClientCount
    from monitor.serve.workers import Workers

#: Seconds a rate is measured over at least: the first push of a worker may come after milliseconds.
MIN_RATE_S: Final = 0.2
#: Fewer requests than this say little: the 95th percentile of 19 is simply the slowest of them.
MIN_REQUESTS: Final = 20
#: A quiet application is judged over a longer time before it counts as unknown: 5 minutes, then 15, then 60.
WIDENING: Final = (1, 3, 12)

_NO_WORKER: Final = (
    f"no worker has pushed its counters for {DEAD_AFTER_S:.0f} s; is the request middleware on?"
)


@dataclass(frozen=True)
class ResponseTimes:
    """Response times of one window in milliseconds; None without requests."""

    average_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    samples: int
    window_s: float


def response_times(window: Window) -> ResponseTimes:
    """Take the percentiles of a window, each within 1.1 %."""
    buckets = window.counters.buckets
    count = sum(buckets.values())
    p50, p95, p99 = (_milliseconds(quantile(buckets, fraction)) for fraction in (0.5, 0.95, 0.99))
    average = 1000 * window.counters.latency_seconds / count if count else None
    return ResponseTimes(average, p50, p95, p99, count, window.seconds)


def traffic(workers: Workers, users: ClientCount | None, window_s: float) -> dict[str, Measurement]:
    """Measure the requests of the last seconds.

    Args:
        workers: what they have counted.
        users: distinct clients, None where no worker reports any.
        window_s: the window; response time and errors widen it while there are too few requests.
    """
    live = workers.live()
    if not live:
        metrics = ("concurrent_users", "p95_ms", "error_rate_percent", "requests_per_second")
        return {metric: Measurement(None, METRICS[metric].unit, note=_NO_WORKER) for metric in metrics}
    window = workers.window(window_s)
    found = {"concurrent_users": _users(users), "requests_per_second": _rate(window)}
    found |= _quality(_wide_enough(workers, window_s))
    queries = window.counters.queries
    if queries is not None and queries.count > 0:
        average = 1000 * queries.seconds / queries.count
        found["average_query_ms"] = Measurement(average, "ms", window.seconds, queries.count)
    return found


def long_window(workers: Workers, window_s: float) -> dict[str, float | None]:
    """Return response time and errors over a long window: what is bad in both windows is no short hiccup.

    Args:
        workers: what they have counted.
        window_s: the long window.
    """
    return {name: judged_value(one) for name, one in _quality(workers.window(window_s)).items()}


def judged_value(measured: Measurement) -> float | None:
    """Return what a measurement is judged by: for the share of errors, the lower end of its interval."""
    if measured.unit == METRICS["error_rate_percent"].unit and measured.ci is not None:
        return measured.ci[0]
    return measured.number


def _users(users: ClientCount | None) -> Measurement:
    if users is None:
        return Measurement(None, "users", note="no worker has the key for counting clients yet")
    return Measurement(float(users.count), "users", users.window_s)


def _rate(window: Window) -> Measurement:
    finished = window.counters.finished
    if window.seconds < MIN_RATE_S:
        return Measurement(None, METRICS["requests_per_second"].unit, note="counting has only begun")
    return Measurement(
        finished / window.seconds, METRICS["requests_per_second"].unit, window.seconds, finished
    )


def _wide_enough(workers: Workers, window_s: float) -> Window:
    window = workers.window(window_s)
    for factor in WIDENING:
        window = workers.window(window_s * factor)
        if window.counters.finished >= MIN_REQUESTS:
            break
    return window


def _quality(window: Window) -> dict[str, Measurement]:
    finished = window.counters.finished
    latencies = sum(window.counters.buckets.values())
    errors = 100 * window.counters.failed / finished if finished else None
    p95 = _milliseconds(quantile(window.counters.buckets, 0.95))
    slots = percentile_slots(window.counters.buckets, 0.95)
    p95_ci = None if slots is None else (1000 * middle(slots[0]), 1000 * middle(slots[1]))
    share = wilson(window.counters.failed, finished)
    errors_ci = None if share is None else (100 * share[0], 100 * share[1])
    return {
        "p95_ms": _enough("p95_ms", p95, latencies, window, p95_ci),
        "error_rate_percent": _enough("error_rate_percent", errors, finished, window, errors_ci),
    }


def _enough(
    metric: str, value: float | None, samples: int, window: Window, ci: tuple[float, float] | None
) -> Measurement:
    unit = METRICS[metric].unit
    if samples < MIN_REQUESTS:
        note = f"{samples} requests in {window.seconds:.0f} s; {MIN_REQUESTS} are needed"
        return Measurement(None, unit, window.seconds, samples, note=note)
    return Measurement(value, unit, window.seconds, samples, ci=ci)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
