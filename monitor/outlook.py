"""What the history adds to a judgement: the busy hour of the week, today's peak, the month, the forecasts.

It reads and changes nothing. Reading costs some milliseconds, so a sidecar asks once a minute, and for
forecasts once in a quarter hour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003  # the API's schema resolves it at run time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor.assessment import Decision, Light, assess
from monitor.forecast import MAX_DAYS, Day, Forecast, forecast
from monitor.headroom import LOADS, Headroom, headroom
from monitor.snapshot import Facts, Measurement, Snapshot
from monitor.thresholds import ALL_METRICS, METRICS
from monitor.workload import write_share

if TYPE_CHECKING:
    from monitor.store.history import History, Point
    from monitor.thresholds import Thresholds

_HOUR: Final = 3600
_DAY: Final = 86_400
_WEEK_DAYS: Final = 7
_MONTH_DAYS: Final = 30
#: An hour counts once a quarter of its evaluations were made: a monitor that ran for a minute knows no hour.
_MIN_SHARE: Final = 0.25
#: Today counts among the days once so much of it has passed.
_MIN_TODAY: Final = 0.75


@dataclass(frozen=True)
class BusyHour:
    """The judgement of the busiest hour of seven days: each metric's worst hourly mean, judged as ever.

    A green light at three in the morning must not cancel a red peak at noon; this horizon is for deciding
    about migrations, the latest evaluation for operating.

    Args:
        score: as in an assessment.
        light: as in an assessment.
        decision: as in an assessment.
        bottleneck: the metric that is worth least.
        values: by metric, the mean of its worst hour.
        at: by metric, when that hour began, seconds since the epoch.
        hours: how many hours of the seven days are known.
        reasons: as in an assessment.
    """

    score: float | None
    light: Light
    decision: Decision
    bottleneck: str | None
    values: Mapping[str, float]
    at: Mapping[str, float]
    hours: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Outlook:
    """What the history says at one time.

    Args:
        capacity: the busy hour of seven days; None before the first whole hour.
        headroom: from today's busiest five minutes.
        users_peak: the most concurrent users of any five minutes in seven days.
        uptime_percent: the mean of the last thirty days.
        uptime_days: how many days that rests on, as far back as the first that is known.
        write_share: of the last hour.
        forecasts: by metric.
    """

    capacity: BusyHour | None = None
    headroom: Headroom | None = None
    users_peak: float | None = None
    uptime_percent: float | None = None
    uptime_days: float = 0.0
    write_share: float | None = None
    forecasts: tuple[Forecast, ...] = field(default_factory=tuple)


def look_back(
    history: History, thresholds: Thresholds, *, phase: str, now: float, interval_s: float
) -> Outlook:
    """Read everything but the forecasts, which `forecasts` makes.

    Args:
        history: where it is kept.
        thresholds: the limits to judge the busy hour by.
        phase: the phase it is judged in.
        now: seconds since the epoch.
        interval_s: seconds between two evaluations, to tell a whole hour from a part.
    """
    today = now - now % _DAY
    peaks = {
        metric: max(
            (point.value for point in history.series(metric, since=today, step=300).points), default=None
        )
        for metric in LOADS
    }
    users = history.series("concurrent_users", since=now - _WEEK_DAYS * _DAY, step=360).points
    uptime = history.series("uptime_percent", since=now - _MONTH_DAYS * _DAY, step=_HOUR).points
    return Outlook(
        capacity=busy_hour(history, thresholds, phase=phase, now=now, interval_s=interval_s),
        headroom=headroom(peaks, thresholds, "today's busiest 5 minutes"),
        users_peak=max((point.value for point in users), default=None),
        uptime_percent=_mean(uptime),
        uptime_days=(now - uptime[0].at) / _DAY if uptime else 0.0,
        write_share=write_share(
            _mean(history.series("writes_per_second", since=now - _HOUR, step=60).points),
            _mean(history.series("reads_per_second", since=now - _HOUR, step=60).points),
        ),
    )


def busy_hour(
    history: History, thresholds: Thresholds, *, phase: str, now: float, interval_s: float
) -> BusyHour | None:
    """Judge the worst hour of each metric in seven days; None before an hour is known. As `look_back`."""
    worst: dict[str, Point] = {}
    hours: set[float] = set()
    for metric in thresholds:
        line = history.series(metric, since=now - _WEEK_DAYS * _DAY, step=_HOUR)
        whole = [point for point in line.points if point.samples >= _least(interval_s, line.step_s)]
        if whole:
            worst[metric] = max(whole, key=lambda point: point.value)
            hours.update(point.at for point in whole)
    if not worst:
        return None
    measured = {
        metric: Measurement(point.value, ALL_METRICS[metric].unit, float(_HOUR), point.samples)
        for metric, point in worst.items()
    }
    judged = assess(Snapshot(phase, measured, now, facts=Facts()), thresholds)
    return BusyHour(
        judged.score,
        judged.light,
        judged.decision,
        judged.bottleneck,
        {metric: point.value for metric, point in worst.items()},
        {metric: point.at for metric, point in worst.items()},
        len(hours),
        judged.reasons,
    )


def forecasts(
    history: History, thresholds: Thresholds, *, now: float, interval_s: float
) -> tuple[Forecast, ...]:
    """Forecast every metric that each application has, by one value a day. As `look_back`."""
    return tuple(
        forecast(metric, daily(history, metric, now=now, interval_s=interval_s), thresholds[metric])
        for metric in METRICS
    )


def daily(history: History, metric: str, *, now: float, interval_s: float) -> list[Day]:
    """Return a metric's busiest hour of each day (UTC), oldest first; a day hardly begun is left out."""
    line = history.series(metric, since=now - MAX_DAYS * _DAY, step=_HOUR)
    days: dict[int, float] = {}
    for point in line.points:
        if point.samples >= _least(interval_s, line.step_s):
            number = int(point.at // _DAY)
            days[number] = max(days.get(number, -math.inf), point.value)
    if now % _DAY < _MIN_TODAY * _DAY:
        days.pop(int(now // _DAY), None)
    return [Day(number, days[number]) for number in sorted(days)]


def _least(interval_s: float, step_s: float) -> float:
    return max(1.0, _MIN_SHARE * step_s / interval_s)


def _mean(points: tuple[Point, ...]) -> float | None:
    samples = sum(point.samples for point in points)
    return sum(point.value * point.samples for point in points) / samples if samples else None
