"""What a loaded table must add up to: simple sums that psql can compare without this program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration.schema.ddl import quote_identifier
from migration.schema.target import Conversion
from migration.values.convert import converter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetColumn, TargetTable


@dataclass(frozen=True)
class Measure:
    """One number about a table: what it is, the SQL that finds it in PostgreSQL, and what it must be."""

    title: str
    sql: str
    expected: int


class Tally:
    """Adds up the rows of one table while they pass."""

    def __init__(self, table: TargetTable, options: PlanOptions) -> None:
        self._table = table
        self._weights = [_weight(column, options) for column in table.copied]
        # A rule may make NULL of a value.
        self._read = [converter(column, options) if column.reading else None for column in table.copied]
        self._present = [0] * len(table.copied)
        self._sums = [0] * len(table.copied)
        self.rows = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Count rows as `convert.select_list` reads them."""
        if not rows:
            return
        self.rows += len(rows)
        for position, values in enumerate(zip(*rows, strict=True)):
            present = [value for value in values if value is not None]
            read = self._read[position]
            if read is not None:
                present = [value for value in map(read, present) if value is not None]
            self._present[position] += len(present)
            weigh = self._weights[position]
            if weigh is not None:
                self._sums[position] += sum(map(weigh, present))

    def measures(self) -> list[Measure]:
        """All numbers of the table; a sum only where the column's type has an exact one."""
        measures = [Measure("rows", "count(*)", self.rows)]
        columns = zip(self._table.copied, self._present, self._sums, self._weights, strict=True)
        for column, present, total, weigh in columns:
            name = quote_identifier(column.name)
            measures.append(Measure(f"values of {column.name}", f"count({name})", present))
            if weigh is not None:
                title, form = _SUMS[column.conversion]
                sql = f"coalesce({form.format(name)}, 0)"
                measures.append(Measure(f"{title} of {column.name}", sql, total))
        return measures


_OCTETS = ("bytes", "sum(octet_length({0})::numeric)")
_OCTETS_OF_TEXT = ("bytes", "sum(octet_length({0}::text)::numeric)")  # an enumeration is no text by itself
_SUMS = {
    Conversion.INTEGER: ("sum", "sum({0}::numeric)"),
    Conversion.BOOLEAN: ("true values", "sum({0}::integer)"),
    Conversion.TEXT: _OCTETS_OF_TEXT,
    Conversion.ANY_AS_TEXT: _OCTETS_OF_TEXT,
    Conversion.BYTES: _OCTETS,
}


def _weight(column: TargetColumn, options: PlanOptions) -> Callable[[Any], int] | None:
    """What one stored value adds to the column's sum."""
    if column.reading is not None:
        return None
    convert = converter(column, options)
    match column.conversion:
        case Conversion.INTEGER | Conversion.BOOLEAN:
            return lambda value: int(convert(value))
        case Conversion.TEXT | Conversion.ANY_AS_TEXT:
            return lambda value: len(convert(value).encode())
        case Conversion.BYTES:
            return lambda value: len(convert(value))
        case _:
            return None
