"""The report's sentences that depend on what was found, and the mission's tables that no stack file holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.assessment import Decision, Light
from monitor.units import show
from monitor.workload import WRITE_HEAVY

if TYPE_CHECKING:
    from infra.report.facts import Gathered


@dataclass(frozen=True)
class CapacityRow:
    """The mission's "User Capacity by Workload Type": users from (and below) which a row holds."""

    workload: str
    setting: str
    users: str
    verdict: str
    from_users: float


#: Users and verdicts are the mission's.
CAPACITY_BY_WORKLOAD: Final = (
    CapacityRow("read-heavy", "Development", "50-100", "carried", 0),
    CapacityRow("read-heavy", "Small production", "500-1,000", "carried", 101),
    CapacityRow("read-heavy", "Medium production", "1,000-2,000", "watch: plan the migration", 1000),
    CapacityRow("read-heavy", "Large production", "2,000+", "PostgreSQL needed", 2000),
    CapacityRow("write-heavy", "Development", "20-50", "carried", 0),
    CapacityRow("write-heavy", "Small production", "100-500", "watch: plan the migration", 51),
    CapacityRow("write-heavy", "Medium production", "500+", "migrate now", 500),
    CapacityRow("write-heavy", "Large production", "not recommended with SQLite", "PostgreSQL needed", 1000),
)

#: What the mission lists under each dashboard.
DASHBOARDS: Final = {
    "Executive": (
        "Scalability score trend",
        "User growth vs capacity",
        "Migration readiness indicator",
        "Cost projections",
    ),
    "Technical": (
        "Response time percentiles",
        "Database size growth",
        "Error rate trends",
        "Resource utilization",
    ),
    "Operations": ("Active alerts", "System health", "Performance trends", "Capacity planning metrics"),
}

GLOSSARY: Final = {
    "Stay, plan, urgent": "Below the stay limit nothing needs doing; from it on the next phase is planned; "
    "beyond the urgent limit it is due now.",
    "Score": "0 to 100: the worth of the worst metric. Green from 80, yellow from 60, red below.",
    "Points lost": "What a metric is short of 100.",
    "Decision matrix": "The five metrics that the migration depends on. The others colour the light only.",
    "P95": "19 of 20 requests are answered faster.",
    "Concurrent users": "Distinct clients that were active in the last five minutes.",
    "Write load": "Committed write transactions a second, counted by the database itself.",
    "WAL": "SQLite's write-ahead log: reading goes on while one writes.",
    "Busy hour": "A day's hour with the highest value; forecasts are made of these.",
    "80 % interval": "In four of five cases the truth lies within.",
    "Break-even": "The number of users from which a climb pays.",
}


def headline(gathered: Gathered) -> str:
    """Say in one sentence what to do."""
    assessment = gathered.assessment
    plans = [plan.phase for plan in gathered.roadmap]
    here = plans[gathered.position]
    after = plans[gathered.position + 1] if gathered.position + 1 < len(plans) else None
    target = f"{after.id} ({after.title})" if after else f"larger sizes of {here.id}"
    match assessment.decision:
        case Decision.STAY:
            return f"Stay: {here.id} ({here.title}) carries the load." + _room(gathered)
        case Decision.PLAN:
            return f"Plan the climb to {target}: {assessment.reasons[0]}."
        case Decision.URGENT:
            return f"Climb to {target} now: {assessment.reasons[0]}."
        case _:
            known = assessment.light is Light.RED
            first = f"{assessment.reasons[0]}. " if known else ""
            return f"{first}There is no decision yet: not everything that it depends on is measured."


def _room(gathered: Gathered) -> str:
    room = gathered.assessment.headroom
    if room is None:
        return ""
    title = next(one.title for one in gathered.assessment.metrics if one.id == room.metric)
    return f" {title} fills up first, at {room.to_urgent:,.1f} times today's {show(room.metric, room.peak)}."


def current_row(gathered: Gathered) -> CapacityRow | None:
    """Find the application's row of the workload table; None while it is unknown, or off SQLite."""
    users, work = gathered.value("concurrent_users"), gathered.assessment.workload
    if users is None or work is None or work.observed_profile is None or gathered.position > 0:
        return None
    name = "write-heavy" if work.observed_profile == WRITE_HEAVY else "read-heavy"
    return [row for row in CAPACITY_BY_WORKLOAD if row.workload == name and users >= row.from_users][-1]
