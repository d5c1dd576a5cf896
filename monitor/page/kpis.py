"""The mission's success metrics as the page shows them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.kpis import Kpi, KpiStatus
from monitor.page.costs import dollars
from monitor.page.status import Badge
from monitor.units import show_amount

if TYPE_CHECKING:
    from monitor.page.seen import Seen

_BADGES: Final = {
    KpiStatus.MET: Badge("good", "Met"),
    KpiStatus.MISSED: Badge("bad", "Missed"),
    KpiStatus.UNKNOWN: Badge("unknown", "Unknown"),
}


@dataclass(frozen=True)
class KpiLine:
    """One indicator: its value and goal, written, and whether the goal is met."""

    title: str
    value: str
    goal: str
    badge: Badge
    note: str


def kpi_lines(seen: Seen) -> tuple[KpiLine, ...]:
    """Return the indicators in the mission's order."""
    return tuple(_line(kpi) for kpi in seen.published.assessment.kpis)


def _line(kpi: Kpi) -> KpiLine:
    goal = f"{'above' if kpi.above else 'below'} {_amount(kpi.unit, kpi.target)}"
    return KpiLine(kpi.title, _amount(kpi.unit, kpi.value), goal, _BADGES[kpi.status], kpi.basis)


def _amount(unit: str, value: float | None) -> str:
    if value is None:
        return show_amount(unit, None)
    if unit == "USD":
        return dollars(value)
    if unit == "weeks":
        return f"{value:.1f} weeks".replace(".0 ", " ")
    if unit == "%":
        # Rounded down, with a digit more than the goal: 99.8999 % is not shown as a missed 99.9 %.
        return f"{int(value * 1000) / 1000:g} %"
    return show_amount(unit, value)
