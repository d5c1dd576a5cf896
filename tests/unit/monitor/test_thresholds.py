"""Limits: the mission's numbers, the three categories and their edges, lowered limits for demonstrations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.phases import load_phase
from monitor.thresholds import MATRIX, METRICS, BadThresholds, Category, Limit, Thresholds

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("metric", "stay", "urgent"),
    [
        ("concurrent_users", 500, 1000),
        ("database_size_bytes", 1 * GB, 5 * GB),
        ("p95_ms", 200, 500),
        ("error_rate_percent", 1, 5),
        ("writes_per_second", 50, 100),
        ("requests_per_second", 500, None),
        ("average_query_ms", 100, 500),
        ("cpu_percent", 70, 90),
        ("memory_percent", 80, 90),
    ],
)
def test_phase_1_has_the_missions_limits(metric: str, stay: float, urgent: float | None) -> None:
    limit = load_phase("phase-1").thresholds[metric]
    assert (limit.stay, limit.urgent) == (stay, urgent)


def test_the_matrix_is_the_missions_five_metrics() -> None:
    assert MATRIX == (
        "concurrent_users",
        "database_size_bytes",
        "p95_ms",
        "error_rate_percent",
        "writes_per_second",
    )
    assert [name for name, metric in METRICS.items() if metric.required] == list(MATRIX)


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "requests_per_second"])
def test_contradiction_b_both_limits_themselves_belong_to_plan(metric: str) -> None:
    """An alert "over 1 GB" and a matrix "under 1 GB" leave 1 GB itself open: it is plan, for every reader."""
    limit = load_phase("phase-1").thresholds[metric]
    assert limit.urgent is not None
    assert limit.category(math.nextafter(limit.stay, 0)) is Category.STAY
    assert limit.category(limit.stay) is Category.PLAN
    assert limit.category(limit.urgent) is Category.PLAN
    assert limit.category(math.nextafter(limit.urgent, math.inf)) is Category.URGENT


def test_contradiction_d_the_request_rate_never_goes_beyond_plan() -> None:
    """It has a warning at 500 and no critical alert; the capacity table's "scale at 1,000" ends its curve."""
    limit = load_phase("phase-1").thresholds["requests_per_second"]
    assert limit.upper == 1000
    assert {limit.category(value) for value in (500.0, 1000.0, 1e6, math.inf)} == {Category.PLAN}


def test_without_scale_at_the_curve_of_an_unlimited_metric_ends_at_twice_stay() -> None:
    assert Limit(30, None).upper == 60


@pytest.mark.parametrize(
    ("stay", "urgent", "scale_at"),
    [
        (5, 5, None),
        (6, 5, None),
        (0, 5, None),
        (-1, 5, None),
        (math.nan, 5, None),
        (1, math.inf, None),
        (5, None, 5),
        (5, 10, 10),
        (math.inf, None, None),
    ],
)
def test_limits_that_contradict_each_other_are_refused(
    stay: float, urgent: float | None, scale_at: float | None
) -> None:
    with pytest.raises(BadThresholds):
        Limit(stay, urgent, scale_at)


def test_every_metric_needs_limits_and_nothing_else_has_any() -> None:
    limits = dict(load_phase("phase-1").thresholds)
    with pytest.raises(BadThresholds, match="p95 is not a metric"):
        Thresholds({**limits, "p95": Limit(1, 2)})
    del limits["p95_ms"]
    with pytest.raises(BadThresholds, match="p95_ms has no limits"):
        Thresholds(limits)


def test_scaling_lowers_only_the_limits_of_load_and_states_its_factor() -> None:
    own = load_phase("phase-1").thresholds
    lowered = own.scaled(0.02)
    assert lowered.scale == 0.02
    assert lowered["concurrent_users"] == Limit(10, 20)
    assert lowered["database_size_bytes"] == Limit(20e6, 100e6)
    assert lowered["writes_per_second"] == Limit(1, 2)
    assert lowered["requests_per_second"] == Limit(10, None, 20)
    for quality in ("p95_ms", "error_rate_percent", "average_query_ms", "cpu_percent", "memory_percent"):
        assert lowered[quality] == own[quality]


@pytest.mark.parametrize("factor", [0, -1, 1.01, math.nan, math.inf])
def test_a_scale_that_does_not_lower_is_refused(factor: float) -> None:
    with pytest.raises(BadThresholds):
        load_phase("phase-1").thresholds.scaled(factor)


@given(
    st.sampled_from(list(METRICS)),
    st.floats(min_value=0, allow_nan=False),
    st.floats(min_value=0, allow_nan=False),
)
def test_a_larger_value_is_never_in_a_better_category(metric: str, one: float, other: float) -> None:
    limit = load_phase("phase-1").thresholds[metric]
    order = list(Category)
    low, high = sorted((one, other))
    assert order.index(limit.category(low)) <= order.index(limit.category(high))
