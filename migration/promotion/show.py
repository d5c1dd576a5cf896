"""Plans, gates and promotions for people: lines and tables on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from migration.promotion.gates import SHORT_HASH, GateResult, Verdict
from migration.promotion.record import State, StepState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from migration.promotion.plan import PromotionPlan
    from migration.promotion.progress import Notice, Progress
    from migration.promotion.report import PromotionReport

_VERDICT = {
    Verdict.ALLOW: "[green]allow[/]",
    Verdict.DENY: "[red]deny[/]",
    Verdict.DEFER: "[yellow]defer[/]",
}
_STATE = {
    State.FINISHED: "green",
    State.REVERTED: "yellow",
    State.STOPPED: "red",
    State.REVERTING: "red",
}
_STEP = {
    StepState.DONE: "green",
    StepState.FAILED: "red",
    StepState.REVERT_FAILED: "red",
    StepState.REVERTED: "yellow",
}
_NOTICE = {
    "begun": "[cyan]>[/]",
    "done": "[green]done[/]",
    "skipped": "[green]done[/]",
    "failed": "[red]failed[/]",
    "reverting": "[yellow]<[/]",
    "reverted": "[yellow]put back[/]",
    "detail": " ",
}
#: Notes and tables beyond this many are counted instead of listed.
_LISTED = 12


def show_plan(plan: PromotionPlan, console: Console) -> None:
    """What would be done, from where to where, at what cost, and in which steps."""
    rehearsal = " (a rehearsal: no cloud account is touched)" if plan.rehearsal else ""
    infra, migration = plan.infra, plan.migration
    cost = f"${infra.monthly_cost:,.2f} a month (budget ${infra.budget_min:,.0f}-{infra.budget_max:,.0f})"
    lines = [
        ("promotion", f"{plan.from_phase} -> {plan.to_phase}"),
        ("from", plan.source),
        ("to", plan.target or f"the database that the outputs of {plan.to_phase} name"),
        ("runner", f"{plan.runner}{rehearsal}"),
        (
            "stack",
            f"{infra.resources} resources, {cost}",
        ),
        (
            "moves",
            f"{migration.rows:,} rows in {len(migration.tables)} tables into schema {migration.schema}",
        ),
        *((name, text) for name, text in plan.application.items()),
        ("plan hash", plan.hash),
    ]
    for name, text in lines:
        console.print(f"[bold]{escape(name):<12}[/] {escape(text)}", soft_wrap=True)
    shown = [note for note in migration.notes if note.level != "info"]
    for note in shown[:_LISTED]:
        colour = "red" if note.level == "left" else "yellow"
        console.print(
            f"  [{colour}]{escape(note.level)}[/] {escape(note.object)}: {escape(note.text)}", soft_wrap=True
        )
    if len(shown) > _LISTED:
        console.print(f"  ... and {len(shown) - _LISTED} more: outgrow migrate inspect {escape(plan.source)}")
    table = Table(title="steps", title_justify="left", box=None, pad_edge=False)
    for heading in ("", "step", "does", "undone by"):
        table.add_column(heading, overflow="fold")
    for number, step in enumerate(plan.steps, start=1):
        undo = "[dim]no way back[/]" if step.no_return else escape(step.undo)
        table.add_row(str(number), step.name, escape(step.does), undo)
    console.print(table)


def show_gates(results: Sequence[GateResult], console: Console) -> None:
    """Every gate's answer, with what was measured beside its limit."""
    table = Table(title="gates", title_justify="left", box=None, pad_edge=False)
    for heading in ("gate", "answer", "measured", "limit", "because"):
        table.add_column(heading, overflow="fold")
    for result in results:
        table.add_row(
            result.gate,
            _VERDICT[result.verdict],
            escape(result.measured),
            escape(result.limit),
            escape(result.reason),
        )
    console.print(table)
    for result in results:
        if result.verdict is not Verdict.ALLOW and result.next_step:
            console.print(f"  {result.gate}: next: {escape(result.next_step)}", soft_wrap=True)


def show_report(report: PromotionReport, console: Console) -> None:
    """Where a promotion stands."""
    colour = _STATE.get(report.state, "cyan")
    who = f", carried out by {report.carried_out_by}" if report.carried_out_by else ""
    console.print(
        f"[bold]promotion {report.promotion}[/] {escape(report.from_phase)} -> {escape(report.to_phase)}: "
        f"[{colour}]{report.state.value}[/]{escape(who)}",
        soft_wrap=True,
    )
    console.print(
        f"{escape(report.source)} -> {escape(report.target)} ({escape(report.runner)} runner)", soft_wrap=True
    )
    if report.state is State.PROPOSED:
        show_gates(report.gates, console)
    else:
        console.print(_steps(report))
    for approval in report.approvals:
        stale = "" if approval.plan_hash == report.plan_hash else " [yellow](another plan)[/]"
        console.print(
            f"approved by {escape(approval.by)} at {approval.at}: "
            f"plan {approval.plan_hash[:SHORT_HASH]}{stale}"
        )
    audit = report.audit
    if audit.broken:
        console.print(f"[bold red]audit broken:[/] {escape(audit.broken)}", soft_wrap=True)
    else:
        console.print(f"audit: {audit.entries} entries, whole, last hash {audit.head}", soft_wrap=True)
    if report.next_step:
        console.print(f"next: {escape(report.next_step)}", soft_wrap=True)


def _steps(report: PromotionReport) -> Table:
    table = Table(title="steps", title_justify="left", box=None, pad_edge=False)
    for heading in ("step", "state", "attempts", "seconds", "error"):
        table.add_column(heading, overflow="fold")
    for step in report.steps:
        state = step.state.value
        coloured = f"[{_STEP[step.state]}]{state}[/]" if step.state in _STEP else state
        seconds = "" if step.seconds is None else f"{step.seconds:.1f}"
        table.add_row(step.name, coloured, str(step.attempts or ""), seconds, escape(step.error))
    return table


def progress_on(console: Console) -> Progress:
    """A progress that prints one line a notice."""

    def say(notice: Notice) -> None:
        text = f" {escape(notice.text)}" if notice.text else ""
        console.print(f"{_NOTICE[notice.kind]} [bold]{notice.step}[/]{text}", soft_wrap=True)

    return say
