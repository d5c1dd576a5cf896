"""Turns rows that cannot be stored into rejects, and ends a run in which there are far too many of them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from migration.errors import TooManyRejectsError
from migration.running.isolate import reason_of
from migration.source.original import Originals
from migration.target.rejects import Reject

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    import psycopg

    from migration.running.isolate import Span
    from migration.schema.target import TargetTable
    from migration.values.convert import Unstorable

#: Rejects of one table after which a run ends, unless it is told otherwise.
MOST_REJECTS = 1_000


class Rejecter:
    """Makes the rejects of one table.

    Args:
        reader: the snapshot's connection.
        table: from the plan.
        encoding: of the source.
    """

    def __init__(self, reader: sqlite3.Connection, table: TargetTable, encoding: str) -> None:
        self._table = table
        self._originals = Originals(reader, table.source, encoding)

    def unstorable(self, span: Span, position: int, error: Unstorable) -> Reject:
        """A row whose value no conversion takes; `position` counts the span's rows as read, from 0."""
        return self._reject(span, position, error.column, error.what)

    def refused(self, span: Span, error: psycopg.Error) -> Reject:
        """The row of a span of one, which PostgreSQL refused."""
        return self._reject(span, 0, None, reason_of(error))

    def _reject(self, span: Span, position: int, column: str | None, reason: str) -> Reject:
        original = self._originals.at(span.after, span.until, span.skip + position)
        names = (self._table.source.name, self._table.name)
        return Reject(*names, original.rowid, column, reason, original.values)


def refuse_more(table: str, rejected: int, limit: int) -> None:
    """End the run where more rows of a table are rejected than its user takes for possible.

    Raises:
        TooManyRejectsError: nothing of the current chunk is stored.
    """
    if rejected > limit:
        raise TooManyRejectsError(
            f"more than {limit:,} rows of table {table} cannot be stored",
            why="so many rejects mean that the plan is wrong for this table, not its rows",
            next_step="outgrow migrate inspect SRC shows the columns; --misfits widen stores such values "
            "in a wider type, --max-rejects N allows more",
        )


def default_rejects(journal: Path, source: Path) -> Path:
    """Beside the journal, named after the source."""
    return journal.with_name(source.name + ".outgrow-rejects.jsonl")


def write_rejects(path: Path, schema: str, rejects: Iterable[Reject]) -> None:
    """Write one JSON object a line. The file appears whole or not at all; the rejects stay in the target."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8", newline="\n") as file:
        for reject in rejects:
            file.write(json.dumps({"schema": schema, **reject.to_json()}, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
