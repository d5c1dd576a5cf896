"""Step: see that the target answers, may be written and is empty, and remember which database it is."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from migration.errors import TargetRefusedError, TargetUnreachableError
from migration.promotion.steps.step import Step
from migration.target.database import (
    TargetIdentity,
    check_target,
    connected,
    identify,
    refuse_occupied,
    scalar,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World
    from migration.target.database import Connection


class PrepareTarget(Step):
    name = "prepare"
    does = "wait for the target, check its rights and that it is empty, and remember which database it is"
    undo = "nothing was changed"

    def apply(self, world: World, row: StepRecord) -> Facts:
        """A database that was made a moment ago may need a while until it answers."""
        del row
        deadline = time.monotonic() + world.limits.target
        while True:
            try:
                with connected(world.target()) as connection:
                    check_target(connection, world.plan.migration.schema)
                    refuse_occupied(connection, world.plan.migration.schema)
                    return {
                        "identity": identify(connection).to_json(),
                        "schema_existed": _exists(connection, world.plan.migration.schema),
                    }
            except TargetUnreachableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(world.limits.poll)


def _exists(connection: Connection, schema: str) -> bool:
    return bool(scalar(connection, "SELECT to_regnamespace(quote_ident(%s)) IS NOT NULL", [schema]))


@contextmanager
def prepared_target(world: World) -> Iterator[Connection]:
    """A connection to the database that `PrepareTarget` saw, and to no other one.

    Raises:
        TargetRefusedError: the connection string leads somewhere else now.
    """
    expected = TargetIdentity.from_json(world.outcome(PrepareTarget.name)["identity"])
    with connected(world.target()) as connection:
        found = identify(connection)
        if not found.same_database(expected):
            raise TargetRefusedError(
                f"the target is another database than before: {found}",
                why=f"this promotion has prepared {expected}",
                next_step="give the connection string of that one",
            )
        yield connection
