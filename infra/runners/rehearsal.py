"""Rehearses deployments: the real program, the engine's rules, a state file, and no cloud.

Every `up` evaluates the program as it would run against AWS, with made-up answers in AWS's place, compares
the graph with the state and goes through the steps one by one, keeping the state after each. What it cannot
know is whether AWS would have agreed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.changes import Change, Changes, Operation, changes_between
from infra.errors import InfraError, ProtectedResource
from infra.evaluation import evaluate
from infra.graph import in_dependency_order
from infra.runners.protocol import Deployment, Event, silent
from infra.runners.rehearsal_state import StackState, State, StateWriter, exclusive, read_state
from infra.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from infra.graph import Graph

#: A phase that has this output has a database that a stand-in can take the place of.
DATABASE_OUTPUT: Final = "database_endpoint"


class StepFailed(InfraError):
    """A step of a rehearsal failed, as it was told to."""


class RehearsalRunner:
    """Deploys into a state file.

    Args:
        state: the state file; made where it is missing.
        stacks: the folder of the stack files; the project's own by default.
        stand_ins: outputs on top of those of a phase that has a database. They may hold secrets: they are
        kept in memory only. fail_at: decides which step fails, to rehearse failures too. evaluate_phase: what
        turns a phase into a graph.
    """

    name = "rehearsal"

    def __init__(
        self,
        state: Path,
        *,
        stacks: Path | None = None,
        stand_ins: Mapping[str, object] | None = None,
        fail_at: Callable[[Change], bool] = lambda _: False,
        evaluate_phase: Callable[..., Graph] | None = None,
    ) -> None:
        self._state = state
        self._stacks = stacks
        self._stand_ins = dict(stand_ins or {})
        self._writer = StateWriter(state)
        self._fail_at = fail_at
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
        """Make the state equal to the program, step by step."""
        with exclusive(self._state):
            graph = self._graph(phase)
            state = read_state(self._state)
            changes = changes_between(state.stack(phase).resources, graph.resources)
            _refuse_protected(phase, changes, "up")
            for change in changes.items:
                state = self._step(state, phase, change, on_event, wanted=graph)
            outputs = {name: value for name, value in graph.outputs.items() if value is not None}
            done = StackState(state.stack(phase).resources, outputs)
            self._writer.write(state.with_stack(phase, done))
        return Deployment(self.outputs(phase), changes)

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
            there = in_dependency_order(state.stack(phase).resources.values())
            changes = Changes.of(
                Change(Operation.DELETE, one.urn, one.type, one.name, protect=one.protect and not unprotect)
                for one in reversed(there)
            )
            if dry_run:
                return changes
            _refuse_protected(phase, changes, "destroy")
            for change in changes.items:
                state = self._step(state, phase, change, on_event)
            self._writer.write(state.with_stack(phase, StackState()))
        return changes

    def _graph(self, phase: str) -> Graph:
        load_settings(phase, self._stacks)
        return self._evaluate(phase, stacks=self._stacks)

    def _step(
        self,
        state: State,
        phase: str,
        change: Change,
        on_event: Callable[[Event], None],
        *,
        wanted: Graph | None = None,
    ) -> State:
        """Do one change and keep the state; not yet on the disk, which a kill does not need."""
        on_event(_event(change, "started"))
        if self._fail_at(change):
            on_event(_event(change, "failed"))
            raise StepFailed(
                f"{change.operation} of {change.name} failed",
                why="this rehearsal was told to fail there",
                next_step=f"what was done is kept; outgrow infra up {phase} goes on",
            )
        stack, status = state.stack(phase), "done"
        if change.operation is Operation.DELETE or wanted is None:
            status = "kept" if stack.resources[change.urn].retain_on_delete else "done"
            stack = stack.without(change.urn)
        else:
            stack = stack.with_resource(wanted[change.urn], change.former_urn)
        state = state.with_stack(phase, stack)
        self._writer.write(state, durable=False)
        on_event(_event(change, status))
        return state


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
