"""The judgement: invariants over random vectors, the settled contradictions, missing values, explanations."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.alerts.evaluation import active_alerts
from monitor.assessment import Assessment, Decision, Light, assess
from monitor.judging import judge
from monitor.phases import load_roadmap, next_phase
from monitor.snapshot import Measurement, Snapshot
from monitor.terminal import to_json
from monitor.thresholds import MATRIX, METRICS, Category

PHASES = {phase.id: phase for phase in load_roadmap()}
PHASE_1 = PHASES["phase-1"]
ORDER = list(Category)
HEALTHY = {
    "p95_ms": 120.0,
    "concurrent_users": 300.0,
    "database_size_bytes": 1e8,
    "error_rate_percent": 0.2,
    "writes_per_second": 10.0,
    "cpu_percent": 20.0,
    "memory_percent": 40.0,
    "average_query_ms": 8.0,
    "requests_per_second": 90.0,
}


def judged(values: dict[str, float | None], phase: str = "phase-1", profile: str = "default") -> Assessment:
    metrics = {name: Measurement(value, METRICS[name].unit) for name, value in values.items()}
    snapshot = Snapshot(phase, metrics, taken_at=0.0, profile=profile)
    return assess(snapshot, PHASES[phase].thresholds_for(profile), next_phase=next_phase(phase))


def near(limit: float) -> st.SearchStrategy[float]:
    """Values around a limit, the limit itself and its two neighbours included."""
    edges = [limit, math.nextafter(limit, 0), math.nextafter(limit, math.inf)]
    return st.sampled_from(edges) | st.floats(min_value=0, max_value=limit * 4)


def value_of(metric: str) -> st.SearchStrategy[float]:
    limit = PHASE_1.thresholds[metric]
    return near(limit.stay) | near(limit.upper) | st.floats(min_value=0, allow_infinity=True, allow_nan=False)


VECTORS = st.fixed_dictionaries({name: value_of(name) for name in METRICS})
GAPPED = st.fixed_dictionaries({name: st.none() | value_of(name) for name in METRICS})
WILD = st.fixed_dictionaries({name: st.floats() for name in METRICS})


def worst(assessment: Assessment, *, matrix: bool) -> Category:
    found = [
        metric.category
        for metric in assessment.metrics
        if metric.category is not None and (metric.in_matrix or not matrix)
    ]
    return max(found, key=ORDER.index)


# --- Invariants ---


@given(WILD)
def test_p1_the_score_is_finite_and_between_0_and_100_for_any_floats(values: dict[str, float]) -> None:
    assessment = judged(dict(values))
    numbers = [assessment.score, assessment.health_index, *(metric.utility for metric in assessment.metrics)]
    assert all(number is None or 0 <= number <= 100 for number in numbers)
    json.dumps(to_json(assessment), allow_nan=False)


@given(VECTORS, st.sampled_from(list(METRICS)), st.data())
def test_p2_a_worse_metric_never_improves_anything(
    values: dict[str, float], metric: str, data: st.DataObject
) -> None:
    before = judged(dict(values))
    worse = data.draw(st.floats(min_value=values[metric], allow_infinity=True))
    after = judged({**values, metric: worse})
    assert before.score is not None
    assert after.score is not None
    assert after.score <= before.score
    assert list(Light).index(after.light) >= list(Light).index(before.light)
    assert list(Decision).index(after.decision) >= list(Decision).index(before.decision)
    assert {alert.id for alert in active_alerts(before)} <= {alert.id for alert in active_alerts(after)}


@given(VECTORS)
def test_p3_light_and_decision_follow_the_worst_category(values: dict[str, float]) -> None:
    assessment = judged(dict(values))
    lights = {Category.STAY: Light.GREEN, Category.PLAN: Light.YELLOW, Category.URGENT: Light.RED}
    assert assessment.light is lights[worst(assessment, matrix=False)]
    assert assessment.decision == worst(assessment, matrix=True).value
    assert assessment.score is not None
    bands = {Light.GREEN: (80, 100), Light.YELLOW: (60, 79.9), Light.RED: (0, 59.9)}
    low, high = bands[assessment.light]
    assert low <= assessment.score <= high


@given(VECTORS, st.sampled_from(MATRIX))
def test_p3_any_urgent_metric_of_the_matrix_is_red_and_urgent(values: dict[str, float], metric: str) -> None:
    urgent = PHASE_1.thresholds[metric].urgent
    assert urgent is not None
    assessment = judged({**values, metric: math.nextafter(urgent, math.inf)})
    assert (assessment.light, assessment.decision) == (Light.RED, Decision.URGENT)


@given(st.permutations(list(METRICS)), GAPPED)
def test_p6_the_order_of_the_metrics_does_not_matter(
    order: list[str], values: dict[str, float | None]
) -> None:
    assert judged({name: values[name] for name in order}) == judged(values)


@given(GAPPED, st.sampled_from(MATRIX))
def test_p7_dropping_a_metric_of_the_matrix_never_gives_green_or_a_milder_colour(
    values: dict[str, float | None], metric: str
) -> None:
    before, after = judged(values), judged({**values, metric: None})
    if after.light in (Light.GREEN, Light.YELLOW):
        pytest.fail("a colour was given although a metric of the matrix is missing")
    if after.light is Light.RED:
        assert before.light is Light.RED
    assert after.decision in (Decision.URGENT, Decision.UNKNOWN)


@given(VECTORS)
def test_p11_fixing_a_metric_gains_exactly_what_was_announced(values: dict[str, float]) -> None:
    before = judged(dict(values))
    for metric in before.metrics:
        limit = PHASE_1.thresholds[metric.id]
        if metric.category is Category.STAY:
            assert metric.gain_if_fixed == 0
            continue
        after = judged({**values, metric.id: math.nextafter(limit.stay, 0)})
        assert before.score is not None
        assert after.score is not None
        assert metric.gain_if_fixed == pytest.approx(after.score - before.score, abs=1e-9)


@given(GAPPED, st.sampled_from([phase.id for phase in load_roadmap()]))
def test_p19_the_same_snapshot_gives_the_same_bytes(values: dict[str, float | None], phase: str) -> None:
    one, other = (json.dumps(to_json(judged(values, phase)), allow_nan=False) for _ in range(2))
    assert one == other


@given(VECTORS)
def test_p12_scaling_values_of_load_with_their_limits_leaves_the_score(values: dict[str, float]) -> None:
    factor = 2.0**-6
    lowered = {name: value * factor if METRICS[name].load else value for name, value in values.items()}
    assume(all(lowered[name] > 0 or values[name] == 0 for name in values))
    metrics = {name: Measurement(value, METRICS[name].unit) for name, value in lowered.items()}
    scaled = judge(Snapshot("phase-1", metrics, 0.0), scale=factor)
    plain = judged(dict(values))
    assert scaled.scale == factor
    assert (scaled.light, scaled.decision) == (plain.light, plain.decision)
    assert scaled.score == pytest.approx(plain.score, abs=0.1001)


# --- The mission's matrix, cell by cell ---


@pytest.mark.parametrize(
    ("metric", "stay", "plan", "urgent"),
    [
        ("concurrent_users", [0, 499], [500, 750, 1000], [1001]),
        ("database_size_bytes", [0, 0.99e9], [1e9, 3e9, 5e9], [5.01e9]),
        ("p95_ms", [0, 199], [200, 350, 500], [501]),
        ("error_rate_percent", [0, 0.99], [1, 3, 5], [5.01]),
        ("writes_per_second", [0, 49], [50, 75, 100], [101]),
    ],
)
def test_each_cell_of_the_decision_matrix(
    metric: str, stay: list[float], plan: list[float], urgent: list[float]
) -> None:
    cells = itertools.chain(
        ((value, Decision.STAY, Light.GREEN) for value in stay),
        ((value, Decision.PLAN, Light.YELLOW) for value in plan),
        ((value, Decision.URGENT, Light.RED) for value in urgent),
    )
    for value, decision, light in cells:
        assessment = judged({**HEALTHY, metric: value})
        assert (assessment.decision, assessment.light) == (decision, light), value
        if decision is not Decision.STAY:
            assert assessment.bottleneck == metric


def test_the_issues_example_is_green() -> None:
    assessment = judged(dict(HEALTHY))
    assert (assessment.light, assessment.decision) == (Light.GREEN, Decision.STAY)
    assert assessment.score == 87.8  # 100 * (1 - Phi((ln 120 - 6.609) / 1.5576)), rounded down
    assert assessment.bottleneck == "p95_ms"
    assert assessment.coverage == 1
    assert assessment.breadth == 0
    assert assessment.reasons == ("every metric is below its stay limit",)


# --- The settled contradictions ---


def test_contradiction_a_the_workload_profile_moves_the_limits_of_users() -> None:
    busy = {**HEALTHY, "concurrent_users": 750.0}
    assert judged(busy).decision is Decision.PLAN
    assert judged(busy, profile="read-heavy").decision is Decision.STAY
    assert judged(busy, profile="write-heavy").decision is Decision.URGENT


@pytest.mark.parametrize(
    ("users", "profile", "decision"),
    [
        (999, "read-heavy", Decision.STAY),
        (1000, "read-heavy", Decision.PLAN),
        (2000, "read-heavy", Decision.PLAN),
        (2001, "read-heavy", Decision.URGENT),
        (99, "write-heavy", Decision.STAY),
        (100, "write-heavy", Decision.PLAN),
        (500, "write-heavy", Decision.PLAN),
        (501, "write-heavy", Decision.URGENT),
    ],
)
def test_the_workload_tables_rows(users: float, profile: str, decision: Decision) -> None:
    assert judged({**HEALTHY, "concurrent_users": users}, profile=profile).decision is decision


def test_contradiction_d_any_request_rate_is_at_most_yellow_with_60_points() -> None:
    assessment = judged({**HEALTHY, "requests_per_second": 1e6})
    assert (assessment.light, assessment.decision, assessment.score) == (Light.YELLOW, Decision.STAY, 60.0)


@pytest.mark.parametrize("metric", ["cpu_percent", "memory_percent", "average_query_ms"])
def test_contradiction_e_metrics_outside_the_matrix_colour_the_light_only(metric: str) -> None:
    assessment = judged({**HEALTHY, metric: 600.0})
    assert (assessment.light, assessment.decision) == (Light.RED, Decision.STAY)
    assert "the migration decision does not depend on it" in assessment.reasons[0]


# --- What is missing ---


@pytest.mark.parametrize("metric", MATRIX)
def test_without_a_metric_of_the_matrix_nothing_is_called_green(metric: str) -> None:
    assessment = judged({**HEALTHY, metric: None})
    assert (assessment.light, assessment.decision, assessment.score) == (
        Light.UNKNOWN,
        Decision.UNKNOWN,
        None,
    )
    assert assessment.reasons == (f"{METRICS[metric].title} is not known",)
    assert assessment.coverage == pytest.approx(8 / 9, abs=0.001)


def test_a_missing_metric_does_not_hide_an_urgent_one() -> None:
    assessment = judged({**HEALTHY, "p95_ms": None, "error_rate_percent": 20.0})
    assert (assessment.light, assessment.decision) == (Light.RED, Decision.URGENT)
    assert assessment.score is not None
    assert assessment.score < 60
    assert len(assessment.reasons) == 2


def test_a_missing_metric_leaves_the_decision_open_while_cpu_turns_the_light_red() -> None:
    assessment = judged({**HEALTHY, "p95_ms": None, "cpu_percent": 99.0})
    assert (assessment.light, assessment.decision) == (Light.RED, Decision.UNKNOWN)


@pytest.mark.parametrize("metric", [name for name in METRICS if name not in MATRIX])
def test_without_another_metric_the_score_comes_from_the_rest(metric: str) -> None:
    assessment = judged({**HEALTHY, metric: None})
    assert (assessment.light, assessment.decision) == (Light.GREEN, Decision.STAY)
    assert assessment.coverage == pytest.approx(8 / 9, abs=0.001)


def test_nothing_measured_is_unknown() -> None:
    assessment = judged({})
    assert (assessment.light, assessment.decision, assessment.score) == (
        Light.UNKNOWN,
        Decision.UNKNOWN,
        None,
    )
    assert (assessment.bottleneck, assessment.health_index, assessment.coverage) == (None, None, 0)
    assert assessment.reasons == (
        "Concurrent users, Database size, Response time P95, Error rate, Write load are not known",
    )


def test_nan_is_no_measurement() -> None:
    assert judged({**HEALTHY, "p95_ms": math.nan}).light is Light.UNKNOWN


def test_why_a_metric_is_missing_is_told() -> None:
    metrics = {name: Measurement(value, METRICS[name].unit) for name, value in HEALTHY.items()}
    metrics["p95_ms"] = Measurement(None, "ms", note="7 requests in 300 s; 20 are needed")
    assessment = judge(Snapshot("phase-1", metrics, 0.0))
    assert assessment.reasons == ("Response time P95 is not known: 7 requests in 300 s; 20 are needed",)


# --- Explanations and their JSON ---


def test_the_json_has_the_contracts_keys() -> None:
    document: Any = to_json(judged({**HEALTHY, "p95_ms": 612.0}))
    assert {
        "score",
        "light",
        "decision",
        "bottleneck",
        "metrics",
        "health_index",
        "coverage",
        "reasons",
        "recommendations",
        "scale",
        "phase",
        "taken_at",
    } <= set(document)
    assert document["light"] == "red"
    assert document["decision"] == "urgent"
    assert document["bottleneck"] == "p95_ms"
    metric = next(metric for metric in document["metrics"] if metric["id"] == "p95_ms")
    assert {
        "id",
        "value",
        "unit",
        "category",
        "utility",
        "points_lost",
        "stay",
        "urgent",
        "in_matrix",
        "gain_if_fixed",
    } <= set(metric)
    assert metric["utility"] + metric["points_lost"] == 100
    assert set(document["recommendations"][0]) == {
        "rule_id",
        "severity",
        "because",
        "action",
        "command",
        "verify_with",
        "effort",
        "docs",
    }


def test_the_reason_names_value_and_limit() -> None:
    assessment = judged({**HEALTHY, "p95_ms": 612.0, "database_size_bytes": 2e9})
    assert assessment.reasons == (
        "Response time P95 is 612 ms, beyond the urgent limit of 500 ms",
        "Database size is 2 GB, past the stay limit of 1 GB",
    )
    assert assessment.breadth == 2


def test_the_health_index_is_a_mean_and_drives_nothing() -> None:
    assessment = judged({**HEALTHY, "p95_ms": 5000.0})
    assert assessment.health_index is not None
    assert assessment.health_index > 80
    assert assessment.light is Light.RED


def test_assess_needs_no_file() -> None:
    snapshot = Snapshot("phase-1", {"p95_ms": Measurement(612, "ms")}, 0.0)
    assert assess(snapshot, PHASE_1.thresholds).decision is Decision.URGENT
