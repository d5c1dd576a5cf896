"""The command that runs the sidecar: `outgrow monitor serve`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer resolves it at run time
from typing import Annotated

import typer

from monitor import command_options as options
from monitor import publish_options as publish
from monitor import source_options as sources
from monitor.terminal import err

_Profile = Annotated[
    str, typer.Option(help="Workload: default, read-heavy, write-heavy, or auto: what is observed.")
]


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
    monthly_cost: options.Cost = None,
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
    prometheus_tenant: sources.PrometheusTenant = None,
    redis: sources.Redis = None,
    redis_env: sources.RedisEnv = None,
    cloudwatch: sources.CloudWatch = None,
    aws_region: sources.AwsRegion = None,
    cloudwatch_every: sources.CloudWatchEvery = 300.0,
    cloudwatch_namespace: publish.Namespace = None,
    cloudwatch_dimension: publish.Dimension = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Allow other machines in without a token, and credentials over plain http."
        ),
    ] = False,
    stacks: options.Stacks = None,
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
    token = options.token(token_env)
    from monitor.alerts.config import AlertsConfig, load_alerts_config  # noqa: PLC0415

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


def _database(database: str | None, variable: str | None, *, needed: bool) -> str | None:
    if database is None and variable is None and not needed:
        return None
    if (database is None) == (variable is None):
        raise options.WrongOptions(
            "monitor serve needs one database to watch",
            next_step="give --database FILE_OR_DSN, or --database-env NAME, or --prometheus URL for a fleet",
        )
    return database if database is not None else options.environment(str(variable), "--database-env")
