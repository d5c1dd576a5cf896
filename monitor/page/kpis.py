"""The mission's success metrics, each beside its goal. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.page.costs import dollars, phase_costs
from monitor.page.ranges import RANGES
from monitor.page.status import Badge
from monitor.units import show, show_amount

if TYPE_CHECKING:
    from monitor.page.seen import Seen

_MET: Final = Badge("good", "Met")
_MISSED: Final = Badge("bad", "Missed")
_UNKNOWN: Final = Badge("unknown", "Not known")
#: The mission's goals.
_P95_MS: Final = 200.0
_AVAILABILITY_PERCENT: Final = 99.9
_USERS: Final = 10_000
_ERROR_PERCENT: Final = 0.5
_DOLLARS_A_USER: Final = 0.10


@dataclass(frozen=True)
class Kpi:
    """One indicator: its value and goal, written, and whether the goal is met."""

    title: str
    value: str
    goal: str
    badge: Badge
    note: str = ""


def _state(value: float | None, met: bool) -> Badge:
    if value is None:
        return _UNKNOWN
    return _MET if met else _MISSED


def kpis(seen: Seen) -> tuple[Kpi, ...]:
    """Return the indicators in the mission's order."""
    p95, errors = seen.value("p95_ms"), seen.value("error_rate_percent")
    users, capacity = seen.value("concurrent_users"), seen.phase.capacity.concurrent_users
    days, words = RANGES["30d"]
    uptime = seen.history.series("uptime_percent", since=seen.end - days, until=seen.end)
    samples = sum(point.samples for point in uptime.points)
    available = sum(point.value * point.samples for point in uptime.points) / samples if samples else None
    costs = phase_costs(seen.roadmap, seen.phase.id, users, seen.asked.assumptions.amounts)
    each = next((cost.per_user_now for cost in costs if cost.is_current), None)
    return (
        Kpi(
            "Response time P95",
            show("p95_ms", p95),
            f"below {show('p95_ms', _P95_MS)}",
            _state(p95, (p95 or 0) < _P95_MS),
        ),
        Kpi(
            "Availability",
            show_amount("%", None if available is None else int(available * 1000) / 1000),
            f"above {_AVAILABILITY_PERCENT} %",
            _state(available, (available or 0) > _AVAILABILITY_PERCENT),
            f"share of the last {words} in which the application reported",
        ),
        Kpi(
            "Users the phase supports",
            f"{capacity:,}",
            f"{_USERS:,} and more",
            _state(capacity, capacity >= _USERS),
            "what this phase is built for",
        ),
        Kpi(
            "Error rate",
            show("error_rate_percent", errors),
            f"below {_ERROR_PERCENT} %",
            _state(errors, (errors or 0) < _ERROR_PERCENT),
        ),
        Kpi(
            "Cost per user and month",
            "–" if each is None else dollars(each),  # noqa: RUF001  # the sign for "no value"
            f"below {dollars(_DOLLARS_A_USER)}",
            _state(each, (each or 0) < _DOLLARS_A_USER),
            "the phase's budget over today's users",
        ),
    )
