"""What an address asks for: a dashboard, a range, assumptions; and the addresses beside it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitor.page.costs import Assumptions, parse_assumptions
from monitor.page.ranges import TimeRange, parse_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.phases import Phase

OVERVIEW: Final = "overview"
#: Longer texts of an address are no range, time or amount.
_LONGEST: Final = 40


@dataclass(frozen=True)
class Asked:
    """What a visitor asked for.

    Args:
        view: "overview" or a dashboard's id.
        range: the time to show.
        assumptions: of the cost projection.
        problem: what of the address could not be read, in words.
    """

    view: str
    range: TimeRange
    assumptions: Assumptions
    problem: str = ""

    def address(
        self,
        *,
        view: str | None = None,
        range: str | None = "",  # noqa: A002  # as in the address
        until: float | None = None,
        dashboard: str | None = None,
    ) -> str:
        """Return the relative address of something beside this page, under the same range and assumptions.

        Relative addresses also work behind a proxy that serves the page under a path of its own.

        Args:
            view: another page or document; this one by default.
            range: another range; empty keeps this one, None takes each dashboard's own.
            until: a fixed end.
            dashboard: which dashboard a document is asked for.
        """
        chosen = self.range if range == "" else replace(self.range, id=range)
        if until is not None:
            chosen = replace(chosen, until=until)
        parts = [f"dashboard={dashboard}"] if dashboard else []
        parts += [part for part in (chosen.query, self.assumptions.query) if part]
        path = _path(view or self.view)
        return f"{path}?{'&'.join(parts)}" if parts else path

    @property
    def form_action(self) -> str:
        """Where the form of assumptions goes."""
        return _path(self.view)


def _path(view: str) -> str:
    return "./" if view == OVERVIEW else view


def parse_asked(view: str, query: Mapping[str, str], roadmap: Sequence[Phase], *, now: float) -> Asked:
    """Read an address' query; what cannot be read is left out and named in `problem`."""
    short = {name: value for name, value in query.items() if len(value) <= _LONGEST}
    too_long = "something in the address is too long" if len(short) < len(query) else ""
    span = parse_range(short.get("range"), short.get("until"), now=now)
    assumptions = parse_assumptions(short, roadmap)
    problems = [text for text in (span.problem, assumptions.problem, too_long) if text]
    return Asked(view, span.chosen, assumptions, "; ".join(problems))
