"""`outgrow promote` and its sub-commands: each parses, builds one value, calls one function, prints.

The modules that do the work are imported by the commands themselves, so that `outgrow --help` stays quick.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from migration.commands.plan_choice import PlanChoice, choosing_plan
from migration.promotion import cli_options as option
from monitor.errors import ExitCode, OutgrowError
from monitor.terminal import emit_json, err, out, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from migration.promotion.assessment_source import HeldAssessment
    from migration.promotion.invocation import Invocation
    from migration.promotion.overview import Foreseen
    from migration.promotion.plan import PromotionPlan
    from migration.promotion.record import PromotionRecord
    from migration.promotion.report import PromotionReport

group = typer.Typer(rich_markup_mode="rich")


def register(app: typer.Typer) -> None:
    """Add this folder's commands to the command line."""
    app.add_typer(group, name="promote")


@group.callback(invoke_without_command=True)
@choosing_plan()
def promote(
    context: typer.Context,
    *,
    to: option.To = None,
    database: option.Database = None,
    target: option.Target = None,
    from_phase: option.From = "phase-1",
    runner: option.Runner = "rehearsal",
    state: option.State = None,
    stacks: option.Stacks = None,
    plan: PlanChoice,
    monitor: option.Monitor = None,
    monitor_token_env: option.MonitorTokenEnv = None,
    assessment: option.Assessment = None,
    decision: option.Decision = "urgent",
    sustained: option.Sustained = 300.0,
    max_age: option.MaxAge = 300.0,
    approve_as: option.ApproveAs = None,
    accept_cost: option.AcceptCost = None,
    stop_command: option.StopCommand = None,
    switch_command: option.SwitchCommand = None,
    revert_command: option.RevertCommand = None,
    command_timeout: option.CommandTimeout = 300.0,
    health_url: option.HealthUrl = None,
    health_timeout: option.HealthTimeout = 60.0,
    fence_timeout: option.FenceTimeout = 30.0,
    journal: option.Journal = option.DEFAULT_JOURNAL,
    take_over: option.TakeOver = False,
    dry_run: option.DryRun = False,
    as_json: option.Json = False,
) -> None:
    """Promote an application from SQLite to the next phase: provision, copy, verify, switch, retire.

    Nothing begins before every gate is open. Until the switch any failure puts everything back; no write is
    lost, because the file is fenced before it is copied. After a crash: outgrow promote resume.

    [bold]Examples[/]

    outgrow promote --to phase-2 --database app.db --target env:TARGET --monitor http://127.0.0.1:9464
    --dry-run

    outgrow promote --to phase-2 --database app.db --target env:TARGET --monitor http://127.0.0.1:9464
    --stop-command "systemctl stop shop" --switch-command "systemctl start shop-postgres"
    --revert-command "systemctl start shop" --health-url http://127.0.0.1:3000/healthz

    outgrow promote approve --by Ada

    outgrow promote resume --target env:TARGET
    """
    if context.invoked_subcommand is not None:
        return
    from infra.runners import DEFAULT_STATE  # noqa: PLC0415
    from migration.promotion import overview  # noqa: PLC0415
    from migration.promotion import promote as promotions  # noqa: PLC0415
    from migration.promotion.application import Hooks  # noqa: PLC0415
    from migration.promotion.errors import WrongPromotionError  # noqa: PLC0415
    from migration.promotion.invocation import Invocation  # noqa: PLC0415
    from migration.promotion.planning import PromotionRequest, plan_promotion  # noqa: PLC0415
    from migration.promotion.policy import GatePolicy  # noqa: PLC0415
    from migration.promotion.show import progress_on, show_gates, show_plan  # noqa: PLC0415
    from migration.promotion.world import Limits  # noqa: PLC0415

    if to is None or database is None:
        raise WrongPromotionError(
            "nothing to promote: --to and --database are needed",
            next_step="outgrow promote --to phase-2 --database FILE --target env:NAME",
        )
    invocation = Invocation(
        Hooks(stop_command, switch_command, revert_command, health_url, command_timeout),
        state or DEFAULT_STATE,
        stacks,
    )
    invocation.hooks.check()
    carrier = invocation.runner(runner)
    dsn = _target(target)
    if dsn is not None:
        invocation.hooks.refuse_secrets(dsn)
    elif runner == "rehearsal":
        raise WrongPromotionError(
            "a rehearsal makes no database, so --target has to name one",
            next_step="name an empty PostgreSQL database: --target env:NAME",
        )
    policy = GatePolicy(
        _assessment_reader(monitor, monitor_token_env, assessment),
        decision,
        sustained,
        max_age,
        approve_as,
        accept_cost,
    )
    overview.refuse_under_way(journal)
    request = PromotionRequest(
        to_phase=to,
        source=database,
        dsn=dsn,
        from_phase=from_phase,
        runner=runner,
        stacks=stacks,
        migration=plan.read(),
        application=invocation.hooks.describe(),
    )
    promotion = plan_promotion(request, invocation.plan_stack)
    if not as_json:
        show_plan(promotion, out)
    if dry_run:
        results = overview.look(promotion, policy, journal, dsn)
        if as_json:
            emit_json({"plan": promotion.to_json(), "plan_hash": promotion.hash, "gates": results})
        else:
            show_gates(results, out)
            err.print("dry run: nothing was changed")
        return
    with _reporting(journal, as_json=as_json):
        promotions.promote(
            promotion,
            application=invocation.application(promotion),
            runner=carrier,
            journal=journal,
            dsn=dsn,
            policy=policy,
            limits=Limits(fence=fence_timeout, health=health_timeout),
            options=invocation.to_json(),
            progress=progress_on(err),
            take_over=take_over,
        )


@group.command()
def status(journal: option.Journal = option.DEFAULT_JOURNAL, as_json: option.Json = False) -> None:
    """Show where a promotion stands: steps, gates, approvals, and whether its audit is whole.

    [bold]Example[/]

    outgrow promote status --json
    """
    from migration.promotion import overview  # noqa: PLC0415

    _print(overview.status(journal), as_json=as_json)


@group.command()
def approve(
    *,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says yes.")],
    plan: Annotated[
        str | None,
        typer.Option("--plan", metavar="HASH", help="The plan that was looked at (12 characters or more)."),
    ] = None,
    because: Annotated[str, typer.Option("--because", help="A remark for the audit.")] = "",
    journal: option.Journal = option.DEFAULT_JOURNAL,
    as_json: option.Json = False,
) -> None:
    """Say yes to the plan that waits in the journal; the approval holds for this plan only.

    [bold]Example[/]

    outgrow promote approve --by Ada --plan 3f786850e387 --because "cost agreed with finance"
    """
    from migration.promotion import promote as promotions  # noqa: PLC0415

    approval = promotions.approve(journal, by=by, plan_hash=plan, why=because)
    if as_json:
        emit_json(approval)
    else:
        out.print(f"approved by {approval.by}: plan {approval.plan_hash}", markup=False, soft_wrap=True)
        err.print("next: repeat the outgrow promote command")


@group.command()
def resume(
    *,
    target: option.Target = None,
    switch_command: option.SwitchCommand = None,
    revert_command: option.RevertCommand = None,
    health_url: option.HealthUrl = None,
    health_timeout: option.HealthTimeoutAgain = None,
    journal: option.Journal = option.DEFAULT_JOURNAL,
    take_over: option.TakeOver = False,
    dry_run: option.DryRun = False,
    as_json: option.Json = False,
) -> None:
    """Go on after a crash or a failure: forward, or back where everything was being put back.

    Commands and the health check are those the promotion was started with; give one again to replace it.

    [bold]Example[/]

    outgrow promote resume --target env:TARGET
    """
    from migration.promotion import overview  # noqa: PLC0415
    from migration.promotion import promote as promotions  # noqa: PLC0415
    from migration.promotion.show import progress_on  # noqa: PLC0415
    from migration.promotion.world import Limits  # noqa: PLC0415

    if dry_run:
        _foretell(overview.foresee_resume(journal), as_json=as_json)
        return
    record = overview.pinned(journal)
    limits = Limits.pinned(record.options)
    if health_timeout is not None:
        limits = replace(limits, health=health_timeout)
    changed = {"switch_command": switch_command, "revert_command": revert_command, "health_url": health_url}
    invocation, plan, dsn = _repeated(record, target, changed)
    with _reporting(journal, as_json=as_json):
        promotions.resume(
            journal,
            application=invocation.application(plan),
            runner=invocation.runner(record.runner),
            dsn=dsn,
            limits=limits,
            progress=progress_on(err),
            take_over=take_over,
            note={name: value for name, value in changed.items() if value},
            stack_hash=lambda: invocation.plan_stack(plan.to_phase).hash,
        )


@group.command()
def abort(
    *,
    target: option.Target = None,
    revert_command: option.RevertCommand = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who asks for it.")] = None,
    journal: option.Journal = option.DEFAULT_JOURNAL,
    take_over: option.TakeOver = False,
    dry_run: option.DryRun = False,
    as_json: option.Json = False,
) -> None:
    """Put everything back: possible until the switch has begun.

    [bold]Example[/]

    outgrow promote abort --target env:TARGET --by Ada
    """
    from migration.promotion import overview  # noqa: PLC0415
    from migration.promotion import promote as promotions  # noqa: PLC0415
    from migration.promotion.show import progress_on  # noqa: PLC0415

    if dry_run:
        _foretell(overview.foresee_abort(journal), as_json=as_json)
        return
    record = overview.pinned(journal)
    invocation, plan, dsn = _repeated(record, target, {"revert_command": revert_command})
    with _reporting(journal, as_json=as_json):
        promotions.abort(
            journal,
            application=invocation.application(plan),
            runner=invocation.runner(record.runner),
            dsn=dsn,
            by=by,
            progress=progress_on(err),
            take_over=take_over,
        )


def _target(text: str | None) -> str | None:
    from migration.promotion.target_option import resolve_target, shows_secret  # noqa: PLC0415

    dsn = resolve_target(text)
    if shows_secret(text):
        err.print("note: --target shows a password in process lists; --target env:NAME would not")
    return dsn


def _assessment_reader(
    monitor: str | None, token_variable: str | None, file: Path | None
) -> Callable[[], HeldAssessment]:
    from migration.promotion import assessment_source  # noqa: PLC0415
    from migration.promotion.errors import WrongPromotionError  # noqa: PLC0415

    if monitor is not None and file is not None:
        raise WrongPromotionError("--monitor and --assessment exclude each other")
    token = os.environ.get(token_variable) if token_variable else None
    if token_variable and not token:
        raise WrongPromotionError(
            f"--monitor-token-env {token_variable}: the variable is not set",
            next_step=f"export {token_variable}=TOKEN",
        )
    if monitor is not None:
        return lambda: assessment_source.from_monitor(monitor, token)
    if file is not None:
        return lambda: assessment_source.from_file(file)
    return assessment_source.none_given


def _repeated(
    record: PromotionRecord, target: str | None, changed: dict[str, str | None]
) -> tuple[Invocation, PromotionPlan, str | None]:
    """What a promotion was started with, with other hooks where some are given."""
    from migration.promotion.invocation import Invocation  # noqa: PLC0415
    from migration.promotion.plan import PromotionPlan  # noqa: PLC0415

    invocation = Invocation.from_record(record).with_hooks(changed)
    dsn = _target(target)
    if dsn is not None:
        invocation.hooks.refuse_secrets(dsn)
    return invocation, PromotionPlan.from_json(record.plan), dsn


@contextmanager
def _reporting(journal: Path, *, as_json: bool) -> Iterator[None]:
    """Print where the promotion stands, also after an error inside; a gate that stays closed exits with 4."""
    from migration.promotion import overview  # noqa: PLC0415
    from migration.promotion.errors import NoPromotionError  # noqa: PLC0415
    from migration.promotion.record import State  # noqa: PLC0415

    try:
        yield
    except OutgrowError:
        with suppress(NoPromotionError):
            _print(overview.status(journal), as_json=as_json)
        raise
    report = overview.status(journal)
    _print(report, as_json=as_json)
    if report.state is State.PROPOSED:
        raise typer.Exit(int(ExitCode.GATE_CLOSED))


def _foretell(foreseen: Foreseen, *, as_json: bool) -> None:
    if as_json:
        emit_json(foreseen)
        return
    steps = ", ".join(foreseen.steps) or "nothing"
    out.print(f"promotion {foreseen.promotion} would {foreseen.does}: {steps}", markup=False, soft_wrap=True)
    err.print("dry run: nothing was changed")


def _print(report: PromotionReport, *, as_json: bool) -> None:
    from migration.promotion.show import show_report  # noqa: PLC0415

    if as_json:
        emit_json({**to_json(report), "gates_open": report.gates_open, "next_step": report.next_step})
    else:
        show_report(report, out)
