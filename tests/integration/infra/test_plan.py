"""The plan: a hash for exactly this plan, JSON as documented, changes against a phase or a state."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.graph import Graph, in_dependency_order
from infra.plan import as_stack, build_plan, plan_hash
from infra.policy.facts import Whole
from infra.policy.rule import judge
from infra.policy.stack import PolicyReport
from infra.policy.watching import budget as budget_rule
from infra.runners import make_runner
from infra.runners.rehearsal import RehearsalRunner
from monitor.phases import UnknownPhase
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.plan import Plan


def test_the_json_has_the_documented_shape(plan_for: Callable[[str], Plan]) -> None:
    document: dict[str, Any] = json.loads(json.dumps(to_json(plan_for("phase-2")), allow_nan=False))
    assert {"resources", "monthly_cost", "budget", "hash", "within_budget", "changes"} <= document.keys()
    for resource in document["resources"]:
        assert resource.keys() == {"urn", "type", "name", "parent", "inputs", "dependencies", "protect"}
    assert document["monthly_cost"]["total"] == pytest.approx(690, abs=5)
    assert document["monthly_cost"]["items"]
    assert document["budget"] == {"min": 300, "max": 800}
    assert document["within_budget"] is True
    assert document["changes"]["counts"]["create"] == len(document["resources"])


def test_the_hash_is_the_same_in_another_process_and_whatever_is_deployed(
    plan_for: Callable[[str], Plan], graph_of: Callable[..., Graph], tmp_path: Path
) -> None:
    runner = RehearsalRunner(tmp_path / "state.json", evaluate_phase=lambda phase, **_: graph_of(phase))
    runner.up("phase-1")
    again = build_plan("phase-1", state=tmp_path / "state.json")
    assert again.changes.counts == {
        "create": 0,
        "update": 0,
        "replace": 0,
        "delete": 0,
        "same": len(again.resources),
    }
    assert again.hash == plan_for("phase-1").hash


def test_the_hash_does_not_depend_on_order(
    plan_for: Callable[[str], Plan], graph_of: Callable[..., Graph]
) -> None:
    plan, graph = plan_for("phase-1"), graph_of("phase-1")
    for seed in range(3):
        resources = list(graph.resources)
        random.Random(seed).shuffle(resources)
        shuffled = replace(graph, resources=tuple(resources))
        assert plan_hash(shuffled, plan.monthly_cost, plan.budget, plan.policy) == plan.hash


@pytest.mark.parametrize("field", ["inputs", "protect", "ignore_changes", "dependencies"])
def test_the_hash_changes_with_anything_an_approval_is_for(
    plan_for: Callable[[str], Plan], graph_of: Callable[..., Graph], field: str
) -> None:
    plan, graph = plan_for("phase-1"), graph_of("phase-1")
    *others, last = graph.resources
    other: dict[str, Any] = {
        "inputs": {**last.inputs, "one": "more"},
        "protect": not last.protect,
        "ignore_changes": ("tags",),
        "dependencies": (graph.resources[0].urn,),
    }
    changed = replace(graph, resources=(*others, replace(last, **{field: other[field]})))
    assert plan_hash(changed, plan.monthly_cost, plan.budget, plan.policy) != plan.hash


def test_the_hash_changes_with_the_cost_the_budget_and_the_policy(
    plan_for: Callable[[str], Plan], graph_of: Callable[..., Graph]
) -> None:
    plan, graph = plan_for("phase-1"), graph_of("phase-1")
    dearer = replace(plan.monthly_cost, total=plan.monthly_cost.total + 0.01)
    assert plan_hash(graph, dearer, plan.budget, plan.policy) != plan.hash
    assert plan_hash(graph, plan.monthly_cost, replace(plan.budget, max=1), plan.policy) != plan.hash
    report = PolicyReport(1, judge([budget_rule], Whole(())))
    assert report.mandatory
    assert plan_hash(graph, plan.monthly_cost, plan.budget, report) != plan.hash


def test_secrets_are_masked_everywhere_in_the_plan(plan_for: Callable[[str], Plan]) -> None:
    text = json.dumps(to_json(plan_for("phase-3")))
    assert "[secret]" in text
    assert "randomPassword" not in text
    assert '"password\\":' not in text


def test_a_phase_compared_with_another_says_what_comes_and_what_goes(graph_of: Callable[..., Graph]) -> None:
    plan = build_plan("phase-2", from_phase="phase-1")
    assert plan.from_phase == "phase-1"
    names = {(change.operation.value, change.name) for change in plan.changes.items}
    assert ("create", "postgres-primary") in names
    assert ("delete", "host-instance") in names
    assert ("replace", "network-vpc") in names
    renamed = as_stack("phase-2", graph_of("phase-1"))
    assert in_dependency_order(renamed)
    assert all("phase-1::" not in one.urn for one in renamed)


def test_an_unknown_phase_is_refused_before_anything_runs() -> None:
    with pytest.raises(UnknownPhase):
        build_plan("phase-9")
    with pytest.raises(UnknownPhase):
        build_plan("phase-1", from_phase="phase-9")


def test_the_real_phases_are_rehearsed_one_after_the_other(
    tmp_path: Path, graph_of: Callable[..., Graph]
) -> None:
    runner = RehearsalRunner(tmp_path / "state.json", evaluate_phase=lambda phase, **_: graph_of(phase))
    for phase in ("phase-1", "phase-2", "phase-3"):
        assert runner.up(phase).changes.counts["create"] == len(graph_of(phase).resources)
    for phase in ("phase-1", "phase-2", "phase-3"):
        assert not runner.preview(phase)
        assert runner.outputs(phase)["phase"] == phase


def test_a_new_image_replaces_the_host_and_not_its_data(
    edit_stack: Callable[..., Path], graph_of: Callable[..., Graph], tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    RehearsalRunner(state, evaluate_phase=lambda phase, **_: graph_of(phase)).up("phase-1")
    stacks = edit_stack("phase-1", {"outgrow:app.image": "registry.shop.example/shop:1.0.1"})
    changes = make_runner("rehearsal", state=state, stacks=stacks).preview("phase-1")
    replaced = {change.name for change in changes.items if change.operation.value == "replace"}
    assert {"host-instance", "host-data"} <= replaced
    types = {change.type for change in changes.items}
    assert "aws:ebs/volume:Volume" not in types
    assert changes.refused == ()
