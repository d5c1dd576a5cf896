"""The names and types of resources' properties, read from the text of the installed pulumi-aws package.

Importing a resource's module would execute thousands of lines for a handful of names; reading its text takes
about a millisecond.
"""

from __future__ import annotations

import functools
import importlib.util
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLASS = re.compile(r"^class (\w+)", re.MULTILINE)
_GETTER = re.compile(
    r'@pulumi\.getter(?:\(name="(?P<name>\w+)"\))?\s+(?:@_utilities\.deprecated\([^\n]*\s+)?'
    r"def (?P<python>\w+)\(\w+\) -> (?P<type>[^\n]+):\n"
)
_WRAPPED = re.compile(r"^'?pulumi\.(?:Input|Output)\[(.*)\]'?$")


@dataclass(frozen=True)
class ResourceSchema:
    """What a resource takes and answers, as annotations such as "Optional[str]" by property name."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@functools.cache
def schema_of(type_token: str) -> ResourceSchema | None:
    """Read the schema of a type such as "aws:rds/instance:Instance"; None where there is no such type."""
    path = _module(type_token)
    if path is None:
        return None
    name = type_token.rpartition(":")[2]
    text = path.read_text(encoding="utf-8")
    starts = [(match.group(1), match.start()) for match in _CLASS.finditer(text)]
    bodies = {
        class_name: text[start : starts[index + 1][1] if index + 1 < len(starts) else None]
        for index, (class_name, start) in enumerate(starts)
    }
    # "InitArgs" is what the arguments are called where "Args" is another type's name already.
    arguments = bodies.get(f"{name}InitArgs") or bodies.get(f"{name}Args")
    if name not in bodies or arguments is None:
        return None
    return ResourceSchema(_getters(arguments), _getters(bodies[name]))


@functools.cache
def inputs_of_class(type_token: str, name: str) -> Mapping[str, str] | None:
    """Read the properties of a nested input type, such as "SecurityGroupIngressArgs", of a type's module.

    None where the module has no such class.
    """
    path = _module(type_token)
    if path is None:
        return None
    text = _nested_types(path.with_name("_inputs.py"))
    start = text.find(f"\nclass {name}:\n")
    return _getters(text[start + 1 : text.find("\nclass ", start + 1)]) if start >= 0 else None


@functools.cache
def _nested_types(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _module(type_token: str) -> Path | None:
    parts = re.fullmatch(r"aws:(\w+)/(\w+):\w+", type_token)
    spec = importlib.util.find_spec("pulumi_aws")
    if parts is None or spec is None or spec.origin is None:
        return None
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", parts.group(2)).lower()
    module = parts.group(1)
    folder = f"{module}_" if keyword.iskeyword(module) else module  # the SDK's "lambda_"
    path = Path(spec.origin).parent / folder / f"{snake}.py"
    return path if path.is_file() else None


def _getters(body: str) -> Mapping[str, str]:
    found = {}
    for match in _GETTER.finditer(body):
        wrapped = _WRAPPED.match(match.group("type"))
        annotation = wrapped.group(1) if wrapped else match.group("type")
        found[match.group("name") or match.group("python")] = annotation.replace("_builtins.", "")
    return MappingProxyType(found)
