"""Counts whole tables with the compiled library: several threads, big tables in parts by rowid.

What comes out is what `measure` would otherwise ask SQLite and find out by reading; tests hold both against
each other.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any

from migration.native.profiling import CountedRows, Look, Watch, count
from migration.schema.declared import Family, type_of
from migration.schema.references import cannot_refer
from migration.schema.tokens import quoted
from migration.values.observers import DecimalObserver, TemporalObserver, TextObserver
from migration.values.orphans import orphans_query
from migration.values.uuid_observers import RandomUuidObserver, UuidObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migration.native.library import NativeReader
    from migration.native.profiling import Counted
    from migration.schema.source import Column, ForeignKey, SourceSchema, Table
    from migration.source.parts import Part

#: SQLite's default limit is 2,000 columns; tables with more computed ones are left to SQL.
_MOST_COLUMNS = 1_900


@dataclass(frozen=True)
class NativeCount:
    """One table: its rows, what each stored column holds, and the observers that have seen the values.

    A column is missing from `texts` where its texts were not looked at.
    """

    rows: int
    counted: Mapping[str, Counted]
    texts: Mapping[str, TextObserver]
    decimals: Mapping[str, DecimalObserver]


@dataclass(frozen=True)
class NativeCounts:
    """What was counted: tables by name, and the orphans of each foreign key by its table and position."""

    tables: Mapping[str, NativeCount]
    orphans: Mapping[tuple[str, int], int | None]


def count_natively(
    parts: Mapping[str, Sequence[Part]],
    source: SourceSchema,
    readers: Sequence[NativeReader],
    observer_for: Callable[[Column], TextObserver],
) -> NativeCounts:
    """Count what every table holds, and the orphans of every foreign key.

    Args:
        parts: of every table.
        source: its schema, in UTF-8: of other files SQLite converts texts, and bends what is invalid.
        readers: one for each thread.
        observer_for: makes the observer of a column's texts.
    """
    tables = [
        _TableCount(table, observer_for) for table in source.tables if len(table.columns) <= _MOST_COLUMNS
    ]
    orphans = {
        (table.name, position): _OrphanCount(table, key)
        for table in source.tables
        for position, key in enumerate(table.foreign_keys)
        if cannot_refer(source, key) is None
    }
    work: SimpleQueue[Callable[[NativeReader], None] | None] = SimpleQueue()
    for reference in orphans.values():  # these take longest, as they cannot be parted
        work.put(reference.carry_out)
    for item in tables:
        for part in parts[item.table.name]:
            work.put(partial(item.add, part))
    for _ in readers:
        work.put(None)

    def carry_out(reader: NativeReader) -> None:
        while (task := work.get()) is not None:
            task(reader)

    with ThreadPoolExecutor(max(1, len(readers))) as threads:
        for ended in [threads.submit(carry_out, reader) for reader in readers]:
            ended.result()
    return NativeCounts(
        {item.table.name: item.result() for item in tables},
        {place: item.count for place, item in orphans.items()},
    )


class _OrphanCount:
    """The orphans of one foreign key in the making; None where SQLite cannot compare."""

    def __init__(self, table: Table, key: ForeignKey) -> None:
        self.count: int | None = None
        self._query = orphans_query(table, key)

    def carry_out(self, reader: NativeReader) -> None:
        with suppress(sqlite3.OperationalError):
            self.count = reader.number(self._query)


class _TableCount:
    """One table in the making. Virtual columns are computed when read, and may fail: they are left to SQL."""

    def __init__(self, table: Table, observer_for: Callable[[Column], TextObserver]) -> None:
        self.table = table
        self._lock = Lock()
        self._columns = [column for column in table.columns if column.generated != "virtual"]
        self._texts: dict[str, TextObserver] = {}
        self._decimals: dict[str, DecimalObserver] = {}
        self._watches = [self._watch(column, observer_for(column)) for column in self._columns]
        self._rows: CountedRows | None = None

    def _watch(self, column: Column, observer: TextObserver) -> Watch:
        declared, name = type_of(column), quoted(column.name)
        if declared.family is Family.DECIMAL and declared.arguments:
            scale = declared.arguments[1] if len(declared.arguments) > 1 else 0
            reals = self._decimals[column.name] = DecimalObserver(scale)
            return Watch(name, Look.DECIMAL, self._guarded(reals.see), scale)
        self._texts[column.name] = observer
        look = Look.EVERY_TEXT
        if type(observer) is TemporalObserver:
            look = Look.MOMENT
        elif type(observer) in (UuidObserver, RandomUuidObserver):
            look = Look.UUID
        elif type(observer) is TextObserver:
            look = Look.TEXT
        return Watch(name, look, self._guarded(observer.see))

    def _guarded(self, see: Callable[[Sequence[Any]], None]) -> Callable[[Sequence[Any]], None]:
        """Observers are shared by the threads that read the parts of one table."""

        def one_at_a_time(values: Sequence[Any]) -> None:
            with self._lock:
                see(values)

        return one_at_a_time

    def add(self, part: Part, reader: NativeReader) -> None:
        columns = ", ".join(watch.expression for watch in self._watches) or "NULL"
        query = f"SELECT {columns} FROM {quoted(self.table.name)} NOT INDEXED{part.where}"  # noqa: S608
        found = count(reader, query, part.bounds, self._watches)
        with self._lock:
            if self._rows is None:
                self._rows = found
            else:
                self._rows.add(found)

    def result(self) -> NativeCount:
        assert self._rows is not None
        counted = dict(zip((column.name for column in self._columns), self._rows.columns, strict=False))
        for name, observer in self._texts.items():
            found = counted[name]
            if isinstance(observer, (TemporalObserver, UuidObserver, RandomUuidObserver)):
                observer.add(found)
        return NativeCount(self._rows.rows, counted, self._texts, self._decimals)
