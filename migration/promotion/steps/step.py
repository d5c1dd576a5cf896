"""What every step is: check, intend, apply, verify, revert."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    from migration.promotion.record import StepRecord
    from migration.promotion.world import World

#: What is written to the journal: JSON, without secrets.
Facts: TypeAlias = Mapping[str, Any]


class Step(ABC):
    """One step of a promotion.

    Every part may run again after a crash, whatever the part before it had reached: `apply` on work half done
    or done, `revert` on work that never began.

    Attributes:
        name: one word, the key of its row in the journal.
        does: one line for the plan.
        undo: how a revert undoes it, one line for the plan; "" behind the point of no return.
        no_return: once this step has begun, the application may have written to the target.
    """

    name: ClassVar[str]
    does: ClassVar[str]
    undo: ClassVar[str] = ""
    no_return: ClassVar[bool] = False

    def check(self, world: World) -> Facts | None:
        """Read whether it is done already (its outcome) or not (None); raise where it must not begin."""
        del world
        return None

    def intend(self, world: World) -> Facts:
        """Read what a revert will need; written before the first attempt touches anything, and kept."""
        del world
        return {}

    @abstractmethod
    def apply(self, world: World, row: StepRecord) -> Facts:
        """Do it, and say what was done. `row` holds the intent and counts the attempts."""

    def verify(self, world: World, outcome: Facts) -> None:
        """Raise where the effect is not there. A step whose effect the next one proves leaves it to that."""
        del world, outcome

    def revert(self, world: World, row: StepRecord) -> str:
        """Put back what this promotion changed, and say what was done; what is not there is no error."""
        del world, row
        return "nothing to put back"
