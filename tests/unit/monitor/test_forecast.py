"""Forecasts: planted trends are found, flat ones cross nothing, intervals hold what they promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.forecast import HORIZON_DAYS, MIN_DAYS, Day, ForecastStatus, fit, forecast, since_last_shift
from monitor.thresholds import Limit

LIMIT = Limit(1000, 5000)


def days(values: list[float], begin: int = 20_000) -> list[Day]:
    return [Day(begin + number, value) for number, value in enumerate(values)]


@pytest.mark.parametrize("count", [0, 1, MIN_DAYS - 1])
def test_too_few_days_are_an_answer_of_their_own(count: int) -> None:
    found = forecast("p95_ms", days([100.0 + 10 * number for number in range(count)]), LIMIT)
    assert found.status is ForecastStatus.NOT_ENOUGH_DATA
    assert found.text == f"not enough data: {count} of {MIN_DAYS} days"
    assert (found.to_stay.days, found.method, found.within_lead_time) == (None, None, False)


@settings(max_examples=20)
@given(st.floats(1, 40), st.integers(MIN_DAYS, 60))
def test_a_planted_line_is_found_to_the_day(slope: float, count: int) -> None:
    values = [200 + slope * number for number in range(count)]
    found = forecast("p95_ms", days(values), LIMIT)
    left = (1000 - values[-1]) / slope
    if left <= 0:
        assert found.to_stay.status is ForecastStatus.BEYOND
    elif left <= HORIZON_DAYS:
        assert found.to_stay.days == pytest.approx(left, abs=0.6)


def test_a_planted_growth_in_percent_is_found() -> None:
    values = [100 * 1.05**number for number in range(40)]
    found = forecast("database_size_bytes", days(values), LIMIT)
    assert found.method == "exponential"
    assert found.to_urgent is not None
    assert found.to_urgent.days == pytest.approx(41.2, abs=0.5)  # ln(5000 / values[-1]) / ln 1.05
    assert found.backtest_share == 1


@settings(max_examples=20)
@given(st.floats(0, 999.9), st.integers(MIN_DAYS, 60))
def test_a_flat_series_never_crosses(level: float, count: int) -> None:
    found = forecast("p95_ms", days([level] * count), LIMIT)
    assert found.to_stay.status is ForecastStatus.NOT_WITHIN
    assert (found.to_stay.days, found.to_stay.earliest) == (None, None)
    assert not found.within_lead_time


def test_noise_without_a_trend_rarely_crosses() -> None:
    chance = random.Random(7)
    crossed = sum(
        forecast("p95_ms", days([300 + chance.gauss(0, 20) for _ in range(30)]), LIMIT).to_stay.status
        is ForecastStatus.CROSSES
        for _ in range(60)
    )
    assert crossed <= 3


def test_p17_what_is_above_already_takes_no_time() -> None:
    found = forecast("p95_ms", days([6000.0 + number for number in range(20)]), LIMIT)
    assert (found.status, found.to_stay.days) == (ForecastStatus.BEYOND, 0)
    assert found.to_urgent is not None
    assert found.to_urgent.days == 0
    assert found.within_lead_time


@settings(max_examples=15)
@given(st.floats(1, 20), st.floats(1.1, 3))
def test_p17_faster_growth_arrives_sooner(slope: float, faster: float) -> None:
    def arrives(by: float) -> float:
        # Both stand at the same value on the last day.
        found = forecast("p95_ms", days([900 - by * number for number in range(29, -1, -1)]), LIMIT)
        assert found.to_urgent is not None
        return HORIZON_DAYS + 1 if found.to_urgent.days is None else found.to_urgent.days

    assert arrives(slope * faster) <= arrives(slope)


@pytest.mark.parametrize("outliers", [0, 3])
def test_the_80_percent_interval_holds_the_truth_about_so_often(outliers: int) -> None:
    """Slope 10 a day from 300, noise of 15: 1,000 is truly reached on day 70, seen from day 39."""
    chance = random.Random(11)
    held, errors = 0, []
    rounds = 120
    for _ in range(rounds):
        values = [300 + 10 * number + chance.gauss(0, 15) for number in range(40)]
        for _ in range(outliers):
            values[chance.randrange(40)] *= chance.choice([0.3, 4])
        trend = fit(days(values), "linear")
        assert trend is not None
        early, middle, late = trend.reaches(1000)
        assert early is not None
        assert middle is not None
        assert late is not None
        held += early <= 31 <= late
        errors.append(abs(middle - 31))
    assert 0.70 <= held / rounds <= 0.98
    assert sorted(errors)[rounds // 2] < 1.5


def test_a_weekly_rhythm_is_taken_out_where_that_predicts_better() -> None:
    week = [0, 0, 0, 0, 0, -150, -150]
    values = [500.0 + 5 * number + week[(20_000 + number) % 7] for number in range(56)]
    found = forecast("concurrent_users", days(values), LIMIT)
    assert found.method == "linear+weekly"
    assert found.backtest_error is not None
    assert found.backtest_error < 0.02
    assert found.per_week == pytest.approx(35, rel=0.05)


def test_a_lasting_jump_restarts_the_series_and_a_passing_one_does_not() -> None:
    chance = random.Random(3)
    noisy = [1000 + 5 * number + chance.gauss(0, 3) for number in range(40)]
    vacuumed = [value - (700 if number >= 20 else 0) for number, value in enumerate(noisy)]
    assert since_last_shift(days(vacuumed))[0].number == 20_020
    spiked = [value + (700 if number == 20 else 0) for number, value in enumerate(noisy)]
    assert len(since_last_shift(days(spiked))) == 40


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1e15), max_size=90), st.data())
def test_any_series_gets_a_finite_answer_in_order(values: list[float], data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))
    number, series = 20_000, []
    for value, gap in zip(values, gaps, strict=True):
        number += gap
        series.append(Day(number, value))
    found = forecast("p95_ms", series, LIMIT)
    for crossing in (found.to_stay, found.to_urgent):
        assert crossing is not None
        ends = [end for end in (crossing.earliest, crossing.days, crossing.latest) if end is not None]
        assert ends == sorted(ends)
        assert all(0 <= end <= HORIZON_DAYS for end in ends)
