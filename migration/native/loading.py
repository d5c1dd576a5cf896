"""Rows of a table as COPY's binary format, by the C loop `outgrow_load` and, where it gives up, by Python."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from migration.native.columns import is_ordinary
from migration.native.library import DONE, FAILED, ODD, ROOM
from migration.schema.target import Conversion
from migration.values.copy_binary import has_binary_form, received_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.native.library import NativeReader
    from migration.schema.target import TargetColumn, TargetTable

#: Bytes of a block: enough that calls do not count, little enough for the processor's cache.
BLOCK = 256 * 1024


class Operation(IntEnum):
    """What C does with a column (src/load.c)."""

    INT2 = 0
    INT4 = 1
    INT8 = 2
    FLOAT8 = 3
    NUMERIC = 4
    TEXT = 5
    ANY_AS_TEXT = 6
    JSONB = 7
    BYTEA = 8
    BOOLEAN = 9
    TIMESTAMP = 10
    TIMESTAMPTZ = 11
    DATE = 12
    TIME = 13
    UUID = 14
    ODD = 15


_OPERATIONS = {
    (Conversion.INTEGER, "smallint"): Operation.INT2,
    (Conversion.INTEGER, "integer"): Operation.INT4,
    (Conversion.INTEGER, "bigint"): Operation.INT8,
    (Conversion.REAL, "double precision"): Operation.FLOAT8,
    (Conversion.NUMERIC, "numeric"): Operation.NUMERIC,
    (Conversion.TEXT, "text"): Operation.TEXT,
    (Conversion.TEXT, "character varying"): Operation.TEXT,
    (Conversion.JSON, "json"): Operation.TEXT,
    (Conversion.JSON, "jsonb"): Operation.JSONB,
    (Conversion.ANY_AS_TEXT, "text"): Operation.ANY_AS_TEXT,
    (Conversion.BYTES, "bytea"): Operation.BYTEA,
    (Conversion.BOOLEAN, "boolean"): Operation.BOOLEAN,
    (Conversion.TIMESTAMP, "timestamp without time zone"): Operation.TIMESTAMP,
    (Conversion.TIMESTAMPTZ, "timestamp with time zone"): Operation.TIMESTAMPTZ,
    (Conversion.DATE, "date"): Operation.DATE,
    (Conversion.TIME, "time without time zone"): Operation.TIME,
    (Conversion.UUID, "uuid"): Operation.UUID,
}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
#: C handles so many digits behind the point of a numeric.
_MOST_SCALE = 9


class _Column(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int32), ("detail", ctypes.c_int32))


@dataclass(frozen=True)
class Block:
    """Part of a table's rows, ready to be sent. `last` is the id of the last row, None where rows have none.

    `odd` is a row that follows them and needs Python: its stored values, texts as bytearray. `done` says that
    nothing follows.
    """

    content: memoryview
    rows: int
    last: int | None
    odd: tuple[Any, ...] | None
    done: bool


def has_loop(table: TargetTable) -> bool:
    """Whether all columns of a table have a binary form, and texts that SQLite hands out as they are."""
    return all(has_binary_form(column) and column.raw_codec is None for column in table.copied)


def operation(column: TargetColumn) -> Operation:
    """What C does with a column: `ODD` where every value of it needs Python."""
    if not is_ordinary(column):
        return Operation.ODD
    if column.conversion is Conversion.NUMERIC and (column.scale or 0) > _MOST_SCALE:
        return Operation.ODD
    return _OPERATIONS.get((column.conversion, received_type(column)), Operation.ODD)


def _detail(column: TargetColumn) -> int:
    if column.conversion is Conversion.NUMERIC:
        return -1 if column.scale is None else column.scale
    return _PER_SECOND.get(column.epoch or "", 0)


def blocks(
    reader: NativeReader, table: TargetTable, query: str, bound: Sequence[int], *, with_id: bool
) -> Iterator[Block]:
    """The rows of a SELECT over the copied columns (and behind them the row's id, if `with_id`), in blocks.

    A block's content is valid until the next one is asked for.

    Raises:
        sqlite3.OperationalError: reading failed.
    """
    columns = (_Column * max(1, len(table.copied)))(
        *(_Column(operation(column), _detail(column)) for column in table.copied)
    )
    buffer = (ctypes.c_uint8 * BLOCK)()
    rows, size, last = ctypes.c_int64(), ctypes.c_size_t(), ctypes.c_int64()
    with reader.select(query, bound) as cursor:
        while True:
            state = reader.native.outgrow_load(
                cursor, columns, len(table.copied), buffer, len(buffer), rows, size, last
            )
            if state == FAILED:
                raise reader.error()
            if state == ROOM:
                buffer = (ctypes.c_uint8 * (size.value + BLOCK))()
                continue
            odd = stored_values(reader.odd(cursor)) if state == ODD else None
            yield Block(
                memoryview(buffer).cast("B")[: size.value],
                rows.value,
                last.value if with_id else None,
                odd,
                state == DONE,
            )
            if state == DONE:
                return
            if len(buffer) > BLOCK:
                buffer = (ctypes.c_uint8 * BLOCK)()


_INTEGER, _FLOAT, _TEXT, _BLOB, _NULL = range(1, 6)


def stored_values(content: bytes) -> tuple[Any, ...]:
    """A row as C leaves it (src/reader.h: `odd_row`): int, float, bytearray (text), bytes (blob) or None."""
    values: list[Any] = []
    at = 0
    while at < len(content):
        kind = content[at]
        at += 1
        if kind == _NULL:
            values.append(None)
            continue
        if kind in (_INTEGER, _FLOAT):
            (number,) = struct.unpack_from("=q" if kind == _INTEGER else "=d", content, at)
            values.append(number)
            at += 8
            continue
        (length,) = struct.unpack_from("=I", content, at)
        part = content[at + 4 : at + 4 + length]
        values.append(bytearray(part) if kind == _TEXT else part)
        at += 4 + length
    return tuple(values)
