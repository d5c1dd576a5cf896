"""Alerting rules: the mission's alerts, and what only Prometheus can tell: that the monitor itself is gone.

The mission's watch the same values by the same limits as the monitor's own alerts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.objectives import BURNS, ENOUGH_REQUESTS, OBJECTIVES
from monitor.alerts.table import TIMING, Alert, AlertSeverity, alerts_for, rule_name, runbook
from monitor.recommendations import PLAN_BELOW
from monitor.rules.promql import duration, number, quote
from monitor.rules.recording import burn, count
from monitor.thresholds import ALL_METRICS, MATRIX
from monitor.units import show

if TYPE_CHECKING:
    from monitor.alerts.objectives import Burn, Objective
    from monitor.phases import Phase
    from monitor.rules.promql import Target

#: The mission's migration takes two to four weeks: a limit within the longer one is a reason to begin.
LEAD_DAYS: Final = 28
#: What the alerts watch: the value, or the end of its confidence interval that the decision rests on.
JUDGED: Final = "scalability_metric_judged_value"
_WARNING, _CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


@dataclass(frozen=True)
class Rules:
    """What the rules are made for.

    Args:
        phase: by whose limits.
        target: whose series.
        runbooks: what stands before a runbook's place, "" or for instance a repository's address with a
            slash at its end.
    """

    phase: Phase
    target: Target
    runbooks: str = ""


def alerting_groups(rules: Rules) -> list[dict[str, Any]]:
    """Return the groups of alerting rules: one for each group of the mission, then budgets, then the rest."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for alert in alerts_for(rules.phase.thresholds):
        groups.setdefault(alert.group, []).append(threshold_rule(rules, alert))
    groups["budgets"] = [burn_rule(rules, objective, pair) for objective in OBJECTIVES for pair in BURNS]
    groups["capacity"] += _trends(rules)
    groups["monitor"] = _monitor(rules)
    return [{"name": f"outgrow-{name}", "rules": listed} for name, listed in groups.items()]


def threshold_rule(rules: Rules, alert: Alert) -> dict[str, Any]:
    """Return the rule of one of the table's alerts.

    Prometheus knows no recovery threshold; a firing alert finds itself in the series ALERTS and then holds
    down to the lower limit.
    """
    limit = alert.limit(rules.phase.thresholds)
    assert limit is not None, f"{alert.id} has no limit"
    value = rules.target.series(JUDGED, metric=alert.metric)
    sign = ">=" if alert.severity is _WARNING else ">"
    firing = f'ALERTS{{alertname={quote(alert.rule_name)},alertstate="firing"}}'
    recovery = number(round(limit * TIMING.recovery, 9))
    metric = ALL_METRICS[alert.metric]
    shown = '{{ $value | printf "%.4g" }} ' + metric.unit
    if metric.unit == "bytes":
        shown = "{{ $value | humanize }}B"
    return _rule(
        rules,
        alert.rule_name,
        f"{value} {sign} {number(limit)}\nor\n({value} >= {recovery} and on (job, instance) {firing})",
        alert.severity,
        {"group": alert.group.value, "metric": alert.metric},
        summary=f"{alert.summary} ({{{{ $labels.instance }}}})",
        description=f"{metric.title} is {shown}; the limit of "
        f"{rules.phase.id} is {show(alert.metric, limit)}. Measured as: {metric.source}.",
        place=alert.runbook,
        for_s=TIMING.for_s,
        keep_s=TIMING.keep_firing_s,
    )


def burn_rule(rules: Rules, objective: Objective, pair: Burn) -> dict[str, Any]:
    """Return the rule of one pair of windows of one objective."""
    target = rules.target
    long, short = (target.series(burn(objective, window)) for window in (pair.long, pair.short))
    allowed = show("error_rate_percent", 100 * objective.budget)
    return _rule(
        rules,
        pair.rule_name(objective),
        f"{long} > {number(pair.factor)}\nand\n{short} > {number(pair.factor)}\n"
        f"and\n{target.series(count(pair.long))} >= {ENOUGH_REQUESTS}",
        pair.severity,
        {"group": "budgets", "metric": f"{objective.id}_budget"},
        summary=f"{objective.title} burns {number(pair.factor)} times faster than allowed",
        description=f"Over {pair.long} requests were {objective.bad} at "
        f'{{{{ $value | printf "%.4g" }}}} times the {allowed} that is allowed. '
        f"At {number(pair.factor)} times, {pair.long} spend {pair.spent} % of the budget of 30 days.",
        place=pair.runbook(objective),
        for_s=pair.for_s,
    )


def _trends(rules: Rules) -> list[dict[str, Any]]:
    """Return what is not past a limit yet but will be."""
    target, size = rules.target, rules.target.series("database_size_bytes")
    urgent = rules.phase.thresholds["database_size_bytes"].urgent
    rules_made = [
        _rule(
            rules,
            rule_name("Score", _WARNING),
            f"{target.series('scalability_score')} < {number(PLAN_BELOW)}",
            _WARNING,
            {"group": "capacity", "metric": "score"},
            summary="The scalability score calls for planning the next phase ({{ $labels.instance }})",
            description=f'The score is {{{{ $value | printf "%.4g" }}}}; the migration is planned below '
            f"{number(PLAN_BELOW)}.",
            place=runbook("Score"),
            for_s=900,
            keep_s=TIMING.keep_firing_s,
        )
    ]
    if urgent is not None:
        rules_made.append(
            _rule(
                rules,
                rule_name("Database growth", _WARNING),
                f"predict_linear({size}[1d], {LEAD_DAYS} * 86400) > {number(urgent)}\n"
                f"and\n{size} <= {number(urgent)}",
                _WARNING,
                {"group": "capacity", "metric": "database_growth"},
                summary=f"The database outgrows its urgent limit within {LEAD_DAYS} days "
                "({{ $labels.instance }})",
                description=f"At the last day's growth it is {{{{ $value | humanize }}}}B in {LEAD_DAYS} "
                f"days; the limit is {show('database_size_bytes', urgent)}, and a migration takes two to "
                "four weeks.",
                place=runbook("Database growth"),
                for_s=3600,
            )
        )
    return rules_made


def _monitor(rules: Rules) -> list[dict[str, Any]]:
    """Return what tells that nothing would be told: the monitor is gone, late, blind or unheard."""
    target = rules.target
    up = target.series("up")
    stale = f"{target.series('scalability_metric_stale')[:-1]},metric=~{quote('|'.join(MATRIX))}}}"
    evaluated = target.series("scalability_evaluated_timestamp_seconds")
    failed = target.series("scalability_notifications_failed_total")
    found = [
        (
            rule_name("Monitor down", _CRITICAL),
            f"{up} == 0",
            _CRITICAL,
            "monitor",
            "The monitor does not answer ({{ $labels.instance }})",
            "Prometheus cannot scrape it: no limit is watched there.",
            120,
        ),
        (
            rule_name("Monitor absent", _CRITICAL),
            f"absent({up})",
            _CRITICAL,
            "monitor",
            "Prometheus scrapes no monitor",
            f"There is no target of the job {target.job}: no limit is watched at all.",
            300,
        ),
        (
            rule_name("Monitor late", _WARNING),
            f"time() - {evaluated} > 60",
            _WARNING,
            "monitor",
            "The monitor answers but does not evaluate ({{ $labels.instance }})",
            'Its last evaluation is {{ $value | printf "%.4g" }} seconds old.',
            120,
        ),
        (
            rule_name("Data absent", _WARNING),
            f"{stale} == 1",
            _WARNING,
            "",
            "{{ $labels.metric }} is not known ({{ $labels.instance }})",
            "The migration decision depends on it; while it is missing the light is unknown at best.",
            600,
        ),
        (
            rule_name("Notifications failing", _WARNING),
            f"increase({failed}[15m]) > 0",
            _WARNING,
            "monitor",
            "The monitor cannot deliver alerts to {{ $labels.receiver }} ({{ $labels.instance }})",
            "Deliveries failed in the last 15 minutes; they are tried again until they succeed.",
            900,
        ),
    ]
    return [
        _rule(
            rules,
            name,
            expression,
            severity,
            {"group": "monitor", **({"metric": metric} if metric else {})},
            summary=summary,
            description=description,
            place=runbook("Data absent" if name.startswith("OutgrowData") else "The monitor itself"),
            for_s=seconds,
        )
        for name, expression, severity, metric, summary, description, seconds in found
    ]


def _rule(
    rules: Rules,
    name: str,
    expression: str,
    severity: AlertSeverity,
    labels: dict[str, str],
    *,
    summary: str,
    description: str,
    place: str,
    for_s: float,
    keep_s: float | None = None,
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "for": duration(for_s),
        **({} if keep_s is None else {"keep_firing_for": duration(keep_s)}),
        "labels": {"severity": severity.value, **labels, "phase": rules.phase.id},
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": f"{rules.runbooks}{place}",
        },
    }
