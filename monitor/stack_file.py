"""A stack file's shape: which `outgrow:` keys there are and what each may hold.

The roadmap's keys are read here in full; those that size the infrastructure are only known by name, `infra`
reads them. Reading a file gives a shape whose types are right; `phases` makes the phase's values of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from pathlib import Path

#: `outgrow:` keys that belong to infra, which validates them in depth.
INFRA_KEYS: Final = frozenset(
    {
        *("sizes", "usage", "app", "domain", "owner", "environment", "alerts_email", "network"),
        *("monitor", "services", "images", "migration_path", "disposable"),
    }
)


class BadStackFile(MonitorError, UsageError):
    """A stack file that cannot be read as a phase; the message names the file and the key."""


def _number(value: object) -> object:
    """Accept what YAML 1.1 leaves as text (5e9) and refuse what it would let pass as a number (yes)."""
    if isinstance(value, bool):
        raise ValueError("a number is needed, not yes or no")  # noqa: TRY004  # what pydantic reports
    return value


_Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
_Count = Annotated[int, BeforeValidator(_number), Field(gt=0)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitShape(_Shape):
    stay: _Number
    urgent: _Number | None
    scale_at: _Number | None = None


class CapacityShape(_Shape):
    concurrent_users: _Count
    workloads: dict[str, LimitShape] = Field(default_factory=dict)
    limits: dict[str, tuple[_Number, _Number]] = Field(default_factory=dict)


class BudgetShape(_Shape):
    min: Annotated[_Number, Field(ge=0)]
    max: Annotated[_Number, Field(gt=0)]


class ExpectedShape(_Shape):
    p95_ms: Annotated[_Number, Field(gt=0)]
    concurrent_users: _Count
    average_response_ms: Annotated[_Number, Field(gt=0)] | None = None
    availability_percent: Annotated[_Number, Field(gt=0, le=100)] | None = None
    improvement: str | None = None


class PhaseShape(_Shape):
    phase: str
    title: str
    timeline: str
    capacity: CapacityShape
    budget: BudgetShape
    expected: ExpectedShape
    actions: tuple[str, ...]
    thresholds: dict[str, LimitShape]


class StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice, where the plain loader would quietly keep the second."""


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[object] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_stack_config(config: Mapping[str, object], path: Path) -> PhaseShape:
    """Check the roadmap's keys of a stack's configuration, however it was read; `path` is for messages.

    Raises:
        BadStackFile: a key is unknown, missing, or holds a value of the wrong type.
    """
    own = {key.removeprefix("outgrow:"): value for key, value in config.items() if key.startswith("outgrow:")}
    try:
        return PhaseShape.model_validate({key: value for key, value in own.items() if key not in INFRA_KEYS})
    except ValidationError as error:
        raise _explain(path, error) from None


def bad_key(path: Path, key: str, why: str) -> BadStackFile:
    """Build the error of one key, named as the file spells it."""
    return BadStackFile(f"{path}: {key} is wrong", why=why, next_step=f"correct {key} in {path.name}")


def read_config(path: Path) -> dict[str, object]:
    """Read all that a stack file configures, by full key ("outgrow:phase", "aws:region").

    Raises:
        BadStackFile: the file is missing or is no stack file.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.load(text, Loader=StrictLoader)  # noqa: S506  # it is a SafeLoader
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
    return bad_key(path, key, f"{first['msg'].removeprefix('Value error, ')} (it is {first['input']!r})")
