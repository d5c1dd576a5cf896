"""Carrying out the steps, forward or back: each row is written before and after the step's effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.promotion.errors import RevertFailedError, StepFailedError, StoppedAfterSwitchError
from migration.promotion.progress import Notice
from migration.promotion.record import State, StepRecord, StepState
from monitor.errors import OutgrowError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.promotion.journal import Journal
    from migration.promotion.steps.step import Step
    from migration.promotion.world import World

#: A step in one of these states may have left something to put back.
_TOUCHED = frozenset({StepState.BEGUN, StepState.DONE, StepState.FAILED, StepState.REVERT_FAILED})


@dataclass(frozen=True)
class Failure:
    """Why a step did not succeed, in words that hold no secret."""

    step: str
    what: str
    next_step: str = ""


def past_no_return(steps: Sequence[Step], journal: Journal) -> bool:
    """Whether a step has begun behind which there is no way back."""
    rows = _rows(journal)
    return any(step.no_return and rows[step.name].state is not StepState.PENDING for step in steps)


def steps_to_put_back(steps: Sequence[Step], journal: Journal) -> tuple[str, ...]:
    """Names of the steps that may have left something to put back, last first."""
    rows = _rows(journal)
    return tuple(step.name for step in reversed(steps) if rows[step.name].state in _TOUCHED)


def go_forward(steps: Sequence[Step], world: World, journal: Journal) -> None:
    """Carry out every step that is not done yet; a failure before the point of no return puts all back.

    Raises:
        StepFailedError: a step failed, and everything is as it was before.
        RevertFailedError: a step failed, and so did putting something back.
        StoppedAfterSwitchError: a step failed after the point of no return.
    """
    for step in steps:
        row = _rows(journal)[step.name]
        if row.state is StepState.DONE:
            world.progress(Notice("skipped", step.name, "done before"))
            continue
        try:
            _carry_out(step, row, world, journal)
        except Exception as error:  # whatever it was, the application must not stay stopped
            failure = _failure(step.name, error, world)
            _write_failure(failure, world, journal)
            if past_no_return(steps, journal):
                journal.set_state(world.promotion, State.STOPPED, why=failure.what)
                raise StoppedAfterSwitchError(
                    f"step {step.name} failed after the point of no return",
                    why=failure.what,
                    next_step=f"{_first(failure.next_step)}outgrow promote resume (nothing goes back: "
                    "the application may have written to PostgreSQL)",
                ) from error
            go_back(steps, world, journal, failure, cause=error)
    journal.set_state(world.promotion, State.FINISHED)


def go_back(
    steps: Sequence[Step],
    world: World,
    journal: Journal,
    failure: Failure | None,
    *,
    who: str = "outgrow",
    cause: BaseException | None = None,
) -> None:
    """Put back what the steps did, last first; one that cannot be put back does not keep the others from it.

    Args:
        steps: all steps, in order.
        world: what they act on.
        journal: where it is written.
        failure: what made it necessary; None where someone asked for it.
        who: who asked for it.
        cause: the exception behind the failure.

    Raises:
        StepFailedError: everything is as it was before, after `failure`.
        RevertFailedError: something could not be put back.
    """
    reason = f"step {failure.step} failed: {failure.what}" if failure else "asked for"
    journal.set_state(world.promotion, State.REVERTING, who=who, why=reason)
    left: list[Failure] = []
    for step in reversed(steps):
        row = _rows(journal)[step.name]
        if row.state not in _TOUCHED:
            continue
        world.progress(Notice("reverting", step.name))
        try:
            said = world.scrub(step.revert(world, row))
        except Exception as error:  # noqa: BLE001  # the other steps are put back all the same
            left.append(_failure(step.name, error, world))
            journal.write_step(
                world.promotion, replace(row, state=StepState.REVERT_FAILED, error=left[-1].what)
            )
            world.progress(Notice("failed", step.name, f"not put back: {left[-1].what}"))
            continue
        journal.write_step(
            world.promotion, replace(row, state=StepState.REVERTED, outcome={**row.outcome, "reverted": said})
        )
        world.progress(Notice("reverted", step.name, said))
    if left:
        not_back = "; ".join(f"{item.step}: {item.what}" for item in left)
        raise RevertFailedError(
            f"step {failure.step} failed, and not everything could be put back"
            if failure
            else "not everything could be put back",
            why=f"{failure.step}: {failure.what}; not put back: {not_back}" if failure else not_back,
            next_step=f"{_first(left[0].next_step)}outgrow promote abort (it tries the rest again)",
        ) from cause
    journal.set_state(world.promotion, State.REVERTED, who=who, why=reason)
    if failure:
        raise StepFailedError(
            f"step {failure.step} failed; everything was put back, SQLite takes writes as before",
            why=failure.what,
            next_step=failure.next_step or "repair the cause, then start outgrow promote again",
        ) from cause


def _carry_out(step: Step, row: StepRecord, world: World, journal: Journal) -> None:
    outcome = step.check(world)
    if outcome is None:
        world.progress(Notice("begun", step.name, step.does))
        row = replace(
            row,
            state=StepState.BEGUN,
            attempts=row.attempts + 1,
            intent=row.intent if row.attempts else step.intend(world),
            error="",
        )
        row = journal.write_step(world.promotion, row)
        outcome = step.apply(world, row)
    step.verify(world, outcome)
    journal.write_step(world.promotion, replace(row, state=StepState.DONE, outcome=outcome, error=""))
    world.progress(Notice("done", step.name))


def _write_failure(failure: Failure, world: World, journal: Journal) -> None:
    row = _rows(journal)[failure.step]
    if row.state is not StepState.PENDING:  # one that never began has nothing to put back
        journal.write_step(world.promotion, replace(row, state=StepState.FAILED, error=failure.what))
    world.progress(Notice("failed", failure.step, failure.what))


def _failure(step: str, error: Exception, world: World) -> Failure:
    if isinstance(error, OutgrowError):
        what = f"{error.what} ({error.why})" if error.why else error.what
        return Failure(step, world.scrub(what), world.scrub(error.next_step))
    return Failure(step, world.scrub(f"{type(error).__name__}: {' '.join(str(error).split())}"))


def _rows(journal: Journal) -> dict[str, StepRecord]:
    record = journal.latest()
    return {step.name: step for step in record.steps} if record else {}


def _first(next_step: str) -> str:
    return f"{next_step}; then: " if next_step else ""
