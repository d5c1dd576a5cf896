"""Alerts from evaluation to evaluation: they wait, hold, recover, survive restarts, tell each change once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.conditions import Condition, conditions, window_seconds
from monitor.alerts.config import AlertsConfig
from monitor.alerts.engine import AlertEngine, window_errors
from monitor.alerts.states import AlertState, Change, Standing, audible, step
from monitor.alerts.table import AlertGroup, AlertSeverity, Timing
from monitor.judging import judge
from monitor.phases import load_phase
from monitor.snapshot import Measurement, Snapshot
from monitor.store.history import History
from monitor.thresholds import METRICS

INACTIVE, PENDING, FIRING, RECOVERING = AlertState
TIMING = Timing(for_s=10, keep_firing_s=20, recovery=0.9)
THRESHOLDS = load_phase("phase-1").thresholds


def condition(raised: bool | None, holds: bool | None = None) -> Condition:
    holds = raised if holds is None else holds
    warning = AlertSeverity.WARNING
    return Condition("a", AlertGroup.SYSTEM, warning, "m", "M", raised, holds, 1.0, 1.0, "", "", "")


def walk(
    *seen: tuple[bool | None, bool | None], timing: Timing = TIMING, each_s: float = 5
) -> list[AlertState]:
    standing, found = Standing(), []
    for number, (raised, holds) in enumerate(seen):
        standing = step(standing, condition(raised, holds), timing, at=float(number), passed_s=each_s)
        found.append(standing.state)
    return found


UP, BAND, DOWN, BLIND = (True, True), (False, True), (False, False), (None, None)


def test_an_alert_fires_after_its_time_and_ends_after_its_time() -> None:
    assert walk(UP, UP, UP, DOWN, DOWN, DOWN, DOWN, DOWN) == [
        PENDING,
        PENDING,
        FIRING,
        RECOVERING,
        RECOVERING,
        RECOVERING,
        RECOVERING,
        INACTIVE,
    ]


def test_a_peak_shorter_than_its_time_fires_nothing() -> None:
    assert walk(UP, UP, DOWN, UP, UP) == [PENDING, PENDING, INACTIVE, PENDING, PENDING]


def test_between_limit_and_recovery_a_firing_alert_stays_and_a_quiet_one_stays_quiet() -> None:
    assert walk(BAND, UP, UP, UP, BAND, BAND) == [INACTIVE, PENDING, PENDING, FIRING, FIRING, FIRING]


def test_what_is_not_known_changes_nothing() -> None:
    assert (
        walk(BLIND, UP, UP, UP, BLIND, DOWN, BLIND, BLIND, BLIND, BLIND)[3:]
        == [FIRING] * 2 + [RECOVERING] * 5
    )


def test_without_times_it_fires_and_ends_at_once() -> None:
    assert walk(UP, DOWN, timing=Timing(0, 0, 0.9)) == [FIRING, INACTIVE]


@given(st.lists(st.floats(0.9, 1.2), max_size=60))
def test_p9_a_value_that_swings_between_limit_and_recovery_limit_flaps_at_most_once(
    values: list[float],
) -> None:
    states = walk(*((value >= 1, value >= 0.9) for value in values))
    assert sum(state is FIRING for state in states[1:]) == 0 or RECOVERING not in states


# --- The engine ---


def assessed(at: float = 0.0, **values: float | None) -> Any:
    metrics = {name: Measurement(values.get(name), METRICS[name].unit, samples=10_000) for name in METRICS}
    return replace(judge(Snapshot("phase-1", metrics, at)), taken_at=at)


CONFIG = AlertsConfig.model_validate(
    {"timing": {"for": "10s", "keep_firing": "20s"}, "alerts": {"data_absent_warning": {"enabled": False}}}
)


class Told:
    """Takes the place of the delivery."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Change]] = []

    def add(self, events: Any) -> None:
        self.events += [(event.alert, event.change) for event in events]


def engine(history: History, told: Told | None = None) -> AlertEngine:
    return AlertEngine(CONFIG, history, told)  # type: ignore[arg-type]


def states(statuses: Any) -> dict[str, str]:
    return {s.condition.id: s.standing.state.value for s in statuses if s.standing.state is not INACTIVE}


def test_a_critical_alert_silences_the_warning_and_each_change_is_told_once() -> None:
    told, clock = Told(), 0.0
    alerts = engine(History(), told)
    values = [300.0] * 4 + [900.0] * 4 + [300.0] * 8 + [50.0] * 8
    for value in values:
        clock += 5
        alerts.after(assessed(clock, p95_ms=value), THRESHOLDS, clock=clock)
    assert told.events == [
        ("p95_ms_warning", Change.FIRING),
        ("p95_ms_critical", Change.FIRING),
        ("p95_ms_warning", Change.FIRING),
        ("p95_ms_critical", Change.RESOLVED),
        ("p95_ms_warning", Change.RESOLVED),
    ]


def test_states_survive_a_restart_and_the_time_between_counts_for_nothing() -> None:
    history, told = History(), Told()
    first = engine(history, told)
    for clock in (0.0, 5.0, 10.0):
        first.after(assessed(clock, cpu_percent=80.0), THRESHOLDS, clock=clock)
    assert told.events == [("cpu_percent_warning", Change.FIRING)]
    second = engine(history, told)
    # A day later, by another monotonic clock: still firing, told of nothing anew.
    found = second.after(assessed(86_400.0, cpu_percent=80.0), THRESHOLDS, clock=1000.0)
    assert states(found) == {"cpu_percent_warning": "firing"}
    assert len(told.events) == 1
    pending = engine(History())
    pending.after(assessed(0.0, cpu_percent=80.0), THRESHOLDS, clock=0.0)
    assert history.recall("alerts") is not None


def test_a_damaged_memory_begins_anew() -> None:
    for damaged in ("no json", "[]", '{"standings": {"x": {"state": "odd"}}, "announced": []}'):
        history = History()
        history.remember("alerts", damaged)
        assert states(engine(history).after(assessed(0.0), THRESHOLDS, clock=0.0)) == {}


def test_missing_data_is_an_alert_of_its_own() -> None:
    alerts = AlertEngine(AlertsConfig.model_validate({"timing": {"for": "0s"}}), History())
    found = alerts.after(assessed(0.0, p95_ms=10.0), THRESHOLDS, clock=0.0)
    assert states(found) == {"data_absent_warning": "firing"}
    shown = next(s.condition.shown for s in found if s.condition.id == "data_absent_warning")
    assert "Database size" in shown
    assert "Response time" not in shown


@given(st.dictionaries(st.sampled_from(sorted(METRICS)), st.floats(0, 1e13), max_size=9))
def test_p10_conditions_agree_with_the_categories_and_critical_implies_warning(
    values: dict[str, float],
) -> None:
    assessment = assessed(0.0, **values)
    found = {one.id: one for one in conditions(assessment, THRESHOLDS, AlertsConfig(), lambda _: None)}
    for metric in assessment.metrics:
        warning = found[f"{metric.id}_warning"]
        assert warning.raised == (None if metric.category is None else metric.category != "stay")
        critical = found.get(f"{metric.id}_critical")
        if critical is not None and critical.raised:
            assert warning.raised
            assert warning.holds


def test_the_audible_ones_are_the_worst_of_each_metric() -> None:
    warning = condition(raised=True)
    critical = replace(warning, id="c", severity=AlertSeverity.CRITICAL)
    other = replace(warning, id="o", metric="other")
    fires = Standing(FIRING, 0, 0, 0.0)
    assert audible((warning, critical, other), {"a": fires, "c": fires, "o": fires}) == {"c", "o"}
    assert audible((warning, critical), {"a": fires, "c": Standing()}) == {"a"}


# --- Burn rates ---


def history_of(minutes: int, requests: float, errors: float) -> tuple[History, float]:
    now = 1_800_000_000.0
    history = History(now=lambda: now)
    for minute in range(minutes):
        at = now - 60 * minute
        history.append(at, {"requests_per_second": requests, "error_rate_percent": errors})
    return history, now


def test_a_burning_budget_is_critical_and_few_requests_prove_nothing() -> None:
    for requests, errors, raised in ((10.0, 10.0, True), (10.0, 3.0, False), (0.0001, 50.0, False)):
        history, now = history_of(70, requests, errors)
        found = conditions(
            assessed(now),
            THRESHOLDS,
            AlertsConfig(),
            lambda window, history=history, now=now: window_errors(history, window_seconds(window), now),
        )
        fast = next(one for one in found if one.id == "errors_burn_1h_critical")
        assert fast.raised is raised, (requests, errors)
    assert window_errors(History(), 3600, 0.0) is None


def test_a_quiet_failure_does_not_weigh_like_a_busy_day() -> None:
    now = 1_800_000_000.0
    history = History(now=lambda: now)
    for minute in range(60):
        busy = minute % 2 == 0
        values = {"requests_per_second": 100.0 if busy else 0.1, "error_rate_percent": 0.0 if busy else 50.0}
        history.append(now - 60 * minute, values)
    found = window_errors(history, 3600, now)
    assert found is not None
    assert found.ratio == pytest.approx(0.0005, rel=0.2)


# --- The configuration ---


_PLAIN_PASSWORD = """
receivers:
  - {name: a, type: email, host: h, from: a@b, to: [c@d], username: u, password_env: P, security: none}
"""


def refused(tmp_path: Any, text: str) -> str:
    from monitor.alerts.config import BadAlertsConfig, load_alerts_config

    path = tmp_path / "alerts.yaml"
    path.write_text(text)
    with pytest.raises(BadAlertsConfig) as error:
        load_alerts_config(path)
    assert "alerts.yaml" in error.value.what
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("receivers: [{name: a, type: pigeon}]", "receivers[0].type is wrong"),
        (
            "receivers: [{name: a, type: slack, url: 'https://hooks/SECRET'}]",
            "receivers[0].url is not a known key",
        ),
        ("receivers: [{name: a, type: slack}]", "exactly one of url_env, url_file"),
        ("receivers: [{name: a, type: webhook, url: 'https://u:SECRET@h/'}]", "url_env or url_file"),
        ("receivers: [{name: a, type: webhook, url: 'ftp://h/'}]", "https://host/path"),
        (
            "receivers: [{name: a, type: email, host: h, from: a@b, to: [c@d], password: SECRET}]",
            "password_env",
        ),
        ("receivers: [{name: a, type: email, host: h, from: a@b, to: []}]", "receivers[0].to"),
        (_PLAIN_PASSWORD, "unencrypted"),
        ("receivers: [{name: a, type: sns, topic_arn: nonsense}]", "receivers[0].topic_arn"),
        ("timing: {for: soon}", "timing.for is wrong"),
        ("timing: {recovery: 2}", "timing.recovery"),
        ("alerts: {cpu_warning: {enabled: false}}", "alerts.cpu_warning is not an alert"),
        ("alerts: {cpu_percent_warning: {enbled: false}}", "alerts.cpu_percent_warning.enbled"),
        ("recievers: []", "recievers is not a known key"),
        ("- a", "configures nothing"),
        ("a: [", "is not YAML"),
        ("timing: {for: 1s, for: 2s}", "given twice"),
    ],
)
def test_a_wrong_key_is_named_with_its_file_and_no_secret_is_repeated(
    tmp_path: Any, text: str, said: str
) -> None:
    message = refused(tmp_path, text)
    assert said in message
    assert "SECRET" not in message


def test_a_file_that_is_missing_says_so(tmp_path: Any) -> None:
    from monitor.alerts.config import BadAlertsConfig, load_alerts_config

    with pytest.raises(BadAlertsConfig, match="cannot be read"):
        load_alerts_config(tmp_path / "none.yaml")


def test_the_list_of_alerts_shows_the_exceptions(tmp_path: Any) -> None:
    from typer.testing import CliRunner

    from outgrow import app

    path = tmp_path / "alerts.yaml"
    path.write_text("alerts: {cpu_percent_warning: {enabled: false}, p95_ms_warning: {for: 1h}}")
    answer = CliRunner().invoke(app, ["monitor", "alerts", "list", "--config", str(path), "--json"])
    listed = {alert["id"]: alert for alert in json.loads(answer.output)}
    assert listed["cpu_percent_warning"]["enabled"] is False
    assert listed["p95_ms_warning"]["for_s"] == 3600
    assert listed["database_size_bytes_critical"]["limit"] == "5 GB"
