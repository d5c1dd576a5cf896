"""Pulumi.yaml and the stack files as Pulumi reads them: the stack's values over the project's defaults."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import yaml

from infra.errors import InfraError
from monitor.errors import UsageError
from monitor.phases import STACKS
from monitor.stack_file import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The project's root: where Pulumi.yaml and the program's __main__.py are.
ROOT: Final = Path(__file__).resolve().parent.parent
#: Which phase a stack builds.
PHASE_KEY: Final = "outgrow:phase"


class BadProjectFile(InfraError, UsageError):  # read as a sentence: raise BadProjectFile
    """Pulumi.yaml that cannot be read."""


@dataclass(frozen=True)
class Project:
    """What Pulumi.yaml says.

    Args:
        name: namespace of the project's own configuration keys.
        defaults: values of keys that a stack file need not give, by full key.
    """

    name: str
    defaults: Mapping[str, Any]


def read_project(root: Path = ROOT) -> Project:
    """Read the project's name and the defaults of its configuration.

    Raises:
        BadProjectFile: there is no such file, or it is not a project.
    """
    path = root / "Pulumi.yaml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = str(document["name"])
        declared = document.get("config") or {}
        defaults = {
            key if ":" in key else f"{name}:{key}": entry.get("default", entry.get("value"))
            for key, entry in declared.items()
            if isinstance(entry, dict) and ("default" in entry or "value" in entry)
        }
    except OSError as error:
        raise BadProjectFile(f"{path} cannot be read", why=str(error)) from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise BadProjectFile(f"{path} is not a Pulumi project", why=str(error)) from None
    return Project(name, MappingProxyType(defaults))


def stack_path(stack: str, stacks: Path | None = None) -> Path:
    """Say where a stack's file is; a phase's production stack is called like the phase."""
    return (stacks or STACKS) / f"Pulumi.{stack}.yaml"


def stack_of(path: Path) -> str:
    """Say whose file it is."""
    return path.name.removeprefix("Pulumi.").removesuffix(".yaml")


def stack_config(stack: str, stacks: Path | None = None) -> dict[str, Any]:
    """Read what a stack is configured with, by full key ("outgrow:sizes", "aws:region").

    Raises:
        monitor.phases.BadStackFile: the file is missing or is not a stack file.
        BadProjectFile: Pulumi.yaml cannot be read.
    """
    path = stack_path(stack, stacks)
    return {**read_project().defaults, **over_its_phase(read_config(path), path)}


def over_its_phase(own: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Put another environment's settings over those of its phase, structure by structure, key by key.

    The stack "phase-2-staging" says `outgrow:phase: phase-2` and what differs; all else is phase-2's. A list
    or a plain value takes the place of the phase's.

    Args:
        own: what the stack's own file says.
        path: that file; the phase's is beside it.

    Raises:
        monitor.phases.BadStackFile: the phase's file cannot be read.
    """
    phase = own.get(PHASE_KEY)
    base = path.with_name(f"Pulumi.{phase}.yaml")
    if not isinstance(phase, str) or base == path or not base.is_file():
        return dict(own)
    return _merged(read_config(base), own)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged


def as_pulumi_hands_it_over(config: Mapping[str, Any]) -> dict[str, str]:
    """Turn configuration into what Pulumi gives a program: every value a string, structures as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
