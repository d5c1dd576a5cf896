"""Profiles a whole file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.connection import reading
from migration.values.facts import Profile
from migration.values.measure import measure_table
from migration.values.orphans import count_orphans

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from migration.schema.source import SourceSchema


def profile_values(
    path: Path, source: SourceSchema, *, connection: sqlite3.Connection | None = None
) -> Profile:
    """Count what every column of every table holds.

    Args:
        path: the SQLite file.
        source: its schema.
        connection: reads through this connection, so in its snapshot; without one, one is opened and closed.

    Raises:
        SourceRefusedError: the file cannot be read as a SQLite database.
    """
    with reading(path, connection) as reader:
        return Profile(
            {
                table.name: measure_table(
                    reader, table, source.encoding, orphans=count_orphans(reader, table, source)
                )
                for table in source.tables
            }
        )
