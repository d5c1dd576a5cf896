"""The gate between a plan and its deployment: nobody spends more than the phase's budget by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.errors import OverBudget

if TYPE_CHECKING:
    from infra.plan import Plan


def require_within_budget(plan: Plan, *, accepted: bool = False) -> None:
    """Let a plan pass that fits its budget, or whose cost has been accepted.

    Raises:
        OverBudget: with the figures, and the dearest items.
    """
    if plan.within_budget or accepted:
        return
    cost, budget = plan.monthly_cost, plan.budget
    what = f"{plan.phase} would cost {cost.total:,.2f} USD a month; its budget ends at {budget.max:,.2f}"
    if cost.total <= budget.max:
        what = f"what {plan.phase} would cost is not known: {', '.join(cost.unknown)} has no price"
    dearest = sorted(cost.items, key=lambda item: -item.usd)[:3]
    raise OverBudget(
        what,
        why="the dearest items are " + ", ".join(f"{item.item} ({item.usd:,.2f})" for item in dearest),
        next_step=f"choose smaller outgrow:sizes or a higher outgrow:budget in Pulumi.{plan.phase}.yaml, "
        "or accept the cost with --accept-cost",
    )
