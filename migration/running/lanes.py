"""Opens the lanes of a run: for each its own connections to the snapshot and to PostgreSQL."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.errors import TargetUnreachableError
from migration.running.execution import TargetExecutor
from migration.source.snapshot import Reader
from migration.target.database import connected, lost_server_named
from migration.target.dsn import parse_dsn
from migration.target.lock import shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migration.running.copy import Aside
    from migration.running.progress import Progress
    from migration.running.steps import Outcome, Step
    from migration.schema.target import TargetPlan
    from migration.source.snapshot import Snapshot
    from migration.target.database import Connection
    from migration.target.state import Progressed, TargetState

#: Sessions that load and build. A crash of the server may cost the last commits, and with them their records,
#: so that the run goes on before them; the last step's commit waits for all of them to be on disk (see
#: `TargetExecutor`). Sorting the keys of some million rows in memory makes an index quickly.
SESSION = {"synchronous_commit": "off", "maintenance_work_mem": "256MB"}


class GuardedLane:
    """A lane whose lost connection is one clear error.

    Args:
        executor: does the work.
        target: its connection.
        dsn: of the target.
    """

    def __init__(self, executor: TargetExecutor, target: Connection, dsn: str) -> None:
        self._executor = executor
        self._target = target
        self._dsn = parse_dsn(dsn)

    def execute(self, step: Step) -> Outcome:
        """Carry out a step."""
        with lost_server_named(self._target, self._dsn):
            return self._executor.execute(step)

    def stop(self) -> None:
        """Make the step at work end soon."""
        self._executor.stop()


@dataclass(frozen=True)
class Work:
    """What all lanes share; `begun` is what an earlier run has recorded, by the steps' ids."""

    plan: TargetPlan
    state: TargetState
    begun: Mapping[str, Progressed]
    aside: Aside
    progress: Progress


@contextmanager
def open_lanes(dsn: str, target: Connection, snapshot: Snapshot, work: Work) -> Iterator[list[GuardedLane]]:
    """As many lanes as the snapshot has readers, or fewer where the server has no connection left.

    The first one works through `target`, the run's own connection.

    Raises:
        TargetUnreachableError: PostgreSQL is no longer there at all.
    """
    readers = snapshot.readers or (Reader(snapshot.connection, None),)
    with ExitStack() as opened:
        lanes: list[GuardedLane] = []
        for reader in readers:
            own = target
            if lanes:
                try:
                    own = opened.enter_context(connected(dsn))
                except TargetUnreachableError as error:
                    work.progress.say(f"works with {len(lanes)} of {len(readers)} connections: {error.what}")
                    break
                shared(own, work.plan.schema)
            for name, value in SESSION.items():
                own.execute(f"SET {name} = '{value}'".encode())
            executor = TargetExecutor(
                work.plan,
                reader,
                own,
                work.state.through(own),
                work.progress,
                aside=work.aside,
                begun=work.begun,
            )
            lanes.append(GuardedLane(executor, own, dsn))
        yield lanes
