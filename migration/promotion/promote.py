"""Promotions from start to end: propose, ask the gates, carry out; and resume, abort, approve.

plan    = plan_promotion(request)             reads (`planning`)
results = look(plan, policy, journal, dsn)    reads (`overview`)
report  = promote(plan, ...)                  acts, journaled
"""

from __future__ import annotations

import getpass
import os
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration.errors import AlreadyRunningError
from migration.promotion.errors import (
    NoPromotionError,
    PromotionRunningError,
    StaleApprovalError,
    WrongPromotionError,
)
from migration.promotion.execution import go_back, go_forward
from migration.promotion.gates import SHORT_HASH, GateResult, all_open, evaluate
from migration.promotion.journal import Journal
from migration.promotion.overview import abortable, latest, report_of, resumable
from migration.promotion.plan import PromotionPlan
from migration.promotion.policy import GatePolicy, gates_for
from migration.promotion.progress import Progress, silent
from migration.promotion.record import PromotionRecord, State, StepState
from migration.promotion.report import GATES, PromotionReport
from migration.promotion.steps.order import ALL_STEPS
from migration.promotion.steps.provision import Provision
from migration.promotion.tampering import refuse_tampering
from migration.promotion.world import Limits, World
from migration.running.journal_lock import locked
from migration.target.dsn import parse_dsn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from infra.runners.protocol import Runner
    from migration.promotion.application import Application
    from migration.promotion.record import Approval


def promote(
    plan: PromotionPlan,
    *,
    application: Application,
    runner: Runner,
    journal: Path,
    dsn: str | None = None,
    policy: GatePolicy | None = None,
    limits: Limits | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
    take_over: bool = False,
) -> PromotionReport:
    """Ask the gates and, where all open, carry the plan out to its end.

    Where a gate stays closed nothing is changed but the journal, which says why; the report's state is then
    PROPOSED.

    Args:
        plan: from `plan_promotion`.
        application: what is stopped, switched and watched.
        runner: makes the next phase's stack.
        journal: the promotion's journal file; made where there is none.
        dsn: the target, the same that the plan was made with. It is never written.
        policy: how strict the gates are.
        limits: how long things may take.
        options: what a resume needs to know beside the plan, in JSON and without secrets.
        progress: is told what happens.
        take_over: take the journal from a process on another host that is gone.

    Raises:
        PromotionRunningError: another process promotes, or an earlier promotion has not ended.
        StepFailedError: a step failed, and everything is as it was before.
        RevertFailedError: a step failed, and so did putting something back.
        StoppedAfterSwitchError: a step failed after the point of no return; `resume` goes forward.
        TamperedJournalError: the journal was changed around Outgrow.
    """
    policy = policy or GatePolicy()
    with Journal.create_or_open(journal) as opened:
        refuse_tampering(opened)
        with opened.lease(take_over=take_over):
            record = opened.propose(
                plan=plan.to_json(),
                plan_hash=plan.hash,
                source=plan.source,
                target=plan.target or f"named by the outputs of {plan.to_phase}",
                runner=plan.runner,
                options={"limits": asdict(limits or Limits()), **(options or {})},
                steps=tuple(step.name for step in ALL_STEPS),
            )
            results = evaluate(gates_for(plan, policy, opened.approvals(), dsn))
            _note_gates(opened, results)
            if not all_open(results):
                return report_of(opened)
            if policy.approve_as:
                opened.approve(policy.approve_as, plan.hash, "with the promotion's own command")
            world = _world(
                opened, record, plan, dsn=dsn, application=application, runner=runner, progress=progress
            )
            with _alone(plan.source):
                opened.set_state(record.id, State.RUNNING, who=_me(), why="every gate is open")
                go_forward(ALL_STEPS, world, opened)
            return report_of(opened)


def resume(
    journal: Path,
    *,
    application: Application,
    runner: Runner,
    dsn: str | None = None,
    limits: Limits | None = None,
    progress: Progress = silent,
    take_over: bool = False,
    note: Mapping[str, Any] | None = None,
    stack_hash: Callable[[], str] | None = None,
) -> PromotionReport:
    """Go on where a promotion stopped: forward, or back where it was being put back.

    Args:
        journal: the promotion's journal file.
        application: as given to `promote`.
        runner: as given to `promote`.
        dsn: the same target, given again because it is never written.
        limits: how long things may take, in place of what the promotion was started with.
        progress: is told what happens.
        take_over: take the journal from a process on another host that is gone.
        note: what differs from the options the promotion was started with, for the audit.
        stack_hash: evaluates the next phase's stack as it is now, so that no other stack is made than the one
            that was approved; asked only where it is still to be made.

    Raises:
        NoPromotionError: nothing to resume.
        WrongPromotionError: the target is another one.
        StepFailedError, RevertFailedError, StoppedAfterSwitchError: as `promote`.
    """
    with Journal.open(journal) as opened:
        refuse_tampering(opened)
        with opened.lease(take_over=take_over):
            record = resumable(opened)
            if record.state is State.FINISHED:
                return report_of(opened)
            plan = PromotionPlan.from_json(record.plan)
            _refuse_other_target(plan, dsn)
            _refuse_other_stack(plan, record, stack_hash)
            opened.note(_me(), "resumed", "", dict(note or {}))
            world = _world(
                opened, record, plan, dsn=dsn, application=application, runner=runner, progress=progress
            )
            world = replace(world, limits=limits or world.limits)
            with _alone(plan.source):
                if record.state is State.REVERTING:
                    go_back(ALL_STEPS, world, opened, None)
                else:
                    opened.set_state(record.id, State.RUNNING, who=_me(), why="resumed")
                    go_forward(ALL_STEPS, world, opened)
            return report_of(opened)


def abort(
    journal: Path,
    *,
    application: Application,
    runner: Runner,
    dsn: str | None = None,
    by: str | None = None,
    progress: Progress = silent,
    take_over: bool = False,
) -> PromotionReport:
    """Put everything back, where the point of no return has not been reached.

    Args:
        journal: the promotion's journal file.
        application: as given to `promote`.
        runner: as given to `promote`.
        dsn: the same target, given again because it is never written.
        by: who asks for it.
        progress: is told what happens.
        take_over: take the journal from a process on another host that is gone.

    Raises:
        NoPromotionError: nothing to abort.
        PastNoReturnError: the application may have written to PostgreSQL already.
        RevertFailedError: something could not be put back; another abort tries again.
    """
    with Journal.open(journal) as opened:
        refuse_tampering(opened)
        with opened.lease(take_over=take_over):
            record = abortable(opened)
            who = by or _me()
            if record.state is State.PROPOSED:
                opened.set_state(record.id, State.REVERTED, who=who, why="aborted before it began")
                return report_of(opened)
            plan = PromotionPlan.from_json(record.plan)
            _refuse_other_target(plan, dsn)
            world = _world(
                opened, record, plan, dsn=dsn, application=application, runner=runner, progress=progress
            )
            with _alone(plan.source):
                go_back(ALL_STEPS, world, opened, None, who=who)
            return report_of(opened)


def approve(journal: Path, *, by: str, plan_hash: str | None = None, why: str = "") -> Approval:
    """Say yes to the plan that waits in the journal.

    Args:
        journal: the promotion's journal file.
        by: who says yes.
        plan_hash: the plan that was looked at, whole or its first characters (12 at least); None for the one
            that waits.
        why: a remark for the audit.

    Raises:
        StaleApprovalError: another plan waits than the one that was looked at.
        NoPromotionError: none waits.
    """
    if not by.strip():
        raise WrongPromotionError("--by names nobody", next_step="outgrow promote approve --by NAME")
    with Journal.open(journal) as opened:
        refuse_tampering(opened)
        record = latest(opened)
        if record.state is not State.PROPOSED:
            raise NoPromotionError(
                f"no plan waits for approval: promotion {record.id} is {record.state.value}",
                next_step="outgrow promote --to PHASE proposes one",
            )
        given = plan_hash or record.plan_hash
        if len(given) < SHORT_HASH or not record.plan_hash.startswith(given):
            raise StaleApprovalError(
                "the approval is for another plan",
                why=f"it names {given}, the plan that waits is {record.plan_hash}",
                next_step="look at it with outgrow promote status, then approve it by its own hash",
            )
        return opened.approve(by, record.plan_hash, why)


@contextmanager
def _alone(source: str) -> Iterator[None]:
    """Keep promotions with other journals away from the same file while this one works on it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(Path(f"{source}.outgrow-promotion")))
        except AlreadyRunningError as error:
            raise PromotionRunningError(
                f"another promotion of {source} is being carried out, with another journal",
                why=error.why,
                next_step="wait for it to end, or end that process first",
            ) from error
        yield


def _me() -> str:
    """Who typed the command, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"


def _note_gates(journal: Journal, results: tuple[GateResult, ...]) -> None:
    answers = [{**asdict(result), "verdict": result.verdict.value} for result in results]
    opened = all_open(results)
    journal.note("outgrow", GATES, "all open" if opened else "not all open", {"results": answers})
    for result in results:
        if opened and result.accepted_by:
            journal.note(
                result.accepted_by,
                "accepted",
                result.reason,
                {"gate": result.gate, "measured": result.measured, "limit": result.limit},
            )


def _world(
    journal: Journal,
    record: PromotionRecord,
    plan: PromotionPlan,
    *,
    dsn: str | None,
    application: Application,
    runner: Runner,
    progress: Progress,
) -> World:
    return World(
        plan=plan,
        promotion=record.id,
        journal=journal.path,
        dsn=dsn,
        application=application,
        runner=runner,
        recorded=lambda name: latest(journal).step(name),
        limits=Limits.pinned(record.options),
        progress=progress,
    )


def _refuse_other_target(plan: PromotionPlan, dsn: str | None) -> None:
    given = str(parse_dsn(dsn)) if dsn is not None else None
    if given == plan.target:
        return
    if plan.target is None:
        raise WrongPromotionError(
            "this promotion's target is named by the runner's outputs", next_step="leave --target out"
        )
    if given is None:
        raise WrongPromotionError(
            "the target has to be given again, because connection strings are never stored",
            next_step=f"add --target env:NAME, with the connection string of {plan.target} in NAME",
        )
    raise WrongPromotionError(
        "the target is another one than the promotion was started with",
        why=f"{given} is not {plan.target}",
        next_step=f"give the connection string of {plan.target}",
    )


def _refuse_other_stack(
    plan: PromotionPlan, record: PromotionRecord, stack_hash: Callable[[], str] | None
) -> None:
    going_forward = record.state is not State.REVERTING
    if stack_hash is None or not going_forward or record.step(Provision.name).state is StepState.DONE:
        return
    now = stack_hash()
    if now != plan.infra.plan_hash:
        raise WrongPromotionError(
            f"the stack of {plan.to_phase} has changed since the plan was approved",
            why=f"its plan was {plan.infra.plan_hash[:SHORT_HASH]}, it is {now[:SHORT_HASH]} now",
            next_step="undo the change and resume, or outgrow promote abort and start again",
        )
