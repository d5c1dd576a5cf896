"""The monitor's commands: `outgrow assess` and `outgrow monitor serve`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer resolves it at run time
from typing import TYPE_CHECKING, Annotated

import typer

from monitor import command_options as options
from monitor import source_options as sources
from monitor.alerts.commands import alerts_app
from monitor.baseline_cli import baseline_app
from monitor.optimize.cli import optimize
from monitor.rules.commands import dashboards, rules
from monitor.serve_command import serve
from monitor.terminal import emit_json, err, out

if TYPE_CHECKING:
    from rich.console import RenderableType

    from monitor.assessment import Assessment
    from monitor.collect.sources import PrometheusOptions

monitor_app = typer.Typer(help="Watch an application beside it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this folder's commands to the command line."""
    app.command()(assess)
    app.command()(optimize)
    fill(monitor_app)
    app.add_typer(monitor_app, name="monitor")


def fill(group: typer.Typer) -> None:
    """Add what `outgrow monitor` holds, which the monitor's container runs without the rest."""
    group.add_typer(baseline_app, name="baseline")
    group.add_typer(alerts_app, name="alerts")
    group.command()(serve)
    group.command()(rules)
    group.command()(dashboards)


def assess(
    *,
    url: Annotated[str | None, typer.Option(help="Address of a running monitor.", metavar="URL")] = None,
    database: Annotated[
        str | None, typer.Option(help="SQLite file or PostgreSQL connection string.", metavar="FILE_OR_DSN")
    ] = None,
    prometheus: sources.Prometheus = None,
    prometheus_label: sources.PrometheusLabel = None,
    prometheus_token_env: sources.PrometheusTokenEnv = None,
    prometheus_token_file: sources.PrometheusTokenFile = None,
    prometheus_sigv4: sources.PrometheusSigv4 = None,
    prometheus_queries: sources.PrometheusQueries = None,
    prometheus_tenant: sources.PrometheusTenant = None,
    snapshot: Annotated[
        Path | None, typer.Option(help="Measurements as JSON; - reads standard input.", metavar="FILE")
    ] = None,
    phase: Annotated[
        str | None,
        typer.Option(help="Judge by this phase's limits.", show_default="the snapshot's, or phase-1"),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="Workload: default, read-heavy, write-heavy or auto.", show_default="the snapshot's"
        ),
    ] = None,
    scale: Annotated[
        float, typer.Option(help="Lower the limits of load by this factor, for demonstrations.")
    ] = 1.0,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.25, max=600, help="With --database: how long to watch.")
    ] = 2.0,
    monthly_cost: options.Cost = None,
    token_env: Annotated[
        str | None, typer.Option(help="With --url: environment variable holding the token.", metavar="NAME")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="With --prometheus: send credentials over plain http, too.")
    ] = False,
    stacks: options.Stacks = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge an application: score, light, decision, reasons, recommendations.

    A running monitor knows everything, and so does a Prometheus that scrapes
    the monitors of a fleet; a database alone tells its size, its journal mode,
    its writes and how busy its writer is. What is not measured is missing and never
    counts as good. The exit status is 0 whatever the light is.

    \b
    Examples:
      outgrow assess --url http://127.0.0.1:9464
      outgrow assess --database shop.db --seconds 10
      outgrow assess --prometheus http://127.0.0.1:9090
        --prometheus-label job=shop
      outgrow assess --snapshot measured.json --json
      outgrow assess --snapshot measured.json --phase phase-2
    """  # noqa: D301  # \b keeps the examples' lines apart in the help
    if sum(source is not None for source in (url, database, snapshot, prometheus)) != 1:
        raise options.WrongOptions(
            "assess needs one source of measurements",
            next_step="give one of --url URL, --database FILE, --prometheus URL, --snapshot FILE",
        )
    fleet = sources.prometheus(
        prometheus,
        prometheus_label,
        prometheus_queries,
        token_env=prometheus_token_env,
        token_file=prometheus_token_file,
        sigv4=prometheus_sigv4,
        tenant=prometheus_tenant,
        insecure=insecure,
    )
    from monitor.rendering_outlook import render_history  # noqa: PLC0415

    held = None
    known: tuple[RenderableType, ...] = ()
    if url is not None:
        own = (phase, profile, stacks, monthly_cost)
        if scale != 1 or any(option is not None for option in own):
            raise options.WrongOptions(
                "a running monitor judges by its own limits",
                next_step="give --phase, --profile, --scale, --stacks and --monthly-cost to monitor serve",
            )
        from monitor.client import fetch_assessment  # noqa: PLC0415

        fetched = fetch_assessment(url, token=options.token(token_env))
        judged: Assessment = fetched
        held = fetched.held
        known = tuple(render_history(fetched))
    else:
        judged = _judge(
            database,
            snapshot,
            phase,
            profile,
            scale=scale,
            seconds=seconds,
            stacks=stacks,
            monthly_cost=monthly_cost,
            fleet=fleet,
        )
    if json_output:
        emit_json(judged)
        return
    from monitor.rendering import render  # noqa: PLC0415

    out.print(render(judged, held, known))


def _judge(
    database: str | None,
    snapshot: Path | None,
    phase: str | None,
    profile: str | None,
    *,
    scale: float,
    seconds: float,
    stacks: Path | None,
    monthly_cost: float | None,
    fleet: PrometheusOptions | None,
) -> Assessment:
    from dataclasses import replace  # noqa: PLC0415

    from monitor.judging import judge  # noqa: PLC0415
    from monitor.phases import DEFAULT_PROFILE, load_phase  # noqa: PLC0415
    from monitor.snapshot import FIRST_PHASE, parse_snapshot  # noqa: PLC0415

    if fleet is not None:
        from monitor.sampling import sample_fleet  # noqa: PLC0415

        chosen = load_phase(phase or FIRST_PHASE, stacks).id
        taken = sample_fleet(fleet, phase=chosen, profile=profile or DEFAULT_PROFILE)
    elif database is not None:
        from monitor.sampling import sample  # noqa: PLC0415

        chosen = load_phase(phase or FIRST_PHASE, stacks).id
        err.print(f"watching the database for {seconds:g} s", style="dim")
        taken = sample(database, phase=chosen, profile=profile or DEFAULT_PROFILE, seconds=seconds)
    else:
        assert snapshot is not None
        taken = parse_snapshot(_read(snapshot))
        taken = replace(taken, phase=phase or taken.phase, profile=profile or taken.profile)
    return judge(taken, scale=scale, stacks=stacks, monthly_cost=monthly_cost)


def _read(path: Path) -> bytes:
    import sys  # noqa: PLC0415

    from monitor.snapshot import BadSnapshot  # noqa: PLC0415

    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise BadSnapshot(
            f"{path} cannot be read",
            why=error.strerror or str(error),
            next_step="give a JSON file, or - for stdin",
        ) from None
