"""What one receiver has still to be told. Pure: nothing is sent here, nothing lost."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.messages import Event
from monitor.alerts.states import Change
from monitor.alerts.table import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.alerts.config import Receiver

#: More changes than this wait for no receiver; the oldest ends are forgotten first.
_MOST: Final = 500


class Outbox:
    """Events that wait for one receiver, and what it was last told still fires.

    Args:
        receiver: whose events.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._pending: dict[str, Event] = {}
        self._told: dict[str, tuple[Event, float]] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Take in what the receiver wants to hear; a repetition changes nothing."""
        for event in events:
            if event.severity not in self._receiver.severities or event.group not in self._receiver.groups:
                continue
            known = event.fingerprint in self._told
            if event.change is Change.FIRING and known:
                continue
            if event.change is Change.RESOLVED and not self._receiver.send_resolved:
                self._told.pop(event.fingerprint, None)
                self._pending.pop(event.fingerprint, None)
                continue
            # An end takes the place of a beginning that was never told: it names both times.
            self._pending[event.fingerprint] = event
        while len(self._pending) > _MOST:
            oldest = min(
                self._pending,
                key=lambda name: (
                    self._pending[name].change is Change.FIRING,
                    self._pending[name].fired_at,
                ),
            )
            del self._pending[oldest]

    def remind(self, now: float, every_s: float) -> None:
        """Put what still fires back among what waits, once it was told so long ago (0: never)."""
        if every_s <= 0:
            return
        for fingerprint, (event, told_at) in self._told.items():
            if now - told_at >= every_s or told_at > now:
                self._pending.setdefault(fingerprint, event)

    def batch(self) -> tuple[Event, ...]:
        """Return what waits: what fires first, critical before warning, oldest first."""
        return tuple(
            sorted(
                self._pending.values(),
                key=lambda event: (
                    event.change is not Change.FIRING,
                    event.severity is not AlertSeverity.CRITICAL,
                    event.fired_at,
                    event.alert,
                ),
            )
        )

    def sent(self, events: Iterable[Event], now: float) -> None:
        """Forget what was taken; what changed in the meantime still waits."""
        for event in events:
            if self._pending.get(event.fingerprint) == event:
                del self._pending[event.fingerprint]
            if event.change is Change.FIRING:
                self._told[event.fingerprint] = (event, now)
            else:
                self._told.pop(event.fingerprint, None)

    def next_reminder(self, every_s: float) -> float | None:
        """Return when something is due again, seconds since the epoch."""
        if every_s <= 0 or not self._told:
            return None
        return min(told_at for _, told_at in self._told.values()) + every_s

    def __len__(self) -> int:
        return len(self._pending)

    # --- Memory ---

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "pending": [asdict(event) for event in self._pending.values()],
            "told": [[asdict(event), told_at] for event, told_at in self._told.values()],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what was kept.

        Raises:
            ValueError, TypeError, KeyError: it is not what `as_json` wrote.
        """
        pending = [Event.parse(event) for event in document["pending"]]
        told = [(Event.parse(event), float(told_at)) for event, told_at in document["told"]]
        self._pending = {event.fingerprint: replace(event) for event in pending}
        self._told = {event.fingerprint: (event, told_at) for event, told_at in told}
