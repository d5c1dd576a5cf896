"""The phases: one module each, which wires components together and holds no number of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.phases import phase_1, phase_2, phase_3

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.settings import Settings

BUILDERS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "phase-1": phase_1.build,
    "phase-2": phase_2.build,
    "phase-3": phase_3.build,
}


def builder(phase: str) -> Callable[[Settings], dict[str, Any]]:
    """Find what builds a phase; the settings have made sure that there is one."""
    return BUILDERS[phase]
