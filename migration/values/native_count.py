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
from migration.values.parents import known_ids
from migration.values.uuid_observers import RandomUuidObserver, UuidObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from migration.native.ids import IdSet
    from migration.native.library import NativeReader
    from migration.native.profiling import Counted
    from migration.schema.source import Column, ForeignKey, SourceSchema, Table
    from migration.source.parts import Part
    from migration.values.parents import KnownIds

    Task = Callable[[NativeReader], None]

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
    ids = known_ids(source, readers[0], parts) if readers else {}
    tables = {
        table.name: _TableCount(table, observer_for, ids)
        for table in source.tables
        if len(table.columns) <= _MOST_COLUMNS
    }
    orphans = {
        (table.name, position): _OrphanCount(table, key, tables.get(table.name))
        for table in source.tables
        for position, key in enumerate(table.foreign_keys)
        if cannot_refer(source, key) is None
    }
    with ThreadPoolExecutor(max(1, len(readers))) as threads:

        def work_off(tasks: Iterable[Task]) -> None:
            queue: SimpleQueue[Task | None] = SimpleQueue()
            for task in (*tasks, *(None for _ in readers)):
                queue.put(task)

            def carry_out(reader: NativeReader) -> None:
                while (task := queue.get()) is not None:
                    task(reader)

            for ended in [threads.submit(carry_out, reader) for reader in readers]:
                ended.result()

        work_off(task for known in ids.values() for task in known.tasks())
        work_off(
            [
                # Lookups take longest, as they cannot be parted.
                *(reference.look_up for reference in orphans.values() if not reference.watched),
                *(partial(item.add, part) for item in tables.values() for part in parts[item.table.name]),
            ]
        )
        work_off(reference.conclude for reference in orphans.values() if reference.watched)
    return NativeCounts(
        {name: item.result() for name, item in tables.items()},
        {place: item.count for place, item in orphans.items()},
    )


class _OrphanCount:
    """The orphans of one foreign key in the making; None where SQLite cannot compare.

    Where the parents' ids are known they are counted on the way, as strangers among whole numbers; a value
    of another class, which SQLite may convert before it compares, makes SQLite look all of them up.
    """

    def __init__(self, table: Table, key: ForeignKey, counts: _TableCount | None) -> None:
        self.count: int | None = None
        self._query = orphans_query(table, key)
        self._column = key.columns[0]
        self._counts = counts if counts is not None and counts.tells(key) else None

    @property
    def watched(self) -> bool:
        """Whether the count of the table tells."""
        return self._counts is not None

    def look_up(self, reader: NativeReader) -> None:
        with suppress(sqlite3.OperationalError):
            self.count = reader.number(self._query)

    def conclude(self, reader: NativeReader) -> None:
        assert self._counts is not None
        found = self._counts.column(self._column)
        if found.reals or found.texts or found.blobs:
            self.look_up(reader)
        else:
            self.count = found.strangers


class _TableCount:
    """One table in the making. Virtual columns are computed when read, and may fail: they are left to SQL."""

    def __init__(
        self, table: Table, observer_for: Callable[[Column], TextObserver], ids: Mapping[str, KnownIds]
    ) -> None:
        self.table = table
        self._ids = ids
        self._lock = Lock()
        self._columns = [column for column in table.columns if column.generated != "virtual"]
        self._texts: dict[str, TextObserver] = {}
        self._decimals: dict[str, DecimalObserver] = {}
        self._watches = [self._watch(column, observer_for(column)) for column in self._columns]
        self._rows: CountedRows | None = None

    def tells(self, key: ForeignKey) -> bool:
        """Whether the count of a column finds the orphans of a foreign key on the way."""
        return self._among(key.columns[0]) is not None and self._key_of(key.columns[0]) == key

    def column(self, name: str) -> Counted:
        """What a column holds."""
        assert self._rows is not None
        return self._rows.columns[[column.name for column in self._columns].index(name)]

    def _key_of(self, column: str) -> ForeignKey | None:
        """The first foreign key whose one column this is; the ids of one parent are watched for at a time."""
        return next((key for key in self.table.foreign_keys if key.columns == (column,)), None)

    def _among(self, column: str) -> IdSet | None:
        key = self._key_of(column)
        stored = any(item.name == column for item in self._columns)
        known = self._ids.get(key.parent_table) if key is not None and stored else None
        return known.ids if known is not None and key is not None and known.tells(self.table, key) else None

    def _watch(self, column: Column, observer: TextObserver) -> Watch:
        declared, name = type_of(column), quoted(column.name)
        if declared.family is Family.DECIMAL and declared.arguments:
            scale = declared.arguments[1] if len(declared.arguments) > 1 else 0
            reals = self._decimals[column.name] = DecimalObserver(scale)
            return Watch(name, Look.DECIMAL, self._guarded(reals.see), scale, self._among(column.name))
        self._texts[column.name] = observer
        look = Look.EVERY_TEXT
        if type(observer) is TemporalObserver:
            look = Look.MOMENT
        elif type(observer) in (UuidObserver, RandomUuidObserver):
            look = Look.UUID
        elif type(observer) is TextObserver:
            look = Look.TEXT
        return Watch(name, look, self._guarded(observer.see), among=self._among(column.name))

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
