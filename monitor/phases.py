"""The roadmap as values: what each phase is, can carry, may cost, and when it is outgrown.

Everything is read from `stacks/Pulumi.<phase>.yaml`, the same files Pulumi configures the stacks with. Of the
`outgrow:` keys the roadmap's are read here in full; those that size the infrastructure are only known by
name, `infra` reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from monitor.errors import MonitorError, UsageError
from monitor.thresholds import BadThresholds, Limit, Thresholds

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

#: Where the project keeps its stack files.
STACKS: Final = Path(__file__).resolve().parent.parent / "stacks"

#: `outgrow:` keys that belong to infra, which validates them in depth.
INFRA_KEYS: Final = frozenset(
    {"sizes", "usage", "app", "domain", "owner", "environment", "alerts_email", "network"}
)

#: A workload's name that means the matrix's own limits.
DEFAULT_PROFILE: Final = "default"


class BadStackFile(MonitorError, UsageError):  # noqa: N818  # read as a sentence: raise BadStackFile
    """A stack file that cannot be read as a phase; the message names the file and the key."""


class UnknownPhase(MonitorError, UsageError):  # noqa: N818
    """There is no stack file for the phase."""


class UnknownProfile(MonitorError, UsageError):  # noqa: N818
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
    return _parse(path)


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
    """Return the profile if it can be judged: the default, or one that a phase of the roadmap distinguishes.

    Raises:
        UnknownProfile: it is neither.
    """
    known = {DEFAULT_PROFILE, *phase.capacity.workloads}
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


# --- The file's shape ---


def _number(value: object) -> object:
    """Accept what YAML 1.1 leaves as text (5e9) and refuse what it would let pass as a number (yes)."""
    if isinstance(value, bool):
        raise ValueError("a number is needed, not yes or no")  # noqa: TRY004  # what pydantic reports
    return value


_Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
_Count = Annotated[int, BeforeValidator(_number), Field(gt=0)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _LimitShape(_Shape):
    stay: _Number
    urgent: _Number | None
    scale_at: _Number | None = None


class _CapacityShape(_Shape):
    concurrent_users: _Count
    workloads: dict[str, _LimitShape] = Field(default_factory=dict)
    limits: dict[str, tuple[_Number, _Number]] = Field(default_factory=dict)


class _BudgetShape(_Shape):
    min: Annotated[_Number, Field(ge=0)]
    max: Annotated[_Number, Field(gt=0)]


class _ExpectedShape(_Shape):
    p95_ms: Annotated[_Number, Field(gt=0)]
    concurrent_users: _Count
    average_response_ms: Annotated[_Number, Field(gt=0)] | None = None
    availability_percent: Annotated[_Number, Field(gt=0, le=100)] | None = None
    improvement: str | None = None


class _PhaseShape(_Shape):
    phase: str
    title: str
    timeline: str
    capacity: _CapacityShape
    budget: _BudgetShape
    expected: _ExpectedShape
    actions: tuple[str, ...]
    thresholds: dict[str, _LimitShape]


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice, where the plain loader would quietly keep the second."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[object] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _parse(path: Path) -> Phase:
    config = _read_config(path)
    own = {
        name.removeprefix("outgrow:"): value for name, value in config.items() if name.startswith("outgrow:")
    }
    roadmap = {name: value for name, value in own.items() if name not in INFRA_KEYS}
    try:
        shape = _PhaseShape.model_validate(roadmap)
    except ValidationError as error:
        raise _explain(path, error) from None
    if shape.budget.min > shape.budget.max:
        raise _bad(path, "outgrow:budget", f"min {shape.budget.min:g} is above max {shape.budget.max:g}")
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
        raise _bad(path, "outgrow:thresholds", "; ".join(filter(None, (error.what, error.why)))) from None
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


def _read_config(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.load(text, Loader=_StrictLoader)  # noqa: S506  # it is a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise BadStackFile(f"{path} cannot be read", why=str(error)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise BadStackFile(
            f"{path} is not a stack file",
            why=f"{line}{getattr(error, 'problem', None) or error}",
            next_step="correct that line",
        ) from None
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise BadStackFile(f"{path} is not a stack file", why="it has no config: with the phase's settings")
    return {str(name): value for name, value in config.items()}


def _limit(path: Path, key: str, shape: _LimitShape) -> Limit:
    try:
        return Limit(shape.stay, shape.urgent, shape.scale_at)
    except BadThresholds as error:
        raise _bad(path, key, "; ".join(filter(None, (error.what, error.why)))) from None


def _bad(path: Path, key: str, why: str) -> BadStackFile:
    return BadStackFile(f"{path}: {key} is wrong", why=why, next_step=f"correct {key} in {path.name}")


def _explain(path: Path, error: ValidationError) -> BadStackFile:
    """Turn pydantic's findings into one line that names the key as the file spells it.

    A misspelt key is also a missing one; the spelling is what helps.
    """
    findings = error.errors(include_url=False)
    first = min(findings, key=lambda finding: finding["type"] != "extra_forbidden")
    key = "outgrow:" + ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return BadStackFile(
            f"{path}: {key} is not a known key",
            why="a misspelt key would be ignored without a word",
            next_step=f"correct or remove {key} in {path.name}",
        )
    if first["type"] == "missing":
        return BadStackFile(f"{path}: {key} is missing", next_step=f"add {key} to {path.name}")
    return _bad(path, key, f"{first['msg'].removeprefix('Value error, ')} (it is {first['input']!r})")
