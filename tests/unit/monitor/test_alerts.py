"""Alerts: the mission's list exactly, from the one thresholds table, consistent with the categories."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.evaluation import active_alerts
from monitor.alerts.table import ALERTS, AlertGroup, AlertSeverity
from monitor.judging import judge
from monitor.phases import load_phase
from monitor.snapshot import Measurement, Snapshot
from monitor.thresholds import METRICS, Category

WARNING, CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL
DATABASE, PERFORMANCE, SYSTEM = AlertGroup.DATABASE, AlertGroup.PERFORMANCE, AlertGroup.SYSTEM
THRESHOLDS = load_phase("phase-1").thresholds


def raised(**values: float | None) -> list[str]:
    metrics = {name: Measurement(value, METRICS[name].unit) for name, value in values.items()}
    return [alert.id for alert in active_alerts(judge(Snapshot("phase-1", metrics, 0.0)))]


def test_the_missions_alerts_are_all_there_with_their_numbers() -> None:
    listed = {
        (alert.group, alert.metric, alert.severity, alert.limit(THRESHOLDS))
        for alert in ALERTS
        if alert.group is not AlertGroup.CAPACITY
    }
    assert listed == {
        (DATABASE, "database_size_bytes", WARNING, 1e9),
        (DATABASE, "database_size_bytes", CRITICAL, 5e9),
        (DATABASE, "average_query_ms", WARNING, 100),
        (DATABASE, "average_query_ms", CRITICAL, 500),
        (PERFORMANCE, "p95_ms", WARNING, 200),
        (PERFORMANCE, "p95_ms", CRITICAL, 500),
        (PERFORMANCE, "error_rate_percent", WARNING, 1),
        (PERFORMANCE, "error_rate_percent", CRITICAL, 5),
        (PERFORMANCE, "requests_per_second", WARNING, 500),
        (SYSTEM, "memory_percent", WARNING, 80),
        (SYSTEM, "memory_percent", CRITICAL, 90),
        (SYSTEM, "cpu_percent", WARNING, 70),
        (SYSTEM, "cpu_percent", CRITICAL, 90),
    }


def test_every_metric_has_an_alert_and_ids_are_unique() -> None:
    assert {alert.metric for alert in ALERTS} == set(METRICS)
    assert len({alert.id for alert in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize(
    "metric", [alert.metric for alert in ALERTS if alert.severity is AlertSeverity.CRITICAL]
)
def test_warning_begins_at_stay_and_critical_beyond_urgent(metric: str) -> None:
    limit = THRESHOLDS[metric]
    assert limit.urgent is not None
    warning, critical = f"{metric}_warning", f"{metric}_critical"
    assert raised(**{metric: math.nextafter(limit.stay, 0)}) == []
    assert raised(**{metric: limit.stay}) == [warning]
    assert raised(**{metric: limit.urgent}) == [warning]
    assert raised(**{metric: math.nextafter(limit.urgent, math.inf)}) == [critical, warning]


def test_the_request_rate_only_ever_warns() -> None:
    assert raised(requests_per_second=1e9) == ["requests_per_second_warning"]


def test_what_is_not_known_raises_nothing() -> None:
    assert raised(p95_ms=None) == []


@given(st.dictionaries(st.sampled_from(list(METRICS)), st.floats(min_value=0, allow_nan=False)))
def test_p10_critical_implies_warning_and_alerts_are_a_function_of_the_categories(
    values: dict[str, float],
) -> None:
    found = set(raised(**values))
    for name, value in values.items():
        category = THRESHOLDS[name].category(value)
        assert (f"{name}_warning" in found) == (category is not Category.STAY)
        assert (f"{name}_critical" in found) == (category is Category.URGENT)


def test_an_active_alert_says_value_and_limit() -> None:
    snapshot = Snapshot("phase-1", {"p95_ms": Measurement(245.8, "ms")}, 0.0)
    alert = active_alerts(judge(snapshot))[0]
    assert (alert.value, alert.limit) == (245.8, 200)
    assert alert.summary == "Response time P95 is past its stay limit: plan (245.8 ms, limit 200 ms)"
