"""What the page says, without HTML: times, courses, ranges, costs, lines, notes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.judging import judge
from monitor.page.asked import parse_asked
from monitor.page.charts import ERRORS, RESPONSE, SCORE, known_since, read_chart
from monitor.page.costs import dollars, parse_assumptions, phase_costs, project
from monitor.page.drawing import HEIGHT, WIDTH, draw
from monitor.page.ranges import RANGES, parse_range
from monitor.page.status import room_of
from monitor.page.words import axis_time, course, span
from monitor.phases import load_phase, load_roadmap
from monitor.snapshot import Measurement, Snapshot
from monitor.store.history import History, Point

PHASE_1 = load_phase("phase-1")
ROADMAP = load_roadmap()
LIMITS = PHASE_1.thresholds
NOW = 1_790_000_000.0


def points(*values: float) -> list[Point]:
    return [Point(float(at), value, value, value, 1) for at, value in enumerate(values)]


# --- Words ---


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59.4, "59 s"),
        (90, "1 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (90_000, "1 d 1 h"),
        (40 * 86_400, "40 d"),
    ],
)
def test_lengths_of_time_are_written_in_their_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_course_says_from_where_to_where_and_how_far_it_went() -> None:
    risen = course("P95", "ms", points(*[120] * 5, 410, *[180] * 5))
    assert risen == "P95 rose from 120 ms to 180 ms; lowest 120 ms, highest 410 ms."
    assert course("P95", "ms", points(180, 120)).startswith("P95 fell from 180 ms to 120 ms")
    assert course("P95", "ms", points(120, 121)).startswith("P95 stayed near 121 ms")
    assert course("Size", "bytes", points(0, 0)) == "Size stayed near 0 B."
    assert "nothing is known" in course("P95", "ms", [])
    assert "one point" in course("P95", "ms", points(3))


def test_an_axis_names_days_where_hours_would_repeat() -> None:
    at = 1_790_000_000.0
    assert axis_time(at, 60).count(":") == 2
    assert axis_time(at, 3600).count(":") == 1
    assert ":" not in axis_time(at, 30 * 86_400)


# --- Addresses ---


@pytest.mark.parametrize("name", RANGES)
def test_each_range_of_an_address_is_understood(name: str) -> None:
    asked = parse_range(name, None, now=NOW)
    assert (asked.chosen.id, asked.problem) == (name, "")
    assert asked.chosen.query == f"range={name}"


@pytest.mark.parametrize(
    ("name", "until"),
    [("2h", None), ("<script>", None), ("1h", "x"), ("1h", "nan"), ("1h", "-1"), ("1h", "inf")],
)
def test_a_range_that_is_none_is_said_and_replaced(name: str, until: str | None) -> None:
    asked = parse_range(name, until, now=NOW)
    assert asked.problem
    assert asked.chosen.until is None


def test_a_permalink_keeps_range_end_and_assumptions() -> None:
    query = {"range": "7d", "until": "1780000000", "growth": "12", "cost_phase-1": "80"}
    asked = parse_asked("executive", query, ROADMAP, now=NOW)
    assert asked.address() == "executive?range=7d&until=1780000000&growth=12&cost_phase-1=80"
    again = parse_asked(
        "executive",
        dict(pair.split("=") for pair in asked.address().split("?")[1].split("&")),
        ROADMAP,
        now=NOW,
    )
    assert again == asked
    assert asked.address(view="overview", range=None).startswith("./?until=")


def test_the_future_is_now() -> None:
    assert parse_range("1h", str(NOW + 60), now=NOW).chosen.until is None


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=60), max_size=6))
def test_no_address_breaks_the_page(query: dict[str, str]) -> None:
    asked = parse_asked("executive", query, ROADMAP, now=NOW)
    assert "<" not in asked.address()


# --- Costs ---


def test_each_phase_costs_what_its_stack_file_allows() -> None:
    costs = phase_costs(ROADMAP, "phase-1", 400, {})
    assert [(cost.low, cost.high) for cost in costs] == [
        (phase.budget.min, phase.budget.max) for phase in ROADMAP
    ]
    assert costs[0].per_user_now == pytest.approx(costs[0].high / 400)
    assert [cost.is_current for cost in costs] == [True, False, False]
    assert phase_costs(ROADMAP, "phase-1", None, {})[0].per_user_now is None
    assert phase_costs(ROADMAP, "phase-1", 0, {})[0].per_user_now is None


def test_growth_climbs_to_the_phase_that_carries_it_and_never_back() -> None:
    costs = phase_costs(ROADMAP, "phase-1", 500, {})
    grown = project(costs, 500, 100)
    assert [(one.months, one.cost.phase.id) for one in grown] == [
        (0, "phase-1"),
        (1, "phase-1"),
        (3, "phase-2"),
        (6, "phase-3"),
        (12, "phase-3"),
    ]
    assert [one.beyond for one in grown] == [False] * 4 + [True]
    later = phase_costs(ROADMAP, "phase-2", 500, {})
    assert {one.cost.phase.id for one in project(later, 500, -20)} == {"phase-2"}
    assert project(costs, None, 10) == ()
    assert project(costs, 500, None) == ()


@pytest.mark.parametrize("given_", ["x", "nan", "-1", "1e99", "inf"])
def test_an_amount_that_is_none_is_said_and_left_out(given_: str) -> None:
    found = parse_assumptions({"cost_phase-2": given_}, ROADMAP)
    assert not found.amounts
    assert "phase-2" in found.problem


def test_own_amounts_replace_the_budget() -> None:
    found = parse_assumptions({"cost_phase-2": "550", "growth": "-3.5"}, ROADMAP)
    assert (found.growth, dict(found.amounts), found.problem) == (-3.5, {"phase-2": 550.0}, "")
    cost = phase_costs(ROADMAP, "phase-1", 100, found.amounts)[1]
    assert (cost.low, cost.high, cost.is_own) == (550, 550, True)


@pytest.mark.parametrize(
    ("amount", "text"), [(5000, "$5,000"), (9.09, "$9.09"), (0.1, "$0.10"), (0.004, "$0.004"), (0, "$0.00")]
)
def test_amounts_of_dollars(amount: float, text: str) -> None:
    assert dollars(amount) == text


# --- Charts ---


def history(*series: tuple[str, float, float], now: float = NOW) -> History:
    """A history of (series, seconds ago, value)."""
    kept = History(now=lambda: now)
    for name, ago, value in series:
        kept.append(now - ago, {name: value})
    kept.flush()
    return kept


def test_a_chart_shows_nothing_where_nothing_is_known() -> None:
    kept = history(
        *((("error_rate_percent", ago, 0.5)) for ago in [*range(0, 600, 10), *range(2400, 3000, 10)])
    )
    chart = read_chart(ERRORS, kept, LIMITS, begin=NOW - 3600, end=NOW)
    [line] = chart.values
    assert None in line
    assert draw(chart).paths[0].count("M") == 2
    assert 2 <= len(chart.rows) <= 8
    assert chart.rows[0][1] == "0.5 %"


def test_limits_far_above_the_values_are_named_instead_of_drawn() -> None:
    calm = read_chart(ERRORS, history(("error_rate_percent", 60, 0.1)), LIMITS, begin=NOW - 3600, end=NOW)
    assert not calm.levels
    assert [level.kind for level in calm.far_levels] == ["stay", "urgent"]
    near = read_chart(ERRORS, history(("error_rate_percent", 60, 4.0)), LIMITS, begin=NOW - 3600, end=NOW)
    assert [level.value for level in near.levels] == [LIMITS["error_rate_percent"].stay, 5]
    assert near.top >= 5


def test_an_empty_chart_says_so() -> None:
    chart = read_chart(RESPONSE, history(), LIMITS, begin=NOW - 3600, end=NOW)
    assert chart.is_empty
    assert chart.rows == ()
    assert "Nothing is known" in chart.summary
    assert draw(chart).paths == ("", "", "")


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=40))
def test_no_line_leaves_its_drawing(values: list[float]) -> None:
    kept = History(now=lambda: NOW)
    for number, value in enumerate(values):
        kept.append(NOW - 10 * number, {"p95_ms": value})
    kept.flush()
    chart = read_chart(RESPONSE, kept, LIMITS, begin=NOW - 600, end=NOW)
    assert chart.top >= max(value for line in chart.values for value in line if value is not None)
    for path in draw(chart).paths:
        numbers = [float(text) for text in path.replace("M", " ").replace("h2", "").split()]
        assert all(0 <= x <= WIDTH for x in numbers[::2])
        assert all(0 <= y <= HEIGHT for y in numbers[1::2])


def test_a_young_monitor_does_not_show_ninety_empty_days() -> None:
    kept = history(*(("cpu_percent", ago, 5) for ago in range(0, 300, 10)))
    since = known_since(kept, NOW - 90 * 86_400, NOW)
    assert NOW - 3600 < since <= NOW - 290
    assert known_since(history(), NOW - 3600, NOW) == NOW - 3600


def test_a_chart_that_knows_more_than_its_range_begins_with_it() -> None:
    kept = history(*(("score", ago, 90) for ago in range(0, 20_000, 10)))
    assert known_since(kept, NOW - 3600, NOW) == NOW - 3600
    chart = read_chart(SCORE, kept, LIMITS, begin=NOW - 3600, end=NOW)
    assert chart.top == 100
    assert chart.times[0] >= NOW - 3600 - 20


# --- Room ---


def test_room_is_what_is_left_below_the_upper_limit() -> None:
    judged = judge(Snapshot("phase-1", {"concurrent_users": Measurement(250, "users")}, NOW)).metrics[0]
    room = room_of(judged, LIMITS["concurrent_users"].upper)
    assert (room.used, room.times, room.tick, room.percent) == (0.25, 4, 50, "25 %")
    unknown = room_of(replace(judged, value=None, category=None), 1000)
    assert (unknown.used, unknown.times, unknown.bar) == (None, None, 0)
    assert unknown.badge.tone == "unknown"
    full = room_of(replace(judged, value=math.inf), 1000)
    assert full.bar == 100
