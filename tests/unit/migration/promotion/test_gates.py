"""Each gate answers allow, deny or defer from what it measured; nothing uncertain opens one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.promotion.assessment_source import HeldAssessment, from_file, from_monitor, parse
from migration.promotion.errors import BadAssessmentError, FenceError
from migration.promotion.gates import (
    ApprovalGiven,
    Finding,
    Preflight,
    SustainedThreshold,
    Verdict,
    WithinBudget,
    all_open,
    evaluate,
)
from migration.promotion.record import Approval

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
URGENT = HeldAssessment("phase-1", "urgent", "urgent", 120.0, NOW - 5)


def threshold(held: HeldAssessment, **changes: Any) -> SustainedThreshold:
    gate = SustainedThreshold(lambda: held, "phase-1", "urgent", 60.0, 300.0, lambda: NOW)
    return replace(gate, **changes)


def test_a_decision_that_held_long_enough_opens_the_gate() -> None:
    result = threshold(URGENT).evaluate()
    assert (result.verdict, result.measured, result.limit) == (
        Verdict.ALLOW,
        "urgent for 120 s",
        "urgent for 60 s",
    )


@pytest.mark.parametrize(
    ("held", "verdict", "told"),
    [
        (replace(URGENT, held_seconds=59.0), Verdict.DEFER, "1 s more"),
        (replace(URGENT, decision="plan", held_decision="plan"), Verdict.DENY, "says plan"),
        (replace(URGENT, decision="stay", held_decision="stay"), Verdict.DENY, "says stay"),
        (replace(URGENT, held_decision="plan"), Verdict.DEFER, "60 s more"),
        (
            replace(URGENT, decision="unknown", reasons=("p95_ms is missing",)),
            Verdict.DEFER,
            "p95_ms is missing",
        ),
        (replace(URGENT, taken_at=NOW - 301), Verdict.DEFER, "301 s old"),
        (replace(URGENT, taken_at=NOW + 301), Verdict.DEFER, "from the future"),
        (replace(URGENT, phase="phase-2"), Verdict.DENY, "is about phase-2"),
    ],
)
def test_anything_less_keeps_it_closed_and_says_why(
    held: HeldAssessment, verdict: Verdict, told: str
) -> None:
    result = threshold(held).evaluate()
    assert result.verdict is verdict
    assert told in result.reason


def test_plan_opens_the_gate_only_where_plan_is_enough() -> None:
    plan = replace(URGENT, decision="plan", held_decision="plan")
    assert threshold(plan, needed="plan").evaluate().verdict is Verdict.ALLOW
    assert threshold(URGENT, needed="plan").evaluate().verdict is Verdict.ALLOW


def test_a_decision_that_turned_from_plan_to_urgent_was_at_least_plan_all_the_while() -> None:
    worse = replace(URGENT, held_seconds=5.0, at_least={"stay": 900.0, "plan": 300.0, "urgent": 5.0})
    assert threshold(worse, needed="plan").evaluate().verdict is Verdict.ALLOW
    assert threshold(worse).evaluate().verdict is Verdict.DEFER


def test_lowered_limits_are_told_beside_the_measurement() -> None:
    assert "limits scaled by 0.01" in threshold(replace(URGENT, scale=0.01)).evaluate().measured


@given(
    st.sampled_from(["stay", "plan", "urgent", "unknown"]),
    st.sampled_from(["stay", "plan", "urgent", "unknown"]),
    st.floats(0, 1e6),
    st.floats(-1e6, 1e6),
    st.sampled_from(["phase-1", "phase-2"]),
)
def test_the_gate_opens_only_for_a_fresh_urgent_decision_that_held(
    decision: str, held_decision: str, seconds: float, age: float, phase: str
) -> None:
    held = HeldAssessment(phase, decision, held_decision, seconds, NOW - age)
    if threshold(held).evaluate().verdict is Verdict.ALLOW:
        assert (decision, held_decision, phase) == ("urgent", "urgent", "phase-1")
        assert seconds >= 60
        assert abs(NOW - held.taken_at) <= 300


def test_a_gate_that_cannot_measure_defers() -> None:
    def read() -> HeldAssessment:
        raise BadAssessmentError("the monitor does not answer", why="refused", next_step="start it")

    gate = SustainedThreshold(read, "phase-1", "urgent", 60.0, 300.0, lambda: NOW)
    (result,) = evaluate([gate])
    assert (result.verdict, result.next_step) == (Verdict.DEFER, "start it")
    assert "refused" in result.reason


def test_an_unanswering_monitor_defers() -> None:
    gate = replace(threshold(URGENT), read=lambda: from_monitor("http://127.0.0.1:9"))
    (result,) = evaluate([gate])
    assert result.verdict is Verdict.DEFER
    assert "does not answer" in result.reason


def test_an_approval_of_this_plan_opens_the_gate() -> None:
    result = ApprovalGiven("a" * 64, (Approval("Ada", "a" * 64, "today"),)).evaluate()
    assert result.verdict is Verdict.ALLOW
    assert "Ada" in result.reason


def test_an_approval_of_another_plan_is_refused_with_both_hashes() -> None:
    result = ApprovalGiven("a" * 64, (Approval("Ada", "b" * 64, "today"),)).evaluate()
    assert result.verdict is Verdict.DENY
    assert "a" * 64 in result.reason
    assert "b" * 64 in result.reason


def test_without_an_approval_the_gate_waits_and_says_what_to_type() -> None:
    result = ApprovalGiven("a" * 64, ()).evaluate()
    assert result.verdict is Verdict.DEFER
    assert result.next_step == f"outgrow promote approve --by NAME --plan {'a' * 64}"


def test_approving_with_the_command_itself_opens_the_gate() -> None:
    assert ApprovalGiven("a" * 64, (), "Ada").evaluate().verdict is Verdict.ALLOW


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_budget_gate_opens_exactly_up_to_the_budget(cost: float, maximum: float) -> None:
    verdict = WithinBudget("phase-2", cost, maximum).evaluate().verdict
    assert verdict is (Verdict.ALLOW if cost <= maximum else Verdict.DENY)


def test_a_plan_over_budget_is_denied_with_figures_until_someone_accepts_it() -> None:
    gate = WithinBudget("phase-2", 912.5, 800.0)
    denied = gate.evaluate()
    assert (denied.verdict, denied.measured, denied.limit) == (
        Verdict.DENY,
        "$912.50 a month",
        "$800.00 a month",
    )
    assert "$112.50" in denied.reason
    accepted = replace(gate, accepted_by="Grace").evaluate()
    assert (accepted.verdict, accepted.accepted_by) == (Verdict.ALLOW, "Grace")
    assert "$112.50" in accepted.reason


def test_a_resource_without_a_known_price_is_never_within_budget() -> None:
    gate = WithinBudget("phase-2", 1.0, 800.0, ("aws:new/thing:Thing",))
    denied = gate.evaluate()
    assert denied.verdict is Verdict.DENY
    assert "aws:new/thing:Thing" in denied.reason
    assert replace(gate, accepted_by="Grace").evaluate().verdict is Verdict.ALLOW


def test_all_gates_are_shown_even_when_the_first_is_closed() -> None:
    def broken() -> Finding:
        raise FenceError("app.db is fenced by another promotion", why="it is abc's", next_step="look")

    results = evaluate(
        [
            ApprovalGiven("a" * 64, ()),
            Preflight("source readable", "a whole file", broken),
            Preflight("target empty", "no tables", lambda: Finding("0 objects", "it holds none")),
        ]
    )
    assert [result.verdict for result in results] == [Verdict.DEFER, Verdict.DENY, Verdict.ALLOW]
    assert not all_open(results)


SERVED: dict[str, Any] = {
    "phase": "phase-1",
    "decision": "urgent",
    "score": 12.3,
    "taken_at": NOW,
    "scale": 0.5,
    "held": {
        "decision": "urgent",
        "since": NOW - 90,
        "seconds": 90.0,
        "evaluations": 18,
        "at_least": {"stay": 500.0, "plan": 120.0, "urgent": 90.0},
    },
    "reasons": ["p95_ms is over its limit"],
}


def test_what_the_sidecar_serves_is_read() -> None:
    held = parse(json.dumps(SERVED), "here")
    assert held == HeldAssessment(
        "phase-1",
        "urgent",
        "urgent",
        90.0,
        NOW,
        0.5,
        ("p95_ms is over its limit",),
        SERVED["held"]["at_least"],
    )


def test_an_assessment_that_was_not_watched_has_held_for_no_time() -> None:
    held = parse(json.dumps({key: value for key, value in SERVED.items() if key != "held"}), "here")
    assert held.held_seconds == 0
    assert replace(threshold(held), seconds=0.0).evaluate().verdict is Verdict.ALLOW


def test_a_time_may_be_written_as_text_with_its_zone() -> None:
    held = parse(json.dumps({**SERVED, "taken_at": "2027-01-15T08:00:00+00:00"}), "here")
    assert held.taken_at == 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<html>", "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps({**SERVED, "decision": "maybe"}), "decision is 'maybe'"),
        (json.dumps({**SERVED, "phase": None}), "names no phase"),
        (json.dumps({**SERVED, "taken_at": None}), "no taken_at"),
        (json.dumps({**SERVED, "taken_at": "yesterday"}), "taken_at is 'yesterday'"),
        (json.dumps({**SERVED, "scale": -1}), "scale is -1"),
        (json.dumps({**SERVED, "held": {"decision": "urgent", "seconds": "long"}}), "held.seconds is 'long'"),
        (
            json.dumps({**SERVED, "held": {"decision": "urgent", "seconds": float("nan")}}),
            "held.seconds is nan",
        ),
        (
            json.dumps({**SERVED, "held": {"decision": "urgent", "at_least": {"panic": 3}}}),
            "held.at_least is",
        ),
        (json.dumps({**SERVED, "held": [1]}), "held block is not an object"),
        (json.dumps({**SERVED, "held": {"decision": 3}}), "held.decision is 3"),
    ],
)
def test_anything_else_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadAssessmentError) as caught:
        parse(text, "here")
    assert told in str(caught.value) + caught.value.why


def test_a_missing_file_is_named_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(BadAssessmentError, match="cannot read the assessment") as caught:
        from_file(tmp_path / "none.json")
    assert "curl" in caught.value.next_step
