"""Cost-benefit: what a climb costs, what it carries, and from how many users on it pays. Pure.

Costs are the plans' own. The mission's one-time investments and its claims are estimates and are named so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.kpis import TARGETS

if TYPE_CHECKING:
    from infra.report.facts import Gathered, PhasePlan

#: The mission's investment timeline, US dollars once, by the phase that it leads to.
INVESTMENT_USD: Final = {"phase-1": 200.0, "phase-2": 1000.0, "phase-3": 2000.0}
_MONTHS: Final = 12


@dataclass(frozen=True)
class Climb:
    """From one phase to the next.

    Args:
        extra_usd: more a month; None where a plan has no cost.
        investment_usd: the mission's estimate of the work, once.
        capacity_factor: how many times the users.
        cost_factor: for how many times the money.
        cheaper_from: users from which one of them costs less than at this phase's capacity.
        pays_from: users from which those beyond this phase's capacity earn the difference and, over a year,
            the investment.
        needed_from: users beyond which this phase does not carry the load at all.
    """

    start: str
    end: str
    extra_usd: float | None
    investment_usd: float | None
    capacity_factor: float
    cost_factor: float | None
    cheaper_from: float | None
    pays_from: float | None
    needed_from: float

    @property
    def return_factor(self) -> float | None:
        """Capacity gained for each part of cost added: above 1 the climb is worth its price at full use."""
        return None if not self.cost_factor else self.capacity_factor / self.cost_factor


def climbs(gathered: Gathered, value_per_user: float | None = None) -> tuple[Climb, ...]:
    """Reckon each climb of the roadmap.

    Args:
        gathered: what was read.
        value_per_user: what a concurrent user is worth in a month, US dollars; by default what the mission
            lets one cost.
    """
    value = default_value() if value_per_user is None else value_per_user
    return tuple(
        climb_between(before, after, value)
        for before, after in zip(gathered.roadmap, gathered.roadmap[1:], strict=False)
    )


def default_value() -> float:
    """The mission's limit of a user's monthly cost, US dollars."""
    return next(target.number for target in TARGETS if target.id == "cost_per_user")


def climb_between(before: PhasePlan, after: PhasePlan, value: float) -> Climb:
    """Reckon one climb; `value` is what a user is worth in a month, US dollars."""
    start, end = before.phase, after.phase
    users = start.capacity.concurrent_users
    investment = INVESTMENT_USD.get(end.id)
    extra = cost_factor = cheaper = pays = None
    if before.monthly_usd and after.monthly_usd:
        extra = round(after.monthly_usd - before.monthly_usd, 2)
        cost_factor = after.monthly_usd / before.monthly_usd
        cheaper = after.monthly_usd / (before.monthly_usd / users)
        if value > 0:
            pays = users + max(extra + (investment or 0.0) / _MONTHS, 0.0) / value
    limits = start.capacity.limits.get("concurrent_users")
    return Climb(
        start.id,
        end.id,
        extra,
        investment,
        end.capacity.concurrent_users / users,
        cost_factor,
        cheaper,
        pays,
        limits[1] if limits else start.thresholds["concurrent_users"].upper,
    )


def measured_capacity(gathered: Gathered) -> tuple[float, str] | None:
    """Say how many users the application carries where it runs, by what fills up first; None if unknown."""
    users, room = gathered.value("concurrent_users"), gathered.assessment.headroom
    if not users or room is None:
        return None
    return users * room.to_urgent, room.metric
