"""Profiles a whole file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema.connection import reading
from migration.source.parts import parts_of
from migration.values.facts import Profile
from migration.values.measure import measure_table, observer_of_texts
from migration.values.merged import count_merged
from migration.values.native_count import NativeCounts, count_natively
from migration.values.orphans import count_references

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from migration.native.library import NativeReader
    from migration.schema.source import SourceSchema, Table


def profile_values(
    path: Path,
    source: SourceSchema,
    *,
    connection: sqlite3.Connection | None = None,
    readers: Sequence[NativeReader] = (),
) -> Profile:
    """Count what every column of every table holds.

    Args:
        path: the SQLite file.
        source: its schema.
        connection: reads through this connection, so in its snapshot; without one, one is opened and closed.
        readers: count beside it, in the same snapshot.

    Raises:
        SourceRefusedError: the file cannot be read as a SQLite database.
    """
    with reading(path, connection) as reader:
        native = NativeCounts({}, {})
        if readers and source.encoding == "UTF-8":
            native = count_natively(
                {table.name: parts_of(reader, table) for table in source.tables},
                source,
                readers,
                lambda column: observer_of_texts(column, source.encoding),
            )
        return Profile(
            {
                table.name: replace(
                    measure_table(
                        reader,
                        table,
                        source.encoding,
                        orphans=_orphans(reader, table, source, native),
                        native=native.tables.get(table.name),
                    ),
                    merged=count_merged(reader, table),
                )
                for table in source.tables
            }
        )


def _orphans(
    reader: sqlite3.Connection, table: Table, source: SourceSchema, native: NativeCounts
) -> tuple[int | None, ...]:
    return tuple(
        native.orphans[table.name, position]
        if (table.name, position) in native.orphans
        else count_references(reader, table, key, source)
        for position, key in enumerate(table.foreign_keys)
    )
