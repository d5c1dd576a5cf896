"""Where a file gives away who made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from migration.schema.source import SourceSchema, Table


def find_table(source: SourceSchema, name: str, columns: Collection[str] = ()) -> Table | None:
    """A table of this name that has at least these columns."""
    return next(
        (
            table
            for table in source.tables
            if table.name == name and set(columns) <= {column.name for column in table.columns}
        ),
        None,
    )


def constraint_names(source: SourceSchema) -> Iterable[str]:
    """Every name that a constraint or an index was given."""
    for table in source.tables:
        yield from (unique.name for unique in table.uniques if unique.name)
        yield from (key.name for key in table.foreign_keys if key.name)
        yield from (check.name for check in table.checks if check.name)
        yield from (index.name for index in table.indexes)
