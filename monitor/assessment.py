"""The judgement: `assess` turns a snapshot and its limits into score, light, decision and reasons. Pure.

The score is the worth of the worst metric, so it cannot disagree with the decision matrix: a weighted mean
calls applications green that the matrix sends to migrate. The light follows every metric, the decision only
the matrix's five. What is not known never improves anything: without a metric of the matrix the best light is
"unknown".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from monitor.advice import Recommendation  # noqa: TC001  # the API's schema resolves it at run time
from monitor.database_choice import DatabaseChoice, choose_database
from monitor.headroom import Headroom, headroom
from monitor.kpis import Kpi  # noqa: TC001
from monitor.recommendations import recommend
from monitor.thresholds import ALL_METRICS, METRICS, PHASE_METRICS, Category
from monitor.units import show
from monitor.utility import STAY_POINTS, floor_points, utility
from monitor.workload import Workload, workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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


#: Rates are judged by the lower end of their interval, where it is known: few requests prove little.
_BY_LOWER_END: Final = frozenset({"error_rate_percent"})
_LIGHTS = {Category.STAY: Light.GREEN, Category.PLAN: Light.YELLOW, Category.URGENT: Light.RED}
_ORDER = {category: rank for rank, category in enumerate(Category)}


@dataclass(frozen=True)
class JudgedMetric:
    """One metric's value, limits and worth. All judgements are None while the value is not known.

    Args:
        judged_value: what category and points are of: the value, or for a rate the lower end of its interval.
        informational: whether it colours nothing and costs the score nothing.
        ci: the 90 % interval of the value, where it is known.
        source: how it is measured, in words.
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
    judged_value: float | None = None
    informational: bool = False
    ci: tuple[float, float] | None = None
    source: str = ""


@dataclass(frozen=True)
class Assessment:
    """One judgement of one snapshot.

    Args:
        score: 0 to 100, the worst metric's worth rounded down to one decimal; None when the light is unknown.
        bottleneck: the metric that is worth least; None when none loses a point.
        health_index: the mean worth of the known metrics, for trends; it never drives light or decision.
        breadth: how many known metrics are beyond their stay limit.
        coverage: the share of metrics whose value is known, among those every application has.
        scale: the factor by which limits of load were lowered for a demonstration, else 1.0.
        reasons: why light and decision are what they are, most serious first.
        workload: how reads and writes are mixed, and which profile that is.
        headroom: how many times the load could grow before a limit; None where no load is known.
        kpis: the mission's success metrics, each met, missed or unknown.
        database: which database to move to; None where the application has left SQLite.
        thresholds_version: names the limits; what was judged under another name was judged differently.
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
    workload: Workload | None = None
    headroom: Headroom | None = None
    kpis: tuple[Kpi, ...] = ()
    database: DatabaseChoice | None = None
    thresholds_version: str = ""


def assess(snapshot: Snapshot, thresholds: Thresholds, *, next_phase: str | None = None) -> Assessment:
    """Judge a snapshot.

    Args:
        snapshot: what was measured.
        thresholds: the limits of its phase and profile, as `judging.judge` picks them.
        next_phase: what the recommendations may recommend; None when nothing lies beyond the phase.
    """
    there = [name for name in PHASE_METRICS if name in thresholds and name in snapshot.metrics]
    metrics = tuple(_judge(name, snapshot.metrics.get(name), thresholds[name]) for name in (*METRICS, *there))
    points = {
        metric.id: utility(metric.judged_value, thresholds[metric.id])
        for metric in metrics
        if metric.judged_value is not None and not metric.informational
    }
    worst = min(points, key=points.__getitem__, default=None)
    categories = {metric.id: metric.category for metric in metrics}
    light = light_of(categories)
    score = None if worst is None or light is Light.UNKNOWN else floor_points(points[worst])
    assessment = Assessment(
        phase=snapshot.phase,
        profile=snapshot.profile,
        scale=thresholds.scale,
        taken_at=snapshot.taken_at,
        score=score,
        light=light,
        decision=decision_of(categories),
        bottleneck=worst if worst is not None and points[worst] < 100 else None,
        metrics=tuple(
            replace(metric, gain_if_fixed=_gain(metric.id, points, score)) if metric.id in points else metric
            for metric in metrics
        ),
        health_index=floor_points(sum(points.values()) / len(points)) if points else None,
        breadth=sum(value < STAY_POINTS for value in points.values()),
        coverage=round(sum(name in METRICS for name in points) / len(METRICS), 3),
        reasons=_reasons(metrics),
        recommendations=(),
    )
    mixed = workload(snapshot.facts.write_share, snapshot.profile)
    return replace(
        assessment,
        recommendations=recommend(assessment, snapshot.facts, thresholds, next_phase),
        workload=mixed,
        headroom=headroom({metric.id: metric.value for metric in metrics}, thresholds),
        database=choose_database(snapshot, mixed),
        thresholds_version=thresholds.version,
    )


def _judge(name: str, measured: Measurement | None, limit: Limit) -> JudgedMetric:
    value = None if measured is None else measured.number
    ci = None if measured is None or value is None else measured.ci
    judged = ci[0] if ci is not None and value is not None and name in _BY_LOWER_END else value
    points = None if judged is None else floor_points(utility(judged, limit))
    metric = ALL_METRICS[name]
    return JudgedMetric(
        id=name,
        title=metric.title,
        value=value,
        unit=metric.unit,
        category=None if judged is None else limit.category(judged),
        utility=points,
        points_lost=None if points is None else round(100 - points, 1),
        stay=limit.stay,
        urgent=limit.urgent,
        in_matrix=metric.in_matrix,
        gain_if_fixed=None,
        window_s=measured.window_s if measured else None,
        samples=measured.samples if measured else None,
        age_s=measured.age_s if measured else None,
        note=measured.note if measured else "",
        judged_value=judged,
        informational=metric.informational,
        ci=ci,
        source=metric.source,
    )


def light_of(categories: Mapping[str, Category | None]) -> Light:
    """Follow the worst metric; what is urgent is red whatever else is missing.

    Args:
        categories: by metric; None where the value is not known.
    """
    worst = _worst(found for name, found in categories.items() if not ALL_METRICS[name].informational)
    if worst is Category.URGENT:
        return Light.RED
    if worst is None or _lacks(categories):
        return Light.UNKNOWN
    return _LIGHTS[worst]


def decision_of(categories: Mapping[str, Category | None]) -> Decision:
    """Follow the worst metric of the matrix, and of the matrix only.

    Args:
        categories: by metric; None where the value is not known.
    """
    worst = _worst(found for name, found in categories.items() if ALL_METRICS[name].in_matrix)
    if worst is Category.URGENT:
        return Decision.URGENT
    if worst is None or _lacks(categories):
        return Decision.UNKNOWN
    return Decision(worst.value)


def _worst(categories: Iterable[Category | None]) -> Category | None:
    known = [category for category in categories if category is not None]
    return max(known, key=_ORDER.__getitem__, default=None)


def _lacks(categories: Mapping[str, Category | None]) -> bool:
    return any(metric.required and categories.get(name) is None for name, metric in METRICS.items())


def _missing(metrics: Sequence[JudgedMetric]) -> list[JudgedMetric]:
    return [metric for metric in metrics if ALL_METRICS[metric.id].required and metric.category is None]


def _gain(fixed: str, points: Mapping[str, float], score: float | None) -> float | None:
    if score is None:
        return None
    after = min(max(value, STAY_POINTS) if name == fixed else value for name, value in points.items())
    return round(floor_points(after) - score, 1)


def _reasons(metrics: Sequence[JudgedMetric]) -> tuple[str, ...]:
    """Say what is urgent, what is planned for, what is missing; or that all is well."""
    colouring = [metric for metric in metrics if not metric.informational]
    reasons = [
        f"{metric.title} is {_value(metric)}, beyond the urgent limit of "
        f"{show(metric.id, metric.urgent)}{_aside(metric)}"
        for metric in colouring
        if metric.category is Category.URGENT
    ]
    reasons += [
        f"{metric.title} is {_value(metric)}, past the stay limit of "
        f"{show(metric.id, metric.stay)}{_aside(metric)}"
        for metric in colouring
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


def _value(metric: JudgedMetric) -> str:
    shown = show(metric.id, metric.value)
    if metric.judged_value == metric.value:
        return shown
    return f"{shown} (at least {show(metric.id, metric.judged_value)} with 95 % confidence)"


def _aside(metric: JudgedMetric) -> str:
    return "" if metric.in_matrix else " (colours the light; the migration decision does not depend on it)"
