"""Pairs the file's tables and columns with the application's, before the file's values are profiled.

A column is then profiled as what the application made of it: the questions asked of its values are those of
the target's type (`source.Column.meaning`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.target_first.bookkeeping import Treatment, treatment
from migration.target_first.matching import Matches, match_names
from migration.values.cast import numeric_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.rules.values import Rules
    from migration.schema.source import SourceSchema, Table
    from migration.schema.target import PostgresType
    from migration.target_first.existing import ExistingSchema, ExistingTable
    from migration.values.epoch import EpochUnit

_MEANINGS = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "bool": "boolean",
    "float8": "double precision",
    "text": "text",
    "varchar": "varchar",
    "citext": "text",
    "bytea": "bytea",
    "uuid": "uuid",
    "inet": "inet",
    "json": "json",
    "jsonb": "jsonb",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "date": "date",
    "time": "time",
}
#: What a library's profile says of integers that are instants (see `schema.declared`).
_UNITS: dict[str, EpochUnit] = {"epoch seconds": "s", "epoch milliseconds": "ms", "epoch microseconds": "us"}


@dataclass(frozen=True)
class Pair:
    """A table of the file and the application's; `columns` matches the names of their columns."""

    source: Table
    target: ExistingTable
    columns: Matches
    treatment: Treatment | None


@dataclass(frozen=True)
class Aim:
    """The file's tables: `pairs` by name, those with several candidates, and those with no counterpart.

    `kept` are bookkeeping tables whose rows stay as the target has them. `units` says, by table and column of
    the file, what its library counts instants in.
    """

    pairs: Mapping[str, Pair]
    unclear: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...]
    kept: tuple[str, ...]
    units: Mapping[tuple[str, str], EpochUnit]


def take_aim(source: SourceSchema, existing: ExistingSchema, rules: Rules) -> Aim:
    """Pair everything by name: by the one that the user's rules give, or else by its own."""
    names = [table.name for table in source.tables]
    treated = {
        table.name: treatment(table.name, [column.name for column in table.columns], names)
        for table in source.tables
    }
    kept = tuple(name for name in names if treated[name] == "keep")
    wanted = [name for name in names if name not in kept]
    matches = match_names(
        wanted,
        [table.name for table in existing.tables if table.name not in kept],
        {name: rules.table(name).rename for name in wanted},
    )
    pairs = {}
    for table in source.tables:
        found = existing.table(matches.found[table.name]) if table.name in matches.found else None
        if found is not None:
            columns = match_names(
                [column.name for column in table.columns],
                [column.name for column in found.columns],
                {column.name: rules.column(table.name, column.name).rename for column in table.columns},
            )
            pairs[table.name] = Pair(table, found, columns, treated[table.name])
    missing = tuple(name for name in wanted if name not in pairs and name not in matches.unclear)
    units = {
        (table.name, column.name): unit
        for table in source.tables
        for column in table.columns
        if (unit := _UNITS.get(column.meaning or "")) is not None
    }
    return Aim(pairs, matches.unclear, missing, kept, units)


def aimed(source: SourceSchema, aim: Aim) -> SourceSchema:
    """The same schema, in which every paired column means what the application made of it."""

    def read(table: Table) -> Table:
        pair = aim.pairs.get(table.name)
        if pair is None:
            return table
        types = {column.name: column.type for column in pair.target.columns}
        columns = tuple(
            replace(column, meaning=_meaning(types[pair.columns.found[column.name]]))
            if column.name in pair.columns.found
            else column
            for column in table.columns
        )
        return replace(table, columns=columns)

    return replace(source, tables=tuple(map(read, source.tables)))


def _meaning(kind: PostgresType) -> str | None:
    """The type in words that `schema.declared` reads; None for those of which it knows nothing."""
    limits = numeric_limits(kind.modifier) if kind.name == "numeric" else None
    if limits is not None:
        return f"numeric({limits[0]},{limits[1]})" if limits[1] >= 0 else "numeric"
    return "numeric" if kind.name == "numeric" else _MEANINGS.get(kind.name)
