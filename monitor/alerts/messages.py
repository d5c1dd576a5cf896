"""What receivers are sent: one message for the changes of one moment, in each receiver's own shape. Pure."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any, Final

from monitor.alerts.states import Change
from monitor.alerts.table import AlertGroup, AlertSeverity

#: SNS cuts subjects at 100 characters of ASCII.
_SUBJECT: Final = 100
_COLOURS: Final = {"critical": "#b3261e", "warning": "#a15c00", "resolved": "#1b7f3b"}


@dataclass(frozen=True)
class Event:
    """One alert that fires, or whose end people are told of.

    Args:
        alert: its id.
        change: whether it fires or ends.
        severity: warning or critical.
        group: who looks after it.
        metric: what it is about.
        title: of what it is about.
        summary: what it means.
        shown: value and limit for people.
        value: in the metric's unit.
        limit: in the metric's unit.
        runbook: what to do.
        fired_at: when it fired, seconds since the epoch.
        ended_at: when it ended; None while it fires.
    """

    alert: str
    change: Change
    severity: AlertSeverity
    group: AlertGroup
    metric: str
    title: str
    summary: str
    shown: str
    value: float | None
    limit: float | None
    runbook: str
    fired_at: float
    ended_at: float | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the firing and the end of one alert, another the next time it fires."""
        return hashlib.sha256(f"{self.alert}\0{self.fired_at:.3f}".encode()).hexdigest()[:16]

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Event:
        """Read what was kept as JSON."""
        kinds = {
            "change": Change(document["change"]),
            "severity": AlertSeverity(document["severity"]),
            "group": AlertGroup(document["group"]),
        }
        return cls(**{**document, **kinds})


@dataclass(frozen=True)
class Message:
    """Changes that are told together.

    Args:
        events: critical ones first.
        monitor: what is watched: the database's name, never where it lies.
        phase: by whose limits.
        receiver: whose message it is.
        external_url: where people reach the monitor, "" if that is not known.
        test: whether it only tries the receiver.
    """

    events: tuple[Event, ...]
    monitor: str
    phase: str
    receiver: str
    external_url: str = ""
    test: bool = False

    @property
    def id(self) -> str:
        """Stays the same when the message is sent again, so that receivers can drop repetitions."""
        told = "\0".join(sorted(f"{event.fingerprint}{event.change}" for event in self.events))
        return hashlib.sha256(f"{self.receiver}\0{told}".encode()).hexdigest()[:32]

    @property
    def status(self) -> str:
        """Whether anything of it still fires."""
        return "firing" if any(event.change is Change.FIRING for event in self.events) else "resolved"

    @property
    def colour(self) -> str:
        """Of the worst event."""
        firing = [event.severity.value for event in self.events if event.change is Change.FIRING]
        return _COLOURS[min(firing, default="resolved")]

    @property
    def headline(self) -> str:
        """One line that says it."""
        firing = [event for event in self.events if event.change is Change.FIRING]
        first = (firing or list(self.events))[0]
        word = first.severity.value.upper() if firing else "RESOLVED"
        more = f" and {len(self.events) - 1} more" if len(self.events) > 1 else ""
        prefix = "[TEST] " if self.test else ""
        return f"{prefix}{word}: {first.title}{more} on {self.monitor} ({self.phase})"


def as_subject(message: Message) -> str:
    """Write the headline so that it can be a subject anywhere: ASCII, one line, short."""
    text = message.headline.encode("ascii", "replace").decode()
    return " ".join(text.split())[:_SUBJECT]


def as_text(message: Message) -> str:
    """Write a message as plain text."""
    lines = [message.headline, ""]
    for event in message.events:
        lines += [_line(event), f"  {_when(event)}", f"  runbook: {event.runbook}", ""]
    if message.external_url:
        lines.append(f"monitor: {message.external_url}")
    return "\n".join(lines).rstrip() + "\n"


def as_webhook(message: Message) -> dict[str, Any]:
    """Write a message in the shape of Alertmanager's webhook, version 4: what reads that reads this."""
    alerts = [_alert(event, message) for event in message.events]
    return {
        "version": "4",
        "id": message.id,
        "groupKey": f"outgrow:{message.monitor}:{message.phase}",
        "truncatedAlerts": 0,
        "status": message.status,
        "receiver": message.receiver,
        "test": message.test,
        "groupLabels": {"monitor": message.monitor},
        "commonLabels": {"monitor": message.monitor, "phase": message.phase},
        "commonAnnotations": {"headline": message.headline},
        "externalURL": message.external_url,
        "alerts": alerts,
    }


def as_slack(message: Message) -> dict[str, Any]:
    """Write a message for an incoming webhook of Slack."""
    lines = [
        f"*{_slack(_line(event))}*\n{_slack(_when(event))} · {_slack(event.runbook)}"
        for event in message.events
    ]
    # Slack refuses a section of more than 3,000 characters.
    text = "\n".join(lines)[:2900]
    if message.external_url:
        text += f"\n<{message.external_url}|monitor>"
    return {
        "text": _slack(message.headline),
        "attachments": [
            {
                "color": message.colour,
                "fallback": _slack(message.headline),
                "mrkdwn_in": ["text"],
                "text": text,
            }
        ],
    }


def _alert(event: Event, message: Message) -> dict[str, Any]:
    return {
        "status": event.change.value,
        "labels": {
            "alertname": event.alert,
            "severity": event.severity.value,
            "group": event.group.value,
            "metric": event.metric,
            "phase": message.phase,
            "monitor": message.monitor,
        },
        "annotations": {
            "summary": event.summary,
            "description": event.shown,
            "runbook_url": event.runbook,
        },
        "value": event.value,
        "limit": event.limit,
        "startsAt": rfc3339(event.fired_at),
        "endsAt": "0001-01-01T00:00:00Z" if event.ended_at is None else rfc3339(event.ended_at),
        "generatorURL": message.external_url,
        "fingerprint": event.fingerprint,
    }


def _line(event: Event) -> str:
    word = event.severity.value.upper() if event.change is Change.FIRING else "RESOLVED"
    return f"{word} {event.title}: {event.summary} ({event.shown})"


def _when(event: Event) -> str:
    began = f"since {rfc3339(event.fired_at)}"
    return began if event.ended_at is None else f"{began}, ended {rfc3339(event.ended_at)}"


def rfc3339(at: float) -> str:
    """Write seconds since the epoch as a time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _slack(text: str) -> str:
    """Escape what Slack reads as markup: its three characters, and the asterisks and backticks of our own."""
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, written)
    return text.replace("*", "∗").replace("`", "'")  # noqa: RUF001  # looks like an asterisk, is no markup
