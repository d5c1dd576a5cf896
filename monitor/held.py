"""How long a decision has held: what a gate asks before it acts on a peak of one minute. Pure."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API's schema resolves it at run time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from monitor.assessment import Decision

#: Decisions from mildest to worst. "unknown" is none of them: without evidence no decision goes on holding.
_LADDER: Final = (Decision.STAY, Decision.PLAN, Decision.URGENT)


@dataclass(frozen=True)
class Held:
    """How long the decision has been at least this bad without a break.

    Args:
        decision: the latest decision.
        since: seconds since the epoch of the first evaluation of the unbroken row.
        seconds: how long that is ago, by the monotonic clock.
        evaluations: how many evaluations the row has.
        at_least: for each decision up to this one, how many seconds it has been that one or worse: a decision
            that turns from plan to urgent has been at least plan all the while.
    """

    decision: Decision
    since: float
    seconds: float
    evaluations: int
    at_least: Mapping[Decision, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Row:
    since: float
    began: float
    evaluations: int


@dataclass(frozen=True)
class HeldDecisions:
    """The unbroken rows of evaluations that were at least as bad as each decision."""

    rows: Mapping[Decision, _Row] = field(default_factory=lambda: MappingProxyType({}))

    def after(self, decision: Decision, *, at: float, clock: float) -> HeldDecisions:
        """Return the rows after one more evaluation.

        Args:
            decision: its outcome.
            at: its time, seconds since the epoch.
            clock: the same by a monotonic clock.
        """
        reached = _LADDER[: _LADDER.index(decision) + 1] if decision in _LADDER else (decision,)
        rows = {}
        for step in reached:
            row = self.rows.get(step)
            rows[step] = (
                _Row(at, clock, 1) if row is None else _Row(row.since, row.began, row.evaluations + 1)
            )
        return HeldDecisions(MappingProxyType(rows))

    def lasted(self, *, clock: float) -> dict[str, dict[str, float]]:
        """Return the rows for keeping: since when, for how many observed seconds, in how many evaluations.

        Args:
            clock: the monotonic clock, which means nothing to the next process.
        """
        return {
            step.value: {"since": row.since, "seconds": clock - row.began, "evaluations": row.evaluations}
            for step, row in self.rows.items()
        }

    @classmethod
    def of(cls, lasted: Mapping[str, Mapping[str, float]], *, clock: float) -> HeldDecisions:
        """Take up what `lasted` returned, as if no time had passed since.

        Raises:
            ValueError: a row is of no decision.
            KeyError: a row lacks a number.
        """
        rows = {
            Decision(name): _Row(row["since"], clock - row["seconds"], int(row["evaluations"]))
            for name, row in lasted.items()
        }
        return cls(MappingProxyType(rows))

    def held(self, decision: Decision, *, clock: float) -> Held:
        """Say how long a decision of the last evaluation has held.

        Raises:
            KeyError: the last evaluation did not reach this decision.
        """
        row = self.rows[decision]
        at_least = {step: round(clock - other.began, 3) for step, other in self.rows.items()}
        return Held(decision, row.since, at_least[decision], row.evaluations, at_least)
