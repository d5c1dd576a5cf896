"""Baselines and what changed since, as people read it on a terminal of 80 columns."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from monitor.baselines import MIN_POINTS, Verdict
from monitor.store.tiers import SERIES
from monitor.units import show_series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from monitor.baselines import Baseline, Change

_COLOURS: Final = {
    Verdict.BETTER: "green",
    Verdict.WORSE: "bold red",
    Verdict.MORE: "cyan",
    Verdict.LESS: "cyan",
    Verdict.SAME: "dim",
    Verdict.NOT_ENOUGH_DATA: "magenta",
}


def render_changes(before: Baseline, after: Baseline, changes: Sequence[Change]) -> RenderableType:
    """Compose the comparison."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold dim")
    table.add_column("Metric", no_wrap=True)
    for title in ("Before", "Now", "Change"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Effect", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for one in changes:
        table.add_row(
            one.title,
            show_series(one.metric, one.before),
            show_series(one.metric, one.after),
            "" if one.percent is None else f"{one.percent:+.0f} %",
            one.effect_word or "",
            "" if one.p_value is None else f"{one.p_value:.3f}" if one.p_value >= 0.001 else "<.001",
            Text(one.verdict.value, style=_COLOURS[one.verdict]),
        )
    notes = [
        f"medians of {before.step_s} s points: {_hours(before.window_s)} then, {_hours(after.window_s)} now",
        "p: how likely chance alone shows so much, corrected for all metrics together (Holm)",
    ]
    if any(one.verdict is Verdict.NOT_ENOUGH_DATA for one in changes):
        notes.append(f"not enough data: fewer than {MIN_POINTS} points on one side")
    if before.step_s < 300:
        notes.append("points closer than 5 minutes share a window, so p is too small; take a longer --window")
    head = Text.assemble(
        ("Since ", "bold"),
        (before.name, "bold cyan"),
        f", saved {_when(before.saved_at)} from {before.source}",
    )
    return Group(head, table, *(Text(note, style="dim") for note in notes))


def render_list(baselines: Sequence[Baseline]) -> RenderableType:
    """Compose the list."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for title in ("Name", "Saved", "Over", "Source"):
        table.add_column(title, no_wrap=title != "Source")
    for one in baselines:
        table.add_row(one.name, _when(one.saved_at), _hours(one.window_s), one.source)
    return table


def render_baseline(baseline: Baseline) -> RenderableType:
    """Compose one baseline."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    table.add_column("Metric", no_wrap=True)
    for title in ("Median", "Least", "Greatest", "Points"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, values in baseline.values.items():
        table.add_row(
            SERIES[name].title,
            *(show_series(name, value) for value in (median(values), min(values), max(values))),
            str(len(values)),
        )
    head = f"{baseline.name}, saved {_when(baseline.saved_at)} from {baseline.source}"
    return Group(
        Text(head, style="bold"),
        Text(f"{_hours(baseline.window_s)}, {baseline.step_s} s a point", style="dim"),
        table,
    )


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"
