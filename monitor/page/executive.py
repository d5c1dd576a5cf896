"""The executive dashboard: may we grow, until when, and what does it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.forecast import HORIZON_DAYS, MIN_DAYS, ForecastStatus
from monitor.page.costs import phase_costs, project
from monitor.page.kpis import kpi_lines
from monitor.page.status import READINESS
from monitor.thresholds import ALL_METRICS
from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.forecast import Crossing
    from monitor.page.seen import Seen

_UNKNOWN: Final = "–"  # noqa: RUF001  # the sign for "no value", not a hyphen


def _readiness(seen: Seen) -> dict[str, Any]:
    matrix = [room for room in seen.rooms if room.metric.in_matrix]
    known = [room for room in matrix if room.used is not None]
    return {
        "readiness": READINESS[seen.published.assessment.decision],
        "matrix_rooms": matrix,
        "nearest": max(known, key=lambda room: room.used or 0.0, default=None),
    }


def _headroom(seen: Seen) -> dict[str, Any]:
    index, users = seen.published.assessment.health_index, seen.value("concurrent_users")
    lines = forecast_lines(seen)
    return {
        "headroom": _room(seen),
        "users_text": show("concurrent_users", users),
        "health_text": _UNKNOWN if index is None else f"{index:g}",
        "days": _days(seen),
        "forecasts": lines,
        "forecast_note": f"A forecast needs {MIN_DAYS} days of history.",
    }


def _room(seen: Seen) -> dict[str, str]:
    found = seen.published.assessment.headroom
    if found is None:
        return {"text": _UNKNOWN, "detail": "no load is measured yet"}
    title = ALL_METRICS[found.metric].title
    if found.to_urgent < 1:
        return {"text": "no room", "detail": f"{title} is beyond its upper limit ({found.basis})"}
    limit = show(found.metric, seen.published.thresholds[found.metric].upper)
    return {"text": times_text(found.to_urgent), "detail": f"of {found.basis}, until {title} is at {limit}"}


def _days(seen: Seen) -> dict[str, str]:
    """Pick the forecast that reaches a limit first."""
    known = [one for one in seen.forecasts if one.status is not ForecastStatus.NOT_ENOUGH_DATA]
    if not known:
        most = max((one.points for one in seen.forecasts), default=0)
        return {"text": _UNKNOWN, "detail": f"history of {most} of {MIN_DAYS} days"}
    crossings = [
        (crossing.days, f"{ALL_METRICS[one.metric].title}, {name} limit", crossing)
        for one in known
        for name, crossing in (("urgent", one.to_urgent), ("stay", one.to_stay))
        if crossing is not None and crossing.days is not None and crossing.status is ForecastStatus.CROSSES
    ]
    if not crossings:
        return {"text": f"over {HORIZON_DAYS}", "detail": "no limit comes nearer than that"}
    days, title, crossing = min(crossings, key=lambda one: one[0])
    return {"text": f"{days:.0f}", "detail": f"{title}; {band(crossing)}"}


@dataclass(frozen=True)
class ForecastLine:
    """When one metric reaches its limits, written."""

    title: str
    stay: str
    urgent: str
    trust: str


def forecast_lines(seen: Seen) -> tuple[ForecastLine, ...]:
    """Write the forecasts that say something."""
    return tuple(
        ForecastLine(
            ALL_METRICS[one.metric].title,
            crossing_text(one.to_stay),
            _UNKNOWN if one.to_urgent is None else crossing_text(one.to_urgent),
            _UNKNOWN if one.backtest_share is None else f"{100 * one.backtest_share:.0f} % right",
        )
        for one in seen.forecasts
        if one.status is not ForecastStatus.NOT_ENOUGH_DATA
    )


def crossing_text(crossing: Crossing) -> str:
    """Write when a limit is reached: "in 41 days (33 to 58)"."""
    if crossing.status is ForecastStatus.BEYOND:
        return "reached"
    if crossing.status is ForecastStatus.NOT_ENOUGH_DATA:
        return _UNKNOWN
    if crossing.days is None:
        return f"not within {HORIZON_DAYS} days"
    return f"in {crossing.days:.0f} days ({band(crossing)})"


def band(crossing: Crossing) -> str:
    """Write the interval of a crossing."""
    late = f"over {HORIZON_DAYS}" if crossing.latest is None else f"{crossing.latest:.0f}"
    return f"{crossing.earliest or 0:.0f} to {late}"


def times_text(times: float) -> str:
    """Write a factor of growth."""
    if times >= 100:
        return "×100 and more"  # noqa: RUF001  # the sign for "times"
    return f"×{times:.1f}" if times < 10 else f"×{times:.0f}"  # noqa: RUF001


def _costs(seen: Seen) -> dict[str, Any]:
    users = seen.value("concurrent_users")
    given = seen.asked.assumptions
    costs = phase_costs(seen.roadmap, seen.phase.id, users, given.amounts)
    growth = measured_growth(seen) if given.growth is None else given.growth
    projections = project(costs, users, growth)
    if projections:
        assert growth is not None
        origin = "as measured" if given.growth is None else "your assumption"
        caption = f"What growing by {growth:.3g} % a month would cost ({origin})"
    elif users is None:
        caption = "No projection: how many users there are is not measured."
    else:
        caption = "No projection: growth is not known yet. Assume one below."
    return {"costs": costs, "projections": projections, "projection_caption": caption}


def measured_growth(seen: Seen) -> float | None:
    """Return by how many percent users grow in a month of four weeks, by the forecast's trend."""
    found = next((one for one in seen.forecasts if one.metric == "concurrent_users"), None)
    if found is None or not found.value or found.per_week is None:
        return None
    return max(400 * found.per_week / found.value, -99.0)


def _kpis(seen: Seen) -> dict[str, Any]:
    return {"kpis": kpi_lines(seen)}


#: What each region of the dashboard needs beside what all of them get.
EXECUTIVE: Final[Mapping[str, Callable[[Seen], dict[str, Any]]]] = {
    "readiness": _readiness,
    "headroom": _headroom,
    "costs": _costs,
    "kpis": _kpis,
}
