"""What is kept for how long: fine points for hours, coarse ones for years, each tier with a bound of rows."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from monitor.thresholds import ALL_METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Tier:
    """Points of one width.

    Args:
        step_s: the seconds a point covers.
        rows: how many points of each series are kept, newest first.
    """

    step_s: int
    rows: int

    @property
    def reach_s(self) -> int:
        """How far back a full tier reaches."""
        return self.step_s * self.rows


#: Six hours of 10 s, two days of minutes, two weeks of 5 minutes (what the busy hour is taken from), half a
#: year of hours (what forecasts are made from), five years of days.
TIERS: Final = (Tier(10, 2160), Tier(60, 2880), Tier(300, 4032), Tier(3600, 4320), Tier(86_400, 1827))

#: No answer has more points than this.
MAX_POINTS: Final = 2000
#: As many are aimed at where no step is asked for: more than a screen has room for helps nobody.
DEFAULT_POINTS: Final = 360


@dataclass(frozen=True)
class Series:
    """One series: its id, the name on a screen, and the unit of its values."""

    id: str
    title: str
    unit: str


_OTHERS: Final = (
    Series("score", "Score", "points"),
    Series("health_index", "Health index", "points"),
    Series("coverage_percent", "Known metrics", "%"),
    Series("uptime_percent", "Uptime", "%"),
    Series("average_response_ms", "Response time, average", "ms"),
    Series("p50_ms", "Response time P50", "ms"),
    Series("p99_ms", "Response time P99", "ms"),
    Series("reads_per_second", "Reading requests", "requests/s"),
)

#: Every series by id: the metrics under their own ids, then what is worth drawing beside them.
SERIES: Final[Mapping[str, Series]] = MappingProxyType(
    {metric.id: Series(metric.id, metric.title, metric.unit) for metric in ALL_METRICS.values()}
    | {series.id: series for series in _OTHERS}
)
