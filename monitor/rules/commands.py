"""`outgrow monitor rules` and `dashboards`: files for Prometheus, the Alertmanager and Grafana."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.terminal import emit_json, out

if TYPE_CHECKING:
    from collections.abc import Mapping

_Out = Annotated[Path, typer.Option("--out", help="Folder to write to; made when missing.", metavar="DIR")]
_Phase = Annotated[str, typer.Option(help="By this phase's limits.")]
_Stacks = Annotated[
    Path | None, typer.Option("--stacks", help="Folder of the stack files.", show_default=False)
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written, write nothing.")]
_Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are not as we wrote them.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def rules(
    *,
    folder: _Out,
    phase: _Phase = "phase-1",
    config: Annotated[
        Path | None,
        typer.Option(help="The alerts' YAML file: its receivers go into alertmanager.yml.", metavar="FILE"),
    ] = None,
    job: Annotated[str, typer.Option(help="The scrape job's name in Prometheus.")] = "outgrow",
    target: Annotated[str, typer.Option(help="The monitor, for the example prometheus.yml.")] = (
        "127.0.0.1:9464"
    ),
    runbooks: Annotated[
        str, typer.Option(help="Put before each runbook's place, such as a repository's address and a slash.")
    ] = "",
    dry_run: _DryRun = False,
    force: _Force = False,
    stacks: _Stacks = None,
    json_output: _Json = False,
) -> None:
    """Write Prometheus rules, an Alertmanager configuration, and tests of the rules.

    All numbers come from the phase's limits. The same input gives the same
    bytes. Check them with promtool check rules, promtool test rules and
    amtool check-config.

    \b
    Examples:
      outgrow monitor rules --out prometheus/
      outgrow monitor rules --out prometheus/ --phase phase-2 --job shop
      outgrow monitor rules --out prometheus/ --config alerts.yaml
      outgrow monitor rules --out prometheus/ --dry-run
    """  # noqa: D301  # \b keeps the examples' lines apart in the help
    from monitor.alerts.config import AlertsConfig, load_alerts_config  # noqa: PLC0415
    from monitor.phases import load_phase  # noqa: PLC0415
    from monitor.rules.alerting import Rules  # noqa: PLC0415
    from monitor.rules.bundle import rule_files  # noqa: PLC0415
    from monitor.rules.promql import Target  # noqa: PLC0415

    made_for = Rules(load_phase(phase, stacks), Target(job), runbooks)
    receivers = AlertsConfig() if config is None else load_alerts_config(config)
    files = rule_files(made_for, receivers, address=target)
    _write(folder, files, "rules", dry_run=dry_run, force=force, json_output=json_output)


def dashboards(
    *,
    folder: _Out,
    phase: _Phase = "phase-1",
    dry_run: _DryRun = False,
    force: _Force = False,
    stacks: _Stacks = None,
    json_output: _Json = False,
) -> None:
    """Write the executive, technical and operations dashboards for Grafana.

    They show what the monitor exposes and the recording rules of outgrow
    monitor rules, with the phase's limits as lines. Import them, or put
    them into a folder that Grafana provisions.

    \b
    Examples:
      outgrow monitor dashboards --out grafana/
      outgrow monitor dashboards --out grafana/ --phase phase-2
      outgrow monitor dashboards --out grafana/ --dry-run
    """  # noqa: D301
    from monitor.dashboards.bundle import dashboard_files  # noqa: PLC0415
    from monitor.phases import load_phase  # noqa: PLC0415

    files = dashboard_files(load_phase(phase, stacks))
    _write(folder, files, "dashboards", dry_run=dry_run, force=force, json_output=json_output)


def _write(
    folder: Path, files: Mapping[str, str], kind: str, *, dry_run: bool, force: bool, json_output: bool
) -> None:
    from monitor.generated_files import plan_files  # noqa: PLC0415

    plan = plan_files(folder, files, kind=kind, force=force)
    if not dry_run:
        plan.write()
    if json_output:
        emit_json({"folder": folder, "written": not dry_run, "files": plan.changes})
        return
    for change in plan.changes:
        would = "would " if dry_run and change.change != "unchanged" else ""
        out.print(f"{would}{change.change.value} {folder / change.path}", soft_wrap=True, markup=False)
