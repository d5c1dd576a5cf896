"""Step: see that the application answers well on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.promotion.steps.step import Step
from migration.promotion.steps.stop_application import wait_until_healthy

if TYPE_CHECKING:
    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World


class CheckHealth(Step):
    name = "health"
    does = "wait until the application answers well on PostgreSQL"
    no_return = True

    def apply(self, world: World, row: StepRecord) -> Facts:
        """A later attempt starts the application again where it does not answer: it may have died."""
        if row.attempts > 1 and not world.application.healthy():
            world.application.switch(world.target())
        return {"seconds": round(wait_until_healthy(world), 3)}
