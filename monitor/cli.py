"""The monitor's commands: `outgrow assess` and `outgrow monitor serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor import publish_options as publish
from monitor import source_options as sources
from monitor.alerts.commands import alerts_app
from monitor.baseline_cli import baseline_app
from monitor.errors import MonitorError, UsageError
from monitor.optimize.cli import optimize
from monitor.rules.commands import dashboards, rules
from monitor.terminal import emit_json, err, out

if TYPE_CHECKING:
    from rich.console import RenderableType

    from monitor.assessment import Assessment
    from monitor.collect.sources import PrometheusOptions

monitor_app = typer.Typer(help="Watch an application beside it.", no_args_is_help=True)

_Stacks = Annotated[
    Path | None, typer.Option("--stacks", help="Folder of the stack files.", show_default=False)
]
_Profile = Annotated[
    str, typer.Option(help="Workload: default, read-heavy, write-heavy, or auto: what is observed.")
]
_Cost = Annotated[
    float | None,
    typer.Option(
        "--monthly-cost",
        help="What the infrastructure costs a month, for the cost per user.",
        metavar="USD",
        min=0,
        show_default="the phase's highest budget",
    ),
]


class WrongOptions(MonitorError, UsageError):
    """The options contradict each other, or lack something."""


def register(app: typer.Typer) -> None:
    """Add this folder's commands to the command line."""
    app.command()(assess)
    monitor_app.add_typer(baseline_app, name="baseline")
    app.command()(optimize)
    monitor_app.add_typer(alerts_app, name="alerts")
    monitor_app.command()(rules)
    monitor_app.command()(dashboards)
    app.add_typer(monitor_app, name="monitor")


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
    monthly_cost: _Cost = None,
    token_env: Annotated[
        str | None, typer.Option(help="With --url: environment variable holding the token.", metavar="NAME")
    ] = None,
    stacks: _Stacks = None,
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
        raise WrongOptions(
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
    )
    from monitor.rendering_outlook import render_history  # noqa: PLC0415

    held = None
    known: tuple[RenderableType, ...] = ()
    if url is not None:
        own = (phase, profile, stacks, monthly_cost)
        if scale != 1 or any(option is not None for option in own):
            raise WrongOptions(
                "a running monitor judges by its own limits",
                next_step="give --phase, --profile, --scale, --stacks and --monthly-cost to monitor serve",
            )
        from monitor.client import fetch_assessment  # noqa: PLC0415

        fetched = fetch_assessment(url, token=_token(token_env))
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


@monitor_app.command()
def serve(
    *,
    database: Annotated[
        str | None, typer.Option(help="SQLite file or PostgreSQL connection string.", metavar="FILE_OR_DSN")
    ] = None,
    database_env: Annotated[
        str | None,
        typer.Option(
            help="Environment variable holding it, so that no password shows in the process list.",
            metavar="NAME",
        ),
    ] = None,
    listen: Annotated[str, typer.Option(help="Where to listen; port 0 takes a free one.")] = "127.0.0.1:9464",
    phase: Annotated[str, typer.Option(help="Judge by this phase's limits.")] = "phase-1",
    profile: _Profile = "default",
    interval: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between evaluations.")] = 5.0,
    window: Annotated[
        float,
        typer.Option(min=1, max=3600, help="Seconds that response times, errors and requests look back."),
    ] = 300.0,
    scale: Annotated[
        float, typer.Option(help="Lower the limits of load by this factor, for demonstrations.")
    ] = 1.0,
    token_env: Annotated[
        str | None, typer.Option(help="Environment variable holding the bearer token.", metavar="NAME")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave out a metric outside the decision matrix; may be repeated.", metavar="METRIC"
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where the history is kept; :memory: keeps none on disk.",
            metavar="FILE",
            show_default="a file for each database in the user's state folder",
        ),
    ] = None,
    monthly_cost: _Cost = None,
    alerts: Annotated[
        Path | None,
        typer.Option(help="YAML file: whom alerts are told to, and when (docs/alerts.md).", metavar="FILE"),
    ] = None,
    prometheus: sources.Prometheus = None,
    prometheus_label: sources.PrometheusLabel = None,
    prometheus_token_env: sources.PrometheusTokenEnv = None,
    prometheus_token_file: sources.PrometheusTokenFile = None,
    prometheus_sigv4: sources.PrometheusSigv4 = None,
    prometheus_queries: sources.PrometheusQueries = None,
    redis: sources.Redis = None,
    redis_env: sources.RedisEnv = None,
    cloudwatch: sources.CloudWatch = None,
    aws_region: sources.AwsRegion = None,
    cloudwatch_every: sources.CloudWatchEvery = 300.0,
    cloudwatch_namespace: publish.Namespace = None,
    cloudwatch_dimension: publish.Dimension = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow other machines in without a token.")
    ] = False,
    stacks: _Stacks = None,
) -> None:
    """Run the sidecar: collect, judge, and serve the endpoints until Ctrl-C.

    It reads the database from outside, never writes to it, shows dashboards
    at / for people, and answers at
    /api/metrics/scalability, .../assessment, .../prometheus and /healthz;
    the request middleware pushes its counters to .../push.

    \b
    Examples:
      outgrow monitor serve --database shop.db
      outgrow monitor serve --database shop.db
        --listen 0.0.0.0:9464 --token-env TOKEN
      outgrow monitor serve --database shop.db --alerts alerts.yaml
      outgrow monitor serve --database-env DATABASE_URL --phase phase-2
        --redis-env REDIS_URL --cloudwatch rds=shop --aws-region eu-west-1
      outgrow monitor serve --prometheus http://prometheus:9090
        --prometheus-label job=shop --phase phase-3
      outgrow monitor serve --database shop.db --profile auto
        --store /var/lib/outgrow/shop.history
      outgrow monitor serve --database shop.db
        --scale 0.02 --interval 1 --window 15
    """  # noqa: D301
    target = _database(database, database_env, needed=prometheus is None)
    token = _token(token_env)
    from monitor.alerts.config import AlertsConfig, load_alerts_config  # noqa: PLC0415

    fleet = sources.prometheus(
        prometheus,
        prometheus_label,
        prometheus_queries,
        token_env=prometheus_token_env,
        token_file=prometheus_token_file,
        sigv4=prometheus_sigv4,
    )
    publishing = publish.publishing(cloudwatch_namespace, cloudwatch_dimension, aws_region)
    from monitor.collect.database import open_probe  # noqa: PLC0415
    from monitor.collect.schema_shape import ShapeReader  # noqa: PLC0415
    from monitor.collect.sources import SourceOptions, open_sources  # noqa: PLC0415
    from monitor.collect.window import Windows  # noqa: PLC0415
    from monitor.phases import check_profile, load_phase, load_roadmap, next_phase  # noqa: PLC0415
    from monitor.serve.guard import check_exposure  # noqa: PLC0415
    from monitor.serve.server import listen_on, parse_address, run  # noqa: PLC0415
    from monitor.serve.sidecar import Sidecar, Watch  # noqa: PLC0415
    from monitor.serve.storing import open_history  # noqa: PLC0415

    loaded = load_phase(phase, stacks)
    watch = Watch(
        phase=loaded,
        next_phase=next_phase(loaded.id, stacks),
        profile=check_profile(profile, loaded, stacks),
        scale=scale,
        interval_s=interval,
        window_s=window,
        without=frozenset(without or ()),
        roadmap=load_roadmap(stacks),
        monthly_cost=monthly_cost,
    )
    watch.thresholds()  # a wrong --scale is refused before anything is opened
    told = AlertsConfig() if alerts is None else load_alerts_config(alerts)
    host, port = parse_address(listen)
    check_exposure(host, token, insecure=insecure)
    others = SourceOptions(
        prometheus=fleet,
        redis=sources.redis_address(redis, redis_env),
        cloudwatch=tuple(cloudwatch or ()),
        region=aws_region,
        cloudwatch_every_s=cloudwatch_every,
    )
    probe = None if target is None else open_probe(target)
    listening = listen_on(host, port)
    opened = open_sources(others, Windows.of(window, interval))
    history = open_history(store, target or sources.fleet_name(str(prometheus), prometheus_label))
    shape = None if target is None else ShapeReader(target).read
    sidecar = Sidecar(watch, probe, history, shape or (lambda: None), alerts=told, sources=opened)

    def ready(address: str) -> None:
        published = sidecar.published
        watched = [one.name for one in (published.database, published.cache) if one is not None]
        watched += [] if published.fleet is None else [published.fleet.source]
        name = "".join(f"{one} " for one in watched)
        err.print(f"watching {name}by the limits of {loaded.id} ({loaded.title})")
        if scale != 1:
            err.print(f"[bold yellow]scale {scale:g}[/]: limits of load are lowered for a demonstration")
        err.print(f"keeping history in {'memory only' if history.path is None else history.path}")
        err.print(f"serving {address}/api/metrics/scalability (Ctrl-C ends it)")
        err.print(f"dashboards: {address}/")

    with publishing(sidecar):
        run(sidecar, listening, token=token, ready=ready)


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


def _database(database: str | None, variable: str | None, *, needed: bool) -> str | None:
    if database is None and variable is None and not needed:
        return None
    if (database is None) == (variable is None):
        raise WrongOptions(
            "monitor serve needs one database to watch",
            next_step="give --database FILE_OR_DSN, or --database-env NAME, or --prometheus URL for a fleet",
        )
    return database if database is not None else environment(str(variable), "--database-env")


def _token(variable: str | None) -> str | None:
    return None if variable is None else environment(variable, "--token-env")


def environment(variable: str, option: str) -> str:
    """Return an environment variable's value.

    Raises:
        WrongOptions: it is empty or not set; the message names the option.
    """
    value = os.environ.get(variable)
    if not value:
        raise WrongOptions(
            f"the environment variable {variable} is empty",
            why=f"{option} names it",
            next_step=f"set it with: export {variable}=...",
        )
    return value
