"""The operations dashboard: what is raised, whether the monitor itself is well, how much room is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.assessment import Light
from monitor.page.executive import crossing_text, times_text
from monitor.page.ranges import DAY
from monitor.page.status import LIGHTS, SEVERITIES, Badge
from monitor.page.words import clock_time, span
from monitor.thresholds import ALL_METRICS
from monitor.units import show_amount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.alerts.engine import AlertStatus
    from monitor.page.seen import Seen
    from monitor.page.status import Room

_TRANSITIONS: Final = 12
_UNKNOWN: Final = "–"  # noqa: RUF001  # the sign for "no value", not a hyphen


def _alerts(seen: Seen) -> dict[str, Any]:
    told = {status.condition.id: status for status in seen.published.alert_states}
    alerts = [
        {
            "badge": SEVERITIES[alert.severity.value],
            "title": ALL_METRICS[alert.metric].title,
            "summary": alert.summary,
            "id": alert.id,
            **_standing(told.get(alert.id)),
        }
        for alert in seen.published.alerts
    ]
    known = seen.published.assessment.light is not Light.UNKNOWN
    return {
        "alerts": alerts,
        "quiet_badge": Badge("good", "Quiet") if known else LIGHTS[Light.UNKNOWN],
        "quiet_text": "No alert is raised."
        if known
        else "No alert is raised, but something is not measured and could not raise one.",
    }


def _standing(status: AlertStatus | None) -> dict[str, str]:
    """Say since when an alert stands, whether people were told of it, and what to do."""
    if status is None:
        return {"since": "", "runbook": ""}
    standing = status.standing
    since = f"{standing.state.value} since {clock_time(standing.since)}" if standing.since else ""
    return {"since": since, "runbook": status.condition.runbook}


def _health(seen: Seen) -> dict[str, Any]:
    state, assessment = seen.published.state, seen.published.assessment
    missing = [(metric.title, metric.note) for metric in assessment.metrics if metric.value is None]
    ages = [metric.age_s for metric in assessment.metrics if metric.value is not None and metric.age_s]
    if seen.late_s is not None:
        badge = Badge("bad", "Stale")
        text = f"The last evaluation is {span(seen.late_s)} old; one is due every {span(state.interval_s)}."
    elif missing:
        badge = Badge("warn", "Partly blind")
        text = f"{len(missing)} of {len(assessment.metrics)} metrics are not measured."
    else:
        badge, text = Badge("good", "Well"), "Every metric is measured, and evaluated in time."
    facts = [
        ("Coverage", show_amount("%", 100 * assessment.coverage)),
        ("Oldest value", span(max(ages)) if ages else "fresh"),
        ("Evaluations", f"{state.evaluations:,}"),
        ("Running for", span(assessment.taken_at - state.started_at)),
        ("Processes reporting", f"{len(seen.published.workers):,}"),
        ("Pushes taken", f"{state.pushes:,}"),
        ("Pushes dropped", f"{state.refused_pushes:,}"),
    ]
    return {"monitor_badge": badge, "monitor_text": text, "monitor_facts": facts, "missing": missing}


@dataclass(frozen=True)
class PlanningLine:
    """One metric's room."""

    room: Room
    limit: float
    growth: str
    days: str


def _planning(seen: Seen) -> dict[str, Any]:
    limits = seen.published.thresholds
    forecasts = {one.metric: one for one in seen.forecasts}
    lines = []
    for room in seen.rooms:
        times = room.times
        growth = _UNKNOWN if room.metric.value is None else "any" if times is None else times_text(times)
        if times is not None and times < 1:
            growth = "none"
        ahead = forecasts.get(room.metric.id)
        crossing = None if ahead is None else ahead.to_urgent or ahead.to_stay
        days = _UNKNOWN if crossing is None else crossing_text(crossing)
        lines.append(PlanningLine(room, limits[room.metric.id].upper, growth, days))
    return {"planning": lines}


def _transitions(seen: Seen) -> dict[str, Any]:
    since = seen.end - seen.asked.range.seconds("7d") - DAY
    found = [one for one in seen.history.transitions(since=since) if one.at <= seen.end]
    return {"transitions": found[: -_TRANSITIONS - 1 : -1]}


#: What each region of the dashboard needs beside what all of them get.
OPERATIONS: Final[Mapping[str, Callable[[Seen], dict[str, Any]]]] = {
    "alerts": _alerts,
    "health": _health,
    "planning": _planning,
    "transitions": _transitions,
}
