"""Moves the rows of a table, or of a part of it, in chunks committed together with the position they reached.

Memory does not depend on the table's size: rows stream from SQLite through the encoder into small blocks. A
table is cut by rowid, which the held snapshot keeps stable; what has no rowid goes in one transaction.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from migration.running.isolate import Sent, Span, send_isolated
from migration.running.rejects import MOST_REJECTS, Rejecter, refuse_more
from migration.running.sending import sender
from migration.schema.ddl import quote_identifier
from migration.source.parts import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetTable
    from migration.source.snapshot import Reader
    from migration.target.database import Connection
    from migration.target.rejects import Reject, RejectTable
    from migration.values.convert import Unstorable

#: Bytes after which a chunk should end; a kill loses at most about this much work.
CHUNK_BYTES = 48 * 1024 * 1024
#: Rows of the first chunk, before the size of the rows is known, and the bounds of all later ones.
FIRST_ROWS, LEAST_ROWS, MOST_ROWS = 20_000, 100, 400_000


@dataclass(frozen=True)
class Chunk:
    """One committed part: its rows, its bytes, and its last rowid (None: the end was reached).

    `rejected` rows were kept aside, in the same transaction.
    """

    rows: int
    bytes: int
    last: int | None
    rejected: int = 0


class Aside:
    """Where the rows go that cannot be stored, and how many of each table there are, in all lanes together.

    Args:
        table: keeps them.
        encoding: of the source.
        rejected: those of an earlier run, by the source's names of the tables.
        limit: how many there may be of one table.
    """

    def __init__(
        self,
        table: RejectTable,
        encoding: str,
        rejected: Mapping[str, int] | None = None,
        limit: int = MOST_REJECTS,
    ) -> None:
        self.table = table
        self.encoding = encoding
        self._counts = Counter(rejected or {})
        self._limit = limit
        self._lock = Lock()

    def check(self, table: str, more: int) -> None:
        """End the run where these would be too many.

        Raises:
            TooManyRejectsError: nothing of the current chunk is stored.
        """
        refuse_more(table, self._counts[table] + more, self._limit)

    def add(self, table: str, more: int) -> None:
        """Count rows whose chunk is about to be committed."""
        with self._lock:
            self._counts[table] += more
            self.check(table, 0)


class TableCopy:
    """The copy of one table from a snapshot of the source.

    Args:
        reader: two connections of the snapshot.
        target: an autocommit connection.
        table: from the plan.
        schema: where the table is.
        options: those of the plan.
        part: which rows.
        advance: told the number of rows after every block.
        aside: keeps the rows that cannot be stored.
    """

    def __init__(
        self,
        reader: Reader,
        target: Connection,
        table: TargetTable,
        schema: str,
        options: PlanOptions,
        *,
        part: Part | None = None,
        advance: Callable[[int], None],
        aside: Aside,
    ) -> None:
        self._reader = reader.connection
        self._target = target
        self._name = table.source.name
        self._advance = advance
        self._aside = aside
        self._rejecter = Rejecter(reader.connection, table, aside.encoding)
        self._sender = sender(reader, target, table, schema, options)
        self._part = part or Part.whole(table.source)
        self._rowid = self._part.rowid
        self._from = f"FROM {quote_identifier(table.source.name)} NOT INDEXED"

    def chunks(self, after: int | None, record: Callable[[Chunk], None]) -> Iterator[Chunk]:
        """Copy what lies behind the rowid `after` (None: the whole part), chunk by chunk.

        `record` is called inside each chunk's transaction.

        Raises:
            TooManyRejectsError: more rows cannot be stored than may be; the chunk is rolled back.
        """
        rows = FIRST_ROWS
        after = self._part.after if after is None else after
        while True:
            boundary = self._boundary(after, rows)
            started = time.monotonic()
            with self._target.transaction():
                sent = send_isolated(
                    self._target,
                    Span(after, self._part.until if boundary is None else boundary),
                    send=self._send,
                    count=self._count,
                    refuse=self._rejecter.refused,
                )
                self._aside.add(self._name, len(sent.rejects))
                self._aside.table.write(sent.rejects, connection=self._target)
                chunk = Chunk(sent.rows, sent.bytes, boundary, len(sent.rejects))
                record(chunk)
            yield chunk
            if boundary is None:
                return
            after = boundary
            rows = next_rows(rows, chunk, time.monotonic() - started)

    def _boundary(self, after: int | None, rows: int) -> int | None:
        """The rowid of the `rows`th row behind `after`; None where fewer are left, or nothing to cut by."""
        if self._rowid is None:
            return None
        rest = Part(self._rowid, after, self._part.until)
        query = f"SELECT {self._rowid} {self._from}{rest.where} ORDER BY {self._rowid} LIMIT 1 OFFSET ?"
        row = self._reader.execute(query, [*rest.bounds, rows - 1]).fetchone()
        return None if row is None else int(row[0])

    def _select(self, what: str, span: Span) -> tuple[str, list[int]]:
        rows = Part(self._rowid, span.after, span.until)
        order = f" ORDER BY {self._rowid}" if self._rowid else ""
        limit = f" LIMIT {span.rows} OFFSET {span.skip}" if span.rows is not None else ""
        return f"SELECT {what} {self._from}{rows.where}{order}{limit}", rows.bounds

    def _count(self, span: Span) -> int:
        query, bounds = self._select("1", span)
        return int(self._reader.execute(f"SELECT count(*) FROM ({query})", bounds).fetchone()[0])  # noqa: S608

    def _send(self, span: Span) -> Sent:
        rejected = 0

        def reject(position: int, error: Unstorable) -> Reject:
            nonlocal rejected
            rejected += 1
            self._aside.check(self._name, rejected)
            return self._rejecter.unstorable(span, position, error)

        query, bounds = self._select(self._sender.columns, span)
        # Rows of a chunk that PostgreSQL refused pass again; they were counted the first time.
        advance = self._advance if span.rows is None else _unseen
        return self._sender.send(query, bounds, advance=advance, reject=reject)


def _unseen(rows: int) -> None:
    del rows


def next_rows(rows: int, chunk: Chunk, seconds: float) -> int:
    """How many rows the next chunk should have: about `CHUNK_BYTES`, at most twenty seconds' worth."""
    wide = CHUNK_BYTES * chunk.rows // max(chunk.bytes, 1)
    slow = int(20 * chunk.rows / max(seconds, 1e-3))
    return max(LEAST_ROWS, min(wide, slow, rows * 8, MOST_ROWS))
