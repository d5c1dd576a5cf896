"""What a stack file changes, the program follows: sizes, domain, zones, agents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from infra.cost import bill
from infra.evaluation import evaluate
from infra.plan import build_plan
from infra.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.graph import Graph
    from infra.plan import Plan


def test_without_a_domain_phase_2_serves_plain_http_and_makes_no_certificate(
    edit_stack: Callable[..., Path],
) -> None:
    graph = evaluate("phase-2", stacks=edit_stack("phase-2", {"outgrow:domain": None}))
    assert graph.of_type("aws:acm/certificate:Certificate", "aws:route53/record:Record") == ()
    (listener,) = graph.of_type("aws:lb/listener:Listener")
    assert (listener.inputs["port"], listener.inputs["protocol"]) == (80, "HTTP")
    assert graph.outputs["app_url"].startswith("http://")


def test_a_bigger_group_is_a_dearer_plan_that_its_budget_refuses(graph_of: Callable[..., Graph]) -> None:
    """The mission's own largest request, three servers of 8 vCPU, does not fit the mission's own budget."""
    settings, graph = load_settings("phase-2"), graph_of("phase-2")
    resources = tuple(
        replace(one, inputs={**one.inputs, "instanceType": "t4g.2xlarge"})
        if one.type == "aws:ec2/launchTemplate:LaunchTemplate"
        else one
        for one in graph.resources
    )
    usage = settings.usage.model_copy(update={"servers": 3})
    cost = bill(replace(graph, resources=resources), usage, settings.region)
    assert cost.total > settings.roadmap.budget.max


def test_one_more_replica_is_one_more_instance_alarm_and_line(
    edit_stack: Callable[..., Path], plan_for: Callable[[str], Plan]
) -> None:
    before = plan_for("phase-2")
    plan = build_plan("phase-2", stacks=edit_stack("phase-2", {"outgrow:sizes.database.replicas": 3}))
    new = {one.urn for one in plan.resources} - {one.urn for one in before.resources}
    assert {urn.rpartition("::")[2] for urn in new} == {
        "postgres-replica-3",
        "postgres-replica-3-postgresql",
        "replication_lag_seconds-replica-3-warning",
        "replication_lag_seconds-replica-3-critical",
    }
    extra = plan.monthly_cost.total - before.monthly_cost.total
    assert extra == pytest.approx(47.45 + 5.75 + 2 * 0.10)
    assert plan.hash != before.hash


def test_without_datadog_phase_3_runs_no_agent_and_pays_for_none(edit_stack: Callable[..., Path]) -> None:
    plan = build_plan("phase-3", stacks=edit_stack("phase-3", {"outgrow:sizes.agent": None}))
    assert plan.monthly_cost.unused == ("datadog_hosts",)
    assert not any("Datadog" in item.item for item in plan.monthly_cost.items)
    definitions = [
        one.inputs["containerDefinitions"] for one in plan.resources if one.type.endswith(":TaskDefinition")
    ]
    assert len(definitions) == 2
    assert not any("datadog" in definition for definition in definitions)
