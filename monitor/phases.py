"""The roadmap as values: what each phase is, can carry, may cost, and when it is outgrown.

Everything is read from `stacks/Pulumi.<phase>.yaml`, the same files Pulumi configures the stacks with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from monitor.errors import MonitorError, UsageError
from monitor.stack_file import bad_key, parse_stack_config, read_config
from monitor.thresholds import BadThresholds, Limit, Thresholds
from monitor.workload import AUTO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.stack_file import LimitShape

#: Where the project keeps its stack files.
STACKS: Final = Path(__file__).resolve().parent.parent / "stacks"

#: A workload's name that means the matrix's own limits.
DEFAULT_PROFILE: Final = "default"


class UnknownPhase(MonitorError, UsageError):
    """There is no stack file for the phase."""


class UnknownProfile(MonitorError, UsageError):
    """No phase has limits for the workload."""


@dataclass(frozen=True)
class Budget:
    """What the phase may cost, in US dollars a month."""

    min: float
    max: float


@dataclass(frozen=True)
class Capacity:
    """What the phase can carry.

    Args:
        concurrent_users: the phase's target.
        workloads: limits of concurrent users by workload profile, where the phase distinguishes them.
        limits: practical ranges (lowest, highest) by name, where the phase states them.
    """

    concurrent_users: int
    workloads: Mapping[str, Limit] = field(default_factory=lambda: MappingProxyType({}))
    limits: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Expected:
    """The performance the phase promises; None where the roadmap states nothing."""

    p95_ms: float
    concurrent_users: int
    average_response_ms: float | None = None
    availability_percent: float | None = None
    improvement: str | None = None


@dataclass(frozen=True)
class Phase:
    """One step of the roadmap, as its stack file states it."""

    id: str
    title: str
    timeline: str
    capacity: Capacity
    budget: Budget
    expected: Expected
    actions: tuple[str, ...]
    thresholds: Thresholds

    def thresholds_for(self, profile: str) -> Thresholds:
        """Return the limits under a workload profile: only those of concurrent users differ.

        A phase that does not distinguish workloads has one set of limits for all of them.
        """
        limit = self.capacity.workloads.get(profile)
        return self.thresholds if limit is None else self.thresholds.with_limit("concurrent_users", limit)


def load_phase(phase_id: str, stacks: Path | None = None) -> Phase:
    """Read one phase from its stack file.

    Args:
        phase_id: for instance "phase-1".
        stacks: the folder of the stack files; the project's own by default.

    Raises:
        UnknownPhase: there is no such stack file.
        BadStackFile: it has an unknown key, a missing one, or a value that cannot be.
    """
    folder = STACKS if stacks is None else stacks
    path = folder / f"Pulumi.{phase_id}.yaml"
    if not path.is_file():
        known = ", ".join(_phase_ids(folder)) or "none"
        raise UnknownPhase(
            f"{phase_id} is not a phase",
            why=f"{folder} has no Pulumi.{phase_id}.yaml",
            next_step=f"use one of: {known}",
        )
    return parse_phase(read_config(path), path)


def load_roadmap(stacks: Path | None = None) -> tuple[Phase, ...]:
    """Read every phase, first to last.

    Raises:
        UnknownPhase: the folder holds no phase at all.
        BadStackFile: one of the files cannot be read as a phase.
    """
    folder = STACKS if stacks is None else stacks
    ids = _phase_ids(folder)
    if not ids:
        raise UnknownPhase("there are no phases", why=f"{folder} has no Pulumi.phase-*.yaml")
    return tuple(load_phase(phase_id, folder) for phase_id in ids)


def next_phase(phase_id: str, stacks: Path | None = None) -> str | None:
    """Return the id of the phase after this one, None after the last.

    Raises:
        UnknownPhase: there is no such phase.
    """
    folder = STACKS if stacks is None else stacks
    ids = _phase_ids(folder)
    if phase_id not in ids:
        raise UnknownPhase(f"{phase_id} is not a phase", next_step=f"use one of: {', '.join(ids) or 'none'}")
    position = ids.index(phase_id) + 1
    return ids[position] if position < len(ids) else None


def check_profile(profile: str, phase: Phase, stacks: Path | None = None) -> str:
    """Return the profile if it can be judged: the default, "auto", or one that a phase distinguishes.

    Raises:
        UnknownProfile: it is neither.
    """
    known = {DEFAULT_PROFILE, AUTO, *phase.capacity.workloads}
    if profile not in known:
        known |= {name for other in load_roadmap(stacks) for name in other.capacity.workloads}
    if profile not in known:
        raise UnknownProfile(
            f"{profile} is not a workload profile", next_step=f"use one of: {', '.join(sorted(known))}"
        )
    return profile


def _phase_ids(folder: Path) -> list[str]:
    """List the roadmap's phases by number; phase-1-staging would be another environment, not a step."""
    found = [
        (int(match[2]), match[1])
        for path in folder.glob("Pulumi.phase-*.yaml")
        if (match := re.fullmatch(r"Pulumi\.(phase-(\d+))\.yaml", path.name))
    ]
    return [phase_id for _, phase_id in sorted(found)]


def parse_phase(config: Mapping[str, object], path: Path) -> Phase:
    """Make a phase of a stack's configuration, however it was read; `path` is the file that messages name.

    Raises:
        BadStackFile: as `load_phase`.
    """
    shape = parse_stack_config(config, path)
    stack = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
    if re.fullmatch(r"phase-\d+", stack) and shape.phase != stack:
        raise bad_key(path, "outgrow:phase", f"it says {shape.phase} in the file of {stack}")
    if shape.budget.min > shape.budget.max:
        raise bad_key(path, "outgrow:budget", f"min {shape.budget.min:g} is above max {shape.budget.max:g}")
    workloads = {
        name: _limit(path, f"outgrow:capacity.workloads.{name}", limit)
        for name, limit in shape.capacity.workloads.items()
    }
    limits = {
        name: _limit(path, f"outgrow:thresholds.{name}", limit) for name, limit in shape.thresholds.items()
    }
    try:
        thresholds = Thresholds(limits)
    except BadThresholds as error:
        raise bad_key(path, "outgrow:thresholds", "; ".join(filter(None, (error.what, error.why)))) from None
    return Phase(
        id=shape.phase,
        title=shape.title,
        timeline=shape.timeline,
        capacity=Capacity(
            shape.capacity.concurrent_users,
            MappingProxyType(workloads),
            MappingProxyType(dict(shape.capacity.limits)),
        ),
        budget=Budget(shape.budget.min, shape.budget.max),
        expected=Expected(**shape.expected.model_dump()),
        actions=shape.actions,
        thresholds=thresholds,
    )


def _limit(path: Path, key: str, shape: LimitShape) -> Limit:
    try:
        return Limit(shape.stay, shape.urgent, shape.scale_at)
    except BadThresholds as error:
        raise bad_key(path, key, "; ".join(filter(None, (error.what, error.why)))) from None
