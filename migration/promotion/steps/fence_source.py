"""Step: close the SQLite file for writing, so that the copy is of its last state and no write is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.promotion.errors import FenceError
from migration.promotion.fence import lift_fence, raise_fence, read_fence
from migration.promotion.steps.step import Step

if TYPE_CHECKING:
    from migration.promotion.fence import Fence
    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World


class FenceSource(Step):
    name = "fence"
    does = "close every table of the SQLite file for writing (durable triggers); reading goes on"
    undo = "remove exactly these triggers"

    def check(self, world: World) -> Facts | None:
        fence = read_fence(world.source)
        return _facts(fence) if fence.holds_for(world.promotion) else None

    def intend(self, world: World) -> Facts:
        return {"schema_version": read_fence(world.source).schema_version}

    def apply(self, world: World, row: StepRecord) -> Facts:
        del row
        return _facts(raise_fence(world.source, world.promotion, timeout=world.limits.fence))

    def verify(self, world: World, outcome: Facts) -> None:
        del outcome
        fence = read_fence(world.source)
        if fence.unfenced:
            raise FenceError(
                f"{world.source} is not closed for writing",
                why=f"these tables are open: {', '.join(sorted(fence.unfenced))}",
            )

    def revert(self, world: World, row: StepRecord) -> str:
        del row
        lift_fence(world.source, world.promotion, timeout=world.limits.fence)
        return "the SQLite file is open for writing again"


def assert_fenced(world: World) -> None:
    """Make sure that nothing could be written since the fence was raised.

    Raises:
        FenceError: a table is open, or the schema was changed behind the fence.
    """
    fence = read_fence(world.source)
    expected = world.outcome(FenceSource.name).get("schema_version")
    if fence.holds_for(world.promotion) and fence.schema_version == expected:
        return
    opened = f"these tables are open: {', '.join(sorted(fence.unfenced))}" if fence.unfenced else ""
    raise FenceError(
        f"the fence of {world.source} was damaged: something may have been written behind it",
        why=opened or "its schema was changed after it was fenced",
        next_step="stop what changes its schema (an ORM that synchronises it, for instance), then try again",
    )


def _facts(fence: Fence) -> Facts:
    return {"tables": len(fence.fenced), "schema_version": fence.schema_version}
