"""Everything a page rests on at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.page.status import Room, room_of

if TYPE_CHECKING:
    from monitor.forecast import Forecast
    from monitor.page.asked import Asked
    from monitor.page.charts import HistoryReader
    from monitor.phases import Phase
    from monitor.serve.published import Published


@dataclass(frozen=True)
class Seen:
    """What is shown.

    Args:
        published: the last evaluation.
        late_s: seconds since it, where that is longer than it should be; else None.
        history: what was measured before.
        roadmap: every phase, first to last.
        phase: the application's own.
        asked: what the visitor asked for.
        now: seconds since the epoch.
    """

    published: Published
    late_s: float | None
    history: HistoryReader
    roadmap: tuple[Phase, ...]
    phase: Phase
    asked: Asked
    now: float

    @property
    def next_phase(self) -> Phase | None:
        """Where the application could climb to."""
        ids = [phase.id for phase in self.roadmap]
        place = ids.index(self.phase.id) + 1 if self.phase.id in ids else len(ids)
        return self.roadmap[place] if place < len(ids) else None

    @property
    def forecasts(self) -> tuple[Forecast, ...]:
        """When metrics reach their limits."""
        return self.published.outlook.forecasts

    @property
    def end(self) -> float:
        """The end of the time shown, seconds since the epoch."""
        return self.asked.range.until or self.now

    @property
    def rooms(self) -> tuple[Room, ...]:
        """How far each metric is from its limits, in the table's order."""
        limits = self.published.thresholds
        return tuple(room_of(metric, limits[metric.id].upper) for metric in self.published.assessment.metrics)

    def value(self, metric: str) -> float | None:
        """Return a metric's value, None while it is not known."""
        return next(one.value for one in self.published.assessment.metrics if one.id == metric)
