"""Rehearses deployments: the real program, the engine's rules, a state file, and no cloud.

Every `up` evaluates the program as it would run against AWS, with made-up answers in AWS's place, compares
the graph with the state and goes through the steps one by one, keeping the state before and after each. What
it cannot know is whether AWS would have agreed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from infra.changes import Change, Changes, Operation, changes_between
from infra.errors import InfraError, NotDeployed, ProtectedResource
from infra.evaluation import evaluate
from infra.graph import in_dependency_order
from infra.ignored import inputs_with_ignored
from infra.runners.protocol import Deployment, Event, Interrupted, silent
from infra.runners.rehearsal_state import StackState, State, StateWriter, exclusive, read_state
from infra.runners.steps import Step, steps_of
from infra.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from infra.graph import Graph, Resource

#: A phase that has this output has a database that a stand-in can take the place of.
DATABASE_OUTPUT: Final = "database_endpoint"


class StepFailed(InfraError):
    """A step of a rehearsal failed, as it was told to."""


def _as_remembered(resource: Resource) -> Resource | None:
    return resource


class RehearsalRunner:
    """Deploys into a state file.

    Args:
        state: the state file; made where it is missing.
        stacks: the folder of the stack files; the project's own by default.
        stand_ins: outputs on top of those of a phase that has a database. They may hold secrets: they are
        kept in memory only. fail_at: decides which step fails, to rehearse failures too; of a replacement it
        is asked twice, for what is made and for what is deleted. read: what is really there of a resource,
        None where it is gone, to rehearse drift. evaluate_phase: what turns a phase into a graph.
    """

    name = "rehearsal"

    def __init__(
        self,
        state: Path,
        *,
        stacks: Path | None = None,
        stand_ins: Mapping[str, object] | None = None,
        fail_at: Callable[[Change], bool] = lambda _: False,
        read: Callable[[Resource], Resource | None] = _as_remembered,
        evaluate_phase: Callable[..., Graph] | None = None,
    ) -> None:
        self._state = state
        self._stacks = stacks
        self._stand_ins = dict(stand_ins or {})
        self._writer = StateWriter(state)
        self._fail_at = fail_at
        self._read = read
        self._evaluate = evaluate_phase or evaluate

    def preview(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Changes:
        """Say what `up` would do; protected resources that it would refuse to touch are among the changes."""
        changes = changes_between(
            read_state(self._state).stack(phase).resources, self._graph(phase).resources
        )
        for change in changes.items:
            on_event(_event(change, "planned"))
        return changes

    def up(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Deployment:
        """Make the state equal to the program, step by step.

        What an earlier run left undone is taken up: nothing exists outside the state, so a step that was cut
        off has simply not happened.
        """
        with exclusive(self._state):
            graph = self._graph(phase)
            state = read_state(self._state)
            stack = state.stack(phase)
            changes = changes_between(stack.resources, graph.resources)
            _refuse_protected(phase, changes, "up")
            for step in steps_of(changes.items, stack.resources, graph, stack.condemned):
                state = self._do(state, phase, step, on_event, wanted=graph)
            outputs = {name: value for name, value in graph.outputs.items() if value is not None}
            done = StackState(state.stack(phase).resources, outputs)
            self._writer.write(state.with_stack(phase, done))
        return Deployment(self.outputs(phase), changes)

    def interrupted(self, phase: str) -> tuple[Interrupted, ...]:
        """Name the step that a killed run was at."""
        return read_state(self._state).stack(phase).pending

    def drift(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Changes:
        """Compare the state with what `read` says is there; a rehearsal by itself never drifts."""
        stack = self._deployed(phase)
        changes = self._drifted(stack)
        for change in changes.items:
            on_event(_event(change, "planned"))
        return changes

    def refresh(
        self, phase: str, *, on_event: Callable[[Event], None] = silent, clear_pending_creates: bool = False
    ) -> Changes:
        """Take what `read` says is there into the state; interrupted steps are settled either way."""
        del clear_pending_creates  # nothing exists outside the state: an interrupted creation left nothing
        with exclusive(self._state):
            stack = self._deployed(phase)
            changes = self._drifted(stack)
            there = {urn: self._read(one) for urn, one in stack.resources.items()}
            kept = {urn: one for urn, one in there.items() if one is not None}
            for change in changes.items:
                on_event(_event(change, "done"))
            state = read_state(self._state)
            self._writer.write(state.with_stack(phase, replace(stack, resources=kept, pending=())))
        return changes

    def outputs(self, phase: str) -> Mapping[str, object]:
        """Give the outputs of the last `up`, with the stand-ins where the phase has a database."""
        outputs = dict(read_state(self._state).stack(phase).outputs)
        return {**outputs, **self._stand_ins} if DATABASE_OUTPUT in outputs else outputs

    def destroy(
        self,
        phase: str,
        *,
        on_event: Callable[[Event], None] = silent,
        unprotect: bool = False,
        dry_run: bool = False,
    ) -> Changes:
        """Empty the phase's part of the state, dependents first."""
        with exclusive(self._state):
            state = read_state(self._state)
            stack = state.stack(phase)
            there = in_dependency_order(stack.resources.values())
            changes = Changes.of(
                Change(Operation.DELETE, one.urn, one.type, one.name, protect=one.protect and not unprotect)
                for one in reversed(there)
            )
            if dry_run:
                return changes
            _refuse_protected(phase, changes, "destroy")
            for step in steps_of(changes.items, stack.resources, None, stack.condemned):
                state = self._do(state, phase, step, on_event)
            self._writer.write(state.with_stack(phase, StackState()))
        return changes

    def _graph(self, phase: str) -> Graph:
        load_settings(phase, self._stacks)
        return self._evaluate(phase, stacks=self._stacks)

    def _deployed(self, phase: str) -> StackState:
        state = read_state(self._state)
        if phase not in state.stacks:
            raise NotDeployed(
                f"{phase} has not been rehearsed",
                why=f"{self._state} holds no stack of that name",
                next_step=f"outgrow infra up {phase}",
            )
        return state.stack(phase)

    def _drifted(self, stack: StackState) -> Changes:
        found = []
        for remembered in stack.resources.values():
            real = self._read(remembered)
            operation, names = Operation.SAME, tuple[str, ...]()
            if real is None:
                operation = Operation.DELETE
            elif real.inputs != remembered.inputs or real.outputs != remembered.outputs:
                operation, names = Operation.UPDATE, _different(remembered, real)
            found.append(Change(operation, remembered.urn, remembered.type, remembered.name, inputs=names))
        return Changes.of(found)

    def _do(
        self,
        state: State,
        phase: str,
        step: Step,
        on_event: Callable[[Event], None],
        *,
        wanted: Graph | None = None,
    ) -> State:
        """Do one step and keep the state around it; not yet on the disk, which a kill does not need."""
        change = step.change
        on_event(_event(change, "started"))
        begun = replace(state.stack(phase), pending=(Interrupted(_engine_word(change), change.urn),))
        self._writer.write(state.with_stack(phase, begun), durable=False)
        if not step.asks_nobody and self._fail_at(change):
            self._writer.write(state.with_stack(phase, replace(begun, pending=())), durable=False)
            on_event(_event(change, "failed"))
            raise StepFailed(
                f"{change.operation} of {change.name} failed",
                why="this rehearsal was told to fail there",
                next_step=f"what was done is kept; outgrow infra up {phase} goes on",
            )
        stack, status = replace(begun, pending=()), "done"
        if step.old is not None:
            status = "kept" if step.old.retain_on_delete else "done"
            stack = _without(stack, step.old, replaced=step.replaced)
        elif wanted is not None:
            stack = _made(stack, change, wanted[change.urn])
        state = state.with_stack(phase, stack)
        self._writer.write(state, durable=False)
        on_event(_event(change, status))
        return state


def _without(stack: StackState, old: Resource, *, replaced: bool) -> StackState:
    """Take a deleted resource out: a condemned one, one that makes place, or the only one."""
    if replaced and any((one.urn, one.id) == (old.urn, old.id) for one in stack.condemned):
        return stack.without_condemned(old)
    return stack.without(old.urn)


def _made(stack: StackState, change: Change, wanted: Resource) -> StackState:
    """Put a resource in as it now is; of a replacement the old one stays condemned until it is deleted."""
    former = change.former_urn or change.urn
    old = stack.resources.get(former)
    if old is not None and change.operation is Operation.REPLACE:
        stack = replace(stack, condemned=(*stack.condemned, old))
    elif old is not None and wanted.ignore_changes:
        wanted = replace(wanted, inputs=inputs_with_ignored(old.inputs, wanted.inputs, wanted.ignore_changes))
    return stack.with_resource(wanted, change.former_urn)


def _different(remembered: Resource, real: Resource) -> tuple[str, ...]:
    names = {
        name
        for before, after in ((remembered.inputs, real.inputs), (remembered.outputs, real.outputs))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }
    return tuple(sorted(names))


def _engine_word(change: Change) -> str:
    """What the step of a change is to the engine: of a replacement it is a creation that is cut off."""
    return "create" if change.operation is Operation.REPLACE else change.operation.value


def _event(change: Change, status: str) -> Event:
    return Event(change.operation.value, change.urn, change.type, change.name, status)


def _refuse_protected(phase: str, changes: Changes, command: str) -> None:
    refused = changes.refused
    if not refused:
        return
    first, others = refused[0], len(refused) - 1
    why = f"its input {', '.join(first.inputs)} cannot change on a living resource" if first.inputs else ""
    raise ProtectedResource(
        f"{command} of {phase} would {first.operation} {first.name} ({first.type}), which is protected"
        + (f", and {others} more" if others else ""),
        why=why or "it holds data or keys",
        next_step="undo the change of the program or its stack file"
        if command == "up"
        else f"to remove the data too: outgrow infra destroy {phase} --unprotect",
    )
