"""Tells receivers: a thread for each, so that a dead one holds up nobody; outboxes survive restarts."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.messages import Message
from monitor.alerts.outbox import Outbox
from monitor.alerts.senders import DeliveryFailed, DeliveryRefused, send
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from monitor.alerts.config import AlertsConfig, Receiver
    from monitor.alerts.messages import Event
    from monitor.store.history import History

_LOG: Final = logging.getLogger("outgrow.monitor")
_MEMORY: Final = "alerts-outbox"
# Each failed attempt would be a line on the terminal; what matters is said once, when all of them failed.
logging.getLogger("stamina").addHandler(logging.NullHandler())
_HOUR_S: Final = 3600.0
#: How many messages may go out at once before the hourly limit spaces them.
_BURST: Final = 5


@dataclass(frozen=True)
class Pace:
    """How a message that was not taken is tried again.

    Args:
        attempts: at once, one soon after the other.
        first_s: the pause after the first of them; each later one is about twice as long.
        longest_s: the longest of these pauses.
        rest_s: the pause after all of them failed; it doubles each time.
        longest_rest_s: the longest such pause.
    """

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 8.0
    rest_s: float = 30.0
    longest_rest_s: float = 300.0


@dataclass(frozen=True)
class ReceiverStatus:
    """How telling one receiver goes.

    Args:
        name: of the receiver.
        type: webhook, slack, sns or email.
        sent: messages it took.
        failed: times it did not take one.
        waiting: changes it has still to be told.
        last_sent_at: seconds since the epoch, None before the first.
        last_error: what went wrong last; None while all is well.
    """

    name: str
    type: str
    sent: int
    failed: int
    waiting: int
    last_sent_at: float | None
    last_error: str | None


class Delivery:
    """Tells all receivers of a configuration.

    Args:
        config: whom, how often.
        history: where outboxes are kept.
        monitor: what is watched, for the messages.
        phase: by whose limits.
        pace: how failures are tried again.
        sender: sends one message once.
    """

    def __init__(
        self,
        config: AlertsConfig,
        history: History,
        *,
        monitor: str,
        phase: str,
        pace: Pace | None = None,
        sender: Callable[[Receiver, Message], None] = send,
    ) -> None:
        self._history = history
        self._lock = threading.Lock()
        self._channels = [
            _Channel(
                receiver,
                config,
                monitor=monitor,
                phase=phase,
                pace=pace or Pace(),
                sender=sender,
                keep=self._keep,
            )
            for receiver in config.receivers
        ]
        self._restore()

    def start(self) -> None:
        """Begin telling."""
        for channel in self._channels:
            channel.thread.start()

    def add(self, events: Iterable[Event]) -> None:
        """Tell of changes; returns at once."""
        events = tuple(events)
        for channel in self._channels:
            channel.add(events)
        self._keep()

    def stop(self, wait_s: float = 2.0) -> None:
        """End; what was not told waits in the history for the next start."""
        deadline = time.monotonic() + wait_s
        for channel in self._channels:
            channel.stop()
        for channel in self._channels:
            if channel.thread.is_alive():
                channel.thread.join(max(deadline - time.monotonic(), 0))
        self._keep()

    def statuses(self) -> tuple[ReceiverStatus, ...]:
        """Say how it goes, receiver by receiver."""
        return tuple(channel.status() for channel in self._channels)

    def _keep(self) -> None:
        with self._lock:
            document = {channel.name: channel.as_json() for channel in self._channels}
            self._history.remember(_MEMORY, json.dumps(document))

    def _restore(self) -> None:
        kept = self._history.recall(_MEMORY)
        if kept is None:
            return
        try:
            document = json.loads(kept)
            for channel in self._channels:
                if channel.name in document:
                    channel.restore(document[channel.name])
        except (ValueError, TypeError, KeyError, AttributeError):
            _LOG.warning("what was still to be told could not be read; it is forgotten")


class _Channel:
    """One receiver's thread and outbox."""

    def __init__(
        self,
        receiver: Receiver,
        config: AlertsConfig,
        *,
        monitor: str,
        phase: str,
        pace: Pace,
        sender: Callable[[Receiver, Message], None],
        keep: Callable[[], None],
    ) -> None:
        self.name = receiver.name
        self._receiver = receiver
        self._timing = config.timing
        self._url = config.external_url or ""
        self._monitor = monitor
        self._phase = phase
        self._pace = pace
        self._send = sender
        self._keep = keep
        self._outbox = Outbox(receiver)
        self._condition = threading.Condition()
        self._stopped = False
        self._sent, self._failed = 0, 0
        self._last_sent_at: float | None = None
        self._last_error: str | None = None
        self._tokens, self._filled = float(_BURST), time.monotonic()
        self.thread = threading.Thread(target=self._run, name=f"outgrow-tell-{receiver.name}", daemon=True)

    def add(self, events: tuple[Event, ...]) -> None:
        with self._condition:
            self._outbox.add(events)
            self._condition.notify()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify()

    def status(self) -> ReceiverStatus:
        with self._condition:
            return ReceiverStatus(
                self.name,
                self._receiver.type,
                self._sent,
                self._failed,
                len(self._outbox),
                self._last_sent_at,
                self._last_error,
            )

    def as_json(self) -> dict[str, Any]:
        with self._condition:
            return self._outbox.as_json()

    def restore(self, document: dict[str, Any]) -> None:
        self._outbox.restore(document)

    def _run(self) -> None:
        rest = self._pace.rest_s
        while self._wait_for_events():
            # Changes that come together are told together.
            if self._pause(self._timing.group_wait) or self._pause(self._until_allowed()):
                return
            with self._condition:
                batch = self._outbox.batch()
            if not batch:  # what waited was taken back
                continue
            if self._tell(batch):
                rest = self._pace.rest_s
            else:
                if self._pause(rest):
                    return
                rest = min(2 * rest, self._pace.longest_rest_s)

    def _wait_for_events(self) -> bool:
        """Wait until something is to be told; False when told to stop."""
        with self._condition:
            while not self._stopped:
                self._outbox.remind(time.time(), self._timing.repeat)
                if len(self._outbox):
                    return True
                due = self._outbox.next_reminder(self._timing.repeat)
                self._condition.wait(None if due is None else max(min(due - time.time(), 60.0), 0.1))
            return False

    def _pause(self, seconds: float) -> bool:
        """Wait; True when told to stop meanwhile."""
        with self._condition:
            return self._condition.wait_for(lambda: self._stopped, seconds)

    def _until_allowed(self) -> float:
        """Take one message from the hour's budget; say how many seconds it has to wait for that."""
        rate = self._receiver.max_per_hour / _HOUR_S
        now = time.monotonic()
        self._tokens = min(self._tokens + (now - self._filled) * rate, float(_BURST)) - 1
        self._filled = now
        return max(-self._tokens / rate, 0.0)

    def _tell(self, batch: tuple[Event, ...]) -> bool:
        message = Message(batch, self._monitor, self._phase, self.name, self._url)
        try:
            self._deliver(message)
        except Exception as error:  # noqa: BLE001  # whatever a receiver does, the next message must go out
            # What is not ours may hold anything, an address with its secret for instance.
            text = str(error) if isinstance(error, MonitorError) else type(error).__name__
            if self._stopped:
                return False
            with self._condition:
                self._failed += 1
                self._last_error = text
            _LOG.warning("an alert could not be delivered: %s", text)
            return False
        with self._condition:
            self._outbox.sent(batch, time.time())
            self._sent += 1
            self._last_sent_at, self._last_error = time.time(), None
        self._keep()
        return True

    def _deliver(self, message: Message) -> None:
        import stamina  # noqa: PLC0415  # loaded where something is sent

        for attempt in stamina.retry_context(
            on=_may_work_later,
            attempts=self._pace.attempts,
            timeout=None,
            wait_initial=self._pace.first_s,
            wait_max=self._pace.longest_s,
            wait_jitter=self._pace.first_s,
        ):
            with attempt:
                if self._stopped:
                    raise DeliveryRefused("the monitor ends")
                self._send(self._receiver, message)


def _may_work_later(error: Exception) -> bool:
    return isinstance(error, DeliveryFailed) and not isinstance(error, DeliveryRefused)
