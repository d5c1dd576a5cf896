"""`outgrow infra up`, `drift`, `refresh`, `outputs`, `released`, `destroy`: what runners do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.runners import DEFAULT_STATE, make_runner
from monitor.errors import ExitCode
from monitor.terminal import emit_json, err

if TYPE_CHECKING:
    from infra.runners import Runner

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
Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="URL",
        help="Pulumi's state: file:///DIR or s3://BUCKET?region=R; else PULUMI_BACKEND_URL or pulumi login.",
    ),
]
SecretsProvider = Annotated[
    str | None,
    typer.Option(
        "--secrets-provider",
        metavar="URL",
        help="What seals the secrets of a new Pulumi stack: passphrase, or awskms://alias/NAME?region=R.",
    ),
]
CancelLock = Annotated[
    str | None,
    typer.Option(
        "--cancel-lock",
        metavar="OWNER",
        help="Release this one lock (user@host:pid, as the refusal shows it) if a dead run left it behind.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def register(group: typer.Typer) -> None:
    """Add the commands to `outgrow infra`."""
    for command in (up, drift, refresh, outputs, released, destroy):
        group.command()(command)


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
    accept_findings: Annotated[
        bool, typer.Option("--accept-findings", help="Go on although the plan breaks mandatory rules.")
    ] = False,
    fail_at: Annotated[
        str | None,
        typer.Option("--fail-at", metavar="NAME", help="Rehearse a failure at this resource (name or URN)."),
    ] = None,
    backend: Backend = None,
    secrets_provider: SecretsProvider = None,
    cancel_lock: CancelLock = None,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Make a phase's stack equal to its program.

    By default this is a rehearsal: the real program, a state file, and no cloud. A plan over the phase's
    budget, or against a mandatory rule of the policy, is refused unless that is accepted. After a
    failure or a kill, the same command goes on.

    Examples:
        outgrow infra up phase-2

        outgrow infra up phase-2 --dry-run

        outgrow infra up phase-2 --fail-at postgres-primary

        outgrow infra up phase-2 --runner pulumi --backend s3://shop-state?region=us-east-1
    """
    from infra.budget_gate import require_within_budget  # noqa: PLC0415
    from infra.changes import changes_between  # noqa: PLC0415
    from infra.evaluation import evaluate  # noqa: PLC0415
    from infra.plan import plan_of  # noqa: PLC0415
    from infra.policy_gate import require_policy  # noqa: PLC0415
    from infra.runners.rehearsal_state import read_state  # noqa: PLC0415
    from infra.settings import load_settings  # noqa: PLC0415
    from infra.show import show_changes, show_outputs, tell  # noqa: PLC0415

    chosen = make_runner(
        runner,
        state=state,
        stacks=stacks,
        fail_at=fail_at,
        evaluate_phase=lambda *_, **__: graph,
        backend=backend,
        secrets_provider=secrets_provider,
        cancel_lock=cancel_lock,
    )
    _say_which(runner, state)
    settings = load_settings(phase, stacks)
    graph = evaluate(phase, stacks=stacks)  # once: judged here, and deployed by the rehearsal
    there = read_state(state).stack(phase).resources if runner == "rehearsal" else {}
    planned = plan_of(settings, graph, changes_between(there, graph.resources))
    require_within_budget(planned, accepted=accept_cost)
    require_policy(planned, accepted=accept_findings)
    if dry_run:
        changes = chosen.preview(phase)
        if json:
            about = {"runner": runner, "phase": phase, "dry_run": True, "plan": planned.hash}
            emit_json({**about, "changes": changes})
        else:
            show_changes(changes, "that would be made")
        return
    _say_interrupted(chosen, phase)
    deployment = chosen.up(phase, on_event=tell)
    if json:
        emit_json({"runner": runner, "phase": phase, "plan": planned.hash, **vars(deployment)})
    else:
        show_changes(deployment.changes, "made")
        show_outputs(deployment.outputs)


def drift(
    phase: PhaseName,
    *,
    runner: RunnerName = "pulumi",
    state: StateFile = DEFAULT_STATE,
    backend: Backend = None,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Compare what is really there with what the last deployment left; changes nothing.

    Exit status 0 when they agree, 3 when they differ. An interrupted deployment is named too.

    Examples:
        outgrow infra drift phase-2

        outgrow infra drift phase-2 --json | jq '.changes.items[].name'

        outgrow infra drift phase-2 --runner rehearsal
    """
    from infra.show import show_changes  # noqa: PLC0415

    chosen = make_runner(runner, state=state, stacks=stacks, backend=backend)
    _say_which(runner, state)
    cut_off = chosen.interrupted(phase)
    changes = chosen.drift(phase)
    if json:
        emit_json({"runner": runner, "phase": phase, "interrupted": cut_off, "changes": changes})
    else:
        _say_interrupted(chosen, phase)
        show_changes(changes, "made outside Outgrow")
    if changes or cut_off:
        raise typer.Exit(ExitCode.DIFFERS)


def refresh(
    phase: PhaseName,
    *,
    runner: RunnerName = "pulumi",
    state: StateFile = DEFAULT_STATE,
    clear_pending_creates: Annotated[
        bool,
        typer.Option(
            "--clear-pending-creates",
            help="Forget creations that were interrupted; only after a look that they left nothing behind.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what differs, and change nothing.")] = False,
    backend: Backend = None,
    cancel_lock: CancelLock = None,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Make the state remember what is really there, after an interrupted deployment or a change by hand.

    Nothing is deployed. The next `up` brings back what the program says.

    Examples:
        outgrow infra refresh phase-2 --dry-run

        outgrow infra refresh phase-2

        outgrow infra refresh phase-2 --clear-pending-creates
    """
    from infra.show import show_changes, tell  # noqa: PLC0415

    chosen = make_runner(runner, state=state, stacks=stacks, backend=backend, cancel_lock=cancel_lock)
    _say_which(runner, state)
    _say_interrupted(chosen, phase)
    if dry_run:
        changes = chosen.drift(phase)
    else:
        changes = chosen.refresh(phase, on_event=tell, clear_pending_creates=clear_pending_creates)
    if json:
        emit_json({"runner": runner, "phase": phase, "dry_run": dry_run, "changes": changes})
    else:
        show_changes(changes, "that would be taken into the state" if dry_run else "taken into the state")


def outputs(
    phase: PhaseName,
    *,
    runner: RunnerName = "rehearsal",
    state: StateFile = DEFAULT_STATE,
    backend: Backend = None,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Show what the last `up` of a phase left behind: addresses, names, ARNs. Secrets are masked.

    Examples:
        outgrow infra outputs phase-2

        outgrow infra outputs phase-2 --json | jq -r .app_url
    """
    from infra.show import show_outputs  # noqa: PLC0415

    found = make_runner(runner, state=state, stacks=stacks, backend=backend).outputs(phase)
    if json:
        emit_json(dict(found))
    elif found:
        show_outputs(found)
    else:
        err.print(f"{phase} has no outputs yet; next: outgrow infra up {phase} --runner {runner}")


def released(
    phase: PhaseName,
    *,
    runner: RunnerName = "pulumi",
    state: StateFile = DEFAULT_STATE,
    backend: Backend = None,
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

    found = check_releases(make_runner(runner, state=state, stacks=stacks, backend=backend).outputs(phase))
    if json:
        emit_json(found)
    else:
        show_releases(found)
    if not all(release.arrived for release in found):
        raise typer.Exit(ExitCode.DIFFERS)


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
    backend: Backend = None,
    cancel_lock: CancelLock = None,
    stacks: Stacks = None,
    json: AsJson = False,
) -> None:
    """Remove a phase's resources. Whatever holds data is protected and refused, unless you say otherwise.

    Examples:
        outgrow infra destroy phase-1 --dry-run

        outgrow infra destroy phase-1 --unprotect
    """
    from infra.show import show_changes, tell  # noqa: PLC0415

    chosen = make_runner(runner, state=state, stacks=stacks, backend=backend, cancel_lock=cancel_lock)
    _say_which(runner, state)
    removed = chosen.destroy(phase, on_event=tell, unprotect=unprotect, dry_run=dry_run)
    if json:
        emit_json({"runner": runner, "phase": phase, "dry_run": dry_run, "changes": removed})
    else:
        show_changes(removed, "that would be made" if dry_run else "made")


def _say_which(runner: str, state: Path) -> None:
    if runner == "rehearsal":
        err.print(f"[bold yellow]REHEARSAL[/]: nothing is deployed; the state is kept in {state}")


def _say_interrupted(runner: Runner, phase: str) -> None:
    for step in runner.interrupted(phase):
        err.print(f"[yellow]an earlier run was cut off during the {step.operation} of {step.name}[/]")
