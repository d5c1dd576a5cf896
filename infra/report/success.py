"""The mission's success metrics, filled in with what only the report knows: the plan's cost. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.judging import BY_BUDGET
from monitor.kpis import Observed, cost_per_user, track

if TYPE_CHECKING:
    from infra.report.facts import Gathered
    from monitor.kpis import Kpi


def success(gathered: Gathered) -> tuple[Kpi, ...]:
    """Take what the monitor tracked, and for the rest what was measured, planned or weighed here."""
    plan = gathered.roadmap[gathered.position]
    known = {
        kpi.id: kpi
        for kpi in gathered.assessment.kpis
        # What the plan costs is nearer the truth than what the phase may cost.
        if kpi.value is not None and not (plan.monthly_usd is not None and kpi.basis.startswith(BY_BUDGET))
    }
    choice = gathered.assessment.database
    here = track(
        {
            "response_time": Observed(gathered.value("p95_ms"), "measured now"),
            "error_rate": Observed(gathered.value("error_rate_percent"), "measured now"),
            "cost_per_user": cost_per_user(
                plan.monthly_usd,
                gathered.value("concurrent_users"),
                f"the cost of {plan.phase.id} as planned, by today's concurrent users",
            ),
            "time_to_scale": Observed(
                None if choice is None else float(choice.weeks[1]),
                "no migration is due"
                if choice is None
                else f"the roadmap's longest migration to {choice.name}",
            ),
        }
    )
    return tuple(known.get(kpi.id, kpi) for kpi in here)
