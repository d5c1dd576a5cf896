"""A bill at low, expected and high use, per user, and beside another phase's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from infra.cost import Cost
    from infra.graph import Graph
    from infra.usage import Usage

#: Prices older than this are said to be old.
STALE_AFTER: Final = timedelta(days=90)


class Level(StrEnum):
    """How much is used: what the stack file expects, half of it, or twice."""

    LOW = "low"
    EXPECTED = "expected"
    HIGH = "high"


_FACTOR: Final = {Level.LOW: 0.5, Level.EXPECTED: 1.0, Level.HIGH: 2.0}
#: What does not follow the load: names and metrics are as many as there are.
_FIXED: Final = frozenset({"hosted_zones", "custom_metrics"})
_TASKS: Final = frozenset({"tasks", "secondary_tasks"})
_GROUP: Final = "aws:autoscaling/group:Group"


def usage_at(usage: Usage, level: Level, graph: Graph) -> Usage:
    """Give the usage of a level; machines stay within what their scaling group allows."""
    if level is Level.EXPECTED:
        return usage
    changed: dict[str, float] = {}
    for name in usage.model_fields_set - _FIXED:
        value = getattr(usage, name)
        if value is not None:
            changed[name] = value * _FACTOR[level]
    groups = graph.of_type(_GROUP)
    if groups and "servers" in changed:
        least = sum(float(one.inputs["minSize"]) for one in groups)
        most = sum(float(one.inputs["maxSize"]) for one in groups)
        changed["servers"] = min(max(changed["servers"], least), most)
    if level is Level.LOW:  # the stack file's tasks are the least that run: no load takes one away
        changed = {name: value for name, value in changed.items() if name not in _TASKS}
    return usage.model_copy(update=changed)


@dataclass(frozen=True)
class PerUser:
    """What one concurrent user costs at the phase's capacity.

    Args:
        users: the capacity.
        usd: US dollars a month.
        target: the mission's limit.
        met: below it.
    """

    users: int
    usd: float
    target: float
    met: bool


def per_user(cost: Cost, users: int, target: float) -> PerUser:
    usd = cost.total / users
    return PerUser(users, round(usd, 4), target, usd < target)


@dataclass(frozen=True)
class LineDifference:
    """One line of two bills, US dollars a month."""

    line: str
    before: float
    after: float

    @property
    def difference(self) -> float:
        return round(self.after - self.before, 2)


def compare(before: Cost, after: Cost) -> tuple[LineDifference, ...]:
    """Compare two bills line by line, the total last."""
    lines = dict.fromkeys([*after.lines, *before.lines])
    found = [LineDifference(line, before.lines.get(line, 0.0), after.lines.get(line, 0.0)) for line in lines]
    return (*found, LineDifference("total", before.total, after.total))


def stale(prices_as_of: str, today: date) -> int | None:
    """Give the age of the prices in days where it is too high."""
    age = today - date.fromisoformat(prices_as_of)
    return age.days if age > STALE_AFTER else None
