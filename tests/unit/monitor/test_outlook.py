"""What the history adds: the busy hour of the week, the headroom of today, the month, advice from them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from monitor.assessment import Decision, Light
from monitor.forecast import ForecastStatus
from monitor.judging import judge, success_metrics
from monitor.kpis import TARGETS, KpiStatus, Observed
from monitor.outlook import busy_hour, daily, forecasts, look_back
from monitor.phases import load_phase
from monitor.serve.memory import Memory
from monitor.serve.sidecar import Watch
from monitor.snapshot import Measurement, Snapshot
from monitor.store.history import History, Transition
from monitor.thresholds import METRICS

PHASE = load_phase("phase-1")
LIMITS = PHASE.thresholds
DAY = 86_400
NOW = 20_000 * DAY + 20 * 3600.0
#: Seconds between two evaluations of these tests: an hour has twelve.
EVERY = 300.0
QUIET: dict[str, float | None] = {name: LIMITS[name].stay / 10 for name in METRICS}


def filled(days: int, values: Any, *, every: float = EVERY) -> History:
    """A history of so many days up to NOW; values(at) gives what differs from a quiet time."""
    history = History(now=lambda: NOW, clock=lambda: 0.0)
    at = NOW - days * DAY
    while at < NOW:
        history.append(at, {**QUIET, "uptime_percent": 100.0, "reads_per_second": 9.0, **values(at)})
        at += every
    return history


def test_a_red_hour_of_yesterday_is_not_cancelled_by_a_green_night() -> None:
    yesterday = NOW - NOW % 3600 - 26 * 3600
    history = filled(3, lambda at: {"p95_ms": 900.0} if yesterday <= at < yesterday + 3600 else {})
    busy = busy_hour(history, LIMITS, phase="phase-1", now=NOW, interval_s=EVERY)
    assert busy is not None
    assert (busy.light, busy.decision, busy.bottleneck) == (Light.RED, Decision.URGENT, "p95_ms")
    assert (busy.values["p95_ms"], busy.at["p95_ms"]) == (900, yesterday)
    assert busy.hours == 72
    history.close()


def test_what_lies_more_than_seven_days_back_no_longer_counts() -> None:
    history = filled(9, lambda at: {"p95_ms": 900.0} if at < NOW - 8 * DAY else {})
    busy = busy_hour(history, LIMITS, phase="phase-1", now=NOW, interval_s=EVERY)
    assert busy is not None
    assert busy.light is Light.GREEN
    history.close()


def test_a_few_minutes_are_no_hour_and_nothing_is_nothing() -> None:
    history = History(now=lambda: NOW, clock=lambda: 0.0)
    assert busy_hour(history, LIMITS, phase="phase-1", now=NOW, interval_s=5) is None
    for number in range(20):
        history.append(NOW - 5 * number, {"p95_ms": 900.0})
    assert busy_hour(history, LIMITS, phase="phase-1", now=NOW, interval_s=5) is None
    seen = look_back(history, LIMITS, phase="phase-1", now=NOW, interval_s=5)
    assert (seen.uptime_percent, seen.headroom, seen.write_share) == (None, None, None)
    history.close()


def test_uptime_headroom_and_write_share_come_from_the_history() -> None:
    down = NOW - 12 * 3600
    history = filled(
        2,
        lambda at: {
            "uptime_percent": 0.0 if down <= at < down + 3600 else 100.0,
            "concurrent_users": 400.0 if NOW - 2 * 3600 < at < NOW - 3600 else 40.0,
            "writes_per_second": 1.0,
        },
    )
    seen = look_back(history, LIMITS, phase="phase-1", now=NOW, interval_s=EVERY)
    assert seen.uptime_percent == pytest.approx(100 * 47 / 48, abs=0.1)
    assert seen.uptime_days == pytest.approx(2, abs=0.05)
    assert seen.headroom is not None
    assert (seen.headroom.metric, seen.headroom.peak, seen.headroom.to_urgent) == (
        "concurrent_users",
        400,
        2.5,
    )
    assert seen.users_peak == 400
    assert seen.write_share == pytest.approx(0.1)
    history.close()


def test_each_day_counts_with_its_busiest_hour_and_today_only_when_it_is_nearly_over() -> None:
    history = filled(
        20,
        lambda at: {
            "concurrent_users": 100 + 10 * (at // DAY - 19_980) * math.sin(math.pi * (at % DAY) / DAY)
        },
        every=1200,
    )
    found = daily(history, "concurrent_users", now=NOW, interval_s=1200)
    assert [day.number for day in found][-1] == 20_000  # it is 20:00
    assert found[-1].value == pytest.approx(300, rel=0.01)
    morning = 20_000 * DAY + 8 * 3600.0
    assert daily(history, "concurrent_users", now=morning, interval_s=1200)[-1].number == 19_999
    one = next(
        one
        for one in forecasts(history, LIMITS, now=NOW, interval_s=1200)
        if one.metric == "concurrent_users"
    )
    assert one.to_stay.status is ForecastStatus.CROSSES
    assert one.to_stay.days == pytest.approx(20, abs=1.5)
    history.close()


# --- Success metrics ---


def judged(**values: float | None) -> Any:
    metrics = {name: Measurement(value, METRICS[name].unit) for name, value in {**QUIET, **values}.items()}
    return judge(Snapshot("phase-1", metrics, NOW))


def by_id(assessment: Any, **known: Any) -> dict[str, Any]:
    return {one.id: one for one in success_metrics(assessment, PHASE, **known)}


def test_the_missions_targets_are_these() -> None:
    assert {(one.id, one.number, one.above) for one in TARGETS} == {
        ("response_time", 200, False),
        ("availability", 99.9, True),
        ("error_rate", 0.5, False),
        ("cost_per_user", 0.10, False),
        ("time_to_scale", 4, False),
    }


@pytest.mark.parametrize(
    ("metric", "kpi", "value", "status"),
    [
        ("p95_ms", "response_time", 199.9, KpiStatus.MET),
        ("p95_ms", "response_time", 200.0, KpiStatus.MISSED),
        ("p95_ms", "response_time", None, KpiStatus.UNKNOWN),
        ("error_rate_percent", "error_rate", 0.49, KpiStatus.MET),
        ("error_rate_percent", "error_rate", 0.5, KpiStatus.MISSED),
        ("concurrent_users", "cost_per_user", 1001.0, KpiStatus.MET),
        ("concurrent_users", "cost_per_user", 1000.0, KpiStatus.MISSED),
        ("concurrent_users", "cost_per_user", 0.0, KpiStatus.UNKNOWN),
        ("concurrent_users", "cost_per_user", None, KpiStatus.UNKNOWN),
    ],
)
def test_a_target_is_met_missed_or_unknown(
    metric: str, kpi: str, value: float | None, status: KpiStatus
) -> None:
    found = next(one for one in judged(**{metric: value}).kpis if one.id == kpi)
    assert found.status is status
    assert found.basis


def test_availability_and_time_to_scale_are_unknown_without_a_history() -> None:
    found = by_id(judged())
    assert found["availability"].status is KpiStatus.UNKNOWN
    assert found["time_to_scale"].status is KpiStatus.UNKNOWN
    seen = by_id(judged(), uptime=Observed(99.95, "x"), monthly_cost=50, users_peak=1000)
    assert seen["availability"].status is KpiStatus.MET
    assert (seen["cost_per_user"].value, seen["cost_per_user"].status) == (0.05, KpiStatus.MET)
    assert by_id(judged(), uptime=Observed(99.9, "x"))["availability"].status is KpiStatus.MISSED


def test_the_time_to_scale_runs_from_the_first_call_to_the_next_phase() -> None:
    history = History(now=lambda: NOW, clock=lambda: 0.0)
    history.remember("phase", "phase-1")
    history.note(Transition(NOW - 21 * DAY, "decision", "stay", "plan", "users"))
    history.note(Transition(NOW - 7 * DAY, "decision", "plan", "urgent", "users"))
    memory = Memory(history, Watch(load_phase("phase-2"), "phase-3"))
    outlook = memory.outlook(LIMITS, now=NOW, clock=0)
    kpis = {one.id: one for one in memory.complete(judged(), outlook).kpis}
    assert kpis["time_to_scale"].value == pytest.approx(3)
    assert kpis["time_to_scale"].status is KpiStatus.MET
    history.close()


def test_the_busy_hour_gives_advice_that_this_moment_does_not() -> None:
    history = filled(1, lambda at: {"p95_ms": 900.0} if at < NOW - 12 * 3600 else {})
    memory = Memory(history, Watch(PHASE, "phase-2", interval_s=EVERY))
    outlook = memory.outlook(LIMITS, now=NOW, clock=0)
    quiet = memory.complete(judged(), outlook)
    assert [one.rule_id for one in quiet.recommendations] == ["busy-hour"]
    assert quiet.recommendations[0].command == "outgrow infra plan phase-2"
    assert "busy-hour" not in [
        one.rule_id for one in memory.complete(judged(p95_ms=900.0), outlook).recommendations
    ]
    history.close()


def test_a_limit_within_the_migrations_four_weeks_gives_advice() -> None:
    history = filled(30, lambda at: {"concurrent_users": 700 + 20 * (at - NOW) / DAY}, every=1800)
    memory = Memory(history, Watch(PHASE, "phase-2", interval_s=1800, window_s=1800))
    outlook = memory.outlook(LIMITS, now=NOW, clock=0)
    rules = {one.rule_id for one in memory.complete(judged(concurrent_users=700.0), outlook).recommendations}
    one = next(one for one in outlook.forecasts if one.metric == "concurrent_users")
    assert one.within_lead_time
    assert "start-before-the-limit" in rules
    assert one.to_urgent is not None
    assert one.to_urgent.days == pytest.approx(15, abs=2)
    history.close()
