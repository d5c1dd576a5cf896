"""Follows every alert from evaluation to evaluation, remembers it over restarts, and tells the receivers."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.conditions import WindowErrors, conditions, waits, window_seconds
from monitor.alerts.messages import Event
from monitor.alerts.states import AlertState, Change, Standing, audible, step
from monitor.alerts.table import Timing
from monitor.store.history import Transition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.alerts.conditions import Condition
    from monitor.alerts.config import AlertsConfig
    from monitor.alerts.delivery import Delivery
    from monitor.assessment import Assessment
    from monitor.store.history import History
    from monitor.thresholds import Thresholds

_LOG: Final = logging.getLogger("outgrow.monitor")
_MEMORY: Final = "alerts"
#: An evaluation never counts for more than this, however long the one before is ago.
_LONGEST_STEP_S: Final = 60.0
#: While an alert waits or recovers its progress is kept so often.
_KEEP_EVERY_S: Final = 30.0


@dataclass(frozen=True)
class AlertStatus:
    """One alert with its condition and its state."""

    condition: Condition
    standing: Standing
    audible: bool


class AlertEngine:
    """The states of all alerts.

    Args:
        config: which are enabled, when they fire and end.
        history: where states are kept, and where the windows of burn-rate alerts are read.
        delivery: whom to tell; None tells nobody.
    """

    def __init__(
        self,
        config: AlertsConfig,
        history: History,
        delivery: Delivery | None = None,
    ) -> None:
        self._config = config
        self._history = history
        self.delivery = delivery
        self._waits = waits(config)
        self._clock: float | None = None
        self._kept = 0.0
        self._announced: set[str] = set()
        self._standings = self._recall()
        self._burns: tuple[float, dict[str, WindowErrors | None]] = (float("-inf"), {})

    def after(
        self, assessment: Assessment, thresholds: Thresholds, *, clock: float
    ) -> tuple[AlertStatus, ...]:
        """Take one more evaluation in, and tell of what changed.

        Args:
            assessment: the evaluation.
            thresholds: the limits it was judged by.
            clock: its time by a monotonic clock.
        """
        at = assessment.taken_at
        passed = 0.0 if self._clock is None else min(max(clock - self._clock, 0.0), _LONGEST_STEP_S)
        self._clock = clock
        seen = conditions(
            assessment, thresholds, self._config, lambda window: self._errors(window, at, clock)
        )
        before = self._standings
        self._standings = {
            condition.id: step(
                before.get(condition.id, Standing()),
                condition,
                self._timing(condition),
                at=at,
                passed_s=passed,
            )
            for condition in seen
        }
        heard = audible(seen, self._standings)
        events = self._events(seen, heard, before, at)
        self._note(seen, before, at)
        changed = {key: value.state for key, value in before.items()} != {
            key: value.state for key, value in self._standings.items()
        }
        waiting = any(
            standing.state in (AlertState.PENDING, AlertState.RECOVERING)
            for standing in self._standings.values()
        )
        if changed or events or (waiting and clock - self._kept >= _KEEP_EVERY_S):
            self._kept = clock
            self._remember()
        if events and self.delivery is not None:
            self.delivery.add(events)
        return tuple(
            AlertStatus(condition, self._standings[condition.id], condition.id in heard) for condition in seen
        )

    def _timing(self, condition: Condition) -> Timing:
        own = self._config.timing_of(condition.id)
        return Timing(self._waits[condition.id], own.keep_firing_s, own.recovery)

    def _events(
        self,
        seen: tuple[Condition, ...],
        heard: frozenset[str],
        before: Mapping[str, Standing],
        at: float,
    ) -> list[Event]:
        """Say what people are told: of what fires newly, and of the end of what they were told of."""
        events = []
        for condition in seen:
            standing = self._standings[condition.id]
            if condition.id in heard and condition.id not in self._announced:
                self._announced.add(condition.id)
                events.append(_event(condition, Change.FIRING, standing.fired_at or at, None))
            elif condition.id in self._announced and condition.id not in heard:
                self._announced.discard(condition.id)
                if not standing.fires:
                    fired = before[condition.id].fired_at or at
                    events.append(_event(condition, Change.RESOLVED, fired, at))
        return events

    def _note(self, seen: tuple[Condition, ...], before: Mapping[str, Standing], at: float) -> None:
        """Remember each change of state for the pages."""
        for condition in seen:
            earlier = before.get(condition.id, Standing()).state
            later = self._standings[condition.id].state
            if earlier is not later:
                reason = f"{condition.id}: {condition.summary} ({condition.shown})"
                self._history.note(Transition(at, "alert", earlier.value, later.value, reason))

    # --- Windows ---

    def _errors(self, window: str, at: float, clock: float) -> WindowErrors | None:
        """Return the requests of a window from the history, at most once in half a minute."""
        taken, found = self._burns
        if clock - taken > _KEEP_EVERY_S:
            found = {}
            self._burns = (clock, found)
        if window not in found:
            found[window] = window_errors(self._history, window_seconds(window), at)
        return found[window]

    # --- Memory ---

    def _remember(self) -> None:
        document = {
            "standings": {
                name: asdict(standing)
                for name, standing in self._standings.items()
                if standing.state is not AlertState.INACTIVE
            },
            "announced": sorted(self._announced),
        }
        self._history.remember(_MEMORY, json.dumps(document))

    def _recall(self) -> dict[str, Standing]:
        kept = self._history.recall(_MEMORY)
        if kept is None:
            return {}
        try:
            document: dict[str, Any] = json.loads(kept)
            found = {
                name: Standing(**{**standing, "state": AlertState(standing["state"])})
                for name, standing in document["standings"].items()
            }
            self._announced = {name for name in document["announced"] if name in found}
        except (ValueError, TypeError, KeyError, AttributeError):
            _LOG.warning("the states of alerts could not be read; they begin anew")
            self._announced = set()
            return {}
        return found


def _event(condition: Condition, change: Change, fired_at: float, ended_at: float | None) -> Event:
    return Event(
        alert=condition.id,
        change=change,
        severity=condition.severity,
        group=condition.group,
        metric=condition.metric,
        title=condition.title,
        summary=condition.summary,
        shown=condition.shown,
        value=condition.value,
        limit=condition.limit,
        runbook=condition.runbook,
        fired_at=fired_at,
        ended_at=ended_at,
    )


def window_errors(history: History, seconds: int, at: float) -> WindowErrors | None:
    """Return how many requests a window had and which share of them failed; None while nothing is known.

    Each point of the history counts with the requests it stands for, so that a quiet night with one failure
    does not weigh like a busy day.
    """
    rates = history.series("requests_per_second", since=at - seconds, until=at)
    shares = history.series("error_rate_percent", since=at - seconds, step=rates.step_s, until=at)
    if rates.step_s != shares.step_s:
        return None
    failed = {point.at: point.value / 100 for point in shares.points}
    known = [(point.value, failed[point.at]) for point in rates.points if point.at in failed]
    total = sum(rate for rate, _ in known) * rates.step_s
    if total <= 0:
        return None
    return WindowErrors(total, sum(rate * share for rate, share in known) * rates.step_s / total)
