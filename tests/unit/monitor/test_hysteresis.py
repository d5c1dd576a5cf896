"""States that do not flap: when a category worsens, when it improves, what a missing value does."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.assessment import Decision, Light
from monitor.held import HeldDecisions
from monitor.hysteresis import IMPROVE_S, MetricState, Sustained, step
from monitor.phases import load_phase
from monitor.standing import SILENCE_S, Standing, restore, save
from monitor.store.history import History
from monitor.thresholds import METRICS, Category, Limit

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT = Limit(100, 200)
THRESHOLDS = load_phase("phase-1").thresholds
HEALTHY: dict[str, float | None] = {name: THRESHOLDS[name].stay / 2 for name in METRICS}


def run(
    values: Iterable[float | None], *, every: float = 15, state: MetricState | None = None
) -> list[MetricState]:
    """The states after each value, one every so many seconds."""
    states = [MetricState() if state is None else state]
    for number, value in enumerate(values):
        states.append(step(states[-1], value, LIMIT, at=number * every, elapsed_s=every))
    return states[1:]


def changes(states: list[MetricState]) -> int:
    """How often the category changed after the first."""
    kept = [state.category for state in states]
    return sum(before is not after for before, after in itertools.pairwise(kept))


def test_the_first_value_counts_at_once() -> None:
    assert run([250])[0].category is Category.URGENT


def test_one_bad_evaluation_is_not_enough_and_half_a_minute_of_them_is() -> None:
    states = run([50, 250, 50, 250, 250, 250])
    assert [state.category for state in states[:5]] == [Category.STAY] * 5
    assert states[5].category is Category.URGENT


def test_an_improvement_takes_a_quarter_of_an_hour_without_a_break() -> None:
    quarter = int(IMPROVE_S / 15)
    states = run([250] * 3 + [50] * quarter)
    assert states[-1].category is Category.URGENT
    assert run([50], state=states[-1])[0].category is Category.STAY
    interrupted = run([250] + [50] * (quarter - 1) + [250, 50, 50])
    assert {state.category for state in interrupted} == {Category.URGENT}


def test_an_improvement_goes_no_further_than_the_worst_seen_in_it() -> None:
    states = run([250] + [50, 150] * int(IMPROVE_S / 15))
    assert states[-1].category is Category.PLAN


@given(st.floats(0, 1e6), st.integers(1, 200))
def test_p9_a_constant_value_changes_nothing(value: float, count: int) -> None:
    assert changes(run([value] * count)) == 0


@given(
    st.sampled_from([100.0, 200.0]).flatmap(
        lambda limit: st.lists(st.floats(0.9 * limit, limit), min_size=1, max_size=300)
    )
)
def test_p9_a_value_that_swings_below_a_limit_changes_the_state_at_most_once(values: list[float]) -> None:
    assert changes(run(values)) <= 1


@given(st.lists(st.none() | st.floats(0, 400), max_size=200), st.floats(1, 60))
def test_a_held_category_is_never_milder_than_the_last_quarter_of_an_hour(
    values: list[float | None], every: float
) -> None:
    states = run(values, every=every)
    recent = max(1, int(IMPROVE_S / every))
    for number in range(recent, len(states)):
        window = [state.category for state in states[number - recent : number]]
        if all(category is Category.URGENT for category in window) and values[number] is None:
            assert states[number].category in (Category.URGENT, None)


def test_p7_a_missing_value_keeps_its_category_for_a_quarter_of_an_hour_then_is_unknown() -> None:
    quarter = int(IMPROVE_S / 15)
    states = run([150] + [None] * (quarter + 1))
    assert {state.category for state in states[:-1]} == {Category.PLAN}
    assert states[-1].category is None


def test_a_short_hiccup_that_the_long_window_does_not_see_is_not_held() -> None:
    state = MetricState(Category.STAY)
    for number in range(10):
        state = step(state, 250, LIMIT, at=number * 15, elapsed_s=15, long=50)
    assert state.category is Category.STAY
    for number in range(3):
        state = step(state, 250, LIMIT, at=number * 15, elapsed_s=15, long=150)
    assert state.category is Category.PLAN


def test_light_and_decision_are_held_and_the_raw_ones_told_beside() -> None:
    sustained = Sustained()
    for number in range(3):
        sustained = sustained.after(HEALTHY, THRESHOLDS, at=number, elapsed_s=15)
    bad = {**HEALTHY, "p95_ms": 900.0}
    once = sustained.after(bad, THRESHOLDS, at=10, elapsed_s=15)
    assert (once.light, once.raw_light) == (Light.GREEN, Light.RED)
    assert (once.decision, once.raw_decision) == (Decision.STAY, Decision.URGENT)
    for number in range(3):
        once = once.after(bad, THRESHOLDS, at=20 + number, elapsed_s=15)
    assert (once.light, once.decision) == (Light.RED, Decision.URGENT)
    assert once.light_since == 21


def test_the_light_is_unknown_at_first_where_a_metric_of_the_matrix_is() -> None:
    sustained = Sustained().after({**HEALTHY, "p95_ms": None}, THRESHOLDS, at=0, elapsed_s=0)
    assert sustained.light is Light.UNKNOWN
    assert (
        Sustained().after({**HEALTHY, "p95_ms": math.inf}, THRESHOLDS, at=0, elapsed_s=0).light is Light.RED
    )


# --- Over restarts ---


def stood(history: History, at: float) -> Standing:
    held = HeldDecisions()
    for number in range(5):
        held = held.after(Decision.URGENT, at=at - 40 + 10 * number, clock=100 + 10 * number)
    sustained = Sustained().after({**HEALTHY, "p95_ms": 900.0}, THRESHOLDS, at=at, elapsed_s=0)
    standing = Standing(held, sustained, at)
    save(history, standing, under="phase-1", clock=140)
    return standing


@pytest.mark.parametrize(
    ("silence", "under", "goes_on"),
    [
        (10, "phase-1", True),
        (SILENCE_S, "phase-1", True),
        (SILENCE_S + 1, "phase-1", False),
        (-5, "phase-1", False),
        (10, "phase-2", False),
    ],
)
def test_what_is_held_goes_on_after_a_short_silence_under_the_same_limits(
    silence: float, under: str, goes_on: bool
) -> None:
    history = History()
    before = stood(history, at=1000)
    found = restore(history, under=under, now=1000 + silence, clock=7)
    assert (found is not None) is goes_on
    if found is not None:
        assert found.sustained == before.sustained
        held = found.held.after(Decision.URGENT, at=1000 + silence, clock=9).held(Decision.URGENT, clock=9)
        assert held.seconds == 42  # forty before, two after; the silence itself proves nothing
        assert (held.since, held.evaluations) == (960, 6)
        assert held.at_least[Decision.PLAN] == 42
    history.close()


@pytest.mark.parametrize("text", ["", "{}", "null", "[]", '{"under": "phase-1", "at": "x"}', '{"at": 1}'])
def test_a_memory_that_cannot_be_read_begins_anew(text: str) -> None:
    history = History()
    history.remember("standing", text)
    assert restore(history, under="phase-1", now=1000, clock=0) is None
    history.close()
