"""How many times the load could grow before a limit is reached. Pure.

Only what grows in proportion to load is asked: users, writes, requests, CPU (the utilisation law: busy
time is arrivals times service time). Response times do not: they hardly move until something is full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.thresholds import Thresholds

#: What grows in proportion to load.
LOADS: Final = ("concurrent_users", "writes_per_second", "requests_per_second", "cpu_percent")


@dataclass(frozen=True)
class Headroom:
    """What fills up first.

    Args:
        metric: the metric that reaches its limit first.
        peak: its value that was taken as the load.
        to_stay: the load could be so many times the peak before planning begins; below 1 it has begun.
        to_urgent: as many times before that metric is urgent (or, where it never is, must be scaled).
        basis: what the peak is: "now", or "today's busiest 5 minutes".
    """

    metric: str
    peak: float
    to_stay: float
    to_urgent: float
    basis: str


def headroom(
    peaks: Mapping[str, float | None], thresholds: Thresholds, basis: str = "now"
) -> Headroom | None:
    """Find the load that fills up first.

    Args:
        peaks: by metric, the load to start from; unknown ones and zeros are left out.
        thresholds: the limits.
        basis: what the peaks are, for people.

    Returns:
        None where no load is known, or none is above zero.
    """
    found = [
        Headroom(
            metric,
            peak,
            round(thresholds[metric].stay / peak, 2),
            round(thresholds[metric].upper / peak, 2),
            basis,
        )
        for metric in LOADS
        if (peak := peaks.get(metric)) is not None and peak > 0 and thresholds[metric].upper / peak < _VAST
    ]
    return min(found, key=lambda one: one.to_urgent, default=None)


#: Beyond so many times the peak there is no load to speak of.
_VAST: Final = 1e6
