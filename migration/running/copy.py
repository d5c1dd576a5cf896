"""Moves the rows of one table with COPY, in chunks committed together with the position they reached.

Memory does not depend on the table's size: rows stream from SQLite through the encoder into small blocks. A
table is cut by rowid, which the held snapshot keeps stable; what has no rowid goes in one transaction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from migration.errors import RowRefusedError
from migration.schema.ddl import quote_identifier
from migration.values.convert import Unstorable, select_list
from migration.values.copy_text import row_encoder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from migration.schema.options import PlanOptions
    from migration.schema.source import Table
    from migration.schema.target import TargetTable
    from migration.target.database import Connection

#: Bytes of COPY text handed to libpq at once: enough that calls do not count, little enough for memory.
BLOCK = 128 * 1024
#: Bytes after which a chunk should end; a kill loses at most about this much work.
CHUNK_BYTES = 48 * 1024 * 1024
#: Rows of the first chunk, before the size of the rows is known, and the bounds of all later ones.
FIRST_ROWS, LEAST_ROWS, MOST_ROWS = 5_000, 100, 400_000


@dataclass(frozen=True)
class Chunk:
    """One committed part: its rows, its bytes, and its last rowid (None: the table's end was reached)."""

    rows: int
    bytes: int
    last: int | None


def rowid_of(table: Table) -> str | None:
    """The SQL name of a table's rowid; None where it has none, or columns took all of its names."""
    if table.without_rowid:
        return None
    if table.primary_key is not None and table.primary_key.rowid_alias:
        return quote_identifier(table.primary_key.columns[0])
    taken = {column.name.lower() for column in table.columns}
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)


class TableCopy:
    """The copy of one table from a snapshot of the source.

    Args:
        reader: the snapshot's connection.
        target: an autocommit connection.
        table: from the plan.
        schema: where the table is.
        options: those of the plan.
        advance: told the number of rows after every block.
    """

    def __init__(
        self,
        reader: sqlite3.Connection,
        target: Connection,
        table: TargetTable,
        schema: str,
        options: PlanOptions,
        *,
        advance: Callable[[int], None],
    ) -> None:
        self._reader = reader
        self._target = target
        self._table = table
        self._advance = advance
        self._encode = row_encoder(table, options)
        self._rowid = rowid_of(table.source)
        self._from = f"FROM {quote_identifier(table.source.name)} NOT INDEXED"
        self._copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(schema, table.name),
            sql.SQL(", ").join(sql.Identifier(column.name) for column in table.copied),
        )

    def chunks(self, after: int | None, record: Callable[[Chunk], None]) -> Iterator[Chunk]:
        """Copy what lies behind the rowid `after` (None: everything), chunk by chunk.

        `record` is called inside each chunk's transaction.

        Raises:
            RowRefusedError: a value that the plan did not foresee; the chunk is rolled back.
        """
        rows = FIRST_ROWS
        while True:
            until = self._boundary(after, rows)
            started = time.monotonic()
            with self._target.transaction():
                copied, size = self._send(after, until)
                chunk = Chunk(copied, size, until)
                record(chunk)
            yield chunk
            if until is None:
                return
            after = until
            rows = next_rows(rows, chunk, time.monotonic() - started)

    def _boundary(self, after: int | None, rows: int) -> int | None:
        """The rowid of the `rows`th row behind `after`; None where fewer are left, or nothing to cut by."""
        if self._rowid is None:
            return None
        where = "" if after is None else f"WHERE {self._rowid} > ?"
        query = f"SELECT {self._rowid} {self._from} {where} ORDER BY {self._rowid} LIMIT 1 OFFSET ?"
        row = self._reader.execute(query, [*([] if after is None else [after]), rows - 1]).fetchone()
        return None if row is None else int(row[0])

    def _select(self, what: str, after: int | None, until: int | None) -> tuple[str, list[int]]:
        bounds = [(f"{self._rowid} > ?", after), (f"{self._rowid} <= ?", until)]
        used = [(condition, bound) for condition, bound in bounds if bound is not None]
        where = " AND ".join(condition for condition, _ in used)
        order = f"ORDER BY {self._rowid}" if self._rowid else ""
        query = f"SELECT {what} {self._from} {'WHERE ' + where if where else ''} {order}"
        return query, [bound for _, bound in used]

    def _send(self, after: int | None, until: int | None) -> tuple[int, int]:
        encode = self._encode
        rows = size = sent = 0
        block: list[bytes] = []
        held = 0
        self._reader.text_factory = str
        query, bounds = self._select(select_list(self._table), after, until)
        try:
            with self._target.cursor() as cursor, cursor.copy(self._copy) as stream:
                for row in self._reader.execute(query, bounds):
                    line = encode(row)
                    block.append(line)
                    rows += 1
                    held += len(line)
                    if held >= BLOCK:
                        stream.write(b"".join(block))
                        block.clear()
                        self._advance(rows - sent)
                        size, sent, held = size + held, rows, 0
                stream.write(b"".join(block))
        except Unstorable as error:
            raise self._refused(error.what, after, until, rows) from error
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise RowRefusedError(
                f"PostgreSQL refuses a row of table {self._table.name}",
                why=" ".join(f"{error.diag.message_primary} ({error.diag.context})".split()),
                next_step="outgrow migrate inspect SRC shows what the table holds and how it is planned",
            ) from error
        self._advance(rows - sent)
        return rows, size + held

    def _refused(self, what: str, after: int | None, until: int | None, row: int) -> RowRefusedError:
        where = f"row {row + 1}"
        if self._rowid is not None:
            query, bounds = self._select(self._rowid, after, until)
            found = self._reader.execute(f"{query} LIMIT 1 OFFSET ?", [*bounds, row]).fetchone()
            where = f"the row with rowid {found[0]}" if found else where
        return RowRefusedError(
            f"table {self._table.name}, {where}: {what}",
            why="the plan, made from all values of this file, did not foresee it",
            next_step="outgrow migrate inspect SRC shows what the table holds and how it is planned",
        )


def next_rows(rows: int, chunk: Chunk, seconds: float) -> int:
    """How many rows the next chunk should have: about `CHUNK_BYTES`, at most twenty seconds' worth."""
    wide = CHUNK_BYTES * chunk.rows // max(chunk.bytes, 1)
    slow = int(20 * chunk.rows / max(seconds, 1e-3))
    return max(LEAST_ROWS, min(wide, slow, rows * 8, MOST_ROWS))
