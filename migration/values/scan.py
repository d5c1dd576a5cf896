"""Reads a table once for all of its observers, with bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.schema.tokens import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from migration.values.observers import Observer

#: How many rows are looked at in one go, and at most about how many bytes.
_ROWS = 2_000
_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Watched:
    """A column to look at: the SQL that reads it, the greatest size (bytes) of a value, and who looks."""

    expression: str
    size: int
    observer: Observer


def text_expression(column: str, encoding: str, *, only_text: bool) -> str:
    """SQL for a column's texts as they are stored; NULL for everything else.

    Bytes of a UTF-8 file come as they are. Those of a UTF-16 file are asked for as a blob: SQLite would
    convert them, and bend what is invalid.
    """
    name = quoted(column)
    stored = name if encoding == "UTF-8" else f"CAST({name} AS BLOB)"
    return stored if only_text else f"CASE typeof({name}) WHEN 'text' THEN {stored} END"


def scan(connection: sqlite3.Connection, table: str, watched: Sequence[Watched]) -> None:
    """Show every row of a table to its observers."""
    if not watched:
        return
    connection.text_factory = bytes
    rows_at_once = max(1, min(_ROWS, _BYTES // max(1, sum(column.size for column in watched))))
    expressions = ", ".join(column.expression for column in watched)
    cursor = connection.execute(f"SELECT {expressions} FROM {quoted(table)}")  # noqa: S608  # names are quoted
    while rows := cursor.fetchmany(rows_at_once):
        for column, values in zip(watched, zip(*rows, strict=True), strict=True):
            column.observer.see(values)
