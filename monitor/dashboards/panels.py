"""Builds panels and dashboards as Grafana's JSON (schema 39, Grafana 10.4 and later)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.thresholds import Thresholds

_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH: Final = 24
#: Every selector: Grafana fills the variables in.
SELECTOR: Final = 'job=~"$job",instance=~"$instance"'
#: For recorded series, which are summed over instances.
JOB: Final = 'job=~"$job"'
_GREEN, _YELLOW, _RED, _BLUE = "green", "#d29200", "red", "blue"


@dataclass(frozen=True)
class Query:
    """One expression of a panel.

    Args:
        expr: PromQL.
        legend: how its series are named.
        instant: whether only the last value is asked for.
    """

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel.

    Args:
        kind: Grafana's type: "timeseries", "stat", "table", ...
        title: above it.
        description: what it shows and how to read it.
        unit: of its values, in Grafana's spelling.
        queries: its expressions.
        steps: limits as (value, colour), the first without a value.
        width: of 24 columns.
        height: in rows.
        bounds: least and greatest value of the axis.
        options: more of Grafana's options.
        mappings: words for values.
        transformations: of a table.
    """

    kind: str
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    steps: tuple[tuple[float | None, str], ...] = ((None, _GREEN),)
    width: int = 12
    height: int = 8
    bounds: tuple[float | None, float | None] = (None, None)
    options: dict[str, Any] = field(default_factory=dict)
    mappings: tuple[dict[str, Any], ...] = ()
    transformations: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Row:
    """A heading with the panels below it."""

    title: str
    panels: tuple[Panel, ...]


def series(name: str, *matchers: str) -> str:
    """Write a selector of the chosen instances: `series("up", 'x="1"')`."""
    return f"{name}{{{','.join((SELECTOR, *matchers))}}}"


def recorded(name: str) -> str:
    """Write a selector of a recorded series of the chosen jobs."""
    return f"{name}{{{JOB}}}"


def limit_steps(
    thresholds: Thresholds, metric: str, factor: float = 1.0
) -> tuple[tuple[float | None, str], ...]:
    """Return a metric's limits as coloured lines.

    Args:
        thresholds: the limits.
        metric: whose.
        factor: from the metric's unit to the panel's.
    """
    limit = thresholds[metric]
    steps: list[tuple[float | None, str]] = [(None, _GREEN), (limit.stay * factor, _YELLOW)]
    if limit.urgent is not None:
        steps.append((limit.urgent * factor, _RED))
    return tuple(steps)


def limits_text(thresholds: Thresholds, metric: str) -> str:
    """Name a metric's limits for a description."""
    limit = thresholds[metric]
    urgent = "" if limit.urgent is None else f", urgent beyond {show(metric, limit.urgent)}"
    return f"Plan from {show(metric, limit.stay)}{urgent}."


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: tuple[tuple[float | None, str], ...] = ((None, _GREEN),),
    width: int = 12,
    bounds: tuple[float | None, float | None] = (0, None),
) -> Panel:
    """Build a panel of lines over time; steps beyond the first are drawn as lines across it."""
    return Panel("timeseries", title, description, unit, queries, steps, width=width, bounds=bounds)


def stat(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    steps: tuple[tuple[float | None, str], ...] = ((None, _BLUE),),
    width: int = 4,
    mappings: tuple[dict[str, Any], ...] = (),
    name: bool = False,
) -> Panel:
    """Build a panel of one number, or with `name` of the name of the series that is there."""
    options = {
        "colorMode": "background" if len(steps) > 1 else "value",
        "graphMode": "none",
        "textMode": "name" if name else "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return Panel(
        "stat",
        title,
        description,
        unit,
        (query,),
        steps,
        width=width,
        height=4,
        options=options,
        mappings=mappings,
    )


def states(states: dict[str, tuple[str, str]]) -> tuple[dict[str, Any], ...]:
    """Map the text of a value to (word, colour)."""
    words = {
        name: {"color": colour, "index": index, "text": word}
        for index, (name, (word, colour)) in enumerate(states.items())
    }
    return ({"type": "value", "options": words},)


def dashboard(uid: str, title: str, description: str, rows: Sequence[Row], *, refresh: str) -> dict[str, Any]:
    """Build a dashboard.

    Args:
        uid: stable, so that links to it stay right.
        title: on the list of dashboards.
        description: what it answers, and for whom.
        rows: its content.
        refresh: how often it asks, as Grafana writes it.
    """
    panels: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        panels.append(
            {
                "collapsed": False,
                "gridPos": {"h": 1, "w": _WIDTH, "x": 0, "y": top},
                "id": len(panels) + 1,
                "panels": [],
                "title": row.title,
                "type": "row",
            }
        )
        top += 1
        left, tallest = 0, 0
        for panel in row.panels:
            if left + panel.width > _WIDTH:
                top, left, tallest = top + tallest, 0, 0
            position = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            panels.append(_panel(panel, len(panels) + 1, position))
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return {
        "annotations": {"list": []},
        "description": description,
        "editable": False,
        "graphTooltip": 1,
        "links": [
            {
                "asDropdown": False,
                "includeVars": True,
                "keepTime": True,
                "tags": ["outgrow"],
                "title": "Outgrow",
                "type": "dashboards",
            }
        ],
        "panels": panels,
        "refresh": refresh,
        "schemaVersion": 39,
        "tags": ["outgrow"],
        "templating": {"list": _variables()},
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "title": title,
        "uid": uid,
        "version": 1,
    }


def _panel(panel: Panel, number: int, position: dict[str, int]) -> dict[str, Any]:
    drawn_limits = panel.kind == "timeseries" and len(panel.steps) > 1
    defaults: dict[str, Any] = {
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "mappings": list(panel.mappings),
        "thresholds": {
            "mode": "absolute",
            "steps": [{"color": colour, "value": value} for value, colour in panel.steps],
        },
        "unit": panel.unit,
    }
    least, greatest = panel.bounds
    defaults |= {} if least is None else {"min": least}
    defaults |= {} if greatest is None else {"max": greatest}
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "fillOpacity": 8,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,  # a gap is a time in which nothing is known
            "thresholdsStyle": {"mode": "dashed" if drawn_limits else "off"},
        }
    return {
        "datasource": _DATASOURCE,
        "description": panel.description,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "gridPos": position,
        "id": number,
        "options": panel.options or _default_options(panel.kind),
        "targets": [_target(query, index) for index, query in enumerate(panel.queries)],
        "title": panel.title,
        "transformations": list(panel.transformations),
        "type": panel.kind,
    }


def _default_options(kind: str) -> dict[str, Any]:
    match kind:
        case "timeseries":
            return {
                "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom"},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        case "bargauge":
            return {
                "displayMode": "basic",
                "orientation": "horizontal",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            }
        case _:
            return {}


def _target(query: Query, index: int) -> dict[str, Any]:
    return {
        "datasource": _DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "format": "table" if query.instant else "time_series",
        "instant": query.instant,
        "legendFormat": query.legend or "__auto",
        "range": not query.instant,
        "refId": chr(ord("A") + index),
    }


def _variables() -> list[dict[str, Any]]:
    return [
        {
            "current": {},
            "hide": 0,
            "label": "Data source",
            "name": "datasource",
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "type": "datasource",
        },
        _label_variable("job", "Job", "label_values(scalability_build_info, job)"),
        _label_variable(
            "instance", "Instance", 'label_values(scalability_build_info{job=~"$job"}, instance)'
        ),
    ]


def _label_variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": _DATASOURCE,
        "hide": 0,
        "includeAll": True,
        "label": label,
        "multi": True,
        "name": name,
        "query": {"query": query, "refId": "Prometheus"},
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "type": "query",
    }
