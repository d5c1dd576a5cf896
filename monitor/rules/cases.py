"""Unit tests of the rules, for `promtool test rules`: each alert at its limit, beside it, on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.objectives import BURNS, ERRORS
from monitor.alerts.table import TIMING, AlertSeverity, alerts_for, rule_name
from monitor.rules.alerting import JUDGED, alerting_groups, threshold_rule
from monitor.rules.promql import number
from monitor.rules.recording import percentile
from monitor.thresholds import ALL_METRICS

if TYPE_CHECKING:
    from monitor.alerts.table import Alert
    from monitor.rules.alerting import Rules
    from monitor.thresholds import Thresholds

INSTANCE: Final = "127.0.0.1:9464"
_MINUTE: Final = 60
#: Minutes: quiet until here, past the limit until here, between limit and recovery until here, then well.
_RAISED, _BAND, _WELL, _END = 5, 15, 45, 80


def rule_tests(rules: Rules, files: list[str]) -> dict[str, Any]:
    """Return the tests.

    Args:
        rules: what the rules are made for.
        files: the rules' files, as the test file finds them.
    """
    return {
        "rule_files": files,
        "evaluation_interval": "1m",
        "tests": [
            *(_threshold_test(rules, severity) for severity in AlertSeverity),
            *_budget_tests(rules),
            _absent_test(rules),
            _down_test(rules),
            _stale_test(rules),
        ],
    }


def _threshold_test(rules: Rules, severity: AlertSeverity) -> dict[str, Any]:
    """Walk every metric over its limit, back between limit and recovery, and below.

    The alerts must hold, keep firing for a while, and then end. One test walks all metrics at the same time:
    each test evaluates all the rules again.
    """
    alerts = [alert for alert in alerts_for(rules.phase.thresholds) if alert.severity is severity]
    walks = {alert: _walk(alert, rules.phase.thresholds) for alert in alerts}
    fires = _RAISED + int(TIMING.for_s // _MINUTE)
    ends = _WELL + int(TIMING.keep_firing_s // _MINUTE)
    return {
        "name": f"{severity.value}: at the limit, between limit and recovery, and below",
        "interval": "1m",
        "input_series": [
            {
                "series": rules.target.series(JUDGED, instance=INSTANCE, metric=alert.metric),
                "values": " ".join(
                    f"{number(value)}x{minutes - 1}"
                    for value, minutes in (
                        (walk.before, _RAISED),
                        (walk.past, _BAND - _RAISED),
                        (walk.band, _WELL - _BAND),
                        (walk.well, _END - _WELL),
                    )
                ),
            }
            for alert, walk in walks.items()
        ],
        "alert_rule_test": [
            {
                "eval_time": f"{minute}m",
                "alertname": alert.rule_name,
                "exp_alerts": [] if value is None else [_expected(rules, alert, value)],
            }
            for alert, walk in walks.items()
            for minute, value in (
                (_RAISED - 1, None),
                (fires - 1, None),
                (fires, walk.past),
                (_WELL - 1, walk.band),
                (ends - 1, walk.band),
                (ends + 1, None),
            )
        ],
    }


@dataclass(frozen=True)
class _Walk:
    before: float
    past: float
    band: float
    well: float


def _walk(alert: Alert, thresholds: Thresholds) -> _Walk:
    """The boundary itself belongs to *plan*: it raises the warning and not yet the critical alert."""
    limit = alert.limit(thresholds)
    assert limit is not None
    warning = alert.severity is AlertSeverity.WARNING
    before, past = (limit * 0.99, limit) if warning else (limit, limit * 1.01)
    return _Walk(before, past, limit * (1 + TIMING.recovery) / 2, limit * TIMING.recovery * 0.5)


def _expected(rules: Rules, alert: Alert, value: float) -> dict[str, Any]:
    rule = threshold_rule(rules, alert)
    shown = _humanize(value) if ALL_METRICS[alert.metric].unit == "bytes" else f"{value:.4g}"
    return _alert(
        rule, {"job": rules.target.job, "instance": INSTANCE, "metric": alert.metric}, INSTANCE, shown
    )


def _alert(rule: dict[str, Any], labels: dict[str, str], instance: str, shown: str) -> dict[str, Any]:
    annotations = {}
    for name, text in rule["annotations"].items():
        filled = text.replace("{{ $labels.instance }}", instance)
        filled = filled.replace("{{ $labels.metric }}", labels.get("metric", ""))
        for template in ("{{ $value | humanize }}", '{{ $value | printf "%.4g" }}'):
            filled = filled.replace(template, shown)
        annotations[name] = filled
    return {"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": annotations}


def _humanize(value: float) -> str:
    """Write a number as Prometheus' function of that name does."""
    for prefix in ("", "k", "M", "G", "T", "P"):
        if value < 1000:
            return f"{value:.4g}{prefix}"
        value /= 1000
    return f"{value:.4g}E"


def _requests(rules: Rules, good: str, failed: str) -> list[dict[str, str]]:
    return [
        {
            "series": rules.target.series("http_requests_total", instance=INSTANCE, status_class=name),
            "values": values,
        }
        for name, values in (("2xx", good), ("5xx", failed))
    ]


def _budget_tests(rules: Rules) -> list[dict[str, Any]]:
    fast = BURNS[0]
    name = fast.rule_name(ERRORS)
    rule = _rule(rules, name)
    fires = _alert(rule, {"job": rules.target.job}, INSTANCE, "20")
    return [
        {
            "name": "one request of ten fails: the budget of 0.5 % burns 20 times too fast",
            "interval": "1m",
            "input_series": _requests(rules, "0+540x90", "0+60x90"),
            "alert_rule_test": [{"eval_time": "80m", "alertname": name, "exp_alerts": [fires]}],
        },
        {
            "name": "one failure among five requests an hour proves nothing",
            "interval": "1m",
            "input_series": _requests(rules, "0x29 4x60", "0x29 1x60"),
            "alert_rule_test": [{"eval_time": "32m", "alertname": name, "exp_alerts": []}],
        },
        {
            "name": "the failures are over: the short window ends the alert within minutes",
            "interval": "1m",
            "input_series": _requests(rules, "0+540x90", "0+60x60 3600x30"),
            "alert_rule_test": [{"eval_time": "70m", "alertname": name, "exp_alerts": []}],
        },
        {
            "name": "P95 of two instances together, from their histograms",
            "interval": "1m",
            "input_series": [
                {
                    "series": rules.target.series(
                        "http_request_duration_seconds_bucket", instance=instance, le=bound
                    ),
                    "values": f"0+{step}x10",
                }
                for instance, counts in (("a", (60, 60, 60)), ("b", (0, 40, 40)))
                for bound, step in zip(("0.1", "0.2", "+Inf"), counts, strict=True)
            ],
            "promql_expr_test": [
                {
                    # 60 of 100 requests within 0.1 s, 40 within 0.2 s: the 95th lies at 0.1 + 0.1 * 35 / 40.
                    "expr": f"round({rules.target.series(percentile('p95'))}, 0.0001)",
                    "eval_time": "8m",
                    "exp_samples": [{"labels": f'{{job="{rules.target.job}"}}', "value": 0.1875}],
                }
            ],
        },
    ]


def _absent_test(rules: Rules) -> dict[str, Any]:
    name = rule_name("Monitor absent", AlertSeverity.CRITICAL)
    expected = _alert(_rule(rules, name), {"job": rules.target.job}, INSTANCE, "1")
    return {
        "name": "no monitor is scraped",
        "interval": "1m",
        "input_series": [],
        "alert_rule_test": [
            {"eval_time": "4m", "alertname": name, "exp_alerts": []},
            {"eval_time": "6m", "alertname": name, "exp_alerts": [expected]},
        ],
    }


def _down_test(rules: Rules) -> dict[str, Any]:
    name = rule_name("Monitor down", AlertSeverity.CRITICAL)
    expected = _alert(_rule(rules, name), {"job": rules.target.job, "instance": INSTANCE}, INSTANCE, "0")
    return {
        "name": "the monitor is down",
        "interval": "1m",
        "input_series": [{"series": rules.target.series("up", instance=INSTANCE), "values": "1x4 0x10 1x10"}],
        "alert_rule_test": [
            {"eval_time": "4m", "alertname": name, "exp_alerts": []},
            {"eval_time": "8m", "alertname": name, "exp_alerts": [expected]},
            {"eval_time": "20m", "alertname": name, "exp_alerts": []},
        ],
    }


def _stale_test(rules: Rules) -> dict[str, Any]:
    name = rule_name("Data absent", AlertSeverity.WARNING)
    labels = {"job": rules.target.job, "instance": INSTANCE, "metric": "p95_ms"}
    known = rules.target.series("scalability_metric_stale", instance=INSTANCE, metric="p95_ms")
    optional = rules.target.series("scalability_metric_stale", instance=INSTANCE, metric="average_query_ms")
    return {
        "name": "a metric of the decision matrix is not known; one outside of it does not matter",
        "interval": "1m",
        "input_series": [
            {"series": known, "values": "0x4 1x30"},
            {"series": optional, "values": "1x40"},
        ],
        "alert_rule_test": [
            {"eval_time": "10m", "alertname": name, "exp_alerts": []},
            {
                "eval_time": "20m",
                "alertname": name,
                "exp_alerts": [_alert(_rule(rules, name), labels, INSTANCE, "1")],
            },
        ],
    }


def _rule(rules: Rules, name: str) -> dict[str, Any]:
    return next(rule for group in alerting_groups(rules) for rule in group["rules"] if rule["alert"] == name)
