"""Which step may begin next, while others are at work: pure, and the same for any number of lanes."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from migration.running.steps import LockMode, Step

#: Which modes conflict with which (postgresql.org/docs/current/explicit-locking.html, table 13.2).
_WRITES: frozenset[LockMode] = frozenset({"share", "share row exclusive", "access exclusive"})
CONFLICTS: Mapping[LockMode, frozenset[LockMode]] = {
    "access share": frozenset({"access exclusive"}),
    "row share": frozenset({"access exclusive"}),
    "row exclusive": _WRITES,
    "share update exclusive": _WRITES | {"share update exclusive"},
    "share": frozenset(
        {"row exclusive", "share update exclusive", "share row exclusive", "access exclusive"}
    ),
    "share row exclusive": _WRITES | {"row exclusive", "share update exclusive"},
    "access exclusive": _WRITES | {"access share", "row share", "row exclusive", "share update exclusive"},
}


class Schedule:
    """The steps that are left, in their order.

    Args:
        steps: all of them.
        ended: the ids of those that an earlier run has finished.
    """

    def __init__(self, steps: Sequence[Step], ended: Collection[str] = ()) -> None:
        self._steps = steps
        self._position = {step.id: at for at, step in enumerate(steps)}
        self._open = [step.id not in ended for step in steps]
        self._first_open = 0
        self._walls = [at for at, step in enumerate(steps) if step.alone]
        self._waiting: dict[int, int] = {}
        self._dependents: dict[str, list[int]] = defaultdict(list)
        self._ready: list[int] = []
        self._held: dict[str, Counter[LockMode]] = defaultdict(Counter)
        for at, step in enumerate(steps):
            if not self._open[at]:
                continue
            missing = [name for name in step.needs if self._open[self._position[name]]]
            for name in missing:
                self._dependents[name].append(at)
            if missing:
                self._waiting[at] = len(missing)
            else:
                self._ready.append(at)
        self._pass_ended()

    @property
    def finished(self) -> bool:
        """Whether every step has ended."""
        return self._first_open == len(self._steps)

    def take(self) -> Step | None:
        """The first step that may begin now, which then counts as at work; None where all must wait.

        A step that waits for a lock is not overtaken by those whose locks it would wait for, too.
        """
        wall = self._next_wall()
        awaited: dict[str, Counter[LockMode]] = defaultdict(Counter)
        for place, at in enumerate(self._ready):
            step = self._steps[at]
            if at > wall or (step.alone and at != self._first_open):
                return None
            if _is_free(step, self._held) and _is_free(step, awaited):
                del self._ready[place]
                for table, mode in step.locks:
                    self._held[table][mode] += 1
                return step
            for table, mode in step.locks:
                awaited[table][mode] += 1
        return None

    def end(self, step: Step) -> None:
        """Note that a step that was taken has ended."""
        for table, mode in step.locks:
            self._held[table][mode] -= 1
        self._open[self._position[step.id]] = False
        for at in self._dependents.pop(step.id, ()):
            self._waiting[at] -= 1
            if self._waiting[at] == 0:
                del self._waiting[at]
                bisect.insort(self._ready, at)
        self._pass_ended()

    def _next_wall(self) -> int:
        """The position of the first step that waits for all before it, and is waited for."""
        at = bisect.bisect_left(self._walls, self._first_open)
        return self._walls[at] if at < len(self._walls) else len(self._steps)

    def _pass_ended(self) -> None:
        while self._first_open < len(self._steps) and not self._open[self._first_open]:
            self._first_open += 1


def _is_free(step: Step, held: Mapping[str, Counter[LockMode]]) -> bool:
    """Whether no lock that is held conflicts with one of the step's."""
    return not any(
        held[table][other] for table, mode in step.locks if table in held for other in CONFLICTS[mode]
    )
