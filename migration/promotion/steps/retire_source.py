"""Step: keep the SQLite file as it was at the fence: fenced, and without write permission."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from migration.promotion.steps.fence_source import assert_fenced
from migration.promotion.steps.step import Step

if TYPE_CHECKING:
    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World

_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class RetireSource(Step):
    name = "retire"
    does = "keep the SQLite file, fenced and without write permission"
    no_return = True

    def intend(self, world: World) -> Facts:
        return {"mode": f"{stat.S_IMODE(world.source.stat().st_mode):o}"}

    def apply(self, world: World, row: StepRecord) -> Facts:
        assert_fenced(world)
        mode = stat.S_IMODE(world.source.stat().st_mode)
        try:
            world.source.chmod(mode & ~_WRITE)
        except PermissionError as error:  # somebody else's file: the fence closes it all the same
            world.detail(self.name, f"the file keeps its permissions: {error.strerror}")
        return {
            "kept": str(world.source),
            "bytes": world.source.stat().st_size,
            "mode_before": row.intent["mode"],
            "mode": f"{stat.S_IMODE(world.source.stat().st_mode):o}",
        }

    def verify(self, world: World, outcome: Facts) -> None:
        del outcome
        assert_fenced(world)
