"""Adds up the hashes of a table's rows, by the C loop `outgrow_prove`; what it leaves, Python adds."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from migration.native.library import DONE, FAILED, ODD
from migration.native.loading import stored_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from migration.native.library import NativeReader

#: Rows of one call, between two words about progress.
_ROWS = 50_000
#: The families that C knows, by their position (src/prove.c); the last one stands for all others.
FAMILIES = (
    "integer",
    "real",
    "numeric",
    "text",
    "bytea",
    "boolean",
    "timestamp",
    "timestamptz",
    "date",
    "time",
    "uuid",
)


class Way(IntEnum):
    """How rows are put into ranges."""

    KEY = 0
    KEY_HASH = 1
    ROW_HASH = 2


class Described(ctypes.Structure):
    """One column, as src/prove.c has it."""

    _fields_ = (("family", ctypes.c_int32), ("detail", ctypes.c_int32), ("type", ctypes.c_uint32))


class _Layout(ctypes.Structure):
    _fields_ = (
        ("way", ctypes.c_int32),
        ("shift", ctypes.c_int32),
        ("first", ctypes.c_int64),
        ("keys", ctypes.c_int32),
        ("ranges", ctypes.c_int32),
        ("key", ctypes.POINTER(ctypes.c_int32)),
    )


class _Sum(ctypes.Structure):
    _fields_ = (("rows", ctypes.c_int64), ("total", ctypes.c_uint64))


def column(family: str | None, detail: int, type_oid: int) -> Described:
    """Describe a column: its family (None: C leaves it to Python), its detail and the OID of its type."""
    return Described(FAMILIES.index(family) if family in FAMILIES else len(FAMILIES), detail, type_oid)


def add_up(
    reader: NativeReader,
    query: str,
    columns: Sequence[Described],
    *,
    way: Way,
    shift: int,
    first: int,
    keys: Sequence[int],
    ranges: int,
    advance: Callable[[int], None],
    odd: Callable[[Sequence[Any]], None],
) -> Iterator[tuple[int, int, int]]:
    """The ranges that have rows, each with their number and the sum of their hashes modulo 2**64.

    Args:
        reader: reads the source.
        query: gives the columns, in this order.
        columns: what they are.
        way: how rows are put into ranges.
        shift: by which a key, or a hash, is made the number of its range.
        first: the number of the first range, for `Way.KEY`.
        keys: the positions of the key's columns.
        ranges: how many there are at most.
        advance: told how many rows passed.
        odd: given every row that C leaves, as `loading.stored_values` has it.

    Raises:
        sqlite3.OperationalError: reading failed.
    """
    described = (Described * max(1, len(columns)))(*columns)
    positions = (ctypes.c_int32 * max(1, len(keys)))(*keys)
    layout = _Layout(way, shift, first, len(keys), ranges, positions)
    sums = (_Sum * ranges)()
    rows = ctypes.c_int64()
    with reader.select(query) as cursor:
        while True:
            state = reader.native.outgrow_prove(cursor, described, ctypes.byref(layout), sums, _ROWS, rows)
            if state == FAILED:
                raise reader.error()
            advance(rows.value)
            if state == ODD:
                odd(stored_values(reader.odd(cursor)))
                advance(1)
            if state == DONE:
                break
    for number in range(ranges):
        if sums[number].rows:
            yield number + (first if way is Way.KEY else 0), sums[number].rows, sums[number].total
