"""How the rows of one table are hashed on both sides, and parted into ranges to be compared one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from migration.schema.ddl import qualified, quote_identifier
from migration.schema.declared import Affinity, affinity_of
from migration.schema.target import Conversion
from migration.verification.canonical import family, row_encoder
from migration.verification.canonical_sql import key_sql
from migration.verification.canonical_types import special_meanings
from migration.verification.record import hash_sql
from migration.verification.record import row_hash as row_hash_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from migration.native.library import NativeReader
    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetColumn, TargetTable
    from migration.target.database import Connection
    from migration.verification.catalog import CatalogColumn, CatalogTable
    from migration.verification.rejected import ConfirmedRejects

#: Into how many ranges a table is parted at most; a range that differs is read again row by row.
RANGES = 4096
#: A range of an integer key spans at least 2**8 values: fewer would only make more sums.
_LEAST_SHIFT = 8
HASH_SHIFT = 52  # of a 64-bit hash, its first 12 bits: 4096 ranges


@dataclass(frozen=True)
class Sides:
    """What is compared: a snapshot of the source, the target and its schema, under the user's options.

    `rejects` are the rows that are expected to be missing, by the source's names of the tables.
    `native` reads the same snapshot faster, where the compiled library can.
    """

    reader: sqlite3.Connection
    target: Connection
    schema: str
    options: PlanOptions
    rejects: Mapping[str, ConfirmedRejects] = field(default_factory=dict)
    native: NativeReader | None = None


@dataclass(frozen=True)
class Layout:
    """One table's columns that both sides have, its key, and its ranges.

    `ranges` says what parts the rows: an integer key (`shift`: ranges of 2**shift values; `first`: the number
    of the first one), the hash of another key, or the hash of the whole row where there is no key. `keys` are
    positions among the columns. `remaining` is the SQL condition that leaves rejected rows of the source out.
    """

    schema: str
    table: TargetTable
    planned: tuple[TargetColumn, ...]
    actual: tuple[CatalogColumn, ...]
    encode: Callable[[Sequence[Any]], list[bytes]]
    keys: tuple[int, ...]
    ranges: Literal["integer key", "key hash", "row hash"]
    shift: int = 0
    remaining: str = ""
    first: int = 0

    # The source's side.

    def source_select(self) -> str:
        """Reads the rows with text as bytearray and blobs as bytes."""
        columns = ", ".join(_selected(column) for column in self.planned)
        name = quote_identifier(self.table.source.name)
        where = f" WHERE {self.remaining}" if self.remaining else ""
        return f"SELECT {columns} FROM {name} NOT INDEXED{where}"  # noqa: S608  # quoted

    def row_hash(self, encoded: Sequence[bytes]) -> int:
        """A row's hash as an unsigned 64-bit number."""
        return row_hash_of(self.actual, encoded)

    def key(self, encoded: Sequence[bytes]) -> bytes:
        """A row's key; empty where the table has none."""
        return b"".join([encoded[position] for position in self.keys])

    def range_of(self, row: Sequence[Any], encoded: Sequence[bytes], row_hash: int) -> int:
        """The number of the range a row belongs to."""
        if self.ranges == "integer key":
            value = row[self.keys[0]]
            return value >> self.shift if type(value) is int else 0
        if self.ranges == "key hash":
            keyed = [encoded[position] for position in self.keys]
            return row_hash_of(self.key_columns, keyed) >> HASH_SHIFT
        return row_hash >> HASH_SHIFT

    @property
    def key_columns(self) -> list[CatalogColumn]:
        return [self.actual[position] for position in self.keys]

    def source_bounds(self, ranges: Sequence[int]) -> str:
        """The rest of the WHERE clause: leaves out rows of other ranges, where the key allows it."""
        if self.ranges != "integer key":
            return ""
        name = quote_identifier(self.planned[self.keys[0]].source.name)
        chosen = " OR ".join(
            f"{name} BETWEEN {number << self.shift} AND {((number + 1) << self.shift) - 1}"
            for number in ranges
        )
        return f" {'AND' if self.remaining else 'WHERE'} ({chosen})"

    # The target's side.

    def target_rows(self, extra: str = "") -> str:
        """A FROM item with each row's range `r`, hash `h`, key `k` and whatever `extra` adds."""
        hashed = hash_sql(self.actual)
        keyed = key_sql(self.key_columns)
        if self.ranges == "integer key":
            part = f"{quote_identifier(self.actual[self.keys[0]].name)}::int8 >> {self.shift}"
        elif self.ranges == "key hash":
            part = f"({hash_sql(self.key_columns)} >> {HASH_SHIFT}) & {RANGES - 1}"
        else:
            part = f"({hashed} >> {HASH_SHIFT}) & {RANGES - 1}"
        columns = f"{part} AS r, {hashed} AS h, {keyed} AS k{extra}"
        name = qualified(self.schema, self.table.name)
        return f"(SELECT {columns} FROM {name}) AS q"  # noqa: S608  # quoted


def plan_layout(
    sides: Sides, table: TargetTable, actual: CatalogTable, bounds: tuple[int, int] | None
) -> Layout:
    """Choose the layout of a table.

    Args:
        sides: what is compared.
        table: as planned.
        actual: as it is.
        bounds: smallest and largest key on either side, for a single integer key (see `integer_key`).
    """
    pairs = [
        (column, actual.columns[column.name])
        for column in table.columns
        if column.name in actual.columns and column.filled is None and not column.unreadable
    ]
    names = [column.name for column, _ in pairs]
    key = actual.primary_key or ()
    keys = tuple(names.index(name) for name in key) if set(key) <= set(names) else ()
    shift, first = _LEAST_SHIFT, 0
    counted = integer_key(actual) is not None and all(_keeps_integers(pairs[key][0]) for key in keys)
    if counted and bounds is not None and keys:
        low, high = bounds
        while (high >> shift) - (low >> shift) >= RANGES:
            shift += 1
        first = low >> shift
    return Layout(
        sides.schema,
        table,
        tuple(column for column, _ in pairs),
        tuple(column for _, column in pairs),
        row_encoder(pairs, sides.options, special_meanings(pairs, sides.options, sides.target)),
        keys,
        "row hash" if not keys else "integer key" if counted else "key hash",
        shift,
        sides.rejects[table.source.name].remaining if table.source.name in sides.rejects else "",
        first,
    )


def _keeps_integers(column: TargetColumn) -> bool:
    """Whether a stored value of an integer key is the key itself: no text, and changed by no rule."""
    whole = affinity_of(column.source.declared_type) in (Affinity.INTEGER, Affinity.NUMERIC)
    return whole and column.reading is None


def integer_key(actual: CatalogTable) -> str | None:
    """The one column of an integer primary key, or None."""
    key = actual.primary_key
    if key is None or len(key) != 1 or family(actual.columns[key[0]]) != "integer":
        return None
    return key[0]


def _selected(column: TargetColumn) -> str:
    """Text that is not valid in a UTF-16 file is read as stored; SQLite's conversion would hide the damage.

    Blobs of such a column come as their text image, so that bytes are always damaged text there.
    """
    name = quote_identifier(column.source.name)
    if column.raw_codec is None or column.raw_codec == "utf-8":
        return name
    image = name if column.conversion is Conversion.BYTES else rf"'\x' || lower(hex({name}))"
    return (
        f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) WHEN 'blob' THEN {image} ELSE {name} END"
    )
