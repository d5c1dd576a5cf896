"""What a journal says and what could be done next: everything here only reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migration.promotion.errors import NoPromotionError, PastNoReturnError
from migration.promotion.execution import past_no_return, steps_to_put_back
from migration.promotion.gates import GateResult, evaluate
from migration.promotion.journal import Journal
from migration.promotion.policy import GatePolicy, gates_for
from migration.promotion.record import UNDER_WAY, PromotionRecord, State, StepState
from migration.promotion.report import PromotionReport, read_report
from migration.promotion.steps.order import ALL_STEPS

if TYPE_CHECKING:
    from pathlib import Path

    from migration.promotion.plan import PromotionPlan
    from migration.promotion.record import Approval


def look(plan: PromotionPlan, policy: GatePolicy, journal: Path, dsn: str | None) -> tuple[GateResult, ...]:
    """Ask every gate, changing nothing: not even the journal is made.

    Raises:
        NoPromotionError: something else than a journal lies at `journal`.
    """
    approvals: tuple[Approval, ...] = ()
    if journal.exists():
        with Journal.open(journal) as opened:
            approvals = opened.approvals()
    return evaluate(gates_for(plan, policy, approvals, dsn))


def refuse_under_way(journal: Path) -> None:
    """Stop before anything is planned where an earlier promotion has begun and not ended; reads only.

    Raises:
        PromotionRunningError: it has.
        NoPromotionError: something else than a journal lies at `journal`.
    """
    if journal.exists():
        with Journal.open(journal) as opened:
            opened.refuse_under_way()


def status(journal: Path) -> PromotionReport:
    """Say what the journal says; reads only.

    Raises:
        NoPromotionError: there is no journal, or it holds no promotion.
    """
    with Journal.open(journal) as opened:
        return report_of(opened)


def pinned(journal: Path) -> PromotionRecord:
    """The setup row of the newest promotion: what a resume has to be given again follows from it."""
    with Journal.open(journal) as opened:
        return latest(opened)


@dataclass(frozen=True)
class Foreseen:
    """What a resume or an abort would do: carry out or put back these steps, in this order."""

    promotion: str
    does: Literal["carry out", "put back"]
    steps: tuple[str, ...]


def foresee_resume(journal: Path) -> Foreseen:
    """Say what `resume` would do now; reads only.

    Raises:
        NoPromotionError: nothing to resume.
    """
    with Journal.open(journal) as opened:
        record = resumable(opened)
        if record.state is State.REVERTING:
            return Foreseen(record.id, "put back", steps_to_put_back(ALL_STEPS, opened))
        left = [step.name for step in record.steps if step.state is not StepState.DONE]
        return Foreseen(record.id, "carry out", tuple(left))


def foresee_abort(journal: Path) -> Foreseen:
    """Say what `abort` would do now; reads only.

    Raises:
        NoPromotionError: nothing to abort.
        PastNoReturnError: it would refuse.
    """
    with Journal.open(journal) as opened:
        record = abortable(opened)
        return Foreseen(record.id, "put back", steps_to_put_back(ALL_STEPS, opened))


def resumable(journal: Journal) -> PromotionRecord:
    """The promotion that a resume would go on with, or that is finished.

    Raises:
        NoPromotionError: there is none.
    """
    record = latest(journal)
    if record.state not in UNDER_WAY | {State.FINISHED}:
        raise NoPromotionError(
            f"there is nothing to resume: promotion {record.id} is {record.state.value}",
            next_step="start with outgrow promote --to PHASE",
        )
    return record


def abortable(journal: Journal) -> PromotionRecord:
    """The promotion that an abort would put back.

    Raises:
        NoPromotionError: there is none.
        PastNoReturnError: there is no way back.
    """
    record = latest(journal)
    if record.state not in UNDER_WAY | {State.PROPOSED}:
        raise NoPromotionError(f"there is nothing to abort: promotion {record.id} is {record.state.value}")
    if past_no_return(ALL_STEPS, journal):
        raise PastNoReturnError(
            f"promotion {record.id} cannot be aborted any more",
            why="the switch has begun, so the application may have written to PostgreSQL, and going back to "
            "SQLite would lose that",
            next_step="outgrow promote resume",
        )
    return record


def latest(journal: Journal) -> PromotionRecord:
    """The newest promotion of a journal.

    Raises:
        NoPromotionError: it holds none.
    """
    record = journal.latest()
    if record is None:
        raise NoPromotionError(
            f"the journal {journal.path} holds no promotion",
            next_step="outgrow promote --to PHASE starts one",
        )
    return record


def report_of(journal: Journal) -> PromotionReport:
    """Everything an open journal says of its newest promotion."""
    return read_report(journal, latest(journal))
