"""The mission's success metrics: each met, missed or unknown, with its value and what that rests on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class KpiStatus(StrEnum):
    """Whether a target is reached."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Kpi:
    """One success metric.

    Args:
        id: stable name.
        title: for people.
        target: the number it must stay below, or above where `above` says so.
        above: whether more is better.
        unit: of value and target.
        value: None while it is not known.
        status: met, missed, or unknown.
        basis: what the value rests on, or why there is none.
    """

    id: str
    title: str
    target: float
    above: bool
    unit: str
    value: float | None
    status: KpiStatus
    basis: str


@dataclass(frozen=True)
class Target:
    """A success metric and its number."""

    id: str
    title: str
    number: float
    above: bool
    unit: str


#: "Performance KPIs" and "Business KPIs" of the mission. None of them includes its number.
TARGETS: Final = (
    Target("response_time", "Response time P95", 200.0, above=False, unit="ms"),
    Target("availability", "Availability", 99.9, above=True, unit="%"),
    Target("error_rate", "Error rate", 0.5, above=False, unit="%"),
    Target("cost_per_user", "Cost per user and month", 0.10, above=False, unit="USD"),
    Target("time_to_scale", "Time to scale tenfold", 4.0, above=False, unit="weeks"),
)


@dataclass(frozen=True)
class Observed:
    """A value for a success metric with what it rests on; without a value, why not."""

    value: float | None
    basis: str


def track(observed: Mapping[str, Observed]) -> tuple[Kpi, ...]:
    """Hold what was observed against the targets.

    Args:
        observed: by target id; what is absent is unknown.
    """
    return tuple(_track(target, observed.get(target.id, _NOTHING)) for target in TARGETS)


_NOTHING: Final = Observed(None, "nothing measures it here")


def _track(target: Target, seen: Observed) -> Kpi:
    status = KpiStatus.UNKNOWN
    if seen.value is not None:
        reached = seen.value > target.number if target.above else seen.value < target.number
        status = KpiStatus.MET if reached else KpiStatus.MISSED
    return Kpi(
        target.id, target.title, target.number, target.above, target.unit, seen.value, status, seen.basis
    )


def cost_per_user(monthly_usd: float | None, users: float | None, basis: str) -> Observed:
    """Divide a month's cost by the concurrent users it serves.

    Args:
        monthly_usd: what the infrastructure costs in a month.
        users: concurrent users, at their peak where a history knows it.
        basis: where both numbers come from.
    """
    if monthly_usd is None:
        return Observed(None, "the monthly cost is not known")
    if users is None:
        return Observed(None, "the number of users is not known")
    if users <= 0:
        return Observed(None, "there are no users to share the cost")
    return Observed(monthly_usd / users, basis)
