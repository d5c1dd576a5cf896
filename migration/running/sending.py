"""Sends rows of one table with one COPY: in its binary format by the compiled library, or as text by Python.

Rows that no conversion takes are set aside. Which way a table goes is up to its types; both ways give the
same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from psycopg import sql

from migration.native.loading import blocks, has_loop
from migration.running.isolate import Sent
from migration.schema.tokens import quoted
from migration.values.convert import Unstorable, converter, select_list
from migration.values.copy_binary import HEAD, TAIL, field_encoder
from migration.values.copy_binary import row as binary_row
from migration.values.copy_text import row_encoder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from migration.native.library import NativeReader
    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetTable
    from migration.source.snapshot import Reader
    from migration.target.database import Connection
    from migration.target.rejects import Reject

#: Bytes of COPY text handed to libpq at once: enough that calls do not count, little enough for memory.
BLOCK = 128 * 1024


class Sender(Protocol):
    """Sends what a SELECT gives."""

    @property
    def columns(self) -> str:
        """The list of columns that the SELECT must have."""

    def send(
        self,
        query: str,
        bounds: Sequence[int],
        *,
        advance: Callable[[int], None],
        reject: Callable[[int, Unstorable], Reject],
    ) -> Sent:
        """Send the rows of a query over these columns.

        Args:
            query: with a parameter for each of the bounds.
            bounds: whole numbers.
            advance: told how many rows more were dealt with.
            reject: makes the reject of the row at a position (from 0) that cannot be stored.
        """


def sender(
    reader: Reader, target: Connection, table: TargetTable, schema: str, options: PlanOptions
) -> Sender:
    """The fastest way for a table."""
    place = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(schema, table.name),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in table.copied),
    )
    if reader.native is not None and has_loop(table):
        return _Binary(reader.native, target, table, sql.SQL("{} (FORMAT binary)").format(place), options)
    return _Text(reader.connection, target, table, place, options)


class _Binary:
    def __init__(
        self,
        reader: NativeReader,
        target: Connection,
        table: TargetTable,
        copy: sql.Composed,
        options: PlanOptions,
    ) -> None:
        self._reader = reader
        self._target = target
        self._table = table
        self._copy = copy
        self._fields = [(converter(column, options), field_encoder(column)) for column in table.copied]

    @property
    def columns(self) -> str:
        return ", ".join(quoted(column.source.name) for column in self._table.copied)

    def send(
        self,
        query: str,
        bounds: Sequence[int],
        *,
        advance: Callable[[int], None],
        reject: Callable[[int, Unstorable], Reject],
    ) -> Sent:
        read, size = 0, 0
        rejects: list[Reject] = []
        with self._target.cursor() as cursor, cursor.copy(self._copy) as stream:
            stream.write(HEAD)
            for block in blocks(self._reader, self._table, query, bounds, with_id=False):
                if block.rows:
                    stream.write(block.content)
                size += len(block.content)
                read += block.rows
                if block.odd is not None:
                    try:
                        written = self._by_python(block.odd)
                    except Unstorable as error:
                        rejects.append(reject(read, error))
                    else:
                        stream.write(written)
                        size += len(written)
                    read += 1
                advance(block.rows + (block.odd is not None))
            stream.write(TAIL)
        return Sent(read - len(rejects), size, tuple(rejects))

    def _by_python(self, stored: Sequence[Any]) -> bytes:
        return binary_row(
            [
                encode(convert(_as_read(value)))
                for (convert, encode), value in zip(self._fields, stored, strict=True)
            ]
        )


def _as_read(value: Any) -> Any:
    """A value as Python's sqlite3 reads it; a text that is none stays bytes, and finds no conversion."""
    if not isinstance(value, bytearray):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return bytes(value)


class _Text:
    def __init__(
        self,
        reader: sqlite3.Connection,
        target: Connection,
        table: TargetTable,
        copy: sql.Composed,
        options: PlanOptions,
    ) -> None:
        self._reader = reader
        self._target = target
        self._copy = copy
        self._encode = row_encoder(table, options)
        self.columns = select_list(table)

    def send(
        self,
        query: str,
        bounds: Sequence[int],
        *,
        advance: Callable[[int], None],
        reject: Callable[[int, Unstorable], Reject],
    ) -> Sent:
        encode = self._encode
        read = size = told = held = 0
        block: list[bytes] = []
        rejects: list[Reject] = []
        self._reader.text_factory = str
        with self._target.cursor() as cursor, cursor.copy(self._copy) as stream:
            for row in self._reader.execute(query, bounds):
                read += 1
                try:
                    line = encode(row)
                except Unstorable as error:
                    rejects.append(reject(read - 1, error))
                    continue
                block.append(line)
                held += len(line)
                if held >= BLOCK:
                    stream.write(b"".join(block))
                    block.clear()
                    advance(read - told)
                    size, told, held = size + held, read, 0
            stream.write(b"".join(block))
        advance(read - told)
        return Sent(read - len(rejects), size + held, tuple(rejects))
