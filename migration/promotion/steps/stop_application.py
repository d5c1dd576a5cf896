"""Step: stop the application, so that its users see a pause instead of errors while the data moves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from migration.promotion.errors import NotHealthyError
from migration.promotion.steps.step import Step

if TYPE_CHECKING:
    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World


class StopApplication(Step):
    name = "stop"
    does = "stop the application"
    undo = "start the application on the SQLite file again"

    def apply(self, world: World, row: StepRecord) -> Facts:
        del row
        world.application.stop()
        return {}

    def revert(self, world: World, row: StepRecord) -> str:
        del row
        world.application.restore()
        waited = wait_until_healthy(world)
        return f"the application runs on the SQLite file again (healthy after {waited:.1f} s)"


def wait_until_healthy(world: World) -> float:
    """Wait for the application's first good answer and return how long (seconds) it took.

    Raises:
        NotHealthyError: it did not come in time.
    """
    started = time.monotonic()
    while not world.application.healthy():
        if time.monotonic() - started > world.limits.health:
            raise NotHealthyError(
                f"the application was not healthy within {world.limits.health:g} s",
                next_step="look at its log, repair it, then: outgrow promote resume",
            )
        time.sleep(world.limits.poll)
    return time.monotonic() - started
