"""What values are worth: the curve's computed points, its bands, its laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.phases import load_phase, load_roadmap
from monitor.thresholds import METRICS, Category, Limit
from monitor.utility import BANDS, floor_points, utility

PHASE_1 = load_phase("phase-1").thresholds
ANY_LIMIT = st.sampled_from([limit for phase in load_roadmap() for limit in phase.thresholds.values()])
ANY_VALUE = st.floats(allow_nan=False)


@pytest.mark.parametrize(
    ("metric", "value", "points"),
    [
        ("p95_ms", 101, 90),
        ("p95_ms", 742, 50),
        ("p95_ms", 300, 72),
        ("p95_ms", 750, 50),
        ("p95_ms", 2000, 26),
        ("concurrent_users", 298, 90),
        ("concurrent_users", 1348, 50),
        ("concurrent_users", 750, 69),
        ("concurrent_users", 1500, 46),
        ("database_size_bytes", 0.30e9, 90),
        ("database_size_bytes", 2e9, 72),
        ("database_size_bytes", 10e9, 50),
        ("error_rate_percent", 0.30, 90),
        ("error_rate_percent", 0.5, 86),
        ("error_rate_percent", 2, 72),
        ("error_rate_percent", 10, 50),
        ("writes_per_second", 30, 90),
        ("writes_per_second", 75, 69),
        ("writes_per_second", 135, 50),
        ("writes_per_second", 150, 46),
        ("cpu_percent", 50, 95),
        ("cpu_percent", 58, 90),
        ("cpu_percent", 95, 55),
        ("cpu_percent", 100, 50),
        ("memory_percent", 73, 90),
        ("memory_percent", 85, 70),
        ("memory_percent", 95, 50),
        ("memory_percent", 100, 39),
        ("average_query_ms", 30, 90),
        ("average_query_ms", 1000, 50),
        ("requests_per_second", 298, 90),
        ("requests_per_second", 750, 69),
        ("requests_per_second", 1_000_000, 60),
    ],
)
def test_the_curve_has_the_computed_points(metric: str, value: float, points: float) -> None:
    assert utility(value, PHASE_1[metric]) == pytest.approx(points, abs=0.8)


def test_the_missions_third_number_lies_on_the_curve_of_its_two_limits() -> None:
    """ "< 100 ms optimal" is in the capacity table; 200 and 500 ms alone put 90 points there."""
    assert utility(100, PHASE_1["p95_ms"]) == pytest.approx(90, abs=0.1)


@pytest.mark.parametrize("metric", list(METRICS))
def test_the_limits_themselves_are_worth_just_under_80_and_at_least_60(metric: str) -> None:
    """P4: at stay and at urgent the category turns, to the last representable number."""
    limit = PHASE_1[metric]
    assert utility(math.nextafter(limit.stay, 0), limit) >= 80
    assert utility(limit.stay, limit) == math.nextafter(80, 0)
    assert utility(limit.upper, limit) >= 60
    if limit.urgent is not None:
        assert utility(math.nextafter(limit.urgent, math.inf), limit) < 60


@given(ANY_VALUE, ANY_LIMIT)
def test_points_are_finite_and_in_their_categorys_band(value: float, limit: Limit) -> None:
    """P1 and P3: whatever the value, infinities and -0 included."""
    points = utility(value, limit)
    low, high = BANDS[limit.category(value)]
    assert 0 <= low <= points <= high <= 100


@given(ANY_VALUE, ANY_VALUE, ANY_LIMIT)
def test_a_larger_value_is_never_worth_more(one: float, other: float, limit: Limit) -> None:
    low, high = sorted((one, other))
    assert utility(low, limit) >= utility(high, limit)


@given(ANY_VALUE, st.sampled_from([1e-9, 1e-3, 1e3, 1e9]), ANY_LIMIT)
def test_the_unit_does_not_matter(value: float, factor: float, limit: Limit) -> None:
    """P12: milliseconds or seconds, bytes or gigabytes: same points where the category is the same."""
    rescaled = Limit(limit.stay * factor, None if limit.urgent is None else limit.urgent * factor)
    original = Limit(limit.stay, limit.urgent)
    if original.category(value) is rescaled.category(value * factor):
        assert utility(value * factor, rescaled) == pytest.approx(utility(value, original), abs=1e-6)


@given(st.floats(min_value=0, max_value=100))
def test_printed_points_never_cross_a_band_upwards(points: float) -> None:
    """P5: 79.99 prints as 79.9."""
    printed = floor_points(points)
    assert printed <= points < printed + 0.1000001
    for edge in (60.0, 80.0):
        assert (printed >= edge) == (points >= edge)
    assert len(repr(printed).partition(".")[2]) == 1


def test_the_number_just_below_a_band_prints_below_it() -> None:
    assert floor_points(math.nextafter(80, 0)) == 79.9
    assert floor_points(math.nextafter(60, 0)) == 59.9
    assert floor_points(80.0) == 80.0


def test_bands_meet_without_a_gap() -> None:
    assert BANDS[Category.PLAN][1] == math.nextafter(BANDS[Category.STAY][0], 0)
    assert BANDS[Category.URGENT][1] == math.nextafter(BANDS[Category.PLAN][0], 0)


@given(st.floats(min_value=1e-300, max_value=1e300), st.floats(min_value=1.0001, max_value=1e6))
def test_extreme_limits_still_give_points(stay: float, ratio: float) -> None:
    if math.isfinite(stay * ratio) and stay * ratio > stay:
        limit = Limit(stay, stay * ratio)
        for value in (0.0, stay / 2, stay, stay * ratio, 1e308, math.inf):
            assert 0 <= utility(value, limit) <= 100
