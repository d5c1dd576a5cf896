"""The executive dashboard: may we grow, until when, and what does it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.page.costs import phase_costs, project
from monitor.page.kpis import kpis
from monitor.page.status import READINESS
from monitor.thresholds import METRICS
from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.page.seen import Seen
    from monitor.page.status import Room


def _readiness(seen: Seen) -> dict[str, Any]:
    matrix = [room for room in seen.rooms if room.metric.in_matrix]
    known = [room for room in matrix if room.used is not None]
    return {
        "readiness": READINESS[seen.published.assessment.decision],
        "matrix_rooms": matrix,
        "nearest": max(known, key=lambda room: room.used or 0.0, default=None),
    }


def _headroom(seen: Seen) -> dict[str, Any]:
    narrow = narrowest(seen.rooms)
    if narrow is None or narrow.times is None:
        headroom = {"text": "–", "detail": "no load is measured yet"}  # noqa: RUF001  # the sign for "no value"
    elif narrow.times < 1:
        headroom = {
            "text": "no room",
            "detail": f"{narrow.metric.title} is beyond its upper limit",
        }
    else:
        limit = show(narrow.metric.id, seen.published.thresholds[narrow.metric.id].upper)
        headroom = {"text": times_text(narrow.times), "detail": f"until {narrow.metric.title} is at {limit}"}
    index = seen.published.assessment.health_index
    users = seen.value("concurrent_users")
    return {
        "headroom": headroom,
        "users_text": show("concurrent_users", users),
        "health_text": "–" if index is None else f"{index:g}",  # noqa: RUF001
        "days": {"text": "–", "detail": "no forecast yet"},  # noqa: RUF001
        "forecasts": (),
        "forecast_note": "A forecast needs some weeks of history.",
    }


def narrowest(rooms: tuple[Room, ...]) -> Room | None:
    """Return the metric of load with the least room: what grows with users reaches its limit first there."""
    loads = [room for room in rooms if METRICS[room.metric.id].load and room.times is not None]
    return min(loads, key=lambda room: room.times or 0.0, default=None)


def times_text(times: float) -> str:
    """Write a factor of growth."""
    if times >= 100:
        return "×100 and more"  # noqa: RUF001  # the sign for "times"
    return f"×{times:.1f}" if times < 10 else f"×{times:.0f}"  # noqa: RUF001


def _costs(seen: Seen) -> dict[str, Any]:
    users = seen.value("concurrent_users")
    given = seen.asked.assumptions
    costs = phase_costs(seen.roadmap, seen.phase.id, users, given.amounts)
    growth = given.growth
    projections = project(costs, users, growth)
    if projections:
        assert growth is not None
        caption = f"What growing by {growth:g} % a month would cost (your assumption)"
    elif users is None:
        caption = "No projection: how many users there are is not measured."
    else:
        caption = "No projection: growth is not known yet. Assume one below."
    return {"costs": costs, "projections": projections, "projection_caption": caption}


def _kpis(seen: Seen) -> dict[str, Any]:
    return {"kpis": kpis(seen)}


#: What each region of the dashboard needs beside what all of them get.
EXECUTIVE: Final[Mapping[str, Callable[[Seen], dict[str, Any]]]] = {
    "readiness": _readiness,
    "headroom": _headroom,
    "costs": _costs,
    "kpis": _kpis,
}
