"""Tries stored values on the target's types before anything is written, where the profile leaves it open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.schema.tokens import quoted
from migration.values.convert import Unstorable, converter, select_list

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetTable

_SHOWN = 60


@dataclass(frozen=True)
class Misfits:
    """How many values of one column its type cannot hold, and the first of them."""

    count: int
    example: str


def try_values(
    reader: sqlite3.Connection, table: TargetTable, columns: Collection[str], options: PlanOptions
) -> dict[str, Misfits]:
    """Convert every value of some columns; the misfits of each that has any, by the target's column name."""
    tried = tuple(column for column in table.copied if column.name in columns)
    if not tried:
        return {}
    chosen = select_list(replace(table, columns=tried))
    found: dict[str, Misfits] = {}
    checks = [(column.name, converter(column, options)) for column in tried]
    reader.text_factory = str
    for row in reader.execute(f"SELECT {chosen} FROM {quoted(table.source.name)} NOT INDEXED"):  # noqa: S608
        for (name, convert), value in zip(checks, row, strict=True):
            try:
                convert(value)
            except Unstorable:
                known = found.get(name)
                shown = repr(value)
                shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
                found[name] = Misfits(known.count + 1, known.example) if known else Misfits(1, shown)
    return found
