"""The executive dashboard: score trend, users against capacity, readiness to migrate, what it will cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.dashboards.panels import (
    Panel,
    Query,
    Row,
    dashboard,
    limit_steps,
    limits_text,
    lines,
    series,
    stat,
)
from monitor.kpis import TARGETS
from monitor.recommendations import PLAN_BELOW
from monitor.thresholds import MATRIX
from monitor.utility import PLAN_POINTS, STAY_POINTS

if TYPE_CHECKING:
    from monitor.phases import Phase

_SCORE_STEPS: Final = (
    (None, "red"),
    (PLAN_POINTS, "#d29200"),
    (STAY_POINTS, "green"),
)
_DAY: Final = 86_400


def executive(phase: Phase) -> dict[str, Any]:
    """Build the dashboard by a phase's limits."""
    return dashboard(
        "outgrow-executive",
        "Outgrow / Executive",
        f"How close the application is to the limits of {phase.id} ({phase.title}), when it will reach them "
        "and what the next step costs.",
        [
            Row("Verdict", _verdict(phase)),
            Row("Scalability score", (_score_trend(),)),
            Row("User growth and capacity", _users(phase)),
            Row("Migration readiness", _readiness()),
            Row("Cost projections", _costs()),
        ],
        refresh="1m",
    )


def _verdict(phase: Phase) -> tuple[Panel, ...]:
    budget = phase.budget
    own = series("scalability_phase_budget_dollars", f'phase="{phase.id}"', 'bound="max"')
    return (
        stat(
            "Score",
            "0 to 100, the worth of the worst metric. Green from 80, yellow from 60, red below; empty while "
            "a metric of the decision is not known.",
            "none",
            Query(f"min({series('scalability_score')})"),
            steps=_SCORE_STEPS,
        ),
        stat(
            "Light",
            "Follows the worst of all metrics.",
            "none",
            Query(f"{series('scalability_light')} == 1", "{{state}}"),
            name=True,
        ),
        stat(
            "Decision",
            "Follows the worst metric of the decision matrix: stay, plan or urgent.",
            "none",
            Query(f"{series('scalability_decision')} == 1", "{{state}}"),
            name=True,
        ),
        stat(
            "Held for",
            "How long the decision has been at least this bad without a break.",
            "s",
            Query(f"max({series('scalability_decision_held_seconds')})"),
        ),
        stat(
            "Metrics past their limit",
            "How many metrics are beyond their stay limit.",
            "none",
            Query(f"max({series('scalability_metrics_beyond_stay')})"),
            steps=((None, "green"), (1, "#d29200"), (3, "red")),
        ),
        stat(
            "Budget of this phase",
            f"What {phase.id} may cost in a month at most; at least {budget.min:g} US dollars.",
            "currencyUSD",
            Query(f"max({own})"),
        ),
    )


def _score_trend() -> Panel:
    return lines(
        "Scalability score trend",
        f"The score, and the mean worth of all metrics. The migration is planned below {PLAN_BELOW:g}.",
        "none",
        Query(series("scalability_score"), "score {{instance}}"),
        Query(series("scalability_health_index"), "health index {{instance}}"),
        steps=_SCORE_STEPS,
        width=24,
        bounds=(0, 100),
    )


def _users(phase: Phase) -> tuple[Panel, ...]:
    users = series("scalability_concurrent_users")
    return (
        lines(
            "User growth vs capacity",
            f"Distinct clients in five minutes against what the phases carry. "
            f"{limits_text(phase.thresholds, 'concurrent_users')}",
            "none",
            Query(users, "users {{instance}}"),
            Query(f"max by (phase) ({series('scalability_phase_capacity_users')})", "capacity of {{phase}}"),
            steps=limit_steps(phase.thresholds, "concurrent_users"),
        ),
        lines(
            "Busiest hour of each day",
            "The greatest number of users in the day before, and where its trend of a week leads in 28 days.",
            "none",
            Query(f"max_over_time({users}[1d])", "peak of a day {{instance}}"),
            Query(f"clamp_min(predict_linear({users}[7d], 28 * {_DAY}), 0)", "in 28 days {{instance}}"),
            steps=limit_steps(phase.thresholds, "concurrent_users"),
        ),
    )


def _readiness() -> tuple[Panel, ...]:
    matrix = f'metric=~"{"|".join(MATRIX)}"'
    urgent = series("scalability_metric_threshold", matrix, 'limit="urgent"')
    share = (
        f"max by (metric) ({series('scalability_metric_judged_value', matrix)} / on (job, instance, metric) "
        f"{urgent})"
    )
    return (
        Panel(
            "bargauge",
            "Migration readiness indicator",
            "Each metric of the decision matrix as a share of its urgent limit; at 100 % it is urgent.",
            "percentunit",
            (Query(share, "{{metric}}"),),
            steps=((None, "green"), (0.5, "#d29200"), (1, "red")),
            bounds=(0, 1.2),
        ),
        lines(
            "Decision over time",
            "1 while the decision is so.",
            "none",
            Query(f"max by (state) ({series('scalability_decision')})", "{{state}}"),
            bounds=(0, 1),
        ),
    )


def _costs() -> tuple[Panel, ...]:
    users = series("scalability_concurrent_users")
    capacity = series("scalability_phase_capacity_users")
    most = series("scalability_phase_budget_dollars", 'bound="max"')
    per_user = next(target for target in TARGETS if target.id == "cost_per_user").number
    queries = []
    for days in (0, 30, 90):
        expected = users if days == 0 else f"predict_linear({users}[7d], {days} * {_DAY})"
        # The cheapest phase that carries the users expected then.
        carried = f"{capacity} >= on (job, instance) group_left () {expected}"
        expression = f"min by (job, instance) ({most} and on (job, instance, phase) ({carried}))"
        queries.append(Query(expression, "now" if days == 0 else f"in {days} days"))
    return (
        lines(
            "Cost projections",
            "The monthly budget of the smallest phase that carries the users of now, in 30 and in 90 days.",
            "currencyUSD",
            *queries,
        ),
        lines(
            "Budgets of the phases",
            "What each phase costs in a month, at least and at most.",
            "currencyUSD",
            Query(
                f"max by (phase, bound) ({series('scalability_phase_budget_dollars')})", "{{phase}} {{bound}}"
            ),
            width=6,
        ),
        lines(
            "Cost per user",
            f"The budget of the phase that carries the users of now, per user; the target is below "
            f"{per_user:g} US dollars a month.",
            "currencyUSD",
            Query(f"{queries[0].expr} / ({users} > 0)", "{{instance}}"),
            steps=((None, "green"), (per_user, "red")),
            width=6,
        ),
    )
