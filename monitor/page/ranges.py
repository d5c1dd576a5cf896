"""Which time a page shows: one of six ranges, up to now or up to a fixed moment (a permalink)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

HOUR: Final = 3600
DAY: Final = 86_400

#: Each choice with its seconds and its words.
RANGES: Final = {
    "1h": (HOUR, "1 hour"),
    "6h": (6 * HOUR, "6 hours"),
    "24h": (DAY, "24 hours"),
    "7d": (7 * DAY, "7 days"),
    "30d": (30 * DAY, "30 days"),
    "90d": (90 * DAY, "90 days"),
}


@dataclass(frozen=True)
class TimeRange:
    """What to show of the past.

    Args:
        id: a key of `RANGES`; None lets each dashboard take the one that suits it.
        until: seconds since the epoch where it ends; None is now, and moves on.
    """

    id: str | None = None
    until: float | None = None

    def seconds(self, default: str) -> int:
        """Return its length."""
        return RANGES[self.id or default][0]

    def words(self, default: str) -> str:
        """Return its length in words."""
        return RANGES[self.id or default][1]

    @property
    def query(self) -> str:
        """The part of an address that asks for it, empty for the default."""
        parts = [f"range={self.id}"] if self.id else []
        if self.until is not None:
            parts.append(f"until={self.until:.0f}")
        return "&".join(parts)


@dataclass(frozen=True)
class AskedRange:
    """What an address asked for, and what was wrong with it (empty if nothing)."""

    chosen: TimeRange
    problem: str = ""


def parse_range(name: str | None, until: str | None, *, now: float) -> AskedRange:
    """Read the range of an address; what cannot be read is replaced by the default, and said.

    Args:
        name: a key of `RANGES`, or nothing.
        until: seconds since the epoch, or nothing.
        now: the time; a moment in the future becomes now.
    """
    problems = []
    if name and name not in RANGES:
        problems.append(f"there is no such range; choose one of {', '.join(RANGES)}")
        name = None
    moment = None
    if until:
        try:
            moment = float(until)
        except ValueError:
            moment = math.nan
        if not math.isfinite(moment) or moment <= 0:
            problems.append("until is not a time in seconds since 1970")
            moment = None
        elif moment >= now:
            moment = None
    return AskedRange(TimeRange(name or None, moment), "; ".join(problems))
