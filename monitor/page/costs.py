"""What the phases cost, what that is for each user, and what growth would make it. Pure.

The amounts are the phases' budgets in the stack files; a visitor may put amounts of their own beside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.phases import Phase

#: The months ahead that the projection shows.
_HORIZONS: Final = (0, 1, 3, 6, 12)
_MOST: Final = 1e9
#: Users multiply in a month by no more than this; beyond it a projection says nothing.
_FASTEST: Final = 1000.0


@dataclass(frozen=True)
class PhaseCost:
    """What one phase costs in a month, US dollars.

    Args:
        phase: which.
        low: the budget's lower end, or the visitor's own amount.
        high: its upper end, or the same.
        is_own: whether it is the visitor's amount.
        is_current: whether the application is in it.
        per_user_full: for each user where it carries as many as it can, at the upper end.
        per_user_now: for each of today's users, at the upper end; None while they are not known.
    """

    phase: Phase
    low: float
    high: float
    is_own: bool
    is_current: bool
    per_user_full: float
    per_user_now: float | None


@dataclass(frozen=True)
class Projection:
    """What growth would ask for.

    Args:
        months: from now.
        users: expected by then.
        cost: of the phase that carries them; of the last phase where none does.
        beyond: whether even the last phase would not carry them.
    """

    months: int
    users: float
    cost: PhaseCost
    beyond: bool


@dataclass(frozen=True)
class Assumptions:
    """What the visitor assumes.

    Args:
        growth: percent that users grow by in a month; None takes what was measured.
        amounts: dollars a month by phase id.
        problem: what could not be read, in words.
    """

    growth: float | None
    amounts: Mapping[str, float]
    problem: str = ""

    @property
    def query(self) -> str:
        """The part of an address that holds them."""
        parts = [f"growth={self.growth:g}"] if self.growth is not None else []
        parts += [f"cost_{phase}={amount:g}" for phase, amount in self.amounts.items()]
        return "&".join(parts)


def parse_assumptions(query: Mapping[str, str], roadmap: Sequence[Phase]) -> Assumptions:
    """Read assumptions from an address; what is no amount is left out, and said."""
    problems, amounts = [], {}
    for phase in roadmap:
        given = query.get(f"cost_{phase.id}", "").strip()
        if not given:
            continue
        amount = _number(given)
        if amount is None or not 0 <= amount <= _MOST:
            problems.append(f"the cost of {phase.id} is not an amount of dollars")
        else:
            amounts[phase.id] = amount
    growth = None
    given = query.get("growth", "").strip()
    if given:
        growth = _number(given)
        if growth is None or not -100 < growth <= 100 * (_FASTEST - 1):
            problems.append("growth is not a percentage above -100")
            growth = None
    return Assumptions(growth, amounts, "; ".join(problems))


def phase_costs(
    roadmap: Sequence[Phase], current: str, users: float | None, own: Mapping[str, float]
) -> tuple[PhaseCost, ...]:
    """Return each phase's cost, first to last."""
    found = []
    for phase in roadmap:
        low, high = (own[phase.id],) * 2 if phase.id in own else (phase.budget.min, phase.budget.max)
        found.append(
            PhaseCost(
                phase=phase,
                low=low,
                high=high,
                is_own=phase.id in own,
                is_current=phase.id == current,
                per_user_full=high / phase.capacity.concurrent_users,
                per_user_now=high / users if users else None,
            )
        )
    return tuple(found)


def project(
    costs: Sequence[PhaseCost], users: float | None, growth_percent: float | None
) -> tuple[Projection, ...]:
    """Project users and cost, growing by the same share each month; nothing while either is not known.

    No projection goes back to an earlier phase: nobody migrates down because users left.
    """
    if users is None or growth_percent is None:
        return ()
    present = next((place for place, cost in enumerate(costs) if cost.is_current), 0)
    found = []
    for months in _HORIZONS:
        expected = users * (1 + growth_percent / 100) ** months
        fitting = [cost for cost in costs[present:] if cost.phase.capacity.concurrent_users >= expected]
        found.append(Projection(months, expected, fitting[0] if fitting else costs[-1], not fitting))
    return tuple(found)


def dollars(amount: float) -> str:
    """Write an amount: whole dollars, below ten with cents, below one cent with one digit."""
    if amount >= 10:
        return f"${amount:,.0f}"
    if amount >= 0.01 or amount == 0:
        return f"${amount:.2f}"
    return f"${amount:.1g}" if amount >= 0.0001 else "below $0.0001"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
