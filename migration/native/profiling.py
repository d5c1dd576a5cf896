"""Counts what the columns of a table hold, by the C loop `outgrow_profile`; Python sees the rest."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Self

from migration.native.library import DONE, FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migration.native.ids import IdSet
    from migration.native.library import NativeReader

#: Rows of one call: long enough that calls do not count, short enough to be interrupted.
_ROWS = 100_000
_HEAD = struct.Struct("=II")


class Look(IntEnum):
    """How closely C looks at a column (src/profile.c).

    `MOMENT` counts ordinary dates and times, `UUID` UUIDs as PostgreSQL shows them, `DECIMAL` reals equal to
    a decimal; every other value of such a column, and every text that PostgreSQL could not store, is handed
    to Python. `EVERY_TEXT` hands over all texts.
    """

    CLASSES = 0
    TEXT = 1
    MOMENT = 2
    UUID = 3
    EVERY_TEXT = 4
    DECIMAL = 5


class _Column(ctypes.Structure):
    _fields_ = (("look", ctypes.c_int32), ("detail", ctypes.c_int32), ("among", ctypes.c_void_p))


class _Counts(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("integers", "reals", "texts", "blobs")),
        *((name, ctypes.c_int64) for name in ("min_integer", "max_integer", "infinities")),
        *((name, ctypes.c_int64) for name in ("max_characters", "max_bytes")),
        *((name, ctypes.c_int64) for name in ("dates", "datetimes", "utc", "offsets", "times", "digits")),
        *((name, ctypes.c_int64) for name in ("uuids", "random_uuids", "strangers")),
        ("largest", ctypes.c_double),
    )


@dataclass(frozen=True)
class Watch:
    """One column to count: the SQL that reads it, how closely, and who is shown what C hands over.

    `scale` is the number of digits behind the point that a `DECIMAL` is declared with. `see` gets texts as
    bytes and reals as floats. Whole numbers that are not `among` the ids of another table are counted.
    """

    expression: str
    look: Look
    see: Callable[[Sequence[Any]], None]
    scale: int = -1
    among: IdSet | None = None


@dataclass
class Counted:
    """What C has counted in one column; the moments by shape, `utc` with a Z or an offset of zero.

    `digits` are the most behind a second's point; `strangers` the whole numbers that are no ids of the table
    that was asked about.
    """

    integers: int = 0
    reals: int = 0
    texts: int = 0
    blobs: int = 0
    min_integer: int | None = None
    max_integer: int | None = None
    infinities: int = 0
    max_characters: int = 0
    max_bytes: int = 0
    dates: int = 0
    datetimes: int = 0
    utc: int = 0
    offsets: int = 0
    times: int = 0
    digits: int = 0
    uuids: int = 0
    random_uuids: int = 0
    strangers: int = 0
    largest: float = 0.0

    @property
    def values(self) -> int:
        return self.integers + self.reals + self.texts + self.blobs

    def add(self, other: Self) -> None:
        """Take in what was counted in another part of the table."""
        for name in ("integers", "reals", "texts", "blobs", "infinities", *_SHAPES):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("max_characters", "max_bytes", "digits", "largest"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        lows = [value for value in (self.min_integer, other.min_integer) if value is not None]
        highs = [value for value in (self.max_integer, other.max_integer) if value is not None]
        self.min_integer = min(lows, default=None)
        self.max_integer = max(highs, default=None)


_SHAPES = ("dates", "datetimes", "utc", "offsets", "times", "uuids", "random_uuids", "strangers")


@dataclass
class CountedRows:
    """What C has counted in a table, or in a part of it: its rows, and each column in the order asked for."""

    rows: int
    columns: list[Counted] = field(default_factory=list)

    def add(self, other: Self) -> None:
        """Take in another part of the table."""
        self.rows += other.rows
        for ours, theirs in zip(self.columns, other.columns, strict=True):
            ours.add(theirs)


def count(reader: NativeReader, query: str, bound: Sequence[int], watched: Sequence[Watch]) -> CountedRows:
    """Count the columns of a SELECT whose list consists of the watched expressions.

    Raises:
        sqlite3.OperationalError: reading failed.
    """
    columns = (_Column * max(1, len(watched)))(
        *(_Column(watch.look, watch.scale, watch.among and watch.among.address) for watch in watched)
    )
    counts = (_Counts * max(1, len(watched)))()
    rows, total = ctypes.c_int64(), 0
    with reader.select(query, bound) as cursor:
        while True:
            state = reader.native.outgrow_profile(cursor, columns, counts, _ROWS, rows)
            if state == FAILED:
                raise reader.error()
            total += rows.value
            _show(reader.odd(cursor), watched)
            if state == DONE:
                break
    return CountedRows(total, [_counted(counts[at]) for at in range(len(watched))])


def _show(content: bytes, watched: Sequence[Watch]) -> None:
    """Hand the values over, column by column."""
    values: dict[int, list[Any]] = {}
    at = 0
    while at < len(content):
        column, size = _HEAD.unpack_from(content, at)
        part = content[at + 8 : at + 8 + size]
        real = watched[column].look is Look.DECIMAL
        values.setdefault(column, []).append(struct.unpack("=d", part)[0] if real else part)
        at += 8 + size
    for column, found in values.items():
        watched[column].see(found)


def _counted(counts: _Counts) -> Counted:
    some = counts.integers > 0
    shared = {name: getattr(counts, name) for name in Counted.__dataclass_fields__ if hasattr(counts, name)}
    return Counted(
        **{
            **shared,
            "min_integer": counts.min_integer if some else None,
            "max_integer": counts.max_integer if some else None,
        }
    )
