"""The ids of the tables that foreign keys refer to, where to know all is cheaper than to look each up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from migration.native.ids import IdSet
from migration.schema.tokens import quoted
from migration.source.original import rowid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from migration.native.library import NativeReader
    from migration.schema.source import ForeignKey, SourceSchema, Table
    from migration.source.parts import Part

#: The most numbers that the sets of all parents span together: 32 MB of bits.
MOST_IDS = 32 * 8 * 1_000_000
#: So many parents are read in the time that one is looked up, or more (measured: 5 to 10).
READ_FOR_ONE_LOOKUP = 4


@dataclass(frozen=True)
class KnownIds:
    """The ids of one table, whose primary key is its rowid.

    `children` are the tables whose references are worth it.
    """

    table: Table
    parts: Sequence[Part]
    ids: IdSet
    children: frozenset[str]

    def tells(self, child: Table, key: ForeignKey) -> bool:
        """Whether the set holds all that a foreign key may refer to."""
        return child.name in self.children and _refers_by_id(self.table, key)

    def tasks(self) -> Iterator[Callable[[NativeReader], None]]:
        """What fills the set: parts, for one reader each."""
        name = _id_of(self.table)
        for part in self.parts:
            query = f"SELECT {name} FROM {quoted(self.table.name)}{part.where}"  # noqa: S608  # names are quoted
            yield partial(self.ids.gather, query=query, bound=part.bounds)


def known_ids(
    source: SourceSchema, reader: NativeReader, parts: Mapping[str, Sequence[Part]]
) -> dict[str, KnownIds]:
    """Empty sets for the parents that many rows refer to, by the names of their tables.

    Args:
        source: the schema.
        reader: tells the least and the largest id of a table, a look at either end of it.
        parts: of every table, by its name.

    Raises:
        sqlite3.OperationalError: reading failed.
    """
    known: dict[str, KnownIds] = {}
    spans: dict[str, tuple[int, int] | None] = {}
    left = MOST_IDS

    def span(table: Table) -> tuple[int, int] | None:
        if table.name not in spans:
            spans[table.name] = _span(reader, table)
        return spans[table.name]

    for parent in source.tables:
        if _id_of(parent) is None:
            continue
        children = {
            table.name: found[1] - found[0]
            for table in source.tables
            if any(_refers_by_id(parent, key) for key in table.foreign_keys)
            and (found := span(table)) is not None
        }
        ends = span(parent) if children else None
        if ends is None:
            continue
        ids = ends[1] - ends[0] + 1
        if ids <= left and ids <= READ_FOR_ONE_LOOKUP * sum(children.values()):
            left -= ids
            known[parent.name] = KnownIds(parent, parts[parent.name], IdSet(*ends), frozenset(children))
    return known


def _span(reader: NativeReader, table: Table) -> tuple[int, int] | None:
    """The least and the largest rowid; None for a table without any."""
    name = rowid_of(table)
    if name is None or table.virtual:
        return None
    read = f"FROM {quoted(table.name)}"
    if not reader.number(f"SELECT EXISTS (SELECT 1 {read})"):  # names are quoted
        return None
    return reader.number(f"SELECT min({name}) {read}"), reader.number(f"SELECT max({name}) {read}")


def _id_of(table: Table) -> str | None:
    key = table.primary_key
    return quoted(key.columns[0]) if key is not None and key.rowid_alias and not table.virtual else None


def _refers_by_id(parent: Table, key: ForeignKey) -> bool:
    """Whether a foreign key's one column refers to the ids of the parent."""
    alias = parent.primary_key
    return (
        len(key.columns) == 1
        and alias is not None
        and alias.rowid_alias
        and key.parent_columns == alias.columns
        and key.parent_table == parent.name
    )
