"""How long a decision has held: at least this bad, without a break, and never without evidence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.assessment import Decision
from monitor.held import Held, HeldDecisions

STAY, PLAN, URGENT, UNKNOWN = Decision.STAY, Decision.PLAN, Decision.URGENT, Decision.UNKNOWN


def after(*decisions: Decision) -> Held:
    """Evaluate once per ten seconds, the first at 1000."""
    held = HeldDecisions()
    for number, decision in enumerate(decisions):
        held = held.after(decision, at=1000.0 + 10 * number, clock=10.0 * number)
    return held.held(decisions[-1], clock=10.0 * (len(decisions) - 1))


def test_a_first_decision_has_held_for_no_time() -> None:
    assert after(PLAN) == Held(PLAN, 1000, seconds=0, evaluations=1, at_least={STAY: 0, PLAN: 0})


def test_a_worse_decision_does_not_break_a_milder_row() -> None:
    assert after(STAY, PLAN, URGENT, PLAN) == Held(
        PLAN, 1010, seconds=20, evaluations=3, at_least={STAY: 30, PLAN: 20}
    )


def test_a_milder_decision_breaks_a_worse_row() -> None:
    assert after(URGENT, PLAN, URGENT) == Held(
        URGENT, 1020, seconds=0, evaluations=1, at_least={STAY: 20, PLAN: 20, URGENT: 0}
    )


def test_everything_counts_as_at_least_stay() -> None:
    assert after(URGENT, PLAN, STAY) == Held(STAY, 1000, seconds=20, evaluations=3, at_least={STAY: 20})


def test_an_unknown_moment_breaks_every_row() -> None:
    again = after(URGENT, UNKNOWN, URGENT)
    assert again == Held(URGENT, 1020, seconds=0, evaluations=1, at_least={STAY: 0, PLAN: 0, URGENT: 0})
    assert after(URGENT, UNKNOWN, UNKNOWN) == Held(
        UNKNOWN, 1010, seconds=10, evaluations=2, at_least={UNKNOWN: 10}
    )


@given(st.lists(st.sampled_from(list(Decision)), min_size=1, max_size=30))
def test_the_row_is_as_long_as_counting_backwards_says(decisions: list[Decision]) -> None:
    ladder = [STAY, PLAN, URGENT]
    last = decisions[-1]

    def as_bad(decision: Decision) -> bool:
        if last is UNKNOWN or decision is UNKNOWN:
            return decision is last
        return ladder.index(decision) >= ladder.index(last)

    length = 0
    for decision in reversed(decisions):
        if not as_bad(decision):
            break
        length += 1
    held = after(*decisions)
    assert (held.evaluations, held.seconds) == (length, 10.0 * (length - 1))
