"""Reads a PostgreSQL type as people write it: as PostgreSQL shows it, and as `values.cast` knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from migration.schema.target import PostgresType

#: Spellings (postgresql.org/docs/current/datatype.html, table 8.1) -> pg_type's name and the shown one.
_KNOWN = {
    "smallint": ("int2", "smallint"),
    "int2": ("int2", "smallint"),
    "integer": ("int4", "integer"),
    "int": ("int4", "integer"),
    "int4": ("int4", "integer"),
    "bigint": ("int8", "bigint"),
    "int8": ("int8", "bigint"),
    "real": ("float4", "real"),
    "float4": ("float4", "real"),
    "double precision": ("float8", "double precision"),
    "float8": ("float8", "double precision"),
    "float": ("float8", "double precision"),
    "numeric": ("numeric", "numeric"),
    "decimal": ("numeric", "numeric"),
    "boolean": ("bool", "boolean"),
    "bool": ("bool", "boolean"),
    "text": ("text", "text"),
    "character varying": ("varchar", "character varying"),
    "varchar": ("varchar", "character varying"),
    "character": ("bpchar", "character"),
    "char": ("bpchar", "character"),
    "bytea": ("bytea", "bytea"),
    "date": ("date", "date"),
    "interval": ("interval", "interval"),
    "uuid": ("uuid", "uuid"),
    "json": ("json", "json"),
    "jsonb": ("jsonb", "jsonb"),
    "bit": ("bit", "bit"),
    "bit varying": ("varbit", "bit varying"),
    "varbit": ("varbit", "bit varying"),
}
_CLOCKS = {
    "timestamp": ("timestamp", "timestamp", "without"),
    "timestamp without time zone": ("timestamp", "timestamp", "without"),
    "timestamp with time zone": ("timestamptz", "timestamp", "with"),
    "timestamptz": ("timestamptz", "timestamp", "with"),
    "time": ("time", "time", "without"),
    "time without time zone": ("time", "time", "without"),
    "time with time zone": ("timetz", "time", "with"),
    "timetz": ("timetz", "time", "with"),
}
_PARTS = re.compile(
    r"(?P<name>[^(\[]+?) ?(?:\( ?(?P<numbers>[^)]*)\))?(?P<zone> with(?:out)? time zone)?"
    r"(?P<array>(?:\[\d*\])*)"
)
_HEADER = 4  # what PostgreSQL adds to the length of a varchar and to numeric's digits in the type modifier


@dataclass(frozen=True)
class ChosenType:
    """A type: as PostgreSQL shows it (format_type), which is also how DDL names it, and its parts."""

    shown: str
    type: PostgresType


def read_type(text: str) -> ChosenType:
    """Read a type that `rules.document` let through; an unknown one is taken as it is written."""
    found = _PARTS.fullmatch(" ".join(text.split()))
    if found is None:
        return ChosenType(text, PostgresType(text))
    name = found["name"].lower() + (found["zone"] or "").lower()
    numbers = [int(number) for number in (found["numbers"] or "").split(",") if number.strip()]
    element = _scalar(name, found["name"], numbers)
    if not found["array"]:
        return element
    # However many brackets are written, PostgreSQL has one array type for an element.
    return ChosenType(f"{element.shown}[]", PostgresType(f"_{element.type.name}", element=element.type))


def _scalar(name: str, written: str, numbers: list[int]) -> ChosenType:
    if name in _CLOCKS:
        base, shown, zone = _CLOCKS[name]
        digits = f"({numbers[0]})" if numbers else ""
        return ChosenType(
            f"{shown}{digits} {zone} time zone", PostgresType(base, numbers[0] if numbers else -1)
        )
    if name not in _KNOWN:
        listed = f"({','.join(map(str, numbers))})" if numbers else ""
        return ChosenType(written + listed, PostgresType(written.lower()))
    base, shown = _KNOWN[name]
    match base:
        case "numeric" if numbers:
            scale = numbers[1] if len(numbers) > 1 else 0
            modifier = ((numbers[0] << 16) | (scale & 0x7FF)) + _HEADER
            return ChosenType(f"numeric({numbers[0]},{scale})", PostgresType(base, modifier))
        case "varchar" | "bpchar" if numbers or base == "bpchar":
            length = numbers[0] if numbers else 1
            return ChosenType(f"{shown}({length})", PostgresType(base, length + _HEADER))
        case "bit" | "varbit" if numbers or base == "bit":
            length = numbers[0] if numbers else 1
            return ChosenType(f"{shown}({length})", PostgresType(base, length))
        case "float8" if name == "float" and numbers and numbers[0] <= 24:
            return ChosenType("real", PostgresType("float4"))
        case _:
            return ChosenType(shown, PostgresType(base))
