"""Building a promotion's plan: reads the stack, the file and the options, and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migration.planning import PlanOptions, draft_migration
from migration.promotion.errors import WrongPromotionError
from migration.promotion.migration_summary import summarise_migration
from migration.promotion.plan import (
    InfraSummary,
    PlannedStep,
    PromotionPlan,
)
from migration.promotion.steps.order import ALL_STEPS
from migration.source.file import check_source
from migration.target.dsn import parse_dsn
from monitor.phases import load_roadmap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from infra.plan import Plan

#: The phase whose application lives on a SQLite file.
FIRST_PHASE = "phase-1"


@dataclass(frozen=True)
class PromotionRequest:
    """What is to be promoted, where to, and how.

    Args:
        to_phase: the phase to climb to.
        source: the application's SQLite file.
        dsn: the PostgreSQL database to fill; None where the runner's outputs will name it.
        from_phase: the phase the application is in.
        runner: "rehearsal" or "pulumi".
        stacks: the folder of the stack files; the project's own by default.
        migration: choices about the target's schema and values.
        application: how the application is stopped, switched, restored and watched, in words.
    """

    to_phase: str
    source: Path
    dsn: str | None = None
    from_phase: str = FIRST_PHASE
    runner: str = "rehearsal"
    stacks: Path | None = None
    migration: PlanOptions = field(default_factory=PlanOptions)
    application: Mapping[str, str] = field(default_factory=dict)


def plan_promotion(
    request: PromotionRequest, plan_stack: Callable[[str], Plan] | None = None
) -> PromotionPlan:
    """Plan a promotion. Reads the whole SQLite file once and evaluates the stack offline.

    Args:
        request: what, where to, and how.
        plan_stack: plans a phase's stack; `infra.plan.build_plan` by default.

    Raises:
        WrongPromotionError: the phases do not follow each other.
        SourceRefusedError: the file is no whole SQLite database.
        DsnError: the connection string cannot be read.
        InfraError: the stack cannot be evaluated.
    """
    _refuse_wrong_way(request)
    target = str(parse_dsn(request.dsn)) if request.dsn is not None else None
    source = check_source(request.source, deep=False).path
    return PromotionPlan(
        from_phase=request.from_phase,
        to_phase=request.to_phase,
        source=str(source),
        target=target,
        runner=request.runner,
        rehearsal=request.runner == "rehearsal",
        infra=_summarise_infra(plan_stack(request.to_phase) if plan_stack else _plan_stack(request)),
        migration=summarise_migration(draft_migration(source, request.migration)),
        application=dict(request.application),
        steps=tuple(PlannedStep(step.name, step.does, step.undo, step.no_return) for step in ALL_STEPS),
    )


def _refuse_wrong_way(request: PromotionRequest) -> None:
    phases = [phase.id for phase in load_roadmap(request.stacks)]
    for phase in (request.from_phase, request.to_phase):
        if phase not in phases:
            raise WrongPromotionError(
                f"there is no {phase}", next_step=f"the roadmap has: {', '.join(phases)}"
            )
    if phases.index(request.to_phase) <= phases.index(request.from_phase):
        raise WrongPromotionError(
            f"{request.to_phase} does not come after {request.from_phase}",
            next_step=f"a promotion climbs: {' -> '.join(phases)}",
        )


def _plan_stack(request: PromotionRequest) -> Plan:
    from infra.plan import build_plan  # noqa: PLC0415  # loads Pulumi's SDK

    return build_plan(request.to_phase, stacks=request.stacks)


def _summarise_infra(plan: Plan) -> InfraSummary:
    return InfraSummary(
        plan_hash=plan.hash,
        resources=len(plan.resources),
        protected=tuple(resource.urn for resource in plan.resources if resource.protect),
        unpriced=plan.monthly_cost.unknown,
        monthly_cost=plan.monthly_cost.total,
        budget_min=plan.budget.min,
        budget_max=plan.budget.max,
    )
