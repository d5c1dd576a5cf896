"""The Alertmanager's configuration: who hears of which alert, and what keeps quiet beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.config import Email, Slack, Sns, Webhook
from monitor.alerts.table import AlertGroup, AlertSeverity, rule_name
from monitor.rules.promql import duration

if TYPE_CHECKING:
    from monitor.alerts.config import AlertsConfig, Receiver

#: Hears what no route fits; without receivers of its own it only shows alerts in the Alertmanager.
DEFAULT: Final = "outgrow-default"
#: Where the Alertmanager finds a secret that the configuration names as an environment variable.
SECRETS: Final = "/etc/alertmanager/secrets"
_GROUP_BY: Final = ["job", "group"]
_CRITICAL, _WARNING = AlertSeverity.CRITICAL, AlertSeverity.WARNING


def alertmanager(config: AlertsConfig) -> dict[str, Any]:
    """Return the configuration.

    Args:
        config: the monitor's own receivers. Without any, one route for each severity leads to a receiver that
            is there to be filled in.
    """
    if config.receivers:
        routes = [_route(receiver) for receiver in config.receivers]
        receivers = [{"name": DEFAULT}, *(_receiver(receiver) for receiver in config.receivers)]
    else:
        routes = [_severity_route(severity) for severity in (_CRITICAL, _WARNING)]
        receivers = [{"name": DEFAULT}, {"name": "outgrow-critical"}, {"name": "outgrow-warning"}]
    return {
        "route": {
            "receiver": DEFAULT,
            "group_by": _GROUP_BY,
            "group_wait": duration(max(config.timing.group_wait, 1)),
            "group_interval": "5m",
            "repeat_interval": duration(max(config.timing.repeat, 60)),
            "routes": routes,
        },
        "inhibit_rules": [
            {
                # A critical alert says all that the warning of the same metric says.
                "source_matchers": [f'severity="{_CRITICAL.value}"', 'metric!=""'],
                "target_matchers": [f'severity="{_WARNING.value}"'],
                "equal": ["job", "instance", "metric"],
            },
            {
                # What a monitor that is down measured last is no news.
                "source_matchers": [f'alertname="{rule_name("Monitor down", _CRITICAL)}"'],
                "target_matchers": [f'group=~"{"|".join(AlertGroup)}"'],
                "equal": ["job", "instance"],
            },
        ],
        "receivers": receivers,
    }


def _severity_route(severity: AlertSeverity) -> dict[str, Any]:
    critical = severity is _CRITICAL
    return {
        "receiver": f"outgrow-{severity.value}",
        "matchers": [f'severity="{severity.value}"'],
        "group_wait": "10s" if critical else "1m",
        "repeat_interval": "1h" if critical else "12h",
    }


def _route(receiver: Receiver) -> dict[str, Any]:
    """Several receivers may hear of one alert, so each route goes on to the next."""
    matchers = [f'severity=~"{"|".join(receiver.severities)}"']
    if set(receiver.groups) != set(AlertGroup):
        matchers.append(f'group=~"{"|".join(receiver.groups)}"')
    return {"receiver": receiver.name, "matchers": matchers, "continue": True}


def _receiver(receiver: Receiver) -> dict[str, Any]:
    kind, settings = _settings(receiver)
    return {"name": receiver.name, kind: [{"send_resolved": receiver.send_resolved, **settings}]}


def _settings(receiver: Receiver) -> tuple[str, dict[str, Any]]:
    match receiver:
        case Webhook():
            settings: dict[str, Any] = {"url": receiver.url or _placeholder(receiver.name)}
            if receiver.authorization_env or receiver.authorization_file:
                place = receiver.authorization_file or f"{SECRETS}/{receiver.name}.authorization"
                settings["http_config"] = {"authorization": {"credentials_file": str(place)}}
            return "webhook_configs", settings
        case Slack():
            place = receiver.url_file or f"{SECRETS}/{receiver.name}.url"
            return "slack_configs", {"api_url_file": str(place)}
        case Sns():
            return "sns_configs", {"topic_arn": receiver.topic_arn, "sigv4": {"region": receiver.region}}
        case Email():
            settings = {
                "to": ", ".join(receiver.to),
                "from": receiver.sender,
                "smarthost": f"{receiver.host}:{receiver.port}",
                "require_tls": receiver.security == "starttls",
            }
            if receiver.username is not None:
                place = receiver.password_file or f"{SECRETS}/{receiver.name}.password"
                settings |= {"auth_username": receiver.username, "auth_password_file": str(place)}
            return "email_configs", settings


def _placeholder(name: str) -> str:
    """Stand in for a secret address: Alertmanager 0.25 reads a webhook's from its own file only."""
    return f"http://replace-by-the-address-of.{name}.invalid/"
