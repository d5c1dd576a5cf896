"""Where the sustained-threshold gate gets its assessment: the monitor sidecar, or a file saved earlier."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from migration.promotion.errors import BadAssessmentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Where the sidecar serves it.
ROUTE = "/api/metrics/scalability/assessment"
#: The decisions, from none to the most pressing.
RANK = {"unknown": 0, "stay": 1, "plan": 2, "urgent": 3}
_TIMEOUT = 5.0


@dataclass(frozen=True)
class HeldAssessment:
    """The part of an assessment that the gate needs.

    `held_decision` is what the decision has been at least, for `held_seconds`, without a break; `at_least`
    has these seconds for every decision, where the monitor tells them. `taken_at` is in seconds since the
    epoch; `scale` is the factor on the load limits, 1 where they are the phase's own.
    """

    phase: str
    decision: str
    held_decision: str
    held_seconds: float
    taken_at: float
    scale: float = 1.0
    reasons: tuple[str, ...] = ()
    at_least: Mapping[str, float] = field(default_factory=dict)

    def lasted(self, decision: str) -> float:
        """For how many seconds it has been this decision or a worse one."""
        if decision in self.at_least:
            return self.at_least[decision]
        return self.held_seconds if RANK[self.held_decision] >= RANK[decision] else 0.0


def from_monitor(url: str, token: str | None = None) -> HeldAssessment:
    """Ask the sidecar at `url` (its root, or the assessment's own address).

    Raises:
        BadAssessmentError: it does not answer, refuses, or answers something else.
    """
    import httpx  # noqa: PLC0415  # only this gate needs it

    address = url if url.rstrip("/").endswith(ROUTE) else url.rstrip("/") + ROUTE
    try:
        answer = httpx.get(
            address, timeout=_TIMEOUT, headers={"Authorization": f"Bearer {token}"} if token else {}
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadAssessmentError(
            f"the monitor at {address} does not answer",
            why=str(error) or type(error).__name__,
            next_step="start it with outgrow monitor serve, or correct --monitor",
        ) from error
    if answer.status_code != httpx.codes.OK:
        raise BadAssessmentError(
            f"the monitor at {address} answers with status {answer.status_code}",
            next_step="name the variable with its token: --monitor-token-env NAME"
            if answer.status_code == httpx.codes.UNAUTHORIZED
            else "check --monitor",
        )
    return parse(answer.text, address)


def from_file(path: Path) -> HeldAssessment:
    """Read an assessment saved earlier.

    Raises:
        BadAssessmentError: the file cannot be read, or is something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadAssessmentError(
            f"cannot read the assessment {path}",
            why=str(error),
            next_step="save one with curl -s MONITOR/api/metrics/scalability/assessment > FILE",
        ) from error
    return parse(text, str(path))


def none_given() -> HeldAssessment:
    """Stand for a missing assessment: the gate then says how to give one.

    Raises:
        BadAssessmentError: always.
    """
    raise BadAssessmentError(
        "no assessment was given",
        next_step="name the monitor with --monitor URL, or a saved assessment with --assessment FILE",
    )


def parse(text: str, origin: str) -> HeldAssessment:
    """Read the JSON that the sidecar serves. An assessment without `held` has held for 0 seconds.

    Raises:
        BadAssessmentError: a field is missing or is not what it should be.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadAssessmentError(f"{origin} is not an assessment", why=f"it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadAssessmentError(f"{origin} is not an assessment", why="it is not a JSON object")
    held = found.get("held") or {}
    decision = found.get("decision")
    if decision not in RANK:
        raise BadAssessmentError(f"{origin} is not an assessment", why=f"its decision is {decision!r}")
    phase = found.get("phase")
    if not isinstance(phase, str):
        raise BadAssessmentError(f"{origin} is not an assessment", why="it names no phase")
    if not isinstance(held, dict):
        raise BadAssessmentError(f"{origin} is not an assessment", why="its held block is not an object")
    held_decision = held.get("decision", decision)
    if held_decision not in RANK:
        raise BadAssessmentError(
            f"{origin} is not an assessment", why=f"its held.decision is {held_decision!r}"
        )
    reasons = found.get("reasons") or ()
    return HeldAssessment(
        phase=phase,
        decision=decision,
        held_decision=held_decision,
        held_seconds=_number(held.get("seconds", 0.0), "held.seconds", origin),
        taken_at=_time(found.get("taken_at"), origin),
        scale=_number(found.get("scale", 1.0), "scale", origin),
        reasons=tuple(str(reason) for reason in reasons) if isinstance(reasons, list) else (),
        at_least=_at_least(held.get("at_least", {}), origin),
    )


def _at_least(value: Any, origin: str) -> dict[str, float]:
    if not isinstance(value, dict) or not value.keys() <= RANK.keys():
        raise BadAssessmentError(f"{origin} is not an assessment", why=f"its held.at_least is {value!r}")
    return {name: _number(seconds, f"held.at_least.{name}", origin) for name, seconds in value.items()}


def _number(value: Any, name: str, origin: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise BadAssessmentError(f"{origin} is not an assessment", why=f"its {name} is {value!r}")
    return float(value)


def _time(value: Any, origin: str) -> float:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.timestamp()
    if value is None:
        raise BadAssessmentError(f"{origin} does not say when it was made", why="it has no taken_at")
    return _number(value, "taken_at", origin)
