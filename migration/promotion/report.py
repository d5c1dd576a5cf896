"""What a journal says about its newest promotion: the value behind every summary, `status` and --json."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from migration.promotion.gates import GateResult, Verdict
from migration.promotion.record import State, StepRecord, StepState
from migration.promotion.tampering import find_tampering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.promotion.journal import Journal
    from migration.promotion.record import Approval, PromotionRecord

#: The audit entry that holds the answers of all gates.
GATES = "gates"


@dataclass(frozen=True)
class StepReport:
    """One step: where it stands, how often it was tried, and how long (seconds) its last attempt took."""

    name: str
    state: StepState
    attempts: int
    seconds: float | None
    outcome: Mapping[str, Any]
    error: str = ""


@dataclass(frozen=True)
class AuditReport:
    """The audit: how many entries, the last hash (kept elsewhere it proves them all), what broke it."""

    entries: int
    head: str
    broken: str | None

    @property
    def whole(self) -> bool:
        return self.broken is None


@dataclass(frozen=True)
class PromotionReport:
    """A promotion as its journal has it. `carried_out_by` is the live process that works on it, if any.

    `plan` is the whole plan in JSON, `gates` are the answers of the last evaluation.
    """

    promotion: str
    state: State
    from_phase: str
    to_phase: str
    source: str
    target: str
    runner: str
    rehearsal: bool
    plan_hash: str
    plan: Mapping[str, Any]
    gates: tuple[GateResult, ...]
    approvals: tuple[Approval, ...]
    steps: tuple[StepReport, ...]
    audit: AuditReport
    journal: str
    carried_out_by: str | None = None

    @property
    def gates_open(self) -> bool:
        return bool(self.gates) and all(gate.verdict is Verdict.ALLOW for gate in self.gates)

    @property
    def next_step(self) -> str:
        """What to type now, "" where there is nothing left to do."""
        if self.audit.broken:
            return "find out who changed the journal, and put a copy of it back"
        if self.carried_out_by:
            return ""
        match self.state:
            case State.PROPOSED:
                closed = [gate.next_step for gate in self.gates if gate.verdict is not Verdict.ALLOW]
                return "; ".join([*filter(None, closed), "then repeat the outgrow promote command"])
            case State.RUNNING | State.REVERTING:
                return "outgrow promote resume, or outgrow promote abort"
            case State.STOPPED:
                return "outgrow promote resume"
            case _:
                return ""


def read_report(journal: Journal, record: PromotionRecord) -> PromotionReport:
    """Gather everything the journal says about a promotion; reads only."""
    entries = journal.audit()
    answers = [entry for entry in entries if entry.promotion == record.id and entry.what == GATES]
    holder = journal.holder()
    return PromotionReport(
        promotion=record.id,
        state=record.state,
        from_phase=record.plan["from_phase"],
        to_phase=record.plan["to_phase"],
        source=record.source,
        target=record.target,
        runner=record.runner,
        rehearsal=bool(record.plan["rehearsal"]),
        plan_hash=record.plan_hash,
        plan=record.plan,
        gates=tuple(_gate(found) for found in answers[-1].detail["results"]) if answers else (),
        approvals=journal.approvals(),
        steps=tuple(_step(step) for step in record.steps),
        audit=AuditReport(len(entries), journal.head(), find_tampering(journal)),
        journal=str(journal.path),
        carried_out_by=str(holder[0]) if holder and holder[1] else None,
    )


def _gate(found: Mapping[str, Any]) -> GateResult:
    return GateResult(**{**found, "verdict": Verdict(found["verdict"])})


def _step(step: StepRecord) -> StepReport:
    seconds = None
    if step.started_at and step.ended_at:
        took = datetime.fromisoformat(step.ended_at) - datetime.fromisoformat(step.started_at)
        seconds = round(took.total_seconds(), 3)
    return StepReport(step.name, step.state, step.attempts, seconds, step.outcome, step.error)
