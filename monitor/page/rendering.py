"""Makes HTML of what was seen: whole pages, and the regions of a page that change. No effects.

A region is rendered by one template, for the first answer and for every update, so both always agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from monitor.page import charts
from monitor.page.asked import OVERVIEW
from monitor.page.assets import assets
from monitor.page.costs import dollars
from monitor.page.drawing import HEIGHT, WIDTH, draw
from monitor.page.executive import EXECUTIVE
from monitor.page.note import incident_note
from monitor.page.operations import OPERATIONS
from monitor.page.ranges import RANGES
from monitor.page.status import DECISIONS, LIGHTS, MEANINGS, decision_text
from monitor.page.technical import TECHNICAL
from monitor.page.words import clock_time, iso_time, span
from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.page.charts import Chart, ChartPlan
    from monitor.page.seen import Seen


@dataclass(frozen=True)
class Dashboard:
    """One dashboard.

    Args:
        id: its address.
        title: its name.
        question: what it answers.
        range: the time it shows unless asked otherwise.
        regions: what each of its regions needs.
        charts: its charts.
    """

    id: str
    title: str
    question: str
    range: str
    regions: Mapping[str, Callable[[Seen], dict[str, Any]]]
    charts: tuple[ChartPlan, ...]


DASHBOARDS: Final = (
    Dashboard(
        "executive",
        "Executive",
        "May we grow, until when, at what cost?",
        "90d",
        EXECUTIVE,
        (charts.SCORE, charts.USERS),
    ),
    Dashboard(
        "technical",
        "Technical",
        "What is slow, what grows, what to do?",
        "1h",
        TECHNICAL,
        (
            charts.RESPONSE,
            charts.ERRORS,
            charts.SIZE,
            charts.RESOURCES,
            charts.WRITES,
            charts.OCCUPANCY,
            charts.EVENT_LOOP,
        ),
    ),
    Dashboard(
        "operations",
        "Operations",
        "What is raised, and is everything seen?",
        "24h",
        OPERATIONS,
        (charts.PERFORMANCE, charts.REQUESTS, charts.HEALTH),
    ),
)
#: Every page: its address and name.
VIEWS: Final = ((OVERVIEW, "Overview"), *((board.id, board.title) for board in DASHBOARDS))
_ALWAYS: Final = ("pill", "subject", "notices", "verdict", "note", "footer")


def parts_of(view: str) -> tuple[Dashboard, ...]:
    """Return the dashboards of a page: all of them on the overview."""
    return tuple(board for board in DASHBOARDS if view in (OVERVIEW, board.id))


class Rendering:
    """One page at one moment; reads the history when its charts are first needed.

    Args:
        seen: what is shown.
    """

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._parts = parts_of(seen.asked.view)

    # --- What is asked for ---

    def page(self, live_address: str, charts_address: str) -> str:
        """Return the whole page."""
        seen, asked = self._seen, self._seen.asked
        return (
            _environment()
            .get_template("page.html.j2")
            .render(
                **self._shared,
                asset=lambda name: assets()[name].address,
                chart=self._figure,
                charts_address=charts_address,
                document_title=self.title,
                event_id=event_id(seen),
                heading=dict(VIEWS)[asked.view],
                interval_s=seen.published.state.interval_s,
                live_address=live_address,
                parts=self._parts,
                permalink=asked.address(until=asked.range.until or seen.now),
                ranges=[(name, words) for name, (_, words) in RANGES.items()],
                region=lambda name: Markup(self.regions[name]),  # noqa: S704  # rendered with escaping
                roadmap=seen.roadmap,
                state=self.state,
                taken_at=seen.published.assessment.taken_at,
                views=VIEWS,
            )
        )

    @property
    def title(self) -> str:
        """The document's title: the state first, because tabs are narrow."""
        light, score = LIGHTS[self._seen.published.assessment.light], self._score_text
        stale = "stale, " if self._seen.late_s is not None else ""
        return f"{score} {stale}{light.word.lower()} · {_subject(self._seen)} · Outgrow"

    @property
    def state(self) -> str:
        """What a change of is worth telling somebody who does not look."""
        published = self._seen.published
        alerts = ",".join(sorted(alert.id for alert in published.alerts))
        stale = "stale" if self._seen.late_s is not None else ""
        return f"{published.assessment.light.value}/{published.assessment.decision.value}/{stale}/{alerts}"

    @property
    def sentence(self) -> str:
        """The state in words."""
        published = self._seen.published
        light, count = LIGHTS[published.assessment.light].word.lower(), len(published.alerts)
        alerts = f"{count} alert{'' if count == 1 else 's'} active" if count else "no alert active"
        decision = DECISIONS[published.assessment.decision].word.lower()
        stale = " The monitor is late: these values are old." if self._seen.late_s is not None else ""
        return f"Light {light}, score {self._score_text}, decision {decision}, {alerts}.{stale}"

    @cached_property
    def regions(self) -> Mapping[str, str]:
        """The HTML of every region that may change, by name."""
        found = {name: self._region(name, {}) for name in _ALWAYS}
        for board in self._parts:
            for name, context in board.regions.items():
                found[name] = self._region(name, context(self._seen))
        for chart in self.charts:
            found[f"chart:{chart.plan.id}"] = (
                _environment().get_template("chart_text.html.j2").render(chart=chart)
            )
        return found

    @cached_property
    def charts(self) -> tuple[Chart, ...]:
        """The charts of the page, read from the history."""
        seen = self._seen
        found: list[Chart] = []
        for board in self._parts:
            begin = seen.end - seen.asked.range.seconds(board.range)
            known = charts.known_since(seen.history, begin, seen.end)
            limits = seen.published.thresholds
            for plan in board.charts:
                if plan.optional and seen.asked.view == OVERVIEW:
                    continue  # the overview stays light: what only some applications have is a page away
                chart = charts.read_chart(plan, seen.history, limits, begin=known, end=seen.end)
                if not (plan.optional and chart.is_empty):
                    found.append(chart)
        return tuple(found)

    # --- Inside ---

    def _region(self, name: str, context: Mapping[str, Any]) -> str:
        template = _environment().get_template(f"regions/{name}.html.j2")
        return template.render(**self._shared, **context)

    def _figure(self, chart_id: str) -> Markup:
        chart = next((chart for chart in self.charts if chart.plan.id == chart_id), None)
        if chart is None:
            return Markup()
        plot = _environment().get_template("chart_plot.html.j2")
        drawn = plot.render(chart=chart, drawing=draw(chart), width=WIDTH, height=HEIGHT)
        figure = _environment().get_template("chart.html.j2")
        text = self.regions[f"chart:{chart_id}"]
        # Both were rendered with escaping.
        return Markup(figure.render(chart=chart, plot=Markup(drawn), text=Markup(text)))  # noqa: S704

    @property
    def _score_text(self) -> str:
        score = self._seen.published.assessment.score
        return "–" if score is None else f"{score:g}"  # noqa: RUF001  # the sign for "no value"

    @cached_property
    def _shared(self) -> dict[str, Any]:
        seen, published = self._seen, self._seen.published
        assessment = published.assessment
        following = seen.next_phase
        return {
            "asked": seen.asked,
            "assessment": assessment,
            "bottleneck": next(
                (metric for metric in assessment.metrics if metric.id == assessment.bottleneck), None
            ),
            "busy": _busy(seen),
            "decision": DECISIONS[assessment.decision],
            "decision_text": decision_text(assessment, None if following is None else following.id),
            "held": published.held,
            "light": LIGHTS[assessment.light],
            "meaning": MEANINGS[assessment.light],
            "note": incident_note(seen),
            "notices": _notices(seen),
            "phase": seen.phase,
            "published": published,
            "score_text": self._score_text,
            "subject": _subject(seen),
        }


def event_id(seen: Seen) -> str:
    """Name an evaluation: another one, or another run of the monitor, has another name."""
    state = seen.published.state
    late = "-late" if seen.late_s is not None else ""
    return f"{state.started_at:.3f}-{state.evaluations}{late}"


def _subject(seen: Seen) -> str:
    return "Application" if seen.published.database is None else seen.published.database.name


def _busy(seen: Seen) -> dict[str, Any] | None:
    """Say how the busiest hour of seven days is judged: what migrations are decided by."""
    hour = seen.published.outlook.capacity
    if hour is None:
        return None
    score = "no score" if hour.score is None else f"score {hour.score:g}"
    return {
        "light": LIGHTS[hour.light],
        "decision": DECISIONS[hour.decision],
        "score": score,
        "hours": hour.hours,
    }


def _notices(seen: Seen) -> list[tuple[str, str]]:
    """Say what qualifies everything below: old values, lowered limits, a fixed time, a wrong address."""
    found = []
    state, assessment = seen.published.state, seen.published.assessment
    if seen.late_s is not None:
        text = (
            f"The monitor is stale: its last evaluation is {span(seen.late_s)} old. Nothing below is current."
        )
        found.append(("bad", text))
    elif state.evaluations * state.interval_s < 60 and assessment.coverage < 1:
        text = "The monitor has only just started: some values need a minute, and requests to count."
        found.append(("info", text))
    if assessment.scale != 1:
        text = f"Demonstration: limits of load are lowered by the factor {assessment.scale:g}."
        found.append(("warn", text))
    if seen.asked.range.until is not None:
        text = f"Charts end at {clock_time(seen.asked.range.until)}. Everything else is of now."
        found.append(("info", text))
    if seen.asked.problem:
        found.append(("warn", f"Not understood: {seen.asked.problem}."))
    return found


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("monitor.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "dollars": dollars,
        "iso": iso_time,
        "lower_first": lambda text: text[:1].lower() + text[1:],
        "show": show,
        "span": span,
        "utc": clock_time,
    }
    return environment
