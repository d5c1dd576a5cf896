"""Counts the rows whose foreign key refers to nothing, which SQLite allows and PostgreSQL would refuse."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from migration.schema.references import cannot_refer
from migration.schema.tokens import quoted

if TYPE_CHECKING:
    from migration.schema.source import ForeignKey, SourceSchema, Table


def count_references(
    connection: sqlite3.Connection, table: Table, key: ForeignKey, source: SourceSchema
) -> int | None:
    """How many rows of a table refer to no row of the parent, by a key that need not be declared in the file.

    A row with a NULL in the key refers to nothing on purpose and is not counted. None where the question has
    no answer: the reference cannot be enforced at all, or a collation is known to its application only.
    """
    if cannot_refer(source, key) is not None:
        return None
    try:
        (count,) = connection.execute(orphans_query(table, key)).fetchone()
    except sqlite3.OperationalError:
        return None
    return int(count)


def orphans_query(table: Table, key: ForeignKey) -> str:
    """The SELECT that counts the orphans of a table.

    It asks for all of them at once: an index over the key, in whose order the parents are looked up fastest,
    is of no use for a part.
    """
    present = " AND ".join(f"c.{quoted(column)} IS NOT NULL" for column in key.columns)
    # The first comparison is SQLite's own, with the parent's collation and index; the second is PostgreSQL's,
    # which tells upper from lower case. Affinity applies to both.
    equal = " AND ".join(
        f"p.{quoted(theirs)} = c.{quoted(ours)} AND p.{quoted(theirs)} = c.{quoted(ours)} COLLATE BINARY"
        for theirs, ours in zip(key.parent_columns, key.columns, strict=True)
    )
    lookup = f"SELECT 1 FROM {quoted(key.parent_table)} p WHERE {equal}"  # noqa: S608  # names are quoted
    return f"SELECT count(*) FROM {quoted(table.name)} c WHERE {present} AND NOT EXISTS ({lookup})"  # noqa: S608
