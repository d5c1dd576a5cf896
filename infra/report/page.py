"""Writes the report: one HTML file that asks for nothing, runs nothing, and prints on A4."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from infra.report.charts import cost_chart, limits_chart, line_chart
from infra.report.checklist import Tick, checklist
from infra.report.economics import climbs, default_value, measured_capacity
from infra.report.success import success
from infra.report.words import CAPACITY_BY_WORKLOAD, DASHBOARDS, GLOSSARY, current_row, headline
from monitor.alerts.table import ALERTS
from monitor.phases import load_phase
from monitor.units import show
from monitor.utility import STAY_POINTS

if TYPE_CHECKING:
    from infra.report.facts import Gathered

_HERE: Final = Path(__file__).parent / "templates"
_SERIES: Final = (
    ("score", "Score"),
    ("concurrent_users", "Concurrent users"),
    ("database_size_bytes", "Database size"),
    ("p95_ms", "Response time P95"),
)
_MARKS: Final = {Tick.DONE: "✔", Tick.PLANNED: "◔", Tick.OPEN: "○", Tick.UNKNOWN: "?"}


def contents(
    gathered: Gathered, title: str, value_per_user: float | None, stacks: Path | None
) -> dict[str, Any]:
    """Return everything the page shows, for the template and for `--json`."""
    phase = load_phase(gathered.assessment.phase, stacks)
    thresholds = phase.thresholds_for(gathered.assessment.profile)
    value = default_value() if value_per_user is None else value_per_user
    return {
        "title": title,
        "made": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(gathered.taken_at)),
        "headline": headline(gathered),
        "gathered": gathered,
        "phase": phase,
        "kpis": success(gathered),
        "climbs": climbs(gathered, value_per_user),
        "value_per_user": value,
        "measured_capacity": measured_capacity(gathered),
        "capacity_by_workload": CAPACITY_BY_WORKLOAD,
        "current_row": current_row(gathered),
        "alerts": [
            {
                "id": alert.id,
                "group": alert.group.value,
                "severity": alert.severity.value,
                "summary": alert.summary,
                "limit": show(alert.metric, alert.limit(thresholds)),
            }
            for alert in ALERTS
        ],
        "dashboards": DASHBOARDS,
        "checklist": checklist(gathered),
        "glossary": GLOSSARY,
    }


def render(shown: dict[str, Any]) -> str:
    """Write the page. Every text is escaped; only our own charts and style are markup."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["show"] = lambda value, metric: show(metric, value)
    environment.filters["usd"] = lambda value: "unknown" if value is None else f"${value:,.0f}"
    environment.filters["times"] = lambda value: "unknown" if value is None else f"{value:,.1f}"
    environment.filters["users"] = lambda value: "unknown" if value is None else f"{value:,.0f}"
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    gathered = shown["gathered"]
    forecasts = {one.metric: one for one in gathered.forecasts}
    lines = [
        Markup(  # noqa: S704  # charts escape what they show
            line_chart(
                gathered.history[name],
                words,
                metric=None if name == "score" else name,
                forecast=forecasts.get(name),
            )
        )
        for name, words in _SERIES
        if name in gathered.history and len(gathered.history[name].points) > 1
    ]
    return environment.get_template("report.html.j2").render(
        **shown,
        style=Markup(style),  # noqa: S704  # ours
        style_hash=digest,
        limits_chart=Markup(limits_chart(gathered.assessment)),  # noqa: S704
        cost_chart=Markup(cost_chart(gathered.roadmap)),  # noqa: S704
        lines=lines,
        marks=_MARKS,
        stay_points=STAY_POINTS,
    )
