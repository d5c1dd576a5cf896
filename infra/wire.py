"""Pulumi's wire format of values: JSON with marks for what is secret, unknown or a reference.

The marks are the engine's own constants (pulumi.runtime.rpc); a program writes them, and reads them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.graph import SECRET, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.struct_pb2 import Struct, Value

MARK = "4dabf18193072939515e22adb298388d"
SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # says that a secret follows
RESOURCE_MARK = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN_VALUE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass(frozen=True)
class Decoded:
    """Properties as values, with secrets masked, and the names of those that hold one."""

    values: Mapping[str, Any]
    secret: tuple[str, ...]


def decode(struct: Struct) -> Decoded:
    """Read properties off the wire."""
    values: dict[str, Any] = {}
    secret: list[str] = []
    for name in sorted(struct.fields):
        found: list[bool] = []
        values[name] = _plain(_python(struct.fields[name]), found)
        if found:
            secret.append(name)
    return Decoded(values, tuple(secret))


def secret(value: Value) -> dict[str, Any]:
    """Mark a value as secret, as the engine hands one to a program."""
    return {MARK: SECRET_MARK, "value": _python(value)}


def _python(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {name: _python(item) for name, item in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_python(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    return None


def _plain(value: Any, secrets: list[bool]) -> Any:
    if isinstance(value, dict):
        mark = value.get(MARK)
        if mark == SECRET_MARK:
            secrets.append(True)
            return SECRET
        if mark == RESOURCE_MARK:
            return value.get("id") or value["urn"]
        return {name: _plain(item, secrets) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [_plain(item, secrets) for item in value]
    return UNKNOWN if value == UNKNOWN_VALUE else value
