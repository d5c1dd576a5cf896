"""`outgrow infra` and `outgrow doctor`: parse, build one value, call one function, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.report.cli import report
from infra.runners import DEFAULT_STATE, make_runner
from monitor.errors import ExitCode
from monitor.terminal import emit_json, err

if TYPE_CHECKING:
    from infra.plan import Plan

PhaseName = Annotated[str, typer.Argument(metavar="PHASE", help="phase-1, phase-2 or phase-3.")]
Stacks = Annotated[
    Path | None,
    typer.Option("--stacks", metavar="DIR", help="Folder of the stack files, in place of the project's own."),
]
RunnerName = Annotated[
    str,
    typer.Option("--runner", metavar="NAME", help="rehearsal (nothing is deployed) or pulumi (for real)."),
]
StateFile = Annotated[
    Path, typer.Option("--state", metavar="FILE", help="Where the rehearsal keeps what it has deployed.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]

group = typer.Typer(
    help="What a phase's infrastructure is, costs, and how it is deployed.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add this folder's commands to the command line."""
    app.add_typer(group, name="infra")
    app.command()(doctor)
    app.command()(report)


@group.command()
def plan(
    phase: PhaseName,
    from_phase: Annotated[
        str | None,
        typer.Option("--from", metavar="PHASE", help="Compare with this phase instead of the state."),
    ] = None,
    state: StateFile = DEFAULT_STATE,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Say what a phase is, costs and would change, offline: no account, no Pulumi CLI, nothing is touched.

    Examples:
        outgrow infra plan phase-2

        outgrow infra plan phase-2 --from phase-1

        outgrow infra plan phase-3 --json | jq .monthly_cost.total
    """
    from infra.plan import build_plan  # noqa: PLC0415
    from infra.show import show_plan  # noqa: PLC0415

    made = build_plan(phase, from_phase=from_phase, stacks=stacks, state=state)
    if json:
        emit_json(made)
    else:
        show_plan(made)


@group.command()
def cost(phase: PhaseName, stacks: Stacks = None, json: AsJson = False) -> None:
    """Say what a phase costs in a month, item by item, with the source of each price.

    Exit status 4 when that is more than the phase's budget.

    Examples:
        outgrow infra cost phase-2

        outgrow infra cost phase-2 --json
    """
    from infra.plan import build_plan  # noqa: PLC0415
    from infra.show import show_cost  # noqa: PLC0415

    made = build_plan(phase, stacks=stacks)
    if json:
        emit_json(
            {
                "phase": made.phase,
                "monthly_cost": made.monthly_cost,
                "budget": made.budget,
                "within_budget": made.within_budget,
            }
        )
    else:
        show_cost(made.monthly_cost, made.budget, items=True)
    if not made.within_budget:
        raise typer.Exit(ExitCode.GATE_CLOSED)


@group.command()
def up(
    phase: PhaseName,
    *,
    runner: RunnerName = "rehearsal",
    state: StateFile = DEFAULT_STATE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    accept_cost: Annotated[
        bool, typer.Option("--accept-cost", help="Go on although the plan costs more than the budget.")
    ] = False,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Make a phase's stack equal to its program.

    By default this is a rehearsal: the real program, a state file, and no cloud. A plan over the phase's
    budget is refused unless its cost is accepted.

    Examples:
        outgrow infra up phase-2

        outgrow infra up phase-2 --dry-run

        outgrow infra up phase-2 --runner pulumi
    """
    from infra.budget_gate import require_within_budget  # noqa: PLC0415
    from infra.plan import build_plan  # noqa: PLC0415
    from infra.show import show_changes, show_outputs, tell  # noqa: PLC0415

    chosen = make_runner(runner, state=state, stacks=stacks)
    _say_which(runner, state)
    planned: Plan = build_plan(phase, stacks=stacks)
    require_within_budget(planned, accepted=accept_cost)
    if dry_run:
        changes = chosen.preview(phase)
        if json:
            about = {"runner": runner, "phase": phase, "dry_run": True, "plan": planned.hash}
            emit_json({**about, "changes": changes})
        else:
            show_changes(changes, "that would be made")
        return
    deployment = chosen.up(phase, on_event=tell)
    if json:
        emit_json({"runner": runner, "phase": phase, "plan": planned.hash, **vars(deployment)})
    else:
        show_changes(deployment.changes, "made")
        show_outputs(deployment.outputs)


@group.command()
def outputs(
    phase: PhaseName,
    *,
    runner: RunnerName = "rehearsal",
    state: StateFile = DEFAULT_STATE,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Show what the last `up` of a phase left behind: addresses, names, ARNs. Secrets are masked.

    Examples:
        outgrow infra outputs phase-2

        outgrow infra outputs phase-2 --json | jq -r .app_url
    """
    from infra.show import show_outputs  # noqa: PLC0415

    found = make_runner(runner, state=state, stacks=stacks).outputs(phase)
    if json:
        emit_json(dict(found))
    elif found:
        show_outputs(found)
    else:
        err.print(f"{phase} has no outputs yet; next: outgrow infra up {phase} --runner {runner}")


@group.command()
def released(
    phase: PhaseName,
    *,
    runner: RunnerName = "pulumi",
    state: StateFile = DEFAULT_STATE,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Ask ECS whether each service runs what the last `up` asked for, or has taken its release back.

    A release that fails is rolled back, and the update that brought it still succeeds; this tells. Exit
    status 3 when a service runs something else.

    Examples:
        outgrow infra released phase-3

        outgrow infra released phase-3 --json | jq '.[] | select(.runs != .asked)'
    """
    from infra.release_check import check_releases  # noqa: PLC0415
    from infra.show import show_releases  # noqa: PLC0415

    found = check_releases(make_runner(runner, state=state, stacks=stacks).outputs(phase))
    if json:
        emit_json(found)
    else:
        show_releases(found)
    if not all(release.arrived for release in found):
        raise typer.Exit(ExitCode.DIFFERS)


@group.command()
def destroy(
    phase: PhaseName,
    *,
    runner: RunnerName = "rehearsal",
    state: StateFile = DEFAULT_STATE,
    unprotect: Annotated[
        bool, typer.Option("--unprotect", help="Remove what is protected too: databases, volumes, keys.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and do nothing.")
    ] = False,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Remove a phase's resources. Whatever holds data is protected and refused, unless you say otherwise.

    Examples:
        outgrow infra destroy phase-1 --dry-run

        outgrow infra destroy phase-1 --unprotect
    """
    from infra.show import show_changes, tell  # noqa: PLC0415

    chosen = make_runner(runner, state=state, stacks=stacks)
    _say_which(runner, state)
    removed = chosen.destroy(phase, on_event=tell, unprotect=unprotect, dry_run=dry_run)
    if json:
        emit_json({"runner": runner, "phase": phase, "dry_run": dry_run, "changes": removed})
    else:
        show_changes(removed, "that would be made" if dry_run else "made")


def doctor(json: AsJson = False) -> None:
    """Look at what is on this machine, and say what each missing part would enable.

    Examples:
        outgrow doctor

        outgrow doctor --json
    """
    from infra.doctor import examine  # noqa: PLC0415
    from infra.show import show_findings  # noqa: PLC0415

    findings = examine()
    if json:
        emit_json(findings)
    else:
        show_findings(findings)
    if not all(finding.found or finding.optional for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def _say_which(runner: str, state: Path) -> None:
    if runner == "rehearsal":
        err.print(f"[bold yellow]REHEARSAL[/]: nothing is deployed; the state is kept in {state}")
