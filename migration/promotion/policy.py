"""Which gates stand before a plan, and how strict they are."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migration.promotion.assessment_source import none_given
from migration.promotion.errors import FenceError, WrongPromotionError
from migration.promotion.fence import read_fence
from migration.promotion.gates import (
    ApprovalGiven,
    Finding,
    Gate,
    Preflight,
    SustainedThreshold,
    WithinBudget,
)
from migration.source.file import check_source
from migration.target.database import check_target, connected, identify, refuse_occupied

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.promotion.assessment_source import HeldAssessment
    from migration.promotion.plan import PromotionPlan
    from migration.promotion.record import Approval

DECISIONS = ("plan", "urgent")


@dataclass(frozen=True)
class GatePolicy:
    """How strict the gates are.

    Args:
        read_assessment: gets the monitor's assessment.
        decision: the least decision that calls for the climb, "plan" or "urgent".
        sustained: how long (seconds) it must have held without a break.
        max_age: how old (seconds) the assessment may be.
        approve_as: who approves the plan with the promotion itself.
        accept_cost: who takes on a cost over the budget.

    Raises:
        WrongPromotionError: a value that cannot be.
    """

    read_assessment: Callable[[], HeldAssessment] = none_given
    decision: str = "urgent"
    sustained: float = 300.0
    max_age: float = 300.0
    approve_as: str | None = None
    accept_cost: str | None = None

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise WrongPromotionError(
                f"--decision {self.decision} is none", next_step="use --decision plan or --decision urgent"
            )
        if self.sustained < 0 or self.max_age <= 0:
            raise WrongPromotionError("--sustained must be at least 0 seconds and --max-age more than 0")
        for option, name in (("--approve-as", self.approve_as), ("--accept-cost", self.accept_cost)):
            if name is not None and not name.strip():
                raise WrongPromotionError(f"{option} names nobody")


def gates_for(
    plan: PromotionPlan, policy: GatePolicy, approvals: tuple[Approval, ...], dsn: str | None
) -> tuple[Gate, ...]:
    """Every gate before this plan, in the order in which they are shown."""
    source = Path(plan.source)
    return (
        SustainedThreshold(
            policy.read_assessment,
            plan.from_phase,
            policy.decision,
            policy.sustained,
            policy.max_age,
            time.time,
        ),
        ApprovalGiven(plan.hash, approvals, policy.approve_as),
        WithinBudget(
            plan.to_phase,
            plan.infra.monthly_cost,
            plan.infra.budget_max,
            plan.infra.unpriced,
            policy.accept_cost,
        ),
        Preflight("source", "whole, writable, unfenced", lambda: _inspect_source(source)),
        Preflight("values", "0 obstacles", lambda: _inspect_values(plan)),
        Preflight("target", "0 objects, writable", lambda: _inspect_target(plan, dsn)),
    )


def _inspect_source(path: Path) -> Finding:
    found = check_source(path)
    fence = read_fence(path)
    if fence.present:
        raise FenceError(
            f"{path} is fenced already",
            why=f"its triggers belong to promotion {', '.join(sorted(fence.owners))}",
            next_step="finish or abort that one with its own journal: outgrow promote status --journal FILE",
        )
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            raise FenceError(f"{path} cannot be fenced", why=f"{place} cannot be written by this user")
    return Finding(f"whole, {found.size:,} bytes", f"{path.name} can be read to its end and fenced")


def _inspect_values(plan: PromotionPlan) -> Finding:
    if plan.migration.obstacles:
        raise WrongPromotionError(
            f"{plan.source} cannot be migrated as it is",
            why="; ".join(plan.migration.obstacles),
            next_step=f"outgrow migrate inspect {plan.source}",
        )
    tables = plan.migration.tables
    return Finding("0 obstacles", f"{plan.migration.rows:,} rows in {len(tables)} tables can be stored")


def _inspect_target(plan: PromotionPlan, dsn: str | None) -> Finding:
    if dsn is None:
        return Finding("not made yet", "step provision makes it; step prepare looks before anything moves")
    with connected(dsn) as connection:
        check_target(connection, plan.migration.schema)
        refuse_occupied(connection, plan.migration.schema)
        reason = f"{identify(connection)} answers; schema {plan.migration.schema} is empty"
        return Finding("0 objects", reason)
