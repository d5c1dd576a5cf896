"""What `outgrow monitor serve` is told about publishing to CloudWatch, and what comes of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from monitor.serve.sidecar import Sidecar

Namespace = Annotated[
    str | None,
    typer.Option(
        help="Publish score, light, decision and metrics to CloudWatch under this namespace; the stacks' "
        "alarms look in Outgrow.",
        metavar="NAME",
    ),
]
Dimension = Annotated[
    list[str] | None,
    typer.Option(help="A dimension of what is published there; may be repeated.", metavar="NAME=VALUE"),
]


class NoNamespace(MonitorError, UsageError):
    """Dimensions are given, and nothing is published that could carry them."""


def publishing(
    namespace: str | None, dimensions: list[str] | None, region: str | None
) -> Callable[[Sidecar], AbstractContextManager[object]]:
    """Prepare publishing: what is wrong is said before anything is opened.

    Returns:
        What to run the sidecar within.

    Raises:
        NoNamespace: dimensions without a namespace.
        monitor.serve.cloudwatch.BadDimension: one is not NAME=VALUE.
        monitor.serve.cloudwatch.NoRegion: nothing says which region is meant.
    """
    if namespace is None:
        if dimensions:
            raise NoNamespace(
                "a dimension needs a namespace to be published under",
                next_step="add --cloudwatch-namespace Outgrow",
            )
        return lambda _: contextlib.nullcontext()
    from monitor.serve.cloudwatch import (  # noqa: PLC0415  # only who publishes pays for it
        CloudWatchPublisher,
        Target,
        connect,
        parse_dimensions,
    )

    target = Target(namespace, parse_dimensions(dimensions or []), region)
    client = connect(target)
    return lambda sidecar: CloudWatchPublisher(lambda: sidecar.published, target, client)
