"""The gate between a plan and its deployment: what breaks a mandatory rule is not made by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.errors import PolicyBroken

if TYPE_CHECKING:
    from infra.plan import Plan

#: Findings that the error names; `outgrow infra policy` shows all of them.
_NAMED = 3


def require_policy(plan: Plan, *, accepted: bool = False) -> None:
    """Let a plan pass that breaks no mandatory rule of the policy pack, or whose findings have been accepted.

    Raises:
        PolicyBroken: with the first findings.
    """
    found = plan.policy.mandatory
    if not found or accepted:
        return
    named = "; ".join(f"{item.name}: {item.message} ({item.rule})" for item in found[:_NAMED])
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise PolicyBroken(
        f"{plan.phase} breaks {len(found)} mandatory {'rule' if len(found) == 1 else 'rules'} of the policy",
        why=named + more,
        next_step=f"outgrow infra policy {plan.phase} says what to change; "
        "to go on all the same: --accept-findings",
    )
