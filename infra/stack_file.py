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


def stack_path(phase: str, stacks: Path | None = None) -> Path:
    """Say where a phase's stack file is."""
    return (stacks or STACKS) / f"Pulumi.{phase}.yaml"


def stack_config(phase: str, stacks: Path | None = None) -> dict[str, Any]:
    """Read what a stack is configured with, by full key ("outgrow:sizes", "aws:region").

    Raises:
        monitor.phases.BadStackFile: the file is missing or is not a stack file.
        BadProjectFile: Pulumi.yaml cannot be read.
    """
    return {**read_project().defaults, **read_config(stack_path(phase, stacks))}


def as_pulumi_hands_it_over(config: Mapping[str, Any]) -> dict[str, str]:
    """Turn configuration into what Pulumi gives a program: every value a string, structures as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
