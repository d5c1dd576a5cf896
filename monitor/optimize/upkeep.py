"""Judges statistics and indexes without any query: stale ANALYZE, indexes that another one makes needless."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from monitor.advice import Severity
from monitor.optimize.findings import Finding, Place
from monitor.optimize.statement import quoted
from monitor.units import show_bytes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.optimize.structure import ForeignKey, Index, Structure, Table

#: Tables with fewer rows are read as fast without statistics and indexes.
SMALL_TABLE: Final = 1000
_STALE_FACTOR: Final = 10
#: How many rows of each index ANALYZE looks at: estimates within a few percent, in milliseconds.
ANALYSIS_LIMIT: Final = 1000


def analyze_reason(structure: Structure) -> str | None:
    """Say why statistics should be gathered; None where they are fresh or nothing would need them."""
    indexed = [table for table in structure.tables.values() if table.indexes and table.rows >= SMALL_TABLE]
    if not indexed:
        return None
    if not structure.has_statistics:
        largest = max(indexed, key=lambda table: table.rows)
        return f"there are no statistics (sqlite_stat1), and {largest.name} has {largest.rows:,} rows"
    stale = [
        (table, structure.analyzed.get(table.name.lower()))
        for table in indexed
        if not _near(table.rows, structure.analyzed.get(table.name.lower()))
    ]
    if not stale:
        return None
    table, seen = max(stale, key=lambda pair: pair[0].rows)
    said = "nothing of it" if seen is None else f"{seen:,} rows"
    more = f", and {len(stale) - 1} more tables" if len(stale) > 1 else ""
    return f"{table.name} has {table.rows:,} rows; the statistics know {said}{more}"


def _near(rows: int, seen: int | None) -> bool:
    """Say whether an estimate is within a factor of ten."""
    if seen is None:
        return False
    return max(rows, 1) <= _STALE_FACTOR * max(seen, 1) and max(seen, 1) <= _STALE_FACTOR * max(rows, 1)


def analyze(connection: sqlite3.Connection) -> float:
    """Gather statistics as `--apply` would, and return the seconds it took."""
    start = time.perf_counter()
    for statement in ANALYZE:
        connection.execute(statement).fetchall()
    return time.perf_counter() - start


#: What gathers statistics.
ANALYZE: Final = (f"PRAGMA analysis_limit={ANALYSIS_LIMIT}", "ANALYZE")


def redundant_indexes(structure: Structure) -> Iterator[Finding]:
    """Name indexes that another index, or the table's key, makes needless."""
    for table in structure.tables.values():
        gone: set[str] = set()
        for index in table.indexes:
            found = _covered_by(index, table, gone)
            if found is None:
                continue
            gone.add(index.name)
            other, exact = found
            size = f", {show_bytes(index.bytes)}" if index.bytes else ""
            yield Finding(
                "duplicate-index" if exact else "prefix-index",
                Severity.WARNING if exact else Severity.INFO,
                Place.FILE if exact else Place.BY_HAND,
                f"Drop {index.name}: {other} {'is the same' if exact else 'begins with the same columns'}",
                f"{table.name} ({', '.join(column.name or 'an expression' for column in index.columns)})"
                f"{size}; every write keeps both"
                + (
                    "" if exact else "; the longer one is a little slower to read, so measure before dropping"
                ),
                sql=(f"DROP INDEX {quoted(index.name)}",),
                undo=(index.sql or "",),
            )


def _covered_by(index: Index, table: Table, gone: set[str]) -> tuple[str, bool] | None:
    """Find what makes an index needless, and whether it is exactly the same."""
    if index.origin != "c" or any(column.name is None for column in index.columns):
        return None
    key = [((column.name or "").lower(), column.collation, column.descending) for column in index.columns]
    if not index.partial and len(key) == 1 and key[0][0] == (table.rowid_column or "").lower() != "":
        return "the table's INTEGER PRIMARY KEY", True
    others = [
        other
        for other in table.indexes
        if other.name != index.name and other.name not in gone and other.where == index.where
    ]
    held = {
        other.name: [
            ((column.name or "").lower(), column.collation, column.descending) for column in other.columns
        ]
        for other in others
    }
    for other in others:
        # Of two equal ones the one that is kept is the constraint's own, a unique one, or the first.
        kept = other.origin != "c" or (other.unique and not index.unique) or other.name < index.name
        if kept and held[other.name] == key and (other.unique or not index.unique):
            return other.name, True
    for other in others:
        if not index.unique and len(held[other.name]) > len(key) and held[other.name][: len(key)] == key:
            return other.name, False
    return None


def keys_without_index(structure: Structure) -> Iterator[ForeignKey]:
    """Name foreign keys of larger tables whose child rows can only be found by reading the whole table."""
    for table in structure.tables.values():
        if table.rows < SMALL_TABLE:
            continue
        for key in table.foreign_keys:
            columns = [column.lower() for column in key.columns]
            if columns == [(table.rowid_column or "").lower()]:
                continue
            if not any(_begins_with(index, columns) for index in table.indexes):
                yield key


def _begins_with(index: Index, columns: Sequence[str]) -> bool:
    held = [(column.name or "").lower() for column in index.columns[: len(columns)]]
    return not index.partial and sorted(held) == sorted(columns)


def unused_indexes(structure: Structure, used: Iterable[str]) -> Iterator[Finding]:
    """Name indexes that are not among those used, constraints' own left out."""
    names = set(used)
    for table in structure.tables.values():
        for index in table.indexes:
            if (
                index.origin == "c"
                and not index.unique
                and index.name not in names
                and table.rows >= SMALL_TABLE
            ):
                size = f" and takes {show_bytes(index.bytes)}" if index.bytes else ""
                yield Finding(
                    "unused-index",
                    Severity.INFO,
                    Place.BY_HAND,
                    f"See whether anything still needs {index.name}",
                    f"no query of this log uses it; it costs every write to {table.name}{size}",
                    sql=(f"DROP INDEX {quoted(index.name)}",),
                    undo=(index.sql or "",),
                )
