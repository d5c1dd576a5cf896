"""Recognises a CHECK that stands for an enumeration, which SQLite does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.expression_parser import parse_expression
from migration.schema.tokens import BadSqlError

if TYPE_CHECKING:
    from migration.schema.source import Check, Column, Table


@dataclass(frozen=True)
class Enumeration:
    """A column, and the texts that it may hold."""

    column: str
    labels: tuple[str, ...]


def enumeration(check: Check) -> Enumeration | None:
    """What a CHECK (column IN ('a', 'b')) lists; None for any other."""
    try:
        parsed = parse_expression(check.expression)
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


def enumeration_of(table: Table, column: Column, *, named: bool = False) -> Enumeration | None:
    """The list of one column: of a CHECK without a name, or of one that has a name."""
    checks = (check for check in table.checks if (check.name is not None) is named)
    found = (enumeration(check) for check in checks)
    return next((item for item in found if item is not None and item.column == column.name), None)


def is_list_of(check: Check, column: Column) -> bool:
    """Whether a CHECK lists the values of one column."""
    found = enumeration(check)
    return found is not None and found.column == column.name
