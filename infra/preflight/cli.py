"""`outgrow infra preflight`: evaluate, ask AWS, print."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import ExitCode
from monitor.terminal import emit_json

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(group: typer.Typer) -> None:
    """Add the command to `outgrow infra`."""
    group.command()(preflight)


def preflight(
    phase: Annotated[str | None, typer.Argument(metavar="PHASE", help="phase-1, phase-2 or phase-3.")] = None,
    *,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="REGION", help="Ask this region in place of the stack file's."),
    ] = None,
    print_policy: Annotated[
        bool, typer.Option("--print-policy", help="Print the IAM policy that this needs, and ask nobody.")
    ] = False,
    stacks: Annotated[
        Path | None,
        typer.Option(
            "--stacks", metavar="DIR", help="Folder of the stack files, in place of the project's own."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Ask AWS whether a phase could be made there, before anything is made. Reads only.

    Identity, regions, zones, instance types, database classes and versions, cache nodes, quotas against what
    is in use, hosted zone, certificate, names that are taken already: all derived from the phase's program.

    Exit status 0 when all passes, 4 when something fails, 3 when something could not be looked at, 1 without
    valid credentials.

    Examples:
        outgrow infra preflight phase-2

        outgrow infra preflight phase-2 --region eu-central-1 --json | jq '.findings[] | .detail'

        outgrow infra preflight --print-policy > preflight-policy.json
    """
    from infra.preflight.checks import run_checks  # noqa: PLC0415
    from infra.preflight.finding import Status  # noqa: PLC0415
    from infra.preflight.needs import needs_of  # noqa: PLC0415
    from infra.preflight.policy import preflight_policy  # noqa: PLC0415
    from infra.preflight.reader import Reader  # noqa: PLC0415
    from infra.preflight.show import show_report  # noqa: PLC0415

    if print_policy:
        emit_json(preflight_policy())
        return
    if phase is None:
        raise typer.BadParameter("name a phase, or ask for --print-policy", param_hint="PHASE")
    from infra.evaluation import evaluate  # noqa: PLC0415
    from infra.settings import load_settings  # noqa: PLC0415

    settings = load_settings(phase, stacks)
    reader = Reader()
    reader.identity(region or settings.region)  # before an evaluation that would be for nothing
    graph = evaluate(phase, stacks=stacks, overrides=_region_override(region))
    moved = settings.model_copy(update={"region": region}) if region else settings
    report = run_checks(needs_of(graph, moved), reader)
    if json:
        emit_json(report)
    else:
        show_report(report)
    if report.count(Status.FAIL):
        raise typer.Exit(ExitCode.GATE_CLOSED)
    if report.count(Status.UNKNOWN):
        raise typer.Exit(ExitCode.DIFFERS)


def _region_override(region: str | None) -> Mapping[str, str]:
    return {"aws:region": region} if region else {}
