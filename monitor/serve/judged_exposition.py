"""The exposition's part about the judgement: score, limits beside values, alerts, the roadmap's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from monitor.alerts.states import AlertState
from monitor.assessment import Decision, Light

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from enum import StrEnum

    from prometheus_client.core import Metric

    from monitor.alerts.delivery import ReceiverStatus
    from monitor.serve.published import Published


def judgement(published: Published) -> Iterator[Metric]:
    assessment = published.assessment
    if assessment.score is not None:
        yield GaugeMetricFamily(
            "scalability_score", "Score, 0 to 100; absent while unknown.", assessment.score
        )
    yield _states("scalability_light", "Traffic light; the current state is 1.", Light, assessment.light)
    yield _states(
        "scalability_decision", "Migration decision; the current state is 1.", Decision, assessment.decision
    )
    yield GaugeMetricFamily(
        "scalability_decision_held_seconds",
        "How long the decision has been at least this bad without a break.",
        published.held.seconds,
    )
    yield GaugeMetricFamily(
        "scalability_data_coverage_ratio", "Share of metrics whose value is known.", assessment.coverage
    )
    yield GaugeMetricFamily(
        "scalability_scale_ratio", "Factor by which limits of load were lowered; 1 is none.", assessment.scale
    )
    if assessment.health_index is not None:
        yield GaugeMetricFamily(
            "scalability_health_index", "Mean worth of the known metrics, 0 to 100.", assessment.health_index
        )
    yield GaugeMetricFamily(
        "scalability_metrics_beyond_stay", "How many metrics are past their stay limit.", assessment.breadth
    )
    value = GaugeMetricFamily("scalability_metric_value", "Value, in the metric's unit.", labels=["metric"])
    judged = GaugeMetricFamily(
        "scalability_metric_judged_value",
        "What is held against the limit: the value, or the careful end of its confidence interval.",
        labels=["metric"],
    )
    limit = GaugeMetricFamily(
        "scalability_metric_threshold", "Limit, in the metric's unit.", labels=["metric", "limit"]
    )
    points = GaugeMetricFamily("scalability_metric_utility", "Worth, 0 to 100 points.", labels=["metric"])
    stale = GaugeMetricFamily(
        "scalability_metric_stale", "1 while the metric's value is not known.", labels=["metric"]
    )
    for metric in assessment.metrics:
        limit.add_metric([metric.id, "stay"], metric.stay)
        if metric.urgent is not None:
            limit.add_metric([metric.id, "urgent"], metric.urgent)
        stale.add_metric([metric.id], float(metric.value is None))
        if metric.judged_value is not None:
            judged.add_metric([metric.id], metric.judged_value)
        if metric.value is not None and metric.utility is not None:
            value.add_metric([metric.id], metric.value)
            points.add_metric([metric.id], metric.utility)
    yield from (value, judged, limit, points, stale)
    yield from _roadmap(published)


def _states(name: str, text: str, states: type[StrEnum], current: StrEnum) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state in states:
        family.add_metric([state.value], float(state is current))
    return family


def _roadmap(published: Published) -> Iterator[Metric]:
    """What each phase carries and costs, for lines in charts and for projections."""
    if not published.roadmap:
        return
    users = GaugeMetricFamily(
        "scalability_phase_capacity_users", "Concurrent users a phase carries.", labels=["phase"]
    )
    dollars = GaugeMetricFamily(
        "scalability_phase_budget_dollars",
        "What a phase may cost in a month, in US dollars.",
        labels=["phase", "bound"],
    )
    for phase in published.roadmap:
        users.add_metric([phase.id], phase.capacity.concurrent_users)
        dollars.add_metric([phase.id, "min"], phase.budget.min)
        dollars.add_metric([phase.id, "max"], phase.budget.max)
    yield from (users, dollars)


def alerting(published: Published, receivers: Sequence[ReceiverStatus]) -> Iterator[Metric]:
    """Write the state of every alert, and how telling the receivers goes."""
    labels = ["alert", "group", "severity"]
    active = GaugeMetricFamily(
        "scalability_alert_active", "1 while the alert fires (recovering ones still do).", labels=labels
    )
    states = GaugeMetricFamily(
        "scalability_alert_state", "State of an alert; the current one is 1.", labels=[*labels, "state"]
    )
    for status in published.alert_states:
        condition, standing = status.condition, status.standing
        names = [condition.id, condition.group, condition.severity]
        active.add_metric(names, float(standing.fires))
        for state in AlertState:
            states.add_metric([*names, state], float(standing.state is state))
    yield from (active, states)
    if receivers:
        sent = CounterMetricFamily(
            "scalability_notifications", "Messages a receiver took.", labels=["receiver", "type"]
        )
        failed = CounterMetricFamily(
            "scalability_notifications_failed",
            "Times a receiver did not take a message.",
            labels=["receiver", "type"],
        )
        waiting = GaugeMetricFamily(
            "scalability_notifications_waiting",
            "Changes a receiver has still to be told.",
            labels=["receiver", "type"],
        )
        for receiver in receivers:
            names = [receiver.name, receiver.type]
            sent.add_metric(names, receiver.sent)
            failed.add_metric(names, receiver.failed)
            waiting.add_metric(names, receiver.waiting)
        yield from (sent, failed, waiting)
