"""Writes a value as a column takes it: as SQLite would store it and the copy would move it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.clocks import write_clock
from migration.schema.typed import NUMBERS, Typed, UntranslatableError, comparable, kind_of, number, text

if TYPE_CHECKING:
    from migration.schema.target import TargetColumn


def assign(value: Typed, column: TargetColumn) -> str:
    """The SQL that stores a value in a column.

    Raises:
        UntranslatableError: the column's type would hold something else than SQLite's does.
    """
    wanted = kind_of(column.type)
    if column.generated is not None:
        raise UntranslatableError(f"{column.name} is computed")
    if value.kind == "null":
        return value.sql
    if value.clock:
        shown = write_clock(value.clock, wanted, session_clock=False)
        if shown is None:
            raise UntranslatableError(f"the clock's {value.clock} is stored in {column.name}, a {wanted}")
        return shown
    if value.constant is not None:
        return _constant(value, column)
    match wanted:
        case "integer" if value.kind in ("integer", "boolean"):
            return number(value) if value.kind == "boolean" else value.sql
        case "number" | "real" if value.kind in NUMBERS:
            return value.sql
        case "text":
            enumeration = column.type.startswith('"')
            return f"({text(value)})::{column.type}" if enumeration else text(value)
        case "json" if value.kind == "text":
            return f"{value.operand}::json"
        case _ if value.kind == wanted:
            return value.sql
        case _:
            raise UntranslatableError(f"{value.sql} ({value.kind}) is stored in {column.name}, a {wanted}")


def _constant(value: Typed, column: TargetColumn) -> str:
    wanted, constant = kind_of(column.type), value.constant
    assert constant is not None
    if wanted == "boolean":
        if constant.text in ("0", "1"):
            return "true" if constant.text == "1" else "false"
        raise UntranslatableError(f"{constant.text} is stored in {column.name}, a boolean")
    if wanted == "text":
        return text(value)
    if wanted == "json" and constant.kind == "text":
        return f"{value.sql}::json"
    if wanted == value.kind or (wanted in NUMBERS and value.kind == "integer") or value.kind == wanted:
        return value.sql
    if wanted in ("number", "real") and value.kind in NUMBERS:
        return value.sql
    placeholder = Typed(column.name, wanted, column=True, type=column.type)
    return comparable(placeholder, value)[1]
