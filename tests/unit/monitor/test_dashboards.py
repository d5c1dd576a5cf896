"""The Grafana dashboards: the mission's content, the linter's rules, the thresholds as lines."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from monitor.dashboards.bundle import dashboard_files, dashboards
from monitor.phases import load_phase, load_roadmap

_SPEC = importlib.util.spec_from_file_location("dashboard_lint", Path(__file__).parent / "dashboard_lint.py")
assert _SPEC is not None
assert _SPEC.loader is not None
linter = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(linter)

PHASE = load_phase("phase-1")
#: What the mission lists under each dashboard, and the titles of the panels or rows that show it.
MISSION = {
    "outgrow-executive": {
        "Scalability score trend": "Scalability score trend",
        "User growth vs capacity": "User growth vs capacity",
        "Migration readiness indicator": "Migration readiness indicator",
        "Cost projections": "Cost projections",
    },
    "outgrow-technical": {
        "Response time percentiles": "Response time percentiles",
        "Database size growth": "Database size growth",
        "Error rate trends": "Error rate trends",
        "Resource utilization": "Resource utilization",
    },
    "outgrow-operations": {
        "Active alerts": "Active alerts",
        "System health": "System health",
        "Performance trends": "Performance trends",
        "Capacity planning metrics": "Capacity planning metrics",
    },
}


@pytest.mark.parametrize("phase", [phase.id for phase in load_roadmap()])
def test_the_linter_has_no_objections(phase: str) -> None:
    for dashboard in dashboards(load_phase(phase)):
        assert linter.lint(dashboard) == []


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        (lambda panel: panel.update(description=""), "panel-title-description"),
        (lambda panel: panel["datasource"].update(uid="mine"), "panel-datasource"),
        (lambda panel: panel["targets"][0].update(expr="rate(x{}[5m"), "target-promql"),
        (lambda panel: panel["targets"][0].update(expr='up{job=~"$job"}'), "target-instance"),
        (
            lambda panel: panel["targets"][0].update(
                expr='rate(x_total{job=~"$job",instance=~"$instance"}[5m])'
            ),
            "target-rate-interval",
        ),
        (
            lambda panel: panel["targets"][0].update(expr='x_total{job=~"$job",instance=~"$instance"}'),
            "target-counter-agg",
        ),
        (lambda panel: panel["targets"][0].update(refId=""), "refIds"),
        (lambda panel: panel["fieldConfig"]["defaults"].update(unit="bananas"), "panel-units"),
    ],
)
def test_the_linter_finds_what_is_wrong(change: Any, objection: str) -> None:
    dashboard = copy.deepcopy(dashboards(PHASE)[1])
    change(linter.panels(dashboard)[0])
    assert any(objection in found for found in linter.lint(dashboard))


def test_each_dashboard_shows_everything_the_mission_lists() -> None:
    built = {dashboard["uid"]: dashboard for dashboard in dashboards(PHASE)}
    assert set(built) == set(MISSION)
    for uid, wanted in MISSION.items():
        titles = {panel["title"] for panel in built[uid]["panels"]}
        assert set(wanted.values()) <= titles


def test_the_limits_of_the_phase_are_lines_in_the_panels() -> None:
    for phase_id in ("phase-1", "phase-2"):
        phase = load_phase(phase_id)
        technical = dashboards(phase)[1]
        growth = next(panel for panel in technical["panels"] if panel["title"] == "Database size growth")
        limit = phase.thresholds["database_size_bytes"]
        values = [step["value"] for step in growth["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert values == [None, limit.stay, limit.urgent]
        assert growth["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] == "dashed"


def test_the_same_phase_gives_the_same_bytes() -> None:
    first = dashboard_files(PHASE)
    assert first == dashboard_files(PHASE)
    assert [json.loads(text)["uid"] for text in first.values()] == list(MISSION)
