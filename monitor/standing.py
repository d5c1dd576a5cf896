"""What survives a restart of the monitor: held decisions and states, with what they were held under.

Only observed time counts. What was held goes on after a short silence, without the silence; after a long
one, or under other limits, it begins anew: nobody saw what happened in between.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.assessment import Decision, Light
from monitor.held import HeldDecisions
from monitor.hysteresis import MetricState, Sustained
from monitor.terminal import to_json
from monitor.thresholds import ALL_METRICS, Category

if TYPE_CHECKING:
    from monitor.store.history import History

#: Held states go on over a silence of at most so many seconds.
SILENCE_S: Final = 900.0
#: Where the state is kept in the store.
_KEY: Final = "standing"


@dataclass(frozen=True)
class Standing:
    """What is held.

    Args:
        held: for how long each decision has been reached without a break.
        sustained: light, decision and categories with hysteresis.
        at: when that was, seconds since the epoch.
    """

    held: HeldDecisions
    sustained: Sustained
    at: float


def save(history: History, standing: Standing, *, under: str, clock: float) -> None:
    """Keep what is held.

    Args:
        history: the store.
        standing: what is held.
        under: what it is held under: phase, limits, scale.
        clock: the monotonic clock.
    """
    document = {
        "under": under,
        "at": standing.at,
        "held": standing.held.lasted(clock=clock),
        "sustained": to_json(standing.sustained),
    }
    history.remember(_KEY, json.dumps(document))


def restore(history: History, *, under: str, now: float, clock: float) -> Standing | None:
    """Return what was held when the monitor ended; None if there is nothing that goes on. As `save`.

    Args:
        history: the store.
        under: what it must have been held under.
        now: seconds since the epoch.
        clock: the monotonic clock.
    """
    text = history.recall(_KEY)
    if text is None:
        return None
    try:
        document: dict[str, Any] = json.loads(text)
        at = float(document["at"])
        if document["under"] != under or not 0 <= now - at <= SILENCE_S:
            return None
        return Standing(
            HeldDecisions.of(document["held"], clock=clock), _sustained(document["sustained"]), at
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # of another version: what is held begins anew


def _sustained(document: dict[str, Any]) -> Sustained:
    metrics = {
        name: MetricState(
            _category(state["category"]),
            float(state["since"]),
            _category(state["pending"]),
            float(state["pending_s"]),
            int(state["pending_evaluations"]),
        )
        for name, state in document["metrics"].items()
        if name in ALL_METRICS
    }
    return Sustained(
        Light(document["light"]),
        Decision(document["decision"]),
        float(document["light_since"]),
        float(document["decision_since"]),
        Light(document["raw_light"]),
        Decision(document["raw_decision"]),
        metrics,
    )


def _category(name: str | None) -> Category | None:
    return None if name is None else Category(name)
