"""Recording rules: ratios of bad requests by window, how fast the budget burns, percentiles, trends.

Names follow Prometheus' convention, level:metric:operations. Everything is summed over instances first, so
that ratios and percentiles of a fleet are right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.objectives import ERRORS, OBJECTIVES, WINDOWS, Objective
from monitor.rules.promql import number

if TYPE_CHECKING:
    from monitor.rules.promql import Target
    from monitor.thresholds import Thresholds

REQUESTS: Final = "http_request_duration_seconds"
_QUANTILES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def ratio(objective: Objective, window: str) -> str:
    """Name the recorded share of bad requests."""
    return f"job:http_requests_{objective.id}:ratio_rate{window}"


def burn(objective: Objective, window: str) -> str:
    """Name the recorded burn rate: the share of bad requests over the share that is allowed."""
    return f"job:http_requests_{objective.id}:burn_rate{window}"


def count(window: str) -> str:
    """Name the recorded number of requests."""
    return f"job:http_requests:increase{window}"


def percentile(name: str) -> str:
    """Name a recorded percentile, in seconds: "p95"."""
    return f"job:{REQUESTS}:{name}_rate5m"


def recording_groups(target: Target, thresholds: Thresholds) -> list[dict[str, Any]]:
    """Return the groups of recording rules.

    Args:
        target: whose series.
        thresholds: P95's stay limit is where a request counts as slow; the histogram has a bound there.
    """
    slow = number(thresholds["p95_ms"].stay / 1000)
    return [
        {
            "name": "outgrow-requests",
            "rules": [
                {"record": "job:http_requests:rate5m", "expr": _rate(target, "5m")},
                *(
                    {"record": percentile(name), "expr": _percentile(target, quantile)}
                    for name, quantile in _QUANTILES
                ),
                *(
                    {"record": count(window), "expr": f"sum by (job) (increase({_all(target)}[{window}]))"}
                    for window in WINDOWS
                ),
            ],
        },
        {
            "name": "outgrow-objectives",
            "rules": [
                rule
                for objective in OBJECTIVES
                for window in WINDOWS
                for rule in _objective(target, objective, window, slow)
            ],
        },
    ]


def _objective(target: Target, objective: Objective, window: str, slow: str) -> list[dict[str, str]]:
    share = _failed(target, window) if objective is ERRORS else _slow(target, window, slow)
    recorded = target.series(ratio(objective, window))
    return [
        {"record": ratio(objective, window), "expr": share},
        {"record": burn(objective, window), "expr": f"{recorded} / {number(objective.budget)}"},
    ]


def _all(target: Target) -> str:
    return target.series("http_requests_total")


def _rate(target: Target, window: str) -> str:
    return f"sum by (job) (rate({_all(target)}[{window}]))"


def _failed(target: Target, window: str) -> str:
    failed = target.series("http_requests_total", status_class="5xx")
    # Without requests the quotient is 0/0: no number, and no series then, instead of NaN.
    return f"sum by (job) (rate({failed}[{window}])) / ({_rate(target, window)} > 0)"


def _slow(target: Target, window: str, bound: str) -> str:
    quick = target.series(f"{REQUESTS}_bucket", le=bound)
    every = target.series(f"{REQUESTS}_count")
    return f"1 - sum by (job) (rate({quick}[{window}])) / (sum by (job) (rate({every}[{window}])) > 0)"


def _percentile(target: Target, quantile: float) -> str:
    buckets = target.series(f"{REQUESTS}_bucket")
    return f"histogram_quantile({number(quantile)}, sum by (job, le) (rate({buckets}[5m]))) >= 0"
