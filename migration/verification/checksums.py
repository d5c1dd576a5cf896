"""Adds up the hashes of all rows of a table on both sides, range by range, whatever the order of rows."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration.schema.ddl import qualified, quote_identifier
from migration.verification.findings import TableFinding
from migration.verification.layout import integer_key, plan_layout
from migration.verification.native_sums import native_sums
from migration.verification.rejected import ConfirmedRejects
from migration.verification.rows import differing_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migration.schema.target import TargetTable
    from migration.target.database import Connection
    from migration.verification.catalog import CatalogTable
    from migration.verification.layout import Layout, Sides

#: Rows between two words about progress.
_STRIDE = 5_000
#: Rows of differing ranges that are read again to find the rows that differ; their hashes stay in memory.
_ROWS_READ = 100_000


@dataclass(frozen=True)
class Sum:
    """So many rows, and the sum of their hashes modulo 2**64."""

    rows: int
    total: int


def compare_table(
    sides: Sides, table: TargetTable, actual: CatalogTable | None, *, advance: Callable[[int], None]
) -> TableFinding:
    """Compare every value of one table; `actual` is None where the target has no such table.

    Python reads and hashes the source while PostgreSQL hashes its own rows; `advance` counts the source's.
    """
    reader, target = sides.reader, sides.target
    reader.text_factory = bytearray
    if actual is None:
        query = f"SELECT count(*) FROM {quote_identifier(table.source.name)}"  # noqa: S608  # quoted
        return TableFinding(table.name, reader.execute(query).fetchone()[0], None, "", None)
    layout = plan_layout(sides, table, actual, _bounds(sides, table, actual))
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(target_sums, target, layout)
        ours = source_sums(sides, layout, advance)
        theirs = asked.result()
    differing = sorted(
        number for number in ours.keys() | theirs.keys() if ours.get(number) != theirs.get(number)
    )
    aside = sides.rejects.get(table.source.name, ConfirmedRejects())
    return TableFinding(
        table.name,
        sum(part.rows for part in ours.values()) + aside.rows,
        sum(part.rows for part in theirs.values()),
        checksum(ours),
        checksum(theirs),
        len(ours.keys() | theirs.keys()),
        len(differing),
        differing_rows(reader, target, layout, _first(differing, ours, theirs)) if differing else (),
        aside.rows,
        aside.unconfirmed,
    )


def _first(differing: Sequence[int], ours: Mapping[int, Sum], theirs: Mapping[int, Sum]) -> list[int]:
    """As many of the differing ranges as hold about `_ROWS_READ` rows, and at least one."""
    chosen: list[int] = []
    rows = 0
    for number in differing:
        rows += sum(side[number].rows for side in (ours, theirs) if number in side)
        if chosen and rows > _ROWS_READ:
            break
        chosen.append(number)
    return chosen


def source_sums(sides: Sides, layout: Layout, advance: Callable[[int], None]) -> dict[int, Sum]:
    """The sums of the source's ranges."""
    python = _Adder(layout)
    if sides.native is None:
        query = layout.source_select()
        for seen, row in enumerate(sides.reader.execute(query), start=1):
            python.add(row)
            if seen % _STRIDE == 0:
                advance(_STRIDE)
        advance(python.seen % _STRIDE)
        return python.sums()
    sums = python.rows, python.totals
    native = native_sums(sides.native, layout, advance=advance, odd=python.add)
    for number, rows, total in native:
        sums[0][number] += rows
        sums[1][number] += total
    return python.sums()


class _Adder:
    """Adds up rows, one by one."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.rows: dict[int, int] = defaultdict(int)
        self.totals: dict[int, int] = defaultdict(int)
        self.seen = 0

    def add(self, row: Sequence[Any]) -> None:
        encoded = self._layout.encode(row)
        hashed = self._layout.row_hash(encoded)
        number = self._layout.range_of(row, encoded, hashed)
        self.rows[number] += 1
        self.totals[number] += hashed
        self.seen += 1

    def sums(self) -> dict[int, Sum]:
        return {number: Sum(self.rows[number], self.totals[number] % 2**64) for number in self.rows}


def target_sums(target: Connection, layout: Layout) -> dict[int, Sum]:
    """The sums of the target's ranges, computed there."""
    query = f"SELECT r, count(*), sum(h) FROM {layout.target_rows()} GROUP BY r"  # noqa: S608  # quoted
    return {number: Sum(rows, int(total) % 2**64) for number, rows, total in target.execute(query.encode())}


def checksum(sums: Mapping[int, Sum]) -> str:
    """A table's checksum: 16 hexadecimal digits."""
    return f"{sum(part.total for part in sums.values()) % 2**64:016x}"


def _bounds(sides: Sides, table: TargetTable, actual: CatalogTable) -> tuple[int, int] | None:
    """Smallest and largest integer key on either side."""
    key = integer_key(actual)
    planned = next((column for column in table.columns if column.name == key), None)
    if planned is None:
        return None

    def asked(column: str, name: str) -> str:
        column = quote_identifier(column)
        return f"SELECT min({column}), max({column}) FROM {name}"  # noqa: S608  # quoted

    ours = asked(planned.source.name, quote_identifier(table.source.name))
    theirs = asked(planned.name, qualified(sides.schema, table.name))
    ends = [
        *sides.reader.execute(ours).fetchone(),
        *(sides.target.execute(theirs.encode()).fetchone() or ()),
    ]
    values = [end for end in ends if isinstance(end, int)]
    return (min(values), max(values)) if values else None
