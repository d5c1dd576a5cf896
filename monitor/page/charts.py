"""What each chart shows, read from the history: values, limits, a sentence, a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from monitor.page.words import axis_time, clock_time, course, span
from monitor.store.tiers import SERIES
from monitor.thresholds import ALL_METRICS
from monitor.units import show_amount
from monitor.utility import PLAN_POINTS, STAY_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.store.history import Line, Point, Transition
    from monitor.thresholds import Thresholds

#: As many points as a chart has room for, and rows as a table of it.
_POINTS: Final = 180
_ROWS: Final = 5


class HistoryReader(Protocol):
    """The part of `store.history.History` that pages read."""

    def series(
        self, metric: str, *, since: float, step: float | None = None, until: float | None = None
    ) -> Line:
        """Return a series' points, oldest first."""

    def transitions(self, *, since: float, kind: str | None = None) -> tuple[Transition, ...]:
        """Return the changes since a time, oldest first."""


@dataclass(frozen=True)
class ChartPlan:
    """One chart: which series of the history, beside the limits of which metrics.

    Args:
        id: unique on every page.
        title: its heading.
        series: ids of `store.tiers.SERIES`; all of one unit.
        short: what each series is called in the legend.
        limited: the metrics whose limits are drawn; of several only their stay limits.
        lines: other level lines, as (label, value).
        top: the axis' end where it is fixed.
        optional: whether it is left out while nothing is known: not every application has what it shows.
    """

    id: str
    title: str
    series: tuple[str, ...]
    short: tuple[str, ...]
    limited: tuple[str, ...] = ()
    lines: tuple[tuple[str, float], ...] = ()
    top: float | None = None
    optional: bool = False

    @property
    def unit(self) -> str:
        """The unit of all its series."""
        return SERIES[self.series[0]].unit


@dataclass(frozen=True)
class Level:
    """A level line: a limit, or what a phase can carry."""

    label: str
    value: float
    kind: str


@dataclass(frozen=True)
class Chart:
    """A chart as it is drawn.

    Args:
        plan: what it shows.
        times: seconds since the epoch, rising; a gap of the history has an entry without values.
        values: by series, as many as times; None is not known.
        begin: of the axis; seconds since the epoch.
        end: of the axis.
        top: the axis goes from 0 to here.
        levels: the level lines that lie within it.
        far_levels: those that lie far above, and would press the values flat.
        summary: the course in words.
        columns: headings of its table, the time first.
        rows: its table, newest first.
    """

    plan: ChartPlan
    times: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]
    begin: float
    end: float
    top: float
    levels: tuple[Level, ...]
    far_levels: tuple[Level, ...]
    summary: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return not any(value is not None for line in self.values for value in line)

    @property
    def top_text(self) -> str:
        """The axis' end, written."""
        return show_amount(self.plan.unit, self.top)

    @property
    def middle_text(self) -> str:
        """The axis' middle, written."""
        return show_amount(self.plan.unit, self.top / 2)

    @property
    def zero_text(self) -> str:
        """The axis' beginning, written."""
        return show_amount(self.plan.unit, 0)

    @property
    def time_texts(self) -> tuple[str, str, str]:
        """Beginning, middle and end of the time axis, written."""
        length = self.end - self.begin
        return (
            axis_time(self.begin, length),
            axis_time((self.begin + self.end) / 2, length),
            axis_time(self.end, length),
        )

    def document(self) -> dict[str, object]:
        """Return what the script draws it from."""
        return {
            "id": self.plan.id,
            "unit": self.plan.unit,
            "times": self.times,
            "values": [
                [None if value is None else round(value, 4) for value in line] for line in self.values
            ],
            "names": self.plan.short,
            "begin": self.begin,
            "end": self.end,
            "top": self.top,
            "levels": [
                {"label": level.label, "value": level.value, "kind": level.kind} for level in self.levels
            ],
        }


# --- Which charts there are ---

SCORE: Final = ChartPlan(
    "score-trend",
    "Scalability score trend",
    ("score",),
    ("Score",),
    lines=(("green from 80", STAY_POINTS), ("red below 60", PLAN_POINTS)),
    top=100,
)
USERS: Final = ChartPlan(
    "user-growth",
    "User growth against capacity",
    ("concurrent_users",),
    ("Users",),
    limited=("concurrent_users",),
)
RESPONSE: Final = ChartPlan(
    "response-time",
    "Response time percentiles",
    ("p50_ms", "p95_ms", "p99_ms"),
    ("P50", "P95", "P99"),
    limited=("p95_ms",),
)
SIZE: Final = ChartPlan(
    "database-size",
    "Database size growth",
    ("database_size_bytes",),
    ("Size",),
    limited=("database_size_bytes",),
)
ERRORS: Final = ChartPlan(
    "error-rate", "Error rate trend", ("error_rate_percent",), ("5xx",), limited=("error_rate_percent",)
)
RESOURCES: Final = ChartPlan(
    "resources",
    "Resource utilisation",
    ("cpu_percent", "memory_percent"),
    ("CPU", "Memory"),
    limited=("cpu_percent", "memory_percent"),
    top=100,
)
WRITES: Final = ChartPlan(
    "write-load", "Write load", ("writes_per_second",), ("Writes",), limited=("writes_per_second",)
)
REQUESTS: Final = ChartPlan(
    "request-rate", "Request rate", ("requests_per_second",), ("Requests",), limited=("requests_per_second",)
)
OCCUPANCY: Final = ChartPlan(
    "writer-occupancy",
    "Writer occupancy",
    ("writer_occupancy_percent",),
    ("Busy",),
    limited=("writer_occupancy_percent",),
    top=100,
    optional=True,
)
EVENT_LOOP: Final = ChartPlan(
    "event-loop",
    "Event loop delay",
    ("event_loop_delay_ms",),
    ("P99",),
    limited=("event_loop_delay_ms",),
    optional=True,
)
PERFORMANCE: Final = ChartPlan(
    "performance",
    "Performance trend: response time",
    ("average_response_ms", "p95_ms"),
    ("Average", "P95"),
    limited=("p95_ms",),
)
HEALTH: Final = ChartPlan(
    "health",
    "Performance trend: score and health index",
    ("score", "health_index"),
    ("Score", "Health index"),
    top=100,
)


# --- Reading them ---


def known_since(history: HistoryReader, since: float, until: float) -> float:
    """Return where anything begins to be known, so that a young monitor does not show 90 empty days.

    A coarse point says only "in this day", so it asks again from there until the answer stands still.
    """
    begin = since
    for _ in range(4):
        lines = [history.series(name, since=begin, until=until) for name in ("cpu_percent", "score")]
        firsts = [line.points[0].at for line in lines if line.points]
        if not firsts:
            return since if begin == since else begin
        first = max(min(firsts), begin)
        if first - begin < (until - begin) / 10:
            return max(since, first)
        begin = first
    return begin


def read_chart(
    plan: ChartPlan, history: HistoryReader, thresholds: Thresholds, *, begin: float, end: float
) -> Chart:
    """Read one chart.

    Args:
        plan: what it shows.
        history: where its values are.
        thresholds: the limits to draw.
        begin: seconds since the epoch.
        end: seconds since the epoch.
    """
    length = max(end - begin, 1.0)
    lines = [history.series(name, since=begin, step=length / _POINTS, until=end) for name in plan.series]
    step = max((line.step_s for line in lines), default=1)
    by_time = [{point.at: point for point in line.points} for line in lines]
    times = _with_gaps(sorted({at for points in by_time for at in points}), step)
    values = tuple(tuple(points[at].value if at in points else None for at in times) for points in by_time)
    highest = max((value for line in values for value in line if value is not None), default=0.0)
    levels, far = _levels(plan, thresholds, highest)
    top = plan.top or _nice(max([highest, *(level.value for level in levels)]) * 1.08)
    titles = [name if len(plan.series) > 1 else SERIES[series].title for name, series in _named(plan)]
    sentences = [
        course(title, plan.unit, line.points)
        for title, line in zip(titles, lines, strict=True)
        if line.points
    ]
    lasts = f"In {span(length)}: " if sentences else ""
    return Chart(
        plan=plan,
        times=times,
        values=values,
        begin=begin,
        end=end,
        top=top,
        levels=levels,
        far_levels=far,
        summary=lasts + (" ".join(sentences) or "Nothing is known in this time yet."),
        columns=("Time (UTC)", *plan.short),
        rows=_rows(plan, lines, step),
    )


def _named(plan: ChartPlan) -> Iterable[tuple[str, str]]:
    return zip(plan.short, plan.series, strict=True)


def _with_gaps(times: Sequence[float], step: float) -> tuple[float, ...]:
    """Put an entry where a point is missing, so that no line is drawn over what is not known."""
    found: list[float] = []
    for at in times:
        if found and at - found[-1] > 1.5 * step:
            found.append(found[-1] + step)
        found.append(at)
    return tuple(found)


def _levels(
    plan: ChartPlan, thresholds: Thresholds, highest: float
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Return the level lines near the values and those far above them."""
    found = [Level(label, value, "band") for label, value in plan.lines]
    for metric in plan.limited:
        if metric not in thresholds:  # an older history may know what the phase has no limits for
            continue
        limit = thresholds[metric]
        name = f"{ALL_METRICS[metric].title} stay limit" if len(plan.limited) > 1 else "stay limit"
        found.append(Level(f"{name} {show_amount(plan.unit, limit.stay)}", limit.stay, "stay"))
        if len(plan.limited) == 1 and limit.urgent is not None:
            found.append(
                Level(f"urgent limit {show_amount(plan.unit, limit.urgent)}", limit.urgent, "urgent")
            )
    near = tuple(level for level in found if plan.top or level.value <= max(highest, 0) * 3)
    return near, tuple(level for level in found if level not in near)


def _nice(value: float) -> float:
    """Round an axis' end up to 1, 2, 2.5, 5 or 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.01
    while power * 10 < value:
        power *= 10
    return next(power * factor for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if power * factor >= value)


def _rows(plan: ChartPlan, lines: Sequence[Line], step: float) -> tuple[tuple[str, ...], ...]:
    """Bring a chart to some dozen rows, each the mean of what it covers."""
    times = sorted({point.at for line in lines for point in line.points})
    if not times:
        return ()
    width = max((times[-1] + step - times[0]) / _ROWS, step)
    table: list[tuple[str, ...]] = []
    buckets: dict[int, dict[int, list[Point]]] = {}
    for column, line in enumerate(lines):
        for point in line.points:
            row = buckets.setdefault(int((point.at - times[0]) // width), {})
            row.setdefault(column, []).append(point)
    for number in sorted(buckets, reverse=True):
        at = clock_time(times[0] + number * width).removesuffix(" UTC")[:16]
        table.append((at, *(_cell(plan.unit, buckets[number].get(column)) for column in range(len(lines)))))
    return tuple(table)


def _cell(unit: str, points: Sequence[Point] | None) -> str:
    return show_amount(unit, sum(point.value for point in points) / len(points) if points else None)
