"""From conditions to states: inactive, pending, firing, recovering. Pure.

A condition must hold for some time before its alert fires, and be below the recovery limit for some time
before it ends. What is not known changes nothing: losing sight of a problem does not end it. Time is counted
from evaluation to evaluation, so neither a jump of the clock nor a night without the monitor counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from monitor.alerts.table import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.alerts.conditions import Condition
    from monitor.alerts.table import Timing


class AlertState(StrEnum):
    """Where an alert is. A recovering one still counts as firing."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


@dataclass(frozen=True)
class Standing:
    """One alert's state.

    Args:
        state: where it is.
        since: when this state began, seconds since the epoch.
        elapsed_s: how long it has lasted, counted from evaluation to evaluation.
        fired_at: when it fired; None unless it is firing or recovering.
    """

    state: AlertState = AlertState.INACTIVE
    since: float = 0.0
    elapsed_s: float = 0.0
    fired_at: float | None = None

    @property
    def fires(self) -> bool:
        """Whether people are to know of it."""
        return self.state in (AlertState.FIRING, AlertState.RECOVERING)


class Change(StrEnum):
    """What people are told of."""

    FIRING = "firing"
    RESOLVED = "resolved"


def step(standing: Standing, condition: Condition, timing: Timing, *, at: float, passed_s: float) -> Standing:
    """Return an alert's state after one more evaluation.

    Args:
        standing: before.
        condition: what it sees now.
        timing: how long it waits.
        at: the evaluation's time, seconds since the epoch.
        passed_s: seconds since the evaluation before.
    """
    same = replace(standing, elapsed_s=standing.elapsed_s + passed_s)
    if condition.raised is None or condition.holds is None:
        return standing
    match standing.state:
        case AlertState.INACTIVE:
            if not condition.raised:
                return standing
            return _fire(at) if timing.for_s == 0 else Standing(AlertState.PENDING, at)
        case AlertState.PENDING:
            if not condition.raised:
                return Standing(AlertState.INACTIVE, at)
            return _fire(at) if same.elapsed_s >= timing.for_s else same
        case AlertState.FIRING:
            if condition.holds:
                return same
            if timing.keep_firing_s == 0:
                return Standing(AlertState.INACTIVE, at)
            return Standing(AlertState.RECOVERING, at, fired_at=standing.fired_at)
        case AlertState.RECOVERING:
            if condition.holds:
                return Standing(AlertState.FIRING, at, fired_at=standing.fired_at)
            done = same.elapsed_s >= timing.keep_firing_s
            return Standing(AlertState.INACTIVE, at) if done else same


def _fire(at: float) -> Standing:
    return Standing(AlertState.FIRING, at, fired_at=at)


def audible(conditions: Iterable[Condition], standings: Mapping[str, Standing]) -> frozenset[str]:
    """Return the alerts people are to be told of: a critical one silences the warnings of the same metric."""
    firing = [condition for condition in conditions if standings[condition.id].fires]
    critical = {condition.metric for condition in firing if condition.severity is AlertSeverity.CRITICAL}
    return frozenset(
        condition.id
        for condition in firing
        if condition.severity is AlertSeverity.CRITICAL or condition.metric not in critical
    )
