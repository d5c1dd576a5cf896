"""Reads a phase and bills it: the one evaluation that `outgrow infra cost` makes of each phase it shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from infra.cost import Cost, bill
from infra.cost_levels import Level, PerUser, per_user, usage_at
from infra.evaluation import evaluate
from infra.report.economics import Climb, climb_between, default_value
from infra.report.facts import PhasePlan
from infra.settings import load_settings
from monitor.phases import load_roadmap

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from monitor.phases import Budget, Phase


@dataclass(frozen=True)
class PhaseCost:
    """A phase's bill.

    Args:
        phase: its id.
        usage: the level of use that is billed.
        monthly_cost: the bill.
        budget: the phase's, in US dollars a month.
        within_budget: the bill is not above the budget's maximum, and no price is unknown.
        per_user: what a user costs at the phase's capacity.
    """

    phase: str
    usage: Level
    monthly_cost: Cost
    budget: Budget
    within_budget: bool
    per_user: PerUser


def cost_of(phase: str, level: Level = Level.EXPECTED, stacks: Path | None = None) -> PhaseCost:
    """Bill a phase at a level of use; raises what `infra.plan.build_plan` does."""
    settings = load_settings(phase, stacks)
    graph = evaluate(phase, stacks=stacks)
    cost = bill(graph, usage_at(settings.usage, level, graph), settings.region)
    roadmap = settings.roadmap
    return PhaseCost(
        phase,
        level,
        cost,
        roadmap.budget,
        cost.total <= roadmap.budget.max and not cost.unknown,
        per_user(cost, roadmap.capacity.concurrent_users, default_value()),
    )


def costs_of(phases: Iterable[str], level: Level, stacks: Path | None = None) -> tuple[PhaseCost, ...]:
    """Bill several phases at the same time: each evaluation is a process of its own."""
    with ThreadPoolExecutor(2) as pool:
        return tuple(pool.map(lambda phase: cost_of(phase, level, stacks), phases))


def benefits(level: Level = Level.EXPECTED, stacks: Path | None = None) -> tuple[Climb, ...]:
    """Reckon what each climb of the roadmap costs, carries, and from how many users on it pays."""
    roadmap = load_roadmap(stacks)
    costs = costs_of((phase.id for phase in roadmap), level, stacks)
    plans = [_plan(phase, cost) for phase, cost in zip(roadmap, costs, strict=True)]
    value = default_value()
    return tuple(climb_between(*pair, value) for pair in pairwise(plans))


def _plan(phase: Phase, cost: PhaseCost) -> PhasePlan:
    made = cost.monthly_cost
    return PhasePlan(phase, made.total, made.lines, cost.within_budget, {})
