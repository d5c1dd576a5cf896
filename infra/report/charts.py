"""Charts as inline SVG: drawn here, styled by classes, named for who cannot see them. Pure.

Every chart of the page stands beside a table with the same numbers; its name says in words what it shows.
"""

from __future__ import annotations

import math
import time
from html import escape
from typing import TYPE_CHECKING, Final

from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.report.facts import PhasePlan
    from monitor.assessment import Assessment
    from monitor.forecast import Forecast
    from monitor.store.history import Line

_WIDTH: Final = 720


def limits_chart(assessment: Assessment) -> str:
    """Draw where each metric stands between nothing and its urgent limit: as far as the score sees it."""
    rows = []
    for place, metric in enumerate(assessment.metrics):
        y = 12 + place * 26
        rows.append(f'<text class="label" x="0" y="{y + 12}">{escape(metric.title)}</text>')
        rows.append(f'<rect class="track" x="200" y="{y}" width="400" height="16" rx="3"/>')
        if metric.utility is not None and metric.category is not None:
            width = max(2.0, 4 * (100 - metric.utility))
            kind = metric.category.value
            rows.append(f'<rect class="{kind}" x="200" y="{y}" width="{width:.1f}" height="16" rx="3"/>')
        said = show(metric.id, metric.value) if metric.value is not None else "unknown"
        rows.append(f'<text class="label" x="610" y="{y + 12}">{escape(said)}</text>')
    height = 34 + 26 * len(assessment.metrics)
    for points, word in ((20, "plan"), (40, "urgent")):
        x = 200 + 4 * points
        rows.append(f'<line class="limit" x1="{x}" x2="{x}" y1="6" y2="{height - 20}"/>')
        rows.append(f'<text class="label" x="{x}" y="{height - 6}" text-anchor="middle">{word}</text>')
    known = [metric for metric in assessment.metrics if metric.utility is not None]
    worst = min(known, key=lambda metric: metric.utility or 0.0, default=None)
    name = "Points lost by metric" + (
        "; nothing is measured" if worst is None else f"; most by {worst.title}, {worst.points_lost:g} of 100"
    )
    return _svg(name, height, rows)


def line_chart(line: Line, title: str, *, metric: str | None, forecast: Forecast | None) -> str:
    """Draw a series with its limits, and where the forecast leads."""
    points = line.points
    first, last = points[0], points[-1]
    limits = [] if forecast is None else [one.limit for one in (forecast.to_stay, forecast.to_urgent) if one]
    slope = 0.0 if forecast is None or forecast.per_week is None else forecast.per_week / 7
    ahead = 30 * 86_400 if slope else 0
    end = last.at + ahead
    top = max([*(point.high for point in points), *limits, last.value + slope * 30]) * 1.08 or 1.0
    span = max(end - first.at, 1.0)

    def x(at: float) -> float:
        return 60 + (at - first.at) / span * (_WIDTH - 80)

    def y(value: float) -> float:
        return 190 - min(max(value, 0.0) / top, 1.0) * 170

    path = " ".join(f"{x(point.at):.1f},{y(point.value):.1f}" for point in points)
    parts = [f'<polyline class="line" points="{path}"/>']
    for limit, word in zip(limits, ("stay", "urgent"), strict=False):
        parts.append(
            f'<line class="limit" x1="60" x2="{_WIDTH - 20}" y1="{y(limit):.1f}" y2="{y(limit):.1f}"/>'
        )
        parts.append(f'<text class="label" x="64" y="{y(limit) - 4:.1f}">{word} limit</text>')
    if ahead:
        to = last.value + slope * 30
        parts.append(
            f'<line class="forecast" x1="{x(last.at):.1f}" y1="{y(last.value):.1f}" '
            f'x2="{x(end):.1f}" y2="{y(to):.1f}"/>'
        )

    def told(value: float) -> str:
        return show(metric, value) if metric else f"{value:.0f}"

    parts.extend(
        f'<text class="label" x="54" y="{y(value) + 4:.1f}" text-anchor="end">{escape(told(value))}</text>'
        for value in (0.0, top / 2, top)
    )
    for at, anchor in ((first.at, "start"), (end, "end")):
        day = time.strftime("%Y-%m-%d", time.gmtime(at))
        parts.append(f'<text class="label" x="{x(at):.1f}" y="208" text-anchor="{anchor}">{day}</text>')
    name = f"{title} from {told(first.value)} to {told(last.value)}"
    if forecast is not None:
        name += f"; {forecast.text}"
    return _svg(name, 214, parts)


def cost_chart(plans: Sequence[PhasePlan]) -> str:
    """Draw each phase's monthly cost inside its budget, on a logarithmic scale."""
    highest = max([plan.phase.budget.max for plan in plans] + [plan.monthly_usd or 0 for plan in plans])
    scale = 500 / math.log10(max(highest, 10) / 10)

    def x(usd: float) -> float:
        return 120 + scale * math.log10(max(usd, 10) / 10)

    parts = []
    for place, plan in enumerate(plans):
        y = 10 + place * 40
        budget = plan.phase.budget
        parts.append(f'<text class="label" x="0" y="{y + 18}">{escape(plan.phase.id)}</text>')
        width = x(budget.max) - x(budget.min)
        parts.append(
            f'<rect class="track" x="{x(budget.min):.1f}" y="{y}" width="{width:.1f}" height="26" rx="3"/>'
        )
        if plan.monthly_usd is not None:
            kind = "stay" if plan.within_budget else "urgent"
            at = x(plan.monthly_usd)
            parts.append(f'<rect class="{kind}" x="{at - 3:.1f}" y="{y - 3}" width="6" height="32" rx="2"/>')
            anchor = "end" if at > _WIDTH - 120 else "start"
            shift = -8 if anchor == "end" else 8
            parts.append(
                f'<text class="label" x="{at + shift:.1f}" y="{y + 18}" text-anchor="{anchor}">'
                f"${plan.monthly_usd:,.0f}</text>"
            )
    said = ", ".join(
        f"{plan.phase.id} "
        + ("unknown" if plan.monthly_usd is None else f"${plan.monthly_usd:,.0f}")
        + f" of ${plan.phase.budget.min:,.0f} to ${plan.phase.budget.max:,.0f}"
        for plan in plans
    )
    return _svg(f"Monthly cost beside the budget: {said}", 20 + 40 * len(plans), parts)


def _svg(name: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" role="img" aria-label="{escape(name, quote=True)}" '
        f'viewBox="0 0 {_WIDTH} {height:g}" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
