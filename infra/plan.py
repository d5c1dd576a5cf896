"""The plan of a phase: what would be there, what it costs against its budget, what would change.

Nothing is touched: the graph comes from evaluating the real program offline, everything after that is pure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from infra.changes import Changes, changes_between
from infra.cost import Cost, bill
from infra.policy.stack import judge_graph
from infra.remembered import evaluated
from infra.runners.rehearsal_state import read_state
from infra.settings import load_settings
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from infra.graph import Graph, Resource
    from infra.policy.stack import PolicyReport
    from infra.settings import Settings
    from monitor.phases import Budget


@dataclass(frozen=True)
class PlannedResource:
    """One resource of the plan; `infra.graph.Resource` says what the fields mean."""

    urn: str
    type: str
    name: str
    parent: str | None
    inputs: Mapping[str, Any]
    dependencies: tuple[str, ...]
    protect: bool


@dataclass(frozen=True)
class Plan:
    """What a phase is and would cost.

    Args:
        phase: the phase's id.
        from_phase: what `changes` compares with, None where that is the rehearsed state.
        resources: dependencies first.
        monthly_cost: the bill, in US dollars.
        budget: the phase's, in US dollars a month.
        within_budget: the bill is not above the budget's maximum, and no price is unknown.
        changes: what would be created, updated, replaced, deleted.
        policy: what the policy pack says of it.
        hash: SHA-256 over resources, cost, budget and policy, as hex: two plans with one hash are the same to
        the letter. Neither time nor order nor what is deployed already has a part in it.
    """

    phase: str
    from_phase: str | None
    resources: tuple[PlannedResource, ...]
    monthly_cost: Cost
    budget: Budget
    within_budget: bool
    changes: Changes
    policy: PolicyReport
    hash: str


def build_plan(
    phase: str,
    *,
    from_phase: str | None = None,
    stacks: Path | None = None,
    state: Path | None = None,
    fresh: bool = False,
) -> Plan:
    """Plan a phase, offline.

    Args:
        phase: its id.
        from_phase: compare with this phase, as if its resources became the new one's.
        stacks: the folder of the stack files; the project's own by default.
        state: compare with what this state file says has been rehearsed; without it everything is new.
        fresh: run the program even where its graph is remembered.

    Raises:
        monitor.phases.UnknownPhase: there is no such phase.
        monitor.stack_file.BadStackFile: its stack file is wrong; the message names file and key.
        infra.errors.ProgramFailed: the program raised.
        infra.charges.MissingUsage: a usage figure that something is billed by is missing.
        infra.prices.UnknownPrice: a size has no price.
    """
    settings = load_settings(phase, stacks)
    if from_phase is not None:
        load_settings(from_phase, stacks)
    graph = evaluated(phase, stacks=stacks, fresh=fresh)
    if from_phase is not None:
        there = {one.urn: one for one in as_stack(phase, evaluated(from_phase, stacks=stacks, fresh=fresh))}
    else:
        there = dict(read_state(state).stack(phase).resources) if state else {}
    return plan_of(settings, graph, changes_between(there, graph.resources), from_phase)


def plan_of(settings: Settings, graph: Graph, changes: Changes, from_phase: str | None = None) -> Plan:
    """Judge a graph that has been evaluated already."""
    cost = bill(graph, settings.usage, settings.region)
    budget = settings.roadmap.budget
    policy = judge_graph(graph, settings)
    return Plan(
        phase=settings.phase,
        from_phase=from_phase,
        resources=tuple(_planned(resource) for resource in graph.resources),
        monthly_cost=cost,
        budget=budget,
        within_budget=cost.total <= budget.max and not cost.unknown,
        changes=changes,
        policy=policy,
        hash=plan_hash(graph, cost, budget, policy),
    )


def plan_hash(graph: Graph, cost: Cost, budget: Budget, policy: PolicyReport | None = None) -> str:
    """Hash what an approval is for: every resource and its options, bill, budget, findings."""
    resources = sorted((to_json(resource) for resource in graph.resources), key=lambda one: str(one["urn"]))
    for one in resources:
        del one["outputs"]  # what AWS answers is no part of what is asked for
    content = {
        "stack": graph.stack,
        "resources": resources,
        "cost": to_json(cost),
        "budget": to_json(budget),
        "policy": to_json(policy.findings) if policy else [],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def as_stack(stack: str, graph: Graph) -> tuple[Resource, ...]:
    """Rename a graph's resources as if they were another stack's, so that the two can be compared."""

    def renamed(urn: str) -> str:
        return urn.replace(f"urn:pulumi:{graph.stack}::", f"urn:pulumi:{stack}::", 1)

    return tuple(
        replace(
            resource,
            urn=renamed(resource.urn),
            parent=renamed(resource.parent) if resource.parent else None,
            provider=renamed(resource.provider),
            dependencies=tuple(renamed(urn) for urn in resource.dependencies),
            property_dependencies={
                name: tuple(renamed(urn) for urn in urns)
                for name, urns in resource.property_dependencies.items()
            },
        )
        for resource in graph.resources
    )


def _planned(resource: Resource) -> PlannedResource:
    return PlannedResource(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        parent=resource.parent,
        inputs=resource.inputs,
        dependencies=resource.dependencies,
        protect=resource.protect,
    )
