"""The rules of Grafana's dashboard-linter, for the dashboards we make: none of them may be broken."""

from __future__ import annotations

import re
from typing import Any

import promql_parser

#: Units of Grafana's list that the dashboards may use.
UNITS = {"none", "ms", "s", "percent", "percentunit", "decbytes", "ops", "reqps", "currencyUSD"}
_VARIABLES = {"$__rate_interval": "5m", "$job": ".+", "$instance": ".+"}


def expressions(dashboard: dict[str, Any]) -> list[tuple[str, str]]:
    """Return each panel's title with each of its expressions, the variables filled in."""
    found = []
    for panel in panels(dashboard):
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in _VARIABLES.items():
                expression = expression.replace(variable, value)
            found.append((panel["title"], expression))
    return found


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def lint(dashboard: dict[str, Any]) -> list[str]:
    """Return what the linter would object to."""
    found: list[str] = []

    def rule(kept: object, text: str) -> None:
        if not kept:
            found.append(text)

    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    rule(not dashboard["editable"], "uneditable-dashboard")
    source = variables.get("datasource", {})
    rule(source.get("type") == "datasource" and source.get("query") == "prometheus", "template-datasource")
    rule(source.get("label") == "Data source", "template-datasource label")
    for name in ("job", "instance"):
        variable = variables.get(name, {})
        rule(variable.get("type") == "query", f"template-{name} type")
        rule(variable.get("datasource", {}).get("uid") == "${datasource}", f"template-{name} datasource")
        rule(variable.get("label") == name.capitalize(), f"template-{name} label")
        rule(variable.get("multi") and variable.get("allValue") == ".+", f"template-{name} multi")
        rule(variable.get("refresh") == 2, f"template-on-time-change-reload {name}")
        rule(variable.get("query", {}).get("query", "").startswith("label_values("), f"template-{name} query")
    ids = [panel["id"] for panel in dashboard["panels"]]
    rule(len(set(ids)) == len(ids), "panel ids are unique")
    for panel in panels(dashboard):
        name = panel["title"]
        rule(name and panel["description"], f"panel-title-description {name}")
        rule(panel["datasource"]["uid"] == "${datasource}", f"panel-datasource {name}")
        rule(panel["fieldConfig"]["defaults"].get("unit") in UNITS, f"panel-units {name}")
        rule(panel["targets"], f"panel-no-targets {name}")
        references = [target["refId"] for target in panel["targets"]]
        rule(all(references) and len(set(references)) == len(references), f"panel refIds {name}")
        for target in panel["targets"]:
            for text in _target(target["expr"]):
                rule(False, f"{text} {name}: {target['expr']}")
    _no_overlap(dashboard, rule)
    return found


def _target(expression: str) -> list[str]:
    found = []
    filled = expression
    for variable, value in _VARIABLES.items():
        filled = filled.replace(variable, value)
    try:
        promql_parser.parse(filled)
    except ValueError as error:
        return [f"target-promql ({error})"]
    selectors = re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expression)
    if not selectors:
        found.append("no selector")
    for metric, matchers in selectors:
        if 'job=~"$job"' not in matchers:
            found.append(f"target-job {metric}")
        if 'instance=~"$instance"' not in matchers and not metric.startswith("job:"):
            found.append(f"target-instance {metric}")
        if metric.endswith(("_total", "_bucket", "_count", "_sum")) and not re.search(
            rf"(rate|increase|irate)\({metric}{{", expression
        ):
            found.append(f"target-counter-agg {metric}")
    found.extend(
        f"target-rate-interval {window}"
        for window in re.findall(r"\brate\([^\[]*\[([^\]]+)\]", expression)
        if window != "$__rate_interval"
    )
    return found


def _no_overlap(dashboard: dict[str, Any], rule: Any) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        rule(place["x"] + place["w"] <= 24, f"{panel['title']} is beyond the grid")
        rule(not cells & taken, f"{panel['title']} overlaps another panel")
        taken |= cells
