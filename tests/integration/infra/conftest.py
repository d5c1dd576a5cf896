"""Evaluated graphs, each made once a session: one evaluation of the real program takes seconds."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from infra.evaluation import Mode, evaluate
from infra.plan import Plan, plan_of
from infra.runners.rehearsal_state import StackState
from infra.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.graph import Graph


@pytest.fixture(scope="session")
def graph_of() -> Callable[..., Graph]:
    """A function that gives a phase's graph: `graph_of("phase-2")`, `graph_of("phase-2", Mode.PREVIEW)`."""

    @functools.cache
    def graph(phase: str, mode: Mode = Mode.REHEARSAL) -> Graph:
        return evaluate(phase, mode=mode)

    return graph


@pytest.fixture(scope="session")
def plan_for(graph_of: Callable[..., Graph]) -> Callable[[str], Plan]:
    """A function that gives a phase's plan against an empty state."""
    from infra.changes import changes_between

    @functools.cache
    def plan(phase: str) -> Plan:
        graph = graph_of(phase)
        return plan_of(load_settings(phase), graph, changes_between(StackState().resources, graph.resources))

    return plan
