"""The phase on one page in CloudWatch, from the same table as its alarms: each metric with its two limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.alarms import NAMESPACE
from monitor.serve.cloudwatch import DECISION, LIGHT, SCORE
from monitor.thresholds import ALL_METRICS
from monitor.utility import PLAN_POINTS, STAY_POINTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.components.alarms import Signal
    from monitor.thresholds import Limit

#: CloudWatch's grid: 24 columns; three graphs a row.
WIDTH, HEIGHT = 8, 6
_GREEN, _ORANGE, _RED = "#2ca02c", "#ff7f0e", "#d62728"


@dataclass(frozen=True)
class DashboardArgs:
    """What the dashboard shows.

    Args:
        region: whose metrics.
        title: of the phase.
        thresholds: limits by metric id.
        signals: where each is found, several by name.
        others: what AWS measures besides, by title.
        text: about the phase, as Markdown.
    """

    region: str
    title: str
    thresholds: Mapping[str, Limit]
    signals: Mapping[str, Mapping[str, Signal]]
    others: Mapping[str, Sequence[Signal]]
    text: str


def dashboard(name: str, args: DashboardArgs, opts: ResourceOptions) -> aws.cloudwatch.Dashboard:
    """Make it; its name is the stack's."""
    return aws.cloudwatch.Dashboard(
        name,
        dashboard_name=f"outgrow-{pulumi.get_stack()}",
        dashboard_body=pulumi.Output.json_dumps({"widgets": _widgets(args)}, sort_keys=True),
        opts=opts,
    )


def _widgets(args: DashboardArgs) -> list[dict[str, Any]]:
    stack = {"Stack": pulumi.get_stack()}
    head = {"type": "text", "x": 0, "y": 0, "width": 24, "height": 2, "properties": {"markdown": args.text}}
    graphs = [
        _graph("Score", [_line(NAMESPACE, SCORE, stack, "Minimum")], args.region, BANDS, (0, 100)),
        _graph(
            "Light and decision (0 is best, 2 worst)",
            [_line(NAMESPACE, what, stack, "Maximum") for what in (LIGHT, DECISION)],
            args.region,
            (),
            (0, 2),
        ),
    ]
    for metric, limit in args.thresholds.items():
        found = args.signals[metric]
        scale = next(iter(found.values())).scale
        lines = [_line_of(signal, which) for which, signal in found.items()]
        limits = [("stay", limit.stay * scale, _ORANGE)]
        if limit.urgent is not None:
            limits.append(("urgent", limit.urgent * scale, _RED))
        graphs.append(_graph(ALL_METRICS[metric].title, lines, args.region, limits, (0, None)))
    graphs += [
        _graph(title, [_line_of(signal, "") for signal in signals], args.region, (), (0, None))
        for title, signals in args.others.items()
    ]
    for number, graph in enumerate(graphs):
        graph["x"], graph["y"] = number % 3 * WIDTH, 2 + number // 3 * HEIGHT
    return [head, *graphs]


BANDS: Final = (("green", STAY_POINTS, _GREEN), ("yellow", PLAN_POINTS, _ORANGE))


def _graph(
    title: str,
    lines: Sequence[Any],
    region: str,
    limits: Sequence[tuple[str, float, str]],
    span: tuple[float, float | None],
) -> dict[str, Any]:
    low, high = span
    axis: dict[str, Any] = {"min": low} if high is None else {"min": low, "max": high}
    return {
        "type": "metric",
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "region": region,
            "view": "timeSeries",
            "period": 60,
            "metrics": list(lines),
            "yAxis": {"left": axis},
            "annotations": {
                "horizontal": [
                    {"label": label, "value": value, "color": color} for label, value, color in limits
                ]
            },
        },
    }


def _line_of(signal: Signal, which: str) -> list[Any]:
    return _line(signal.namespace, signal.metric, signal.dimensions, signal.statistic, which)


def _line(
    namespace: str, metric: str, dimensions: Mapping[str, pulumi.Input[str]], statistic: str, label: str = ""
) -> list[Any]:
    pairs = [part for pair in dimensions.items() for part in pair]
    shown = {"stat": statistic, "label": label} if label else {"stat": statistic}
    return [namespace, metric, *pairs, shown]
