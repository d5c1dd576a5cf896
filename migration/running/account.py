"""Keeps account of a run: what journal and user are told of its steps, and how each of them ended."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from migration.running.steps import Ended, Outcome, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.running.journal import Journal
    from migration.running.progress import Progress
    from migration.running.steps import Step
    from migration.target.state import Progressed


class Account:
    """One run's account.

    Args:
        steps: all of them.
        journal: told when a step begins and ends.
        progress: told the same; of a table that is copied in parts, only when the last one ended.
        recorded: what the target knows of an earlier run, which is what is true.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        journal: Journal,
        progress: Progress,
        recorded: Mapping[str, Progressed],
    ) -> None:
        self._steps = steps
        self._journal = journal
        self._progress = progress
        self._position = {step.id: at for at, step in enumerate(steps)}
        self._outcomes: dict[str, Outcome] = {}
        known = journal.steps()
        for step in steps:
            begun = recorded.get(step.id)
            if begun is None or begun.state == "started":
                continue
            outcome = Outcome(begun.state, begun.outcome)
            self._outcomes[step.id] = outcome
            if step.id not in known or known[step.id].state == "started":
                # The earlier run was killed after the commit, before the journal knew.
                journal.begin(step, self._position[step.id])
                journal.end(step, outcome)
        self._parts = Counter(
            step.name for step in steps if step.kind == "copy" and step.id not in self._outcomes
        )

    @property
    def ended(self) -> frozenset[str]:
        """The ids of the steps that have ended."""
        return frozenset(self._outcomes)

    def begin(self, step: Step) -> None:
        """A step is about to be carried out."""
        self._journal.begin(step, self._position[step.id])
        self._progress.begin(step)

    def end(self, step: Step, outcome: Outcome) -> None:
        """A step has ended."""
        self._journal.end(step, outcome)
        self._outcomes[step.id] = outcome
        if step.kind == "copy":
            self._parts[step.name] -= 1
            if self._parts[step.name]:
                return
            details = [
                self._outcomes[other.id].detail
                for other in self._steps
                if other.kind == "copy" and other.name == step.name
            ]
            outcome = Outcome(outcome.state, together(details))
        self._progress.end(step, outcome)

    def all(self) -> list[Ended]:
        """How every step ended, in their order."""
        return [Ended(step.kind, step.name, self._outcomes[step.id]) for step in self._steps]
