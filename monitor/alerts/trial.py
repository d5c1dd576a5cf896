"""Sends every receiver a message that only tries it: an alert that fires, and its end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.alerts.messages import Event, Message
from monitor.alerts.senders import send
from monitor.alerts.states import Change
from monitor.alerts.table import ALERTS, AlertSeverity
from monitor.errors import MonitorError
from monitor.thresholds import METRICS
from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.alerts.config import AlertsConfig, Receiver
    from monitor.phases import Phase


class UnknownReceiver(MonitorError):
    """The configuration has no receiver of that name."""


@dataclass(frozen=True)
class Trial:
    """How a receiver took the message; `error` is None when it did."""

    receiver: str
    type: str
    error: str | None


def try_receivers(
    config: AlertsConfig,
    phase: Phase,
    only: str | None = None,
    *,
    sender: Callable[[Receiver, Message], None] = send,
) -> list[Trial]:
    """Send each receiver one message, and say how it went.

    Args:
        config: whom to tell.
        phase: whose limit the message names.
        only: one receiver's name; all by default.
        sender: sends one message once.

    Raises:
        UnknownReceiver: there is no such receiver, or none at all.
    """
    receivers = [receiver for receiver in config.receivers if only in (None, receiver.name)]
    if not receivers:
        known = ", ".join(receiver.name for receiver in config.receivers) or "none"
        raise UnknownReceiver(
            "there is no receiver to try" if only is None else f"{only} is not a receiver",
            why=f"the configuration has: {known}",
            next_step="add one under receivers: (docs/alerts.md shows how)",
        )
    event = _example(phase)
    trials = []
    for receiver in receivers:
        message = Message((event,), "outgrow", phase.id, receiver.name, config.external_url or "", test=True)
        try:
            sender(receiver, message)
            error = None
        except MonitorError as failed:
            error = str(failed)
        trials.append(Trial(receiver.name, receiver.type, error))
    return trials


def _example(phase: Phase) -> Event:
    alert = next(alert for alert in ALERTS if alert.severity is AlertSeverity.WARNING)
    limit = phase.thresholds[alert.metric].stay
    return Event(
        alert=alert.id,
        change=Change.FIRING,
        severity=alert.severity,
        group=alert.group,
        metric=alert.metric,
        title=METRICS[alert.metric].title,
        summary="This is a test: nothing is wrong",
        shown=f"limit {show(alert.metric, limit)}",
        value=None,
        limit=limit,
        runbook=alert.runbook,
        fired_at=time.time(),
    )
