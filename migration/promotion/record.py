"""What a journal holds, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """Where a promotion stands."""

    PROPOSED = "proposed"  # planned; its gates have not opened yet
    SUPERSEDED = "superseded"  # a newer plan took its place before it began
    RUNNING = "running"  # steps are being carried out (by a live process, or left by a killed one)
    REVERTING = "reverting"  # what was done is being put back
    REVERTED = "reverted"  # everything is as it was before
    STOPPED = "stopped"  # failed after the point of no return; resume goes forward
    FINISHED = "finished"


#: States in which a promotion has begun and not ended.
UNDER_WAY = frozenset({State.RUNNING, State.REVERTING, State.STOPPED})


class StepState(Enum):
    """Where one step stands."""

    PENDING = "pending"
    BEGUN = "begun"  # intent written; the effect may or may not be there
    DONE = "done"
    FAILED = "failed"
    REVERTED = "reverted"
    REVERT_FAILED = "revert failed"


@dataclass(frozen=True)
class StepRecord:
    """One row a step: what was intended before anything was touched, and what came of it."""

    name: str
    position: int
    state: StepState = StepState.PENDING
    attempts: int = 0
    intent: Mapping[str, Any] = field(default_factory=dict)
    outcome: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    started_at: str = ""
    ended_at: str = ""


@dataclass(frozen=True)
class PromotionRecord:
    """The setup row: which plan, source, target and runner this promotion is pinned to, and its options."""

    id: str
    plan_hash: str
    plan: Mapping[str, Any]
    source: str
    target: str
    runner: str
    options: Mapping[str, Any]
    state: State
    created_at: str
    updated_at: str
    steps: tuple[StepRecord, ...] = ()

    def step(self, name: str) -> StepRecord:
        """The row of one step.

        Raises:
            KeyError: the promotion has no such step.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


@dataclass(frozen=True)
class Approval:
    """Someone's yes to one plan."""

    by: str
    plan_hash: str
    at: str
    why: str = ""
