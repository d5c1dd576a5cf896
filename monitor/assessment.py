"""The judgement: `assess` turns a snapshot and its limits into score, light, decision and reasons. Pure.

The score is the worth of the worst metric, so it cannot disagree with the decision matrix: a weighted mean
calls applications green that the matrix sends to migrate. The light follows every metric, the decision only
the matrix's five. What is not known never improves anything: without a metric of the matrix the best light is
"unknown".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from monitor.advice import Recommendation  # noqa: TC001  # the API's schema resolves it at run time
from monitor.recommendations import recommend
from monitor.thresholds import METRICS, Category
from monitor.units import show
from monitor.utility import STAY_POINTS, floor_points, utility

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.snapshot import Measurement, Snapshot
    from monitor.thresholds import Limit, Thresholds


class Light(StrEnum):
    """The traffic light: green from 80 points, yellow from 60, red below, or unknown."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    UNKNOWN = "unknown"


class Decision(StrEnum):
    """What the decision matrix says about staying in the phase."""

    STAY = "stay"
    PLAN = "plan"
    URGENT = "urgent"
    UNKNOWN = "unknown"


_LIGHTS = {Category.STAY: Light.GREEN, Category.PLAN: Light.YELLOW, Category.URGENT: Light.RED}
_ORDER = {category: rank for rank, category in enumerate(Category)}


@dataclass(frozen=True)
class JudgedMetric:
    """One metric's value, limits and worth. All judgements are None while the value is not known.

    Args:
        utility: 0 to 100 points, rounded down to one decimal.
        points_lost: what is missing to 100.
        gain_if_fixed: how far the score would rise if this metric alone were brought back to its stay limit.
    """

    id: str
    title: str
    value: float | None
    unit: str
    category: Category | None
    utility: float | None
    points_lost: float | None
    stay: float
    urgent: float | None
    in_matrix: bool
    gain_if_fixed: float | None
    window_s: float | None
    samples: int | None
    age_s: float | None
    note: str


@dataclass(frozen=True)
class Assessment:
    """One judgement of one snapshot.

    Args:
        score: 0 to 100, the worst metric's worth rounded down to one decimal; None when the light is unknown.
        bottleneck: the metric that is worth least; None when none loses a point.
        health_index: the mean worth of the known metrics, for trends; it never drives light or decision.
        breadth: how many known metrics are beyond their stay limit.
        coverage: the share of metrics whose value is known.
        scale: the factor by which limits of load were lowered for a demonstration, else 1.0.
        reasons: why light and decision are what they are, most serious first.
    """

    phase: str
    profile: str
    scale: float
    taken_at: float
    score: float | None
    light: Light
    decision: Decision
    bottleneck: str | None
    metrics: tuple[JudgedMetric, ...]
    health_index: float | None
    breadth: int
    coverage: float
    reasons: tuple[str, ...]
    recommendations: tuple[Recommendation, ...]


def assess(snapshot: Snapshot, thresholds: Thresholds, *, next_phase: str | None = None) -> Assessment:
    """Judge a snapshot.

    Args:
        snapshot: what was measured.
        thresholds: the limits of its phase and profile, as `judging.judge` picks them.
        next_phase: what the recommendations may recommend; None when nothing lies beyond the phase.
    """
    numbers = {name: snapshot.metrics[name].number if name in snapshot.metrics else None for name in METRICS}
    points = {name: utility(value, thresholds[name]) for name, value in numbers.items() if value is not None}
    metrics = tuple(_judge(name, snapshot.metrics.get(name), thresholds[name]) for name in METRICS)
    worst = min(points, key=points.__getitem__, default=None)
    light = _light(metrics)
    score = None if worst is None or light is Light.UNKNOWN else floor_points(points[worst])
    assessment = Assessment(
        phase=snapshot.phase,
        profile=snapshot.profile,
        scale=thresholds.scale,
        taken_at=snapshot.taken_at,
        score=score,
        light=light,
        decision=_decision(metrics),
        bottleneck=worst if worst is not None and points[worst] < 100 else None,
        metrics=tuple(
            replace(metric, gain_if_fixed=_gain(metric.id, points, score)) if metric.id in points else metric
            for metric in metrics
        ),
        health_index=floor_points(sum(points.values()) / len(points)) if points else None,
        breadth=sum(value < STAY_POINTS for value in points.values()),
        coverage=round(len(points) / len(METRICS), 3),
        reasons=_reasons(metrics),
        recommendations=(),
    )
    return replace(assessment, recommendations=recommend(assessment, snapshot.facts, thresholds, next_phase))


def _judge(name: str, measured: Measurement | None, limit: Limit) -> JudgedMetric:
    value = None if measured is None else measured.number
    points = None if value is None else floor_points(utility(value, limit))
    return JudgedMetric(
        id=name,
        title=METRICS[name].title,
        value=value,
        unit=METRICS[name].unit,
        category=None if value is None else limit.category(value),
        utility=points,
        points_lost=None if points is None else round(100 - points, 1),
        stay=limit.stay,
        urgent=limit.urgent,
        in_matrix=METRICS[name].in_matrix,
        gain_if_fixed=None,
        window_s=measured.window_s if measured else None,
        samples=measured.samples if measured else None,
        age_s=measured.age_s if measured else None,
        note=measured.note if measured else "",
    )


def _light(metrics: Sequence[JudgedMetric]) -> Light:
    """Follow the worst metric; what is urgent is red whatever else is missing."""
    worst = _worst(metrics)
    if worst is Category.URGENT:
        return Light.RED
    if worst is None or _missing(metrics):
        return Light.UNKNOWN
    return _LIGHTS[worst]


def _decision(metrics: Sequence[JudgedMetric]) -> Decision:
    """Follow the worst metric of the matrix, and of the matrix only."""
    worst = _worst([metric for metric in metrics if metric.in_matrix])
    if worst is Category.URGENT:
        return Decision.URGENT
    if worst is None or _missing(metrics):
        return Decision.UNKNOWN
    return Decision(worst.value)


def _worst(metrics: Sequence[JudgedMetric]) -> Category | None:
    known = [metric.category for metric in metrics if metric.category is not None]
    return max(known, key=_ORDER.__getitem__, default=None)


def _missing(metrics: Sequence[JudgedMetric]) -> list[JudgedMetric]:
    return [metric for metric in metrics if METRICS[metric.id].required and metric.category is None]


def _gain(fixed: str, points: Mapping[str, float], score: float | None) -> float | None:
    if score is None:
        return None
    after = min(max(value, STAY_POINTS) if name == fixed else value for name, value in points.items())
    return round(floor_points(after) - score, 1)


def _reasons(metrics: Sequence[JudgedMetric]) -> tuple[str, ...]:
    """Say what is urgent, what is planned for, what is missing; or that all is well."""
    reasons = [
        f"{metric.title} is {show(metric.id, metric.value)}, beyond the urgent limit of "
        f"{show(metric.id, metric.urgent)}{_aside(metric)}"
        for metric in metrics
        if metric.category is Category.URGENT
    ]
    reasons += [
        f"{metric.title} is {show(metric.id, metric.value)}, past the stay limit of "
        f"{show(metric.id, metric.stay)}{_aside(metric)}"
        for metric in metrics
        if metric.category is Category.PLAN
    ]
    reasons += _unknowns(_missing(metrics))
    return tuple(reasons) or ("every metric is below its stay limit",)


def _unknowns(missing: Sequence[JudgedMetric]) -> list[str]:
    """Say what is missing, once for each cause."""
    by_cause: dict[str, list[str]] = {}
    for metric in missing:
        by_cause.setdefault(metric.note, []).append(metric.title)
    return [
        f"{', '.join(titles)} {'is' if len(titles) == 1 else 'are'} not known"
        + (f": {cause}" if cause else "")
        for cause, titles in by_cause.items()
    ]


def _aside(metric: JudgedMetric) -> str:
    return "" if metric.in_matrix else " (colours the light; the migration decision does not depend on it)"
