"""`outgrow monitor alerts list` and `test`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import ExitCode
from monitor.terminal import emit_json, err, out

alerts_app = typer.Typer(help="What is alerted, and whom it is told to.", no_args_is_help=True)

_Stacks = Annotated[
    Path | None, typer.Option("--stacks", help="Folder of the stack files.", show_default=False)
]
_Phase = Annotated[str, typer.Option(help="By this phase's limits.")]
_Config = Annotated[Path | None, typer.Option(help="The alerts' YAML file.", metavar="FILE")]


@alerts_app.command(name="list")
def list_alerts(
    *,
    config: _Config = None,
    phase: _Phase = "phase-1",
    stacks: _Stacks = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every alert with its limit, and when it fires and ends.

    What a running monitor sees of them answers GET /api/alerts.

    \b
    Examples:
      outgrow monitor alerts list
      outgrow monitor alerts list --phase phase-2 --config alerts.yaml
      outgrow monitor alerts list --json
    """  # noqa: D301  # \b keeps the examples' lines apart in the help
    from rich.table import Table  # noqa: PLC0415

    from monitor.alerts.config import AlertsConfig, load_alerts_config  # noqa: PLC0415
    from monitor.alerts.report import listed  # noqa: PLC0415
    from monitor.phases import load_phase  # noqa: PLC0415
    from monitor.rules.promql import duration  # noqa: PLC0415

    loaded = AlertsConfig() if config is None else load_alerts_config(config)
    found = listed(load_phase(phase, stacks).thresholds, loaded)
    if json_output:
        emit_json([alert.model_dump(mode="json") for alert in found])
        return
    table = Table("alert", "limit", "fires after", "ends after", "below", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for alert in found:
        below = "" if alert.recovery is None else f"{100 * alert.recovery:g} %"
        timing = (duration(alert.for_s), duration(alert.keep_firing_s), below)
        table.add_row(alert.id, alert.limit, *(timing if alert.enabled else ("disabled", "", "")))
    out.print(table)


@alerts_app.command(name="test")
def try_all(
    *,
    config: Annotated[Path, typer.Option(help="The alerts' YAML file.", metavar="FILE")],
    receiver: Annotated[str | None, typer.Option(help="Only this receiver.", metavar="NAME")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, send nothing.")] = False,
    phase: _Phase = "phase-1",
    stacks: _Stacks = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send every receiver a test message and say how it went.

    The exit status is 1 if any of them did not take it.

    \b
    Examples:
      outgrow monitor alerts test --config alerts.yaml
      outgrow monitor alerts test --config alerts.yaml --receiver ops
      outgrow monitor alerts test --config alerts.yaml --dry-run
    """  # noqa: D301
    from monitor.alerts.config import load_alerts_config  # noqa: PLC0415
    from monitor.alerts.trial import try_receivers  # noqa: PLC0415
    from monitor.phases import load_phase  # noqa: PLC0415

    loaded = load_alerts_config(config)
    if dry_run:
        names = [f"{one.name} ({one.type})" for one in loaded.receivers]
        err.print(f"{config} is right; nothing was sent to: {', '.join(names) or 'no receivers'}")
        return
    trials = try_receivers(loaded, load_phase(phase, stacks), receiver)
    if json_output:
        emit_json(trials)
    else:
        for trial in trials:
            state = "[green]delivered[/]" if trial.error is None else "[bold red]failed[/]"
            out.print(f"{trial.receiver} ({trial.type}): {state}", soft_wrap=True)
            if trial.error is not None:
                out.print(f"  {trial.error}", soft_wrap=True, markup=False)
    if any(trial.error is not None for trial in trials):
        raise typer.Exit(ExitCode.FAILED)
