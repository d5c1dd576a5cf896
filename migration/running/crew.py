"""Carries out steps in several lanes at the same time; everything else happens in the caller's thread."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migration.running.schedule import Schedule
    from migration.running.steps import Outcome, Step


class Lane(Protocol):
    """What carries out one step at a time."""

    def execute(self, step: Step) -> Outcome:
        """Carry out a step, in a thread of the crew's."""

    def stop(self) -> None:
        """Make the step that is at work end soon, by an error; called from another thread."""


AnyLane = TypeVar("AnyLane", bound=Lane)


class Crew(Generic[AnyLane]):
    """Some lanes that work off a schedule.

    Args:
        lanes: carry out the steps.
        begin: told in the caller's thread that a step is about to be carried out.
        end: told there how it ended.
    """

    def __init__(
        self,
        lanes: Sequence[AnyLane],
        *,
        begin: Callable[[Step], None],
        end: Callable[[Step, Outcome], None],
    ) -> None:
        self._lanes = lanes
        self._begin = begin
        self._end = end

    def work_off(self, schedule: Schedule) -> None:
        """Carry out every step of the schedule.

        Raises:
            what the first step that fails raises; the others are stopped before.
        """
        idle = list(self._lanes)
        busy: dict[Future[Outcome], tuple[AnyLane, Step]] = {}
        with ThreadPoolExecutor(len(self._lanes), thread_name_prefix="lane") as threads:
            try:
                while not schedule.finished:
                    while idle and (step := schedule.take()) is not None:
                        self._begin(step)
                        lane = idle.pop(0)
                        busy[threads.submit(lane.execute, step)] = lane, step
                    done, _ = wait(busy, return_when=FIRST_COMPLETED)
                    for future in done:
                        lane, step = busy.pop(future)
                        self._end(step, future.result())
                        schedule.end(step)
                        idle.insert(0, lane)
            except BaseException:
                for lane, _ in busy.values():
                    lane.stop()
                wait(busy)
                raise
