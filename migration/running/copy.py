"""Moves the rows of one table with COPY, in chunks committed together with the position they reached.

Memory does not depend on the table's size: rows stream from SQLite through the encoder into small blocks. A
table is cut by rowid, which the held snapshot keeps stable; what has no rowid goes in one transaction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from migration.running.isolate import Sent, Span, send_isolated
from migration.running.rejects import MOST_REJECTS, Rejecter, refuse_more
from migration.schema.ddl import quote_identifier
from migration.source.original import rowid_of
from migration.values.convert import Unstorable, select_list
from migration.values.copy_text import row_encoder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetTable
    from migration.target.database import Connection
    from migration.target.rejects import Reject, RejectTable

#: Bytes of COPY text handed to libpq at once: enough that calls do not count, little enough for memory.
BLOCK = 128 * 1024
#: Bytes after which a chunk should end; a kill loses at most about this much work.
CHUNK_BYTES = 48 * 1024 * 1024
#: Rows of the first chunk, before the size of the rows is known, and the bounds of all later ones.
FIRST_ROWS, LEAST_ROWS, MOST_ROWS = 5_000, 100, 400_000


@dataclass(frozen=True)
class Chunk:
    """One committed part: its rows, its bytes, and its last rowid (None: the table's end was reached).

    `rejected` rows were kept aside, in the same transaction.
    """

    rows: int
    bytes: int
    last: int | None
    rejected: int = 0


@dataclass(frozen=True)
class Aside:
    """Where the rows of a table go that cannot be stored: how many there are already, and at most may be."""

    table: RejectTable
    encoding: str
    rejected: int = 0
    limit: int = MOST_REJECTS


class TableCopy:
    """The copy of one table from a snapshot of the source.

    Args:
        reader: the snapshot's connection.
        target: an autocommit connection.
        table: from the plan.
        schema: where the table is.
        options: those of the plan.
        advance: told the number of rows after every block.
        aside: keeps the rows that cannot be stored.
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
        aside: Aside,
    ) -> None:
        self._reader = reader
        self._target = target
        self._table = table
        self._advance = advance
        self._aside = aside
        self._rejected = aside.rejected
        self._rejecter = Rejecter(reader, table, aside.encoding)
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
            TooManyRejectsError: more rows cannot be stored than may be; the chunk is rolled back.
        """
        rows = FIRST_ROWS
        while True:
            until = self._boundary(after, rows)
            started = time.monotonic()
            with self._target.transaction():
                sent = send_isolated(
                    self._target,
                    Span(after, until),
                    send=self._send,
                    count=self._count,
                    refuse=self._rejecter.refused,
                )
                self._rejected += len(sent.rejects)
                refuse_more(self._table.source.name, self._rejected, self._aside.limit)
                self._aside.table.write(sent.rejects, connection=self._target)
                chunk = Chunk(sent.rows, sent.bytes, until, len(sent.rejects))
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

    def _select(self, what: str, span: Span) -> tuple[str, list[int]]:
        bounds = [(f"{self._rowid} > ?", span.after), (f"{self._rowid} <= ?", span.until)]
        used = [(condition, bound) for condition, bound in bounds if bound is not None]
        where = " AND ".join(condition for condition, _ in used)
        order = f"ORDER BY {self._rowid}" if self._rowid else ""
        query = f"SELECT {what} {self._from} {'WHERE ' + where if where else ''} {order}"
        limit = f" LIMIT {-1 if span.rows is None else span.rows} OFFSET {span.skip}"
        return query + (limit if span.rows is not None else ""), [bound for _, bound in used]

    def _count(self, span: Span) -> int:
        query, bounds = self._select("1", span)
        return int(self._reader.execute(f"SELECT count(*) FROM ({query})", bounds).fetchone()[0])  # noqa: S608

    def _send(self, span: Span) -> Sent:
        encode = self._encode
        # Rows of a chunk that PostgreSQL refused pass again; they were counted the first time.
        advance = self._advance if span.rows is None else _unseen
        read = size = sent = held = 0
        block: list[bytes] = []
        rejects: list[Reject] = []
        self._reader.text_factory = str
        query, bounds = self._select(select_list(self._table), span)
        with self._target.cursor() as cursor, cursor.copy(self._copy) as stream:
            for row in self._reader.execute(query, bounds):
                read += 1
                try:
                    line = encode(row)
                except Unstorable as error:
                    rejects.append(self._rejecter.unstorable(span, read - 1, error))
                    refuse_more(self._table.source.name, self._rejected + len(rejects), self._aside.limit)
                    continue
                block.append(line)
                held += len(line)
                if held >= BLOCK:
                    stream.write(b"".join(block))
                    block.clear()
                    advance(read - sent)
                    size, sent, held = size + held, read, 0
            stream.write(b"".join(block))
        advance(read - sent)
        return Sent(read - len(rejects), size + held, tuple(rejects))


def _unseen(rows: int) -> None:
    del rows


def next_rows(rows: int, chunk: Chunk, seconds: float) -> int:
    """How many rows the next chunk should have: about `CHUNK_BYTES`, at most twenty seconds' worth."""
    wide = CHUNK_BYTES * chunk.rows // max(chunk.bytes, 1)
    slow = int(20 * chunk.rows / max(seconds, 1e-3))
    return max(LEAST_ROWS, min(wide, slow, rows * 8, MOST_ROWS))
