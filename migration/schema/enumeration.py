"""Recognises a CHECK that stands for an enumeration, which SQLite does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.tokens import BadSqlError

if TYPE_CHECKING:
    from migration.schema.source import Check, Column, Table


@dataclass(frozen=True)
class Enumeration:
    """A column, and the texts that it may hold."""

    column: str
    labels: tuple[str, ...]


def enumeration(check: Check) -> Enumeration | None:
    """What an unnamed CHECK (column IN ('a', 'b')) lists; None for any other."""
    if check.name is not None:
        return None
    try:
        parsed = sqlite.parse_expression(check.expression)
    except BadSqlError:
        return None
    if not isinstance(parsed, sqlite.In) or not isinstance(parsed.value, sqlite.Name):
        return None
    labels = [
        choice.text
        for choice in parsed.choices
        if isinstance(choice, sqlite.Literal) and choice.kind == "text"
    ]
    if not labels or len(labels) != len(parsed.choices) or len(set(labels)) != len(labels):
        return None
    return Enumeration(parsed.value.name, tuple(labels))


def enumeration_of(table: Table, column: Column) -> Enumeration | None:
    """The list of one column."""
    found = (enumeration(check) for check in table.checks)
    return next((item for item in found if item is not None and item.column == column.name), None)
