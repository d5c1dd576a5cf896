"""When a metric will reach its limits: a robust trend through one value a day, with an 80 % interval. Pure.

Each day counts with its busiest hour, so the day's own rhythm is gone; a weekly rhythm is taken out where
that predicts better. The trend is the median of all slopes between two days (Theil and Sen), which one day
in four may spoil without harm; its interval is Kendall's. Straight line, constant growth in percent, and
no trend at all compete: each predicts the past from what was known a week before, and the one that errs
least speaks.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import NormalDist, fmean, median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.thresholds import Limit

#: Fewer days than this say nothing about a trend.
MIN_DAYS: Final = 14
#: A forecast looks no further back: older days belong to another application.
MAX_DAYS: Final = 80
#: What lies further ahead is not said.
HORIZON_DAYS: Final = 180
#: The mission's longest migration to PostgreSQL: four weeks.
LEAD_DAYS: Final = 28
#: How far ahead the past is predicted to choose a method.
BACKTEST_DAYS: Final = 7

_Z80: Final = NormalDist().inv_cdf(0.9)
_WEEK: Final = 7
_MIN_SEASON_DAYS: Final = 21


class ForecastStatus(StrEnum):
    """What can be said."""

    CROSSES = "crosses"
    BEYOND = "beyond"
    NOT_WITHIN = "not_within"
    NOT_ENOUGH_DATA = "not_enough_data"


@dataclass(frozen=True)
class Crossing:
    """When a limit is reached.

    Args:
        limit: in the metric's unit.
        status: within the horizon, reached already, not within the horizon, or not enough data.
        days: from the last day on, the middle estimate; None where it is not within the horizon.
        earliest: the early end of the 80 % interval; None where even that is not within the horizon.
        latest: the late end; None where it may never come.
    """

    limit: float
    status: ForecastStatus
    days: float | None = None
    earliest: float | None = None
    latest: float | None = None


@dataclass(frozen=True)
class Forecast:
    """What is to be expected of one metric.

    Args:
        metric: its id.
        status: the sum of both crossings: the most pressing one's, or "not_enough_data".
        method: "linear", "exponential", "flat", with "+weekly" where the week's rhythm was taken out;
            None without enough data.
        points: on how many days it rests.
        needed: how many days there must be.
        value: the trend's value on the last day.
        per_week: how much the trend gains in a week, in the metric's unit.
        to_stay: when the stay limit is reached.
        to_urgent: when the urgent limit is reached; None for a metric that has none.
        backtest_share: the share of past predictions, a week ahead, that their 80 % interval held.
        backtest_error: how far they were off, the median as a share of the value.
        within_lead_time: whether the urgent limit may be reached (the interval's early end) within the
            time that a migration takes.
        text: one line for people.
    """

    metric: str
    status: ForecastStatus
    method: str | None
    points: int
    needed: int
    value: float | None
    per_week: float | None
    to_stay: Crossing
    to_urgent: Crossing | None
    backtest_share: float | None
    backtest_error: float | None
    within_lead_time: bool
    text: str


@dataclass(frozen=True)
class Day:
    """One day's value: its number (days since the epoch) and its busiest hour."""

    number: int
    value: float


@dataclass(frozen=True)
class Trend:
    """A fitted line in its own space, its 80 % interval of slopes with their levels, its weekly rhythm."""

    method: str
    last: int
    slopes: tuple[float, float, float]
    levels: tuple[float, float, float]
    spread: float
    seasons: Mapping[int, float] = field(default_factory=dict)

    @property
    def logarithmic(self) -> bool:
        """Whether the line is one of logarithms."""
        return self.method.startswith("exponential")

    def at(self, days: float, which: int = 1) -> float:
        """Return the line's value so many days after the last one, without the week's rhythm."""
        found = self.levels[which] + self.slopes[which] * days
        return math.exp(min(found, 700.0)) if self.logarithmic else found

    def expected(self, days: int) -> float:
        """Return the value of the day so many days after the last one."""
        found = self.levels[1] + self.slopes[1] * days + self._season(days)
        return math.exp(min(found, 700.0)) if self.logarithmic else found

    def _season(self, days: int) -> float:
        return self.seasons.get((self.last + days) % _WEEK, 0.0)

    def interval(self, days: int) -> tuple[float, float]:
        """Return what a day so far ahead will lie between, with 80 %."""
        season = self._season(days)
        ends = [self.levels[which] + self.slopes[which] * days + season for which in (0, 1, 2)]
        rounding = 1e-9 * max(abs(end) for end in ends)
        low, high = min(ends) - self.spread - rounding, max(ends) + self.spread + rounding
        if self.logarithmic:
            return math.exp(min(low, 700.0)), math.exp(min(high, 700.0))
        return low, high

    def reaches(self, limit: float) -> tuple[float | None, float | None, float | None]:
        """Return in how many days the week's busiest day reaches it: early, middle, late; None: never."""
        limit = math.log(limit) if self.logarithmic else limit
        limit -= max(self.seasons.values(), default=0.0)
        days: list[float | None] = []
        for which in (2, 1, 0):
            slope, level = self.slopes[which], self.levels[which]
            days.append(0.0 if level >= limit else (limit - level) / slope if slope > 0 else None)
        early, middle, late = days
        return early, middle, late


def forecast(metric: str, days: Sequence[Day], limit: Limit) -> Forecast:
    """Say when a metric reaches its limits.

    Args:
        metric: its id.
        days: one value a day, in order; days may be missing.
        limit: its limits.
    """
    kept = since_last_shift(list(days)[-MAX_DAYS:])
    nothing = Crossing(limit.stay, ForecastStatus.NOT_ENOUGH_DATA)
    empty = Forecast(
        metric,
        ForecastStatus.NOT_ENOUGH_DATA,
        None,
        len(kept),
        MIN_DAYS,
        None,
        None,
        nothing,
        None if limit.urgent is None else replace(nothing, limit=limit.urgent),
        None,
        None,
        within_lead_time=False,
        text=f"not enough data: {len(kept)} of {MIN_DAYS} days",
    )
    if len(kept) < MIN_DAYS:
        return empty
    trend, share, error = _choose(kept)
    to_stay = _crossing(trend, kept, limit.stay)
    to_urgent = None if limit.urgent is None else _crossing(trend, kept, limit.urgent)
    last = to_stay if to_urgent is None else to_urgent
    value = trend.at(0)
    return replace(
        empty,
        status=last.status if last.status is not ForecastStatus.NOT_WITHIN else to_stay.status,
        method=trend.method,
        value=value,
        per_week=trend.at(_WEEK) - value,
        to_stay=to_stay,
        to_urgent=to_urgent,
        backtest_share=share,
        backtest_error=error,
        within_lead_time=last.earliest is not None and last.earliest <= LEAD_DAYS,
        text=_text(to_stay, to_urgent),
    )


def fit(days: Sequence[Day], method: str) -> Trend | None:
    """Fit one method's line; None where it cannot be fitted, as a logarithm of zero.

    Args:
        days: at least two.
        method: "linear", "exponential" or "flat", perhaps with "+weekly".
    """
    values = [day.value for day in days]
    if method.startswith("exponential"):
        if min(values) <= 0:
            return None
        values = [math.log(value) for value in values]
    times = [day.number for day in days]
    seasons: Mapping[int, float] = {}
    if method.endswith("+weekly"):
        rhythm = _weekly(times, values)
        if rhythm is None:
            return None
        seasons = rhythm
        values = [value - seasons[time % _WEEK] for time, value in zip(times, values, strict=True)]
    last = times[-1]
    low, middle, high = (0.0, 0.0, 0.0) if method.startswith("flat") else _slopes(times, values)
    levels = tuple(
        median(value - slope * (time - last) for time, value in zip(times, values, strict=True))
        for slope in (low, middle, high)
    )
    left = sorted(
        abs(value - levels[1] - middle * (time - last)) for time, value in zip(times, values, strict=True)
    )
    spread = left[min(len(left) - 1, math.ceil(0.8 * len(left)))]
    return Trend(method, last, (low, middle, high), (levels[0], levels[1], levels[2]), spread, seasons)


def since_last_shift(days: list[Day]) -> list[Day]:
    """Drop what lies before the last sudden and lasting change of level: a vacuum, an import, a deletion.

    A shift is a step far beyond the usual ones, after which the next days stay at the new level.
    """
    if len(days) < 6:
        return days
    steps = [after.value - before.value for before, after in itertools.pairwise(days)]
    middle = median(steps)
    # Nine of ten steps are usual, so that a week's two big ones, into the weekend and out of it, are none.
    usual = sorted(abs(one - middle) for one in steps)[math.ceil(0.9 * len(steps)) - 1]
    begin = 0
    for number in range(3, len(days) - 2):
        before = median(day.value for day in days[max(number - _WEEK, 0) : number])
        after = median(day.value for day in days[number : number + _WEEK])
        jump = abs(steps[number - 1] - middle)
        if jump > max(4 * usual, 0.25 * abs(before)) and abs(after - before) > 0.7 * jump:
            begin = number
    return days[begin:]


def _choose(days: Sequence[Day]) -> tuple[Trend, float | None, float | None]:
    """Let the methods predict the past, and take the one that erred least; on a tie the plainest."""
    names = ["flat", "linear", "exponential"]
    if len(days) >= _MIN_SEASON_DAYS:
        names += ["flat+weekly", "linear+weekly", "exponential+weekly"]
    scored: list[tuple[float, int, Trend, list[float], float | None]] = []
    for rank, name in enumerate(names):
        trend = fit(days, name)
        if trend is None:
            continue
        errors, held = _backtest(days, name)
        # A method that is more involved must earn it: a hundredth less error is no reason.
        cost = fmean(errors) * (1 + 0.05 * rank) if errors else float(rank != 1)
        scored.append((cost, rank, trend, errors, held))
    _, _, trend, errors, held = min(scored, key=lambda one: one[:2])
    scale = abs(trend.at(0))
    return trend, held, (median(errors) / scale if errors and scale > 0 else None)


def _backtest(days: Sequence[Day], method: str) -> tuple[list[float], float | None]:
    """Predict days from what was known a week before; return errors and the share within the interval."""
    errors: list[float] = []
    inside = 0
    # Every second of the last days: enough to compare by, and quick.
    for target in range(len(days) - 1, max(len(days) - 29, 0), -2):
        known = [day for day in days if day.number <= days[target].number - BACKTEST_DAYS]
        if len(known) < MIN_DAYS // 2:
            break
        trend = fit(known, method)
        if trend is None:
            break
        ahead = days[target].number - known[-1].number
        truth = days[target].value
        errors.append(abs(trend.expected(ahead) - truth))
        low, high = trend.interval(ahead)
        inside += low <= truth <= high
    return errors, inside / len(errors) if errors else None


def _slopes(times: Sequence[int], values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of all slopes with Kendall's 80 % interval around it (Sen 1968)."""
    count = len(times)
    found = sorted(
        (values[j] - values[i]) / (times[j] - times[i])
        for i in range(count)
        for j in range(i + 1, count)
        if times[j] != times[i]
    )
    if not found:
        return 0.0, 0.0, 0.0
    width = _Z80 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(math.floor((len(found) - width) / 2) - 1, 0)
    high = min(math.ceil((len(found) + width) / 2), len(found) - 1)
    return found[low], median(found), found[high]


def _weekly(times: Sequence[int], values: Sequence[float]) -> dict[int, float] | None:
    """Return each weekday's usual distance from the trend; None where a weekday was not seen twice."""
    _, slope, _ = _slopes(times, values)
    level = median(value - slope * time for time, value in zip(times, values, strict=True))
    left: dict[int, list[float]] = {}
    for time, value in zip(times, values, strict=True):
        left.setdefault(time % _WEEK, []).append(value - level - slope * time)
    if len(left) < _WEEK or min(len(found) for found in left.values()) < 2:
        return None
    seasons = {weekday: median(found) for weekday, found in left.items()}
    middle = fmean(seasons.values())
    return {weekday: season - middle for weekday, season in seasons.items()}


def _crossing(trend: Trend, days: Sequence[Day], limit: float) -> Crossing:
    if days[-1].value >= limit and trend.at(0) >= limit:
        return Crossing(limit, ForecastStatus.BEYOND, 0.0, 0.0, 0.0)
    early, middle, late = (_within(one) for one in trend.reaches(limit))
    status = ForecastStatus.NOT_WITHIN if middle is None else ForecastStatus.CROSSES
    return Crossing(limit, status, middle, early, late)


def _within(days: float | None) -> float | None:
    return None if days is None or days > HORIZON_DAYS else round(days, 1)


def _text(to_stay: Crossing, to_urgent: Crossing | None) -> str:
    parts = [_line("stay", to_stay)]
    if to_urgent is not None:
        parts.append(_line("urgent", to_urgent))
    return "; ".join(parts)


def _line(name: str, crossing: Crossing) -> str:
    if crossing.status is ForecastStatus.BEYOND:
        return f"{name} limit: reached"
    if crossing.days is None:
        early = "" if crossing.earliest is None else f", at the earliest in {crossing.earliest:.0f} days"
        return f"{name} limit: not within {HORIZON_DAYS} days{early}"
    early = "0" if crossing.earliest is None else f"{crossing.earliest:.0f}"
    late = f"over {HORIZON_DAYS}" if crossing.latest is None else f"{crossing.latest:.0f}"
    return f"{name} limit: in {crossing.days:.0f} days ({early} to {late})"
