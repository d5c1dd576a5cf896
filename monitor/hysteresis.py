"""States that do not flap: categories worsen after two evaluations and improve after a quarter hour. Pure.

A limit is entered at the limit and left at nine tenths of it. Worsening takes two evaluations in a row and
half a minute, and where a metric is known over a long window too, both must be beyond; improving takes 15
minutes without a break and goes no further than the worst that was seen in them. A value that goes missing
keeps its category for 15 minutes, then it is unknown. So a metric never improves by dropping out.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API's schema resolves it at run time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor.assessment import Decision, Light, decision_of, light_of
from monitor.thresholds import Category

if TYPE_CHECKING:
    from monitor.thresholds import Limit, Thresholds

#: A limit is left below this share of it.
LEAVE: Final = 0.9
#: How long, and over how many evaluations, a worse category must be seen before it counts.
WORSEN_S: Final = 30.0
WORSEN_EVALUATIONS: Final = 2
#: How long a better category, or a missing value, must be seen before it counts.
IMPROVE_S: Final = 900.0

_ORDER: Final = {None: -1} | {category: rank for rank, category in enumerate(Category)}


@dataclass(frozen=True)
class MetricState:
    """What a metric is held to be.

    Args:
        category: None before its first value, and once it has been missing for long.
        since: seconds since the epoch of the last change.
        pending: what it is about to become; None with `pending_evaluations` above 0 stands for missing.
        pending_s: for how long that has been seen, in observed seconds.
        pending_evaluations: in how many evaluations in a row.
    """

    category: Category | None = None
    since: float = 0.0
    pending: Category | None = None
    pending_s: float = 0.0
    pending_evaluations: int = 0


@dataclass(frozen=True)
class Sustained:
    """What light and decision are held to be, beside what the latest values alone would say.

    Args:
        light: the held light.
        decision: the held decision.
        light_since: seconds since the epoch.
        decision_since: seconds since the epoch.
        raw_light: what the latest evaluation alone says.
        raw_decision: what the latest evaluation alone says.
        metrics: by metric.
    """

    light: Light = Light.UNKNOWN
    decision: Decision = Decision.UNKNOWN
    light_since: float = 0.0
    decision_since: float = 0.0
    raw_light: Light = Light.UNKNOWN
    raw_decision: Decision = Decision.UNKNOWN
    metrics: Mapping[str, MetricState] = field(default_factory=dict)

    def after(
        self,
        values: Mapping[str, float | None],
        thresholds: Thresholds,
        *,
        at: float,
        elapsed_s: float,
        long: Mapping[str, float | None] | None = None,
    ) -> Sustained:
        """Return the state after one more evaluation.

        Args:
            values: by metric, as they were judged; None where the value is not known.
            thresholds: the limits; a metric without is left out.
            at: the evaluation's time, seconds since the epoch.
            elapsed_s: observed seconds since the evaluation before; 0 for the first one.
            long: the same over a long window, where a metric has one.
        """
        long = long or {}
        metrics = {
            name: step(
                self.metrics.get(name, MetricState()),
                value,
                thresholds[name],
                at=at,
                elapsed_s=elapsed_s,
                long=long.get(name),
            )
            for name, value in values.items()
            if name in thresholds
        }
        raw = {
            name: None if value is None else thresholds[name].category(value)
            for name, value in values.items()
            if name in thresholds
        }
        categories = {name: state.category for name, state in metrics.items()}
        light, decision = light_of(categories), decision_of(categories)
        return Sustained(
            light=light,
            decision=decision,
            light_since=self.light_since if light is self.light and self.metrics else at,
            decision_since=self.decision_since if decision is self.decision and self.metrics else at,
            raw_light=light_of(raw),
            raw_decision=decision_of(raw),
            metrics=metrics,
        )


def step(
    state: MetricState,
    value: float | None,
    limit: Limit,
    *,
    at: float,
    elapsed_s: float,
    long: float | None = None,
) -> MetricState:
    """Return a metric's state after one more value; the arguments are those of `Sustained.after`."""
    seen = _seen(state.category, value, limit, long)
    if state.category is None and seen is not None:
        return MetricState(seen, at)  # the first value counts at once: there is nothing to protect
    if seen is state.category:
        return MetricState(state.category, state.since)
    goes_on = state.pending_evaluations > 0 and _worse(state, seen) == _worse(state, state.pending)
    pending = _milder(state, seen) if goes_on else seen
    lasted = state.pending_s + elapsed_s if goes_on else 0.0
    count = state.pending_evaluations + 1 if goes_on else 1
    worse = _worse(state, seen)
    if (count >= WORSEN_EVALUATIONS and lasted >= WORSEN_S) if worse else lasted >= IMPROVE_S:
        return MetricState(pending, at)
    return MetricState(state.category, state.since, pending, lasted, count)


def _seen(held: Category | None, value: float | None, limit: Limit, long: float | None) -> Category | None:
    """Say what a value looks like from the category that is held."""
    if value is None:
        return None
    raw = limit.category(value)
    if held is None:
        return raw
    if _ORDER[raw] > _ORDER[held] and long is not None:
        # Worse in the short window only: not worse than the long window says, and no better than what is
        # held.
        raw = max(held, min(raw, limit.category(long), key=_ORDER.__getitem__), key=_ORDER.__getitem__)
    if _ORDER[raw] < _ORDER[held]:
        if held is Category.URGENT and limit.urgent is not None and value > LEAVE * limit.urgent:
            return Category.URGENT
        if value >= LEAVE * limit.stay:
            return max(raw, Category.PLAN, key=_ORDER.__getitem__)
    return raw


def _worse(state: MetricState, seen: Category | None) -> bool:
    """Say whether what is seen is worse than what is held; what is missing is not."""
    return _ORDER[seen] > _ORDER[state.category]


def _milder(state: MetricState, seen: Category | None) -> Category | None:
    """Combine what is pending with what is seen: the lesser worsening, the lesser improvement."""
    if _worse(state, seen):
        return min(seen, state.pending, key=_ORDER.__getitem__)
    return max(seen, state.pending, key=_ORDER.__getitem__)
