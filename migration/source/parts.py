"""Cuts a table into parts that can be read at the same time: ranges of rowids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.schema.ddl import quote_identifier
from migration.source.original import rowid_of

if TYPE_CHECKING:
    import sqlite3

    from migration.schema.source import Table

#: Rowids of one part at least, and parts of one table at most.
PART_IDS, MOST_PARTS = 100_000, 64


@dataclass(frozen=True)
class Part:
    """The rows of a table whose `rowid` (in SQL) is above `after` and at most `until` (None: any)."""

    rowid: str | None = None
    after: int | None = None
    until: int | None = None

    @classmethod
    def whole(cls, table: Table) -> Part:
        """All rows of a table."""
        return cls(rowid_of(table))

    @property
    def where(self) -> str:
        """The WHERE clause, with a parameter for each of the `bounds`; empty for the whole table."""
        conditions = [
            f"{self.rowid} {comparison} ?"
            for comparison, bound in ((">", self.after), ("<=", self.until))
            if bound is not None
        ]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    @property
    def bounds(self) -> list[int]:
        return [bound for bound in (self.after, self.until) if bound is not None]


def parts_of(connection: sqlite3.Connection, table: Table) -> tuple[Part, ...]:
    """All parts of a table, in order; they depend on its smallest and largest rowid only.

    The first begins, and the last ends, without a bound. Rowids with gaps make uneven parts, which does no
    harm: there are more parts than readers.
    """
    rowid = rowid_of(table)
    if rowid is None:
        return (Part.whole(table),)
    # One at a time, each is a look at one end of the table; both together would read all of it.
    name = quote_identifier(table.name)
    query = f"SELECT (SELECT min({rowid}) FROM {name}), (SELECT max({rowid}) FROM {name})"  # noqa: S608  # quoted
    low, high = connection.execute(query).fetchone()
    if low is None:
        return (Part(rowid),)
    number = max(1, min(MOST_PARTS, (high - low) // PART_IDS))
    ends: list[int | None] = [low + (high - low) * at // number for at in range(1, number)]
    return tuple(Part(rowid, after, until) for after, until in zip([None, *ends], [*ends, None], strict=True))
