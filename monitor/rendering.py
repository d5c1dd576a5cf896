"""An assessment as people read it on a terminal: verdict, reasons, metrics beside limits, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from monitor.advice import Severity
from monitor.assessment import Decision, Light
from monitor.rendering_outlook import render_rest
from monitor.thresholds import Category
from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from monitor.advice import Recommendation
    from monitor.assessment import Assessment, JudgedMetric
    from monitor.held import Held

#: Shape and word besides colour, so that the light can be told without it.
LIGHTS: Final = {
    Light.GREEN: ("●", "green"),
    Light.YELLOW: ("▲", "yellow"),
    Light.RED: ("■", "red"),
    Light.UNKNOWN: ("?", "magenta"),
}
_DECISIONS: Final = {
    Decision.STAY: "stay: the phase carries the load",
    Decision.PLAN: "plan: start preparing the next phase",
    Decision.URGENT: "urgent: climb to the next phase now",
    Decision.UNKNOWN: "unknown: a metric of the decision matrix is not measured",
}
_COLOURS: Final = {Category.STAY: "green", Category.PLAN: "yellow", Category.URGENT: "red"}
_MARKS: Final = {
    Severity.CRITICAL: ("■", "red"),
    Severity.WARNING: ("▲", "yellow"),
    Severity.INFO: ("●", "cyan"),
}


def render(
    assessment: Assessment, held: Held | None = None, history: Sequence[RenderableType] = ()
) -> RenderableType:
    """Compose the whole assessment for a console of 80 columns or more.

    Args:
        assessment: what to show.
        held: how long the decision has held, where a monitor knows.
        history: what its history adds, composed by `rendering_outlook.render_history`.
    """
    return Group(
        *_verdict(assessment, held),
        Padding(_table(assessment), (1, 0, 0, 0), expand=False),
        *_missing(assessment),
        *_advice(assessment),
        Padding(Group(*history, *render_rest(assessment)), (1, 0, 0, 0), expand=False),
    )


def _verdict(assessment: Assessment, held: Held | None) -> Iterator[RenderableType]:
    symbol, colour = LIGHTS[assessment.light]
    head = Text()
    head.append(f"{symbol} {assessment.light.value.upper()}", style=f"bold {colour}")
    score = "no score" if assessment.score is None else f"score {assessment.score:g} of 100"
    head.append(f"   {score}", style="bold")
    head.append(f"   {assessment.phase}, {assessment.profile} workload", style="dim")
    yield head
    decision = Text("Decision  ", style="bold")
    decision.append(_DECISIONS[assessment.decision], style="default not bold")
    if held is not None:
        decision.append(
            f" (for {_duration(held.seconds)}, {held.evaluations} evaluations)", style="dim not bold"
        )
    yield decision
    if assessment.scale != 1:
        note = f"scale {assessment.scale:g}: limits of load are lowered by this factor for a demonstration"
        yield Text(note, style="bold yellow")
    for reason in assessment.reasons:
        yield Padding(Text(f"- {reason}"), (0, 0, 0, 2), expand=False)


def _table(assessment: Assessment) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold dim")
    table.add_column("Metric", no_wrap=True)
    for name in ("Value", "Stay <", "Urgent >"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Category", no_wrap=True)
    for name in ("Points", "Lost", "Gain"):
        table.add_column(name, justify="right", no_wrap=True)
    for metric in assessment.metrics:
        table.add_row(*_row(metric, bottleneck=metric.id == assessment.bottleneck))
    return table


def _row(metric: JudgedMetric, *, bottleneck: bool) -> tuple[Text, ...]:
    colour = "dim" if metric.category is None else _COLOURS[metric.category]
    name = metric.title if metric.in_matrix else f"{metric.title} {'**' if metric.informational else '*'}"
    return (
        Text(name, style="bold" if bottleneck else ""),
        Text(show(metric.id, metric.value), style="bold" if bottleneck else ""),
        Text(show(metric.id, metric.stay), style="dim"),
        Text(show(metric.id, metric.urgent), style="dim"),
        Text("unknown" if metric.category is None else metric.category.value, style=colour),
        Text(_points(metric.utility), style=colour),
        Text(_points(metric.points_lost)),
        Text("" if not metric.gain_if_fixed else f"+{metric.gain_if_fixed:g}", style="green"),
    )


def _missing(assessment: Assessment) -> Iterator[RenderableType]:
    yield Text("* colours the light only; the migration decision does not depend on it", style="dim")
    if any(metric.informational for metric in assessment.metrics):
        yield Text("** for information: neither light, score nor decision depend on it", style="dim")
    yield Text(
        "Gain: what the score would win if this metric alone were back below its stay limit", style="dim"
    )
    if assessment.health_index is not None:
        known = f"{assessment.coverage:.0%} of the metrics are known"
        yield Text(f"health index {assessment.health_index:g} (mean of the points); {known}", style="dim")
    notes: dict[str, list[str]] = {}
    for metric in assessment.metrics:
        told = metric.in_matrix and metric.value is None  # among the reasons
        if metric.note and not told:
            notes.setdefault(metric.note, []).append(metric.title)
    for note, titles in notes.items():
        yield Text(f"{', '.join(titles)}: {note}", style="dim")


def _advice(assessment: Assessment) -> Iterator[RenderableType]:
    if not assessment.recommendations:
        return
    yield Padding(Text("What to do", style="bold"), (1, 0, 0, 0), expand=False)
    for advice in assessment.recommendations:
        yield _one(advice)


def _one(advice: Recommendation) -> RenderableType:
    symbol, colour = _MARKS[advice.severity]
    head = Text()
    head.append(f"{symbol} {advice.severity.value} ", style=colour)
    head.append(advice.action)
    return Group(
        head,
        Padding(Text(f"because {advice.because.text}", style="dim"), (0, 0, 0, 4), expand=False),
        Padding(Text(advice.command, style="bold cyan"), (0, 0, 0, 4), expand=False),
        Padding(Text(f"then: {advice.verify_with}", style="dim"), (0, 0, 0, 4), expand=False),
    )


def _points(points: float | None) -> str:
    return "" if points is None else f"{points:g}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
