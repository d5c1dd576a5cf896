"""`outgrow infra` and `outgrow doctor`: parse, build one value, call one function, print."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from infra import deploy_cli
from infra.cost_levels import Level
from infra.preflight import cli as preflight_cli
from infra.report.cli import report
from infra.runners import DEFAULT_STATE
from monitor.errors import ExitCode
from monitor.terminal import emit_json, out, to_json

PhaseName = Annotated[str, typer.Argument(metavar="PHASE", help="phase-1, phase-2 or phase-3.")]
Stacks = Annotated[
    Path | None,
    typer.Option("--stacks", metavar="DIR", help="Folder of the stack files, in place of the project's own."),
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
    deploy_cli.register(group)
    preflight_cli.register(group)
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
    *,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run the program even where nothing of it has changed.")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the components too: FILE.svg, or FILE.mmd for Mermaid."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say what a phase is, costs and would change, offline: no account, no Pulumi CLI, nothing is touched.

    Examples:
        outgrow infra plan phase-2

        outgrow infra plan phase-2 --from phase-1

        outgrow infra plan phase-3 --json | jq .monthly_cost.total

        outgrow infra plan phase-2 --picture phase-2.svg
    """
    from infra.plan import build_plan  # noqa: PLC0415
    from infra.show import show_plan  # noqa: PLC0415

    made = build_plan(phase, from_phase=from_phase, stacks=stacks, state=state, fresh=fresh)
    if picture is not None:
        from infra.picture import write_picture  # noqa: PLC0415
        from infra.remembered import evaluated  # noqa: PLC0415

        write_picture(evaluated(phase, stacks=stacks), picture)
    if json:
        emit_json(made)
    else:
        show_plan(made)


@group.command()
def cost(
    phase: Annotated[
        str | None, typer.Argument(metavar="[PHASE]", help="phase-1, phase-2 or phase-3; all without it.")
    ] = None,
    *,
    usage: Annotated[
        Level,
        typer.Option("--usage", help="What is used: what the stack file expects, half of it, or twice."),
    ] = Level.EXPECTED,
    compare_with: Annotated[
        str | None, typer.Option("--compare", metavar="PHASE", help="Show the difference to this phase.")
    ] = None,
    benefit: Annotated[
        bool, typer.Option("--benefit", help="Show what each climb costs, carries, and from when it pays.")
    ] = False,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Say what a phase costs in a month, item by item, with the source of each price.

    Exit status 4 when that is more than the phase's budget.

    Examples:
        outgrow infra cost phase-2

        outgrow infra cost phase-2 --usage high --json

        outgrow infra cost phase-2 --compare phase-1

        outgrow infra cost --benefit
    """
    from infra.cost_levels import compare, stale  # noqa: PLC0415
    from infra.costing import benefits, costs_of  # noqa: PLC0415
    from infra.show import show_cost  # noqa: PLC0415
    from infra.show_cost import show_benefits, show_comparison, show_per_user  # noqa: PLC0415
    from monitor.phases import load_roadmap  # noqa: PLC0415

    if benefit:
        climbs = benefits(usage, stacks)
        emit_json(climbs) if json else show_benefits(climbs)
        return
    if compare_with and phase is None:
        raise typer.BadParameter("name the phase that is compared", param_hint="PHASE")
    named = [phase] if phase else [one.id for one in load_roadmap(stacks)]
    bills = costs_of([*named, compare_with] if compare_with else named, usage, stacks)
    if compare_with:
        after, before = bills
        lines = compare(before.monthly_cost, after.monthly_cost)
        if json:
            shown = [{**to_json(one), "difference": one.difference} for one in lines]
            emit_json({"phase": after.phase, "compared_with": before.phase, "usage": usage, "lines": shown})
        else:
            show_comparison(before.phase, after.phase, lines)
        return
    if json:
        emit_json(bills[0] if phase else bills)
    else:
        for one in bills:
            if not phase:
                out.print(f"[bold]{one.phase}[/]")
            show_cost(one.monthly_cost, one.budget, items=bool(phase))
            age = stale(one.monthly_cost.prices_as_of, datetime.now(UTC).date())
            show_per_user(one.per_user, age)
    if not all(one.within_budget for one in bills):
        raise typer.Exit(ExitCode.GATE_CLOSED)


@group.command()
def policy(
    phase: Annotated[
        str | None, typer.Argument(metavar="[PHASE]", help="phase-1, phase-2 or phase-3.")
    ] = None,
    *,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules and why they are there.")] = False,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Judge what a phase would be made of by security rules and by what AWS refuses, offline.

    Exit status 4 when a mandatory rule is broken. The same rules run as a pack of Pulumi's:
    pulumi preview --policy-pack infra/policy.

    Examples:
        outgrow infra policy phase-2

        outgrow infra policy phase-3 --json | jq '.findings[].rule'

        outgrow infra policy --rules
    """
    from infra.plan import build_plan  # noqa: PLC0415
    from infra.policy.rules import RULES, listed  # noqa: PLC0415
    from infra.show import show_policy, show_rules  # noqa: PLC0415

    if rules:
        if json:
            emit_json([listed(rule) for rule in RULES])
        else:
            show_rules(RULES)
        return
    if phase is None:
        raise typer.BadParameter("name a phase, or list the rules with --rules", param_hint="PHASE")
    made = build_plan(phase, stacks=stacks)
    if json:
        emit_json({"phase": made.phase, "rules": made.policy.rules, "findings": made.policy.findings})
    else:
        show_policy(made.policy)
    if made.policy.mandatory:
        raise typer.Exit(ExitCode.GATE_CLOSED)


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
