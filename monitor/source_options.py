"""The options that name what else is read: a fleet's Prometheus, a cache, the cloud."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from monitor.collect.sources import PrometheusOptions

Prometheus = Annotated[
    str | None,
    typer.Option(
        "--prometheus", help="Read a fleet's metrics from this Prometheus.", metavar="URL", show_default=False
    ),
]
PrometheusLabel = Annotated[
    list[str] | None,
    typer.Option(
        "--prometheus-label",
        help="With --prometheus: only series with this label (= != =~ !~); may be repeated.",
        metavar="NAME=VALUE",
    ),
]
PrometheusTokenEnv = Annotated[
    str | None,
    typer.Option(
        "--prometheus-token-env", help="Environment variable holding its bearer token.", metavar="NAME"
    ),
]
PrometheusTokenFile = Annotated[
    Path | None,
    typer.Option(
        "--prometheus-token-file", help="File holding its bearer token, read each time.", metavar="FILE"
    ),
]
PrometheusSigv4 = Annotated[
    str | None,
    typer.Option(
        "--prometheus-sigv4", help="Sign for Amazon's managed Prometheus in a region.", metavar="REGION"
    ),
]
PrometheusQueries = Annotated[
    Path | None,
    typer.Option(
        "--prometheus-queries",
        help="YAML of PromQL by metric, for metrics of other exporters.",
        metavar="FILE",
    ),
]
PrometheusTenant = Annotated[
    str | None,
    typer.Option(
        "--prometheus-tenant",
        help="Whose series: sent as X-Scope-OrgID (Mimir, Cortex, Thanos).",
        metavar="NAME",
    ),
]
Redis = Annotated[
    str | None, typer.Option("--redis", help="Watch a Redis: hits, memory, evictions.", metavar="URL")
]
RedisEnv = Annotated[
    str | None,
    typer.Option(
        "--redis-env",
        help="Environment variable holding its address, so that no password shows.",
        metavar="NAME",
    ),
]
CloudWatch = Annotated[
    list[str] | None,
    typer.Option(
        "--cloudwatch",
        help="Read from CloudWatch: rds=, aurora=, alb= or elasticache= and a name; may be repeated.",
        metavar="KIND=NAME",
    ),
]
AwsRegion = Annotated[
    str | None, typer.Option("--aws-region", help="With --cloudwatch: the region.", metavar="REGION")
]
CloudWatchEvery = Annotated[
    float,
    typer.Option("--cloudwatch-every", min=60, max=3600, help="Seconds between two calls, which AWS bills."),
]


class WrongSources(MonitorError, UsageError):
    """Options of sources contradict each other, or lack something."""


def environment(variable: str, option: str) -> str:
    """Return a variable's value.

    Raises:
        WrongSources: it is empty.
    """
    value = os.environ.get(variable)
    if not value:
        raise WrongSources(
            f"the environment variable {variable} is empty",
            why=f"{option} names it",
            next_step=f"set it with: export {variable}=...",
        )
    return value


def redis_address(address: str | None, variable: str | None) -> str | None:
    """Return the address of the Redis, None without one.

    Raises:
        WrongSources: it is given twice, or its variable is empty.
    """
    if address is not None and variable is not None:
        raise WrongSources("--redis and --redis-env exclude each other", next_step="give one of them")
    return address if variable is None else environment(variable, "--redis-env")


def prometheus(
    url: str | None,
    labels: list[str] | None,
    queries: Path | None,
    *,
    token_env: str | None,
    token_file: Path | None,
    sigv4: str | None,
    tenant: str | None = None,
    insecure: bool = False,
) -> PrometheusOptions | None:
    """Return which Prometheus to read, None for none.

    Raises:
        BadPrometheus: options of a Prometheus without its address, or two ways to be known.
        WrongSources: the token's variable is empty.
    """
    from monitor.collect.prometheus_http import Credentials  # noqa: PLC0415
    from monitor.collect.sources import prometheus_options  # noqa: PLC0415

    token = None if token_env is None else environment(token_env, "--prometheus-token-env")
    return prometheus_options(
        url,
        labels or (),
        queries,
        Credentials(token, token_file, sigv4),
        tenant=tenant,
        insecure=insecure,
    )


def fleet_name(url: str, labels: list[str] | None) -> str:
    """Name a fleet for its history: its Prometheus without user and password, and the labels."""
    return " ".join(["fleet", re.sub(r"//[^/@]*@", "//", url), *sorted(labels or ())])
