"""Tries the values of columns whose rules leave it open whether they fit, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.schema.target import Note, Obstacle
from migration.schema.tokens import quoted
from migration.schema.wording import some_of
from migration.values.convert import Unstorable, converter, select_list

if TYPE_CHECKING:
    import sqlite3

    from migration.schema.target import TargetColumn, TargetPlan, TargetTable

_SHOWN = 60


@dataclass
class _Found:
    """The misfits of one column so far, and the first of them."""

    misfits: int = 0
    example: str = ""


def try_rules(plan: TargetPlan, reader: sqlite3.Connection) -> TargetPlan:
    """The plan with an obstacle, or with rejects, for every tried column with values that do not fit."""
    notes, obstacles = list(plan.notes), list(plan.obstacles)
    tables = []
    for table in plan.tables:
        found = _try(plan, table, reader)
        columns = []
        for column in table.columns:
            made = found.get(column.name)
            if made is None or not made.misfits:
                columns.append(column)
                continue
            path = f"{table.source.name}.{column.source.name}"
            what = f"{some_of(made.misfits, table.rows, 'value')} cannot be stored as {column.type}, "
            what += f"such as {made.example}"
            if _rejects(plan, table, column):
                notes.append(Note("rejected", path, f"{what}: their rows are rejected"))
                columns.append(replace(column, rejects=column.rejects + made.misfits))
                continue
            columns.append(column)
            obstacles.append(
                Obstacle(
                    path,
                    made.misfits,
                    what,
                    f"change the rule of {path} in {plan.options.rules.file or 'the rules'}, "
                    "or let it keep such rows aside: misfits: reject",
                )
            )
        tables.append(replace(table, columns=tuple(columns)))
    return replace(plan, tables=tuple(tables), notes=tuple(notes), obstacles=tuple(obstacles))


def _rejects(plan: TargetPlan, table: TargetTable, column: TargetColumn) -> bool:
    rule = plan.options.rules.column(table.source.name, column.source.name)
    return (rule.misfits or plan.options.misfits) == "reject"


def _try(plan: TargetPlan, table: TargetTable, reader: sqlite3.Connection) -> dict[str, _Found]:
    """Convert every value of the tried columns of one table."""
    tried = tuple(column for column in table.copied if column.tried)
    if not tried:
        return {}
    found = {column.name: _Found() for column in tried}
    checks = [(column, converter(column, plan.options), found[column.name]) for column in tried]
    chosen = select_list(replace(table, columns=tried))
    reader.text_factory = str
    for row in reader.execute(f"SELECT {chosen} FROM {quoted(table.source.name)} NOT INDEXED"):  # noqa: S608
        for (column, convert, misfits), value in zip(checks, row, strict=True):
            try:
                lost = convert(value) is None and value is not None and column.not_null
            except Unstorable:
                lost = True
            if lost:
                misfits.misfits += 1
                misfits.example = misfits.example or _shown(value)
    return found


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
