"""Judging by the roadmap: finds a snapshot's limits, assesses it, tracks the success metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.assessment import Assessment, assess
from monitor.kpis import Kpi, Observed, cost_per_user, track
from monitor.phases import check_profile, load_phase, next_phase
from monitor.workload import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.phases import Phase
    from monitor.snapshot import Snapshot


#: What the cost of a user rests on where nobody said what the infrastructure costs.
BY_BUDGET = "the phase's highest budget"


def judge(
    snapshot: Snapshot, *, scale: float = 1.0, stacks: Path | None = None, monthly_cost: float | None = None
) -> Assessment:
    """Assess a snapshot by the limits of its phase and workload profile.

    Args:
        snapshot: what was measured; names phase and profile ("auto" takes the observed one).
        scale: below 1, limits of load are lowered by this factor for a demonstration.
        stacks: the folder of the stack files; the project's own by default.
        monthly_cost: the infrastructure's, in US dollars; the phase's highest budget by default.

    Raises:
        UnknownPhase: there is no such phase.
        UnknownProfile: there is no such workload profile.
        BadStackFile: the phase's stack file cannot be read.
        BadThresholds: the scale is out of range.
    """
    phase = load_phase(snapshot.phase, stacks)
    profile = resolve(check_profile(snapshot.profile, phase, stacks), snapshot.facts.write_share)
    thresholds = phase.thresholds_for(profile)
    if scale != 1:
        thresholds = thresholds.scaled(scale)
    snapshot = replace(snapshot, profile=profile)
    assessment = assess(snapshot, thresholds, next_phase=next_phase(phase.id, stacks))
    return replace(assessment, kpis=success_metrics(assessment, phase, monthly_cost=monthly_cost))


def success_metrics(
    assessment: Assessment,
    phase: Phase,
    *,
    uptime: Observed | None = None,
    users_peak: float | None = None,
    monthly_cost: float | None = None,
    time_to_scale: Observed | None = None,
) -> tuple[Kpi, ...]:
    """Hold a judgement, and what a history adds to it, against the mission's targets.

    Args:
        assessment: the judgement.
        phase: its phase; the highest budget stands for a cost that is not given.
        uptime: the share of time the application was up, in percent.
        users_peak: the most concurrent users seen in seven days.
        monthly_cost: what the infrastructure costs, US dollars a month.
        time_to_scale: the weeks from the first call for the next phase to its arrival.
    """
    judged = {metric.id: metric for metric in assessment.metrics}
    users = judged["concurrent_users"].value if users_peak is None else users_peak
    cost = phase.budget.max if monthly_cost is None else monthly_cost
    said = BY_BUDGET if monthly_cost is None else "the cost given"
    shared = "concurrent users now" if users_peak is None else "concurrent users at the week's peak"
    observed = {
        "cost_per_user": cost_per_user(
            cost, users, f"{said}, ${cost:,.0f}, shared by {users or 0:,.0f} {shared}"
        ),
        "availability": uptime or Observed(None, "only a monitor that runs on sees it"),
        "time_to_scale": time_to_scale or Observed(None, "no phase has been outgrown under this monitor yet"),
    }
    for target, metric in (("response_time", "p95_ms"), ("error_rate", "error_rate_percent")):
        one = judged[metric]
        window = "" if one.window_s is None else f"the last {one.window_s:.0f} s"
        observed[target] = Observed(
            one.value, (one.note or "not measured") if one.value is None else window or "now"
        )
    return track(observed)
