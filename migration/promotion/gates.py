"""The gates before a promotion: each says allow, deny or defer, why, and what it measured beside its limit.

A gate only reads. `evaluate` asks all of them, so that one look shows everything that stands in the way. Data
that is missing, unknown or old never opens a gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from migration.promotion.assessment_source import RANK
from monitor.errors import OutgrowError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migration.promotion.assessment_source import HeldAssessment
    from migration.promotion.record import Approval


#: How many characters of a plan's hash name it without doubt.
SHORT_HASH = 12


class Verdict(Enum):
    """A gate's answer: go, no, or not yet."""

    ALLOW = "allow"
    DENY = "deny"
    DEFER = "defer"


@dataclass(frozen=True)
class GateResult:
    """What a gate said. `measured` and `limit` are for people, units included; `next_step` opens the gate.

    `accepted_by` names who took the responsibility where the gate was opened against its own measurement.
    """

    gate: str
    verdict: Verdict
    reason: str
    measured: str
    limit: str
    next_step: str = ""
    accepted_by: str = ""


class Gate(Protocol):
    """One condition that must hold before anything is changed."""

    @property
    def name(self) -> str: ...

    def evaluate(self) -> GateResult:
        """Measure and answer, changing nothing."""
        ...


def evaluate(gates: Sequence[Gate]) -> tuple[GateResult, ...]:
    """Ask every gate, in order; one that fails to measure defers with its error: none opens by accident."""
    results = []
    for gate in gates:
        try:
            results.append(gate.evaluate())
        except OutgrowError as error:
            because = f": {error.why}" if error.why else ""
            results.append(
                GateResult(gate.name, Verdict.DEFER, f"{error.what}{because}", "unknown", "", error.next_step)
            )
    return tuple(results)


def all_open(results: Sequence[GateResult]) -> bool:
    """Whether every gate allows."""
    return all(result.verdict is Verdict.ALLOW for result in results)


@dataclass(frozen=True)
class SustainedThreshold:
    """The monitor has called for the climb long enough, without a break.

    Args:
        read: gets the assessment.
        from_phase: the phase the assessment must be about.
        needed: the least decision that opens the gate, "plan" or "urgent".
        seconds: how long it must have held.
        max_age: how old (seconds) the assessment may be.
        now: the time, in seconds since the epoch.
    """

    read: Callable[[], HeldAssessment]
    from_phase: str
    needed: str
    seconds: float
    max_age: float
    now: Callable[[], float]
    name: str = "sustained threshold"

    def evaluate(self) -> GateResult:
        held = self.read()
        limit = f"{self.needed} for {self.seconds:g} s"
        scaled = f", limits scaled by {held.scale:g}" if held.scale != 1 else ""
        lasted = held.lasted(self.needed)
        measured = f"{held.decision} for {lasted:.0f} s{scaled}"

        def answer(verdict: Verdict, reason: str, next_step: str = "") -> GateResult:
            return GateResult(self.name, verdict, reason, measured, limit, next_step)

        if held.phase != self.from_phase:
            return answer(
                Verdict.DENY,
                f"the assessment is about {held.phase}, the promotion starts from {self.from_phase}",
                f"give the assessment of {self.from_phase}",
            )
        age = self.now() - held.taken_at
        if age > self.max_age or age < -self.max_age:
            told = f"is {age:.0f} s old" if age > 0 else f"comes {-age:.0f} s from the future"
            return answer(
                Verdict.DEFER,
                f"the assessment {told}, at most {self.max_age:g} s count as now",
                "assess again, or see why the monitor stands still: outgrow assess --url URL",
            )
        if held.decision == "unknown":
            because = f": {held.reasons[0]}" if held.reasons else ""
            return answer(
                Verdict.DEFER, f"the monitor does not know enough{because}", "outgrow assess --url URL"
            )
        if RANK[held.decision] < RANK[self.needed]:
            return answer(
                Verdict.DENY,
                f"the monitor says {held.decision}; nothing calls for the climb yet",
                "wait, or let 'plan' open the gate too: --decision plan"
                if self.needed == "urgent"
                else "wait",
            )
        if lasted < self.seconds:
            missing = self.seconds - lasted
            return answer(
                Verdict.DEFER, f"it has to hold for {missing:.0f} s more", f"try again in {missing:.0f} s"
            )
        return answer(Verdict.ALLOW, f"the monitor has been saying {held.decision} without a break")


@dataclass(frozen=True)
class ApprovalGiven:
    """Someone said yes to exactly this plan.

    Args:
        plan_hash: the plan at hand.
        approvals: the yeses in the journal since the last promotion ended.
        approve_as: who says yes with this very command, or None.
    """

    plan_hash: str
    approvals: tuple[Approval, ...]
    approve_as: str | None = None
    name: str = "approval"

    def evaluate(self) -> GateResult:
        limit = f"plan {self.plan_hash[:SHORT_HASH]}"
        if self.approve_as:
            reason = f"{self.approve_as} approves this plan with this command"
            return GateResult(self.name, Verdict.ALLOW, reason, limit, limit)
        matching = [approval for approval in self.approvals if approval.plan_hash == self.plan_hash]
        if matching:
            approval = matching[-1]
            return GateResult(
                self.name, Verdict.ALLOW, f"{approval.by} approved it at {approval.at}", limit, limit
            )
        command = f"outgrow promote approve --by NAME --plan {self.plan_hash}"
        if self.approvals:
            stale = self.approvals[-1]
            reason = (
                f"{stale.by} approved another plan: {stale.plan_hash}; the plan at hand is {self.plan_hash}"
            )
            measured = f"plan {stale.plan_hash[:SHORT_HASH]}"
            return GateResult(self.name, Verdict.DENY, reason, measured, limit, command)
        return GateResult(
            self.name, Verdict.DEFER, "nobody has approved this plan yet", "none", limit, command
        )


@dataclass(frozen=True)
class WithinBudget:
    """A condition of the machine or data: `inspect` says what it found, or raises what is in the way."""

    phase: str
    monthly_cost: float
    maximum: float
    unpriced: tuple[str, ...] = ()
    accepted_by: str | None = None
    name: str = "budget"

    def evaluate(self) -> GateResult:
        measured, limit = f"${self.monthly_cost:,.2f} a month", f"${self.maximum:,.2f} a month"
        problems = []
        if self.monthly_cost > self.maximum:
            problems.append(f"${self.monthly_cost - self.maximum:,.2f} a month over the budget")
        if self.unpriced:
            problems.append(f"no price is known for {', '.join(self.unpriced)}")
        if not problems:
            reason = f"{self.phase} costs no more than its budget"
            return GateResult(self.name, Verdict.ALLOW, reason, measured, limit)
        told = "; ".join(problems)
        if self.accepted_by:
            reason = f"{self.accepted_by} accepts: {told}"
            return GateResult(self.name, Verdict.ALLOW, reason, measured, limit, accepted_by=self.accepted_by)
        return GateResult(
            self.name,
            Verdict.DENY,
            f"{self.phase} is not within its budget: {told}",
            measured,
            limit,
            f"see outgrow infra cost {self.phase}; take it on with --accept-cost NAME",
        )


@dataclass(frozen=True)
class Finding:
    """What a look found: the measured value, and what it means."""

    measured: str
    reason: str


@dataclass(frozen=True)
class Preflight:
    """A condition of the machine or the data; `inspect` says what it found, or raises what is in the way."""

    name: str
    limit: str
    inspect: Callable[[], Finding]

    def evaluate(self) -> GateResult:
        try:
            found = self.inspect()
        except OutgrowError as error:
            return GateResult(
                self.name, Verdict.DENY, error.what, error.why or "not met", self.limit, error.next_step
            )
        return GateResult(self.name, Verdict.ALLOW, found.reason, found.measured, self.limit)
