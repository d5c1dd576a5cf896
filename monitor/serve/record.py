"""What of an evaluation goes into the history: each metric, the score, what is worth drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.assessment import Assessment
    from monitor.collect.window import CounterWindow
    from monitor.serve.counters import Counters
    from monitor.serve.traffic import ResponseTimes
    from monitor.serve.workers import Workers

#: The methods that only read (RFC 9110, section 9.2.1: the safe ones).
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: The application counts as down while more than half of the last minute's requests fail, from so many on.
_DOWN_SHARE: Final = 0.5
_MIN_REQUESTS: Final = 5
_MINUTE_S: Final = 60.0


def recorded(
    assessment: Assessment, times: ResponseTimes, *, uptime: float | None, reads: float | None
) -> Mapping[str, float | None]:
    """Return an evaluation's values by series; None where nothing is known."""
    return {
        **{metric.id: metric.value for metric in assessment.metrics},
        "score": assessment.score,
        "health_index": assessment.health_index,
        "coverage_percent": 100 * assessment.coverage,
        "uptime_percent": uptime,
        "average_response_ms": times.average_ms,
        "p50_ms": times.p50_ms,
        "p99_ms": times.p99_ms,
        "reads_per_second": reads,
    }


def uptime_percent(workers: Workers, *, seen_before: bool) -> float | None:
    """Say whether the application is up: 100, 0, or None before any of its workers was heard of.

    It is down while none of its workers pushes, and while more than half of the last minute's requests fail.

    Args:
        workers: what they have counted.
        seen_before: whether a worker was heard of in an earlier run of the monitor.
    """
    if not workers.live():
        return 0.0 if seen_before or workers.total().finished else None
    counters = workers.window(_MINUTE_S).counters
    failing = counters.finished >= _MIN_REQUESTS and counters.failed > _DOWN_SHARE * counters.finished
    return 0.0 if failing else 100.0


def reads_per_second(window: CounterWindow, total: Counters, clock: float) -> float | None:
    """Return the rate of requests that only read, over the window; None with one look only.

    Args:
        window: remembers what was counted; this look is added.
        total: all requests by route.
        clock: the monotonic clock.
    """
    window.add(
        clock,
        sum(counts.count for name, counts in total.routes.items() if name.partition(" ")[0] in SAFE_METHODS),
    )
    gain = window.gain()
    return None if gain is None else gain.amounts[0] / gain.seconds
