"""Step: start the application on PostgreSQL. From its beginning on, PostgreSQL holds the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.promotion.steps.fence_source import assert_fenced
from migration.promotion.steps.step import Step

if TYPE_CHECKING:
    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World


class SwitchApplication(Step):
    name = "switch"
    does = "start the application on PostgreSQL (the point of no return)"
    no_return = True

    def check(self, world: World) -> Facts | None:
        """The last look before the point of no return: the fence must have held all the time."""
        assert_fenced(world)
        return None

    def apply(self, world: World, row: StepRecord) -> Facts:
        del row
        world.application.switch(world.target())
        return {}
