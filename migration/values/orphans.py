"""Counts the rows whose foreign key refers to nothing, which SQLite allows and PostgreSQL would refuse."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migration.schema.source import ForeignKey, SourceSchema, Table


def count_orphans(
    connection: sqlite3.Connection, table: Table, source: SourceSchema
) -> tuple[int | None, ...]:
    """For each foreign key of the table, how many rows refer to no row of the parent.

    A row with a NULL in the key refers to nothing on purpose and is not counted. None where the question has
    no answer: a parent without these columns, or a collation that only the application knows.
    """
    parents = {parent.name: parent for parent in source.tables}
    return tuple(_count(connection, table, key, parents) for key in table.foreign_keys)


def _count(
    connection: sqlite3.Connection, table: Table, key: ForeignKey, parents: dict[str, Table]
) -> int | None:
    parent = parents.get(key.parent_table)
    known = {column.name for column in parent.columns} if parent else set()
    if len(key.parent_columns) != len(key.columns) or not set(key.parent_columns) <= known:
        return None
    present = " AND ".join(f"c.{_quoted(column)} IS NOT NULL" for column in key.columns)
    # The parent's column on the left decides the collation, as in SQLite's own check; affinity comes from
    # both columns.
    equal = " AND ".join(
        f"p.{_quoted(theirs)} = c.{_quoted(ours)}"
        for theirs, ours in zip(key.parent_columns, key.columns, strict=True)
    )
    try:
        row = connection.execute(
            f"SELECT count(*) FROM {_quoted(table.name)} c WHERE {present} "
            f"AND NOT EXISTS (SELECT 1 FROM {_quoted(key.parent_table)} p WHERE {equal})"
        ).fetchone()
    except sqlite3.OperationalError:
        return None
    return int(row[0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
