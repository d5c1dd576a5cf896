"""Step: let the runner make the next phase's stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.promotion.steps.step import Step

if TYPE_CHECKING:
    from infra.runners.protocol import Event
    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World

#: A long deployment speaks once for so many resources.
_SPOKEN = 20


class Provision(Step):
    name = "provision"
    does = "make the next phase's stack"
    undo = "destroy the stack, if this promotion made all of it and nothing in it is protected"

    def intend(self, world: World) -> Facts:
        """How much of the stack was there before: a revert destroys only what this promotion made."""
        counts = world.runner.preview(world.plan.to_phase).counts
        return {"existed": sum(number for operation, number in counts.items() if operation != "create")}

    def apply(self, world: World, row: StepRecord) -> Facts:
        """Making an equal stack equal again changes nothing, so this needs no look at what is there."""
        del row
        deployment = world.runner.up(world.plan.to_phase, on_event=_Told(self.name, world).event)
        changes = {operation: number for operation, number in deployment.changes.counts.items() if number}
        return {"changes": changes, "outputs": sorted(deployment.outputs)}  # names only: values may be secret

    def revert(self, world: World, row: StepRecord) -> str:
        phase, protected = world.plan.to_phase, world.plan.infra.protected
        if row.intent.get("existed"):
            return f"kept: parts of {phase} were there before; outgrow infra plan {phase} shows them"
        if protected:
            return (
                f"kept: {len(protected)} resources of {phase} are protected because they hold data; "
                f"they cost until you remove them: outgrow infra destroy {phase} --unprotect"
            )
        destroyed = world.runner.destroy(phase, on_event=_Told(self.name, world).event)
        return f"destroyed {destroyed.counts.get('delete', 0)} resources of {phase}"


class _Told:
    """Counts a runner's events, and passes on some of them."""

    def __init__(self, step: str, world: World) -> None:
        self._step = step
        self._world = world
        self._done = 0

    def event(self, event: Event) -> None:
        if event.status == "failed":
            self._world.detail(self._step, f"{event.operation} {event.name} failed")
        if event.status == "done":
            self._done += 1
            if self._done % _SPOKEN == 0:
                self._world.detail(self._step, f"{self._done} resources, last {event.operation} {event.name}")
