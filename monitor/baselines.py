"""What changed since a baseline, metric by metric, and whether that could be chance. Pure.

Two samples of equal time are compared by ranks (Mann and Whitney), so neither outliers nor a lopsided
distribution matter; the effect is Cliff's delta, the share by which values of one sample lie above the
other's. All metrics are tested at once, so their significance is corrected after Holm: in all, one
comparison in twenty may call chance a change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Final

from monitor.store.tiers import SERIES
from monitor.thresholds import ALL_METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Fewer points than this on either side prove nothing.
MIN_POINTS: Final = 8
#: One comparison in twenty may call chance a change.
SIGNIFICANCE: Final = 0.05
#: Cliff's delta in words, after Romano and others (2006).
_NEGLIGIBLE: Final = 0.147
_SMALL: Final = 0.33
_MEDIUM: Final = 0.474
#: A change below this share of the value is none, however sure: percentiles are exact to 1.1 % only.
_LEAST_CHANGE: Final = 0.02

#: What is saved and compared: every metric, and what is worth knowing beside them.
COMPARED: Final = (*ALL_METRICS, "score", "p50_ms", "p99_ms", "uptime_percent", "reads_per_second")
_HIGHER_IS_BETTER: Final = frozenset({"score", "uptime_percent"})
_NEUTRAL: Final = frozenset(
    {"reads_per_second"} | {name for name, metric in ALL_METRICS.items() if metric.load}
)


class Verdict(StrEnum):
    """What became of a metric. Load is neither better nor worse: it is more or less."""

    BETTER = "better"
    WORSE = "worse"
    MORE = "more"
    LESS = "less"
    SAME = "no change"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True)
class Baseline:
    """A stretch of history that was kept to compare with.

    Args:
        name: its name.
        saved_at: seconds since the epoch.
        window_s: how long a stretch it is.
        step_s: the seconds each value covers.
        source: where it was taken from.
        values: by series, one value a step.
    """

    name: str
    saved_at: float
    window_s: float
    step_s: int
    source: str
    values: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Change:
    """One metric before and after.

    Args:
        metric: the series' id.
        title: for people.
        unit: of both medians.
        before: the median of the baseline; None without values.
        after: the median now.
        percent: the change in percent of before; None where that is zero or unknown.
        points: how many values there are, before and after.
        p_value: how likely chance alone shows so much, corrected for all metrics; None without enough data.
        effect: Cliff's delta: -1 where every value now is below every value before, 1 where it is above.
        effect_word: "negligible", "small", "medium" or "large".
        verdict: what became of it.
    """

    metric: str
    title: str
    unit: str
    before: float | None
    after: float | None
    percent: float | None
    points: tuple[int, int]
    p_value: float | None
    effect: float | None
    effect_word: str | None
    verdict: Verdict


def compare(
    before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]]
) -> tuple[Change, ...]:
    """Compare every series that either side has; in the order of `COMPARED`.

    Args:
        before: the baseline's values by series.
        after: the same of now.
    """
    names = [name for name in COMPARED if before.get(name) or after.get(name)]
    tested = {
        name: mann_whitney(before[name], after[name])
        for name in names
        if min(len(before.get(name, ())), len(after.get(name, ()))) >= MIN_POINTS
    }
    corrected = _holm({name: found[0] for name, found in tested.items()})
    return tuple(
        _change(
            name,
            before.get(name, ()),
            after.get(name, ()),
            corrected.get(name),
            tested[name][1] if name in tested else None,
        )
        for name in names
    )


def mann_whitney(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Return how likely chance alone orders two samples so unevenly (two-sided), and Cliff's delta.

    The normal approximation with corrections for ties and continuity; from eight values on each side it is
    good to a few percent of the probability.
    """
    n, m = len(before), len(after)
    above = sum((b > a) + 0.5 * (b == a) for a in before for b in after)
    delta = 2 * above / (n * m) - 1
    counts: dict[float, int] = {}
    for value in (*before, *after):
        counts[value] = counts.get(value, 0) + 1
    total = n + m
    ties = sum(count**3 - count for count in counts.values())
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0, delta  # all values are equal
    z = max(abs(above - n * m / 2) - 0.5, 0.0) / math.sqrt(variance)
    return min(2 * (1 - NormalDist().cdf(z)), 1.0), delta


def effect_word(delta: float) -> str:
    """Say how large an effect is."""
    size = abs(delta)
    if size < _NEGLIGIBLE:
        return "negligible"
    return "small" if size < _SMALL else "medium" if size < _MEDIUM else "large"


def _holm(found: Mapping[str, float]) -> dict[str, float]:
    """Correct for testing many at once (Holm 1979)."""
    corrected: dict[str, float] = {}
    worst = 0.0
    for rank, name in enumerate(sorted(found, key=found.__getitem__)):
        worst = max(worst, min(1.0, found[name] * (len(found) - rank)))
        corrected[name] = worst
    return corrected


def _change(
    name: str, before: Sequence[float], after: Sequence[float], p_value: float | None, delta: float | None
) -> Change:
    old, new = (median(values) if values else None for values in (before, after))
    percent = None if old is None or new is None or old == 0 else 100 * (new - old) / abs(old)
    return Change(
        metric=name,
        title=SERIES[name].title,
        unit=SERIES[name].unit,
        before=old,
        after=new,
        percent=percent,
        points=(len(before), len(after)),
        p_value=p_value,
        effect=delta,
        effect_word=None if delta is None else effect_word(delta),
        verdict=_verdict(name, p_value, delta, percent),
    )


def _verdict(name: str, p_value: float | None, delta: float | None, percent: float | None) -> Verdict:
    if p_value is None or delta is None:
        return Verdict.NOT_ENOUGH_DATA
    tiny = percent is not None and abs(percent) < 100 * _LEAST_CHANGE
    if p_value >= SIGNIFICANCE or tiny or abs(delta) < _NEGLIGIBLE:
        return Verdict.SAME
    if name in _NEUTRAL:
        return Verdict.MORE if delta > 0 else Verdict.LESS
    return Verdict.BETTER if (delta > 0) == (name in _HIGHER_IS_BETTER) else Verdict.WORSE
