"""Times, amounts and courses in words, so that nothing on the page needs eyes for a chart. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from monitor.units import show_amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.store.history import Point

_SPANS: Final = (("d", 86_400), ("h", 3600), ("min", 60))
#: A course that ends within this share of its beginning has stayed.
_STEADY: Final = 0.05
#: How much of a course its beginning and its end are averaged over.
_EDGE: Final = 0.1


def span(seconds: float) -> str:
    """Write a length of time in its largest units: "42 s", "5 min", "3 h 20 min", "12 d"."""
    seconds = max(seconds, 0)
    if seconds < 60:
        return f"{seconds:.0f} s"
    for position, (name, size) in enumerate(_SPANS):
        if seconds < size:
            continue
        whole = int(seconds // size)
        if position + 1 < len(_SPANS) and whole < 4:
            smaller, unit = _SPANS[position + 1]
            rest = int(seconds % size // unit)
            if rest:
                return f"{whole} {name} {rest} {smaller}"
        return f"{whole} {name}"
    return "0 s"


def clock_time(at: float) -> str:
    """Write a moment, UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def iso_time(at: float) -> str:
    """Write a moment as machines read it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def axis_time(at: float, length_s: float) -> str:
    """Write a moment as short as the length of its axis allows."""
    if length_s < 600:
        return time.strftime("%H:%M:%S", time.gmtime(at))
    if length_s <= 36 * 3600:
        return time.strftime("%H:%M", time.gmtime(at))
    return time.strftime("%d %b" if length_s > 8 * 86_400 else "%d %b %H:%M", time.gmtime(at))


def course(title: str, unit: str, points: Sequence[Point]) -> str:
    """Say in one sentence how a series went: "Response time P95 rose from 120 ms to 180 ms, ..."."""
    if not points:
        return f"{title}: nothing is known in this time."
    if len(points) == 1:
        return f"{title} is {show_amount(unit, points[0].value)}; there is one point so far."
    edge = max(1, round(len(points) * _EDGE))
    first, last = _mean(points[:edge]), _mean(points[-edge:])
    begin, end = show_amount(unit, first), show_amount(unit, last)
    lowest, highest = min(point.low for point in points), max(point.high for point in points)
    scale = max(abs(first), abs(last))
    if begin == end or scale == 0 or abs(last - first) / scale <= _STEADY:
        went = f"stayed near {end}"
    else:
        went = f"{'rose' if last > first else 'fell'} from {begin} to {end}"
    low, high = show_amount(unit, lowest), show_amount(unit, highest)
    if low == high:
        return f"{title} {went}."
    return f"{title} {went}; lowest {low}, highest {high}."


def _mean(points: Sequence[Point]) -> float:
    return sum(point.value for point in points) / len(points)
