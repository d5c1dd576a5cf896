"""What is asked about every column at first, in SQL or of the compiled library, and what the answers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.schema.declared import Family, type_of
from migration.schema.tokens import quoted
from migration.values.facts import ColumnProfile

if TYPE_CHECKING:
    from migration.native.profiling import Counted
    from migration.schema.source import Column

#: The storage class that nearly all values of a declared type have.
_EXPECTED = {
    Family.REAL: "real",
    Family.CHARACTERS: "text",
    Family.TEXT: "text",
    Family.TIMESTAMP: "text",
    Family.DATE: "text",
    Family.TIME: "text",
    Family.UUID: "text",
    Family.ENUM: "text",
    Family.PERHAPS_UUID: "text",
    Family.JSON: "text",
    Family.INET: "text",
    Family.BYTES: "blob",
    Family.SMALL_INTEGER: "integer",
    Family.INTEGER: "integer",
    Family.BIG_INTEGER: "integer",
    Family.BOOLEAN: "integer",
}


def native_answers(column: Column, found: Counted) -> dict[str, Any]:
    """What C has counted, as the answers to `expected_questions` and `all_questions`."""
    expected = expected_class(column)
    characters = found.max_characters if found.texts else None
    size = found.max_bytes if found.blobs else None
    return {
        "values": found.values,
        "expected": getattr(found, f"{expected}s") if expected is not None else None,
        "low": found.min_integer,
        "high": found.max_integer,
        "infinite": found.infinities,
        "length": size if expected == "blob" else characters,
        "integers": found.integers,
        "reals": found.reals,
        "texts": found.texts,
        "blobs": found.blobs,
        "characters": characters,
        "bytes": size,
    }


def expected_class(column: Column) -> str | None:
    return _EXPECTED.get(type_of(column).family)


def _count(name: str, storage: str) -> str:
    return f"count(*) FILTER (WHERE typeof({name}) = '{storage}')"


def expected_questions(column: Column) -> list[tuple[str, str]]:
    name, expected = quoted(column.name), expected_class(column)
    if expected is None:
        return [("values", f"count({name})")]
    asked = [("values", f"count({name})"), ("expected", _count(name, expected))]
    match expected:
        case "integer":
            # BINARY, because the column's own collation may be one that only its application knows.
            asked += [("low", f"min({name} COLLATE BINARY)"), ("high", f"max({name} COLLATE BINARY)")]
        case "real":
            asked.append(("infinite", f"count(*) FILTER (WHERE abs({name}) = 9e999)"))
        case _:
            asked.append(("length", f"max(length({name}))"))
    return asked


def if_pure(column: Column, answer: dict[str, Any], rows: int) -> ColumnProfile | None:
    """The profile of a column that holds nothing unexpected; None for one that must be asked again."""
    values = answer["values"]
    nulls = rows - values
    if values == 0:
        return ColumnProfile(nulls)
    if values != answer.get("expected"):
        return None
    match expected_class(column):
        case "integer":
            return ColumnProfile(
                nulls, integers=values, min_integer=answer["low"], max_integer=answer["high"]
            )
        case "real":
            return ColumnProfile(nulls, reals=values, infinities=answer["infinite"])
        case "blob":
            return ColumnProfile(nulls, blobs=values, max_bytes=answer["length"])
        case _:
            return ColumnProfile(nulls, texts=values, max_characters=answer["length"])


def all_questions(column: Column) -> list[tuple[str, str]]:
    name = quoted(column.name)
    only = f"FILTER (WHERE typeof({name}) = "
    return [
        ("integers", _count(name, "integer")),
        ("reals", _count(name, "real")),
        ("texts", _count(name, "text")),
        ("blobs", _count(name, "blob")),
        ("low", f"min({name} COLLATE BINARY) {only}'integer')"),
        ("high", f"max({name} COLLATE BINARY) {only}'integer')"),
        ("infinite", f"count(*) {only}'real' AND abs({name}) = 9e999)"),
        ("characters", f"max(length({name})) {only}'text')"),
        ("bytes", f"max(length({name})) {only}'blob')"),
    ]


def from_all(answer: dict[str, Any], rows: int) -> ColumnProfile:
    values = sum(answer[name] for name in ("integers", "reals", "texts", "blobs"))
    return ColumnProfile(
        rows - values,
        answer["integers"],
        answer["reals"],
        answer["texts"],
        answer["blobs"],
        answer["low"],
        answer["high"],
        answer["infinite"],
        answer["characters"],
        answer["bytes"],
    )
