"""What the names in an expression mean: the columns of one table; `relations` has those of a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from migration.schema.ddl import quote_identifier
from migration.schema.declared import Affinity, affinity_of
from migration.schema.target import Conversion
from migration.schema.typed import Typed, UntranslatableError, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema import expression as sqlite
    from migration.schema.target import TargetColumn

ROWID = frozenset({"rowid", "oid", "_rowid_"})


@dataclass(frozen=True)
class Scope:
    """The columns an expression may name, by their name in lower case.

    `rowid` is the column that stands for the rowid, where there is one. With `for_index`, functions are those
    that queries on PostgreSQL use, and need not give SQLite's results in every corner. With `clocks`, the
    current time may be read, which nothing that is stored can do. With `computes`, the result is stored: a
    column whose values of several classes became text may not decide it. `skipped` are columns that the user
    leaves out: an expression that names one cannot be translated.
    """

    columns: dict[str, TargetColumn]
    rowid: str | None = None
    for_index: bool = False
    clocks: bool = False
    skipped: frozenset[str] = frozenset()
    computes: bool = False

    def find(self, node: sqlite.Name) -> Typed | None:
        """The column that a name means.

        Raises:
            UntranslatableError: the user leaves it out, or its values did not stay as they were.
        """
        column = self.columns.get(node.name.casefold())
        if column is None and node.name.casefold() in self.skipped:
            raise UntranslatableError(f"it uses the column {node.name}, which the rules skip")
        if column is None and node.name.lower() in ROWID and self.rowid is not None:
            column = self.columns[self.rowid.casefold()]
        if column is not None and self.computes and column.conversion is Conversion.ANY_AS_TEXT:
            raise UntranslatableError(f"{column.name} held values of several classes, which became text")
        if column is not None and self.computes and column.raw_codec is not None:
            raise UntranslatableError(f"{column.name} held damaged texts")
        return None if column is None else as_typed(column)

    @classmethod
    def of(
        cls,
        columns: Iterable[TargetColumn],
        rowid: str | None = None,
        *,
        for_index: bool = False,
        skipped: Iterable[str] = (),
    ) -> Scope:
        return cls(
            {column.source.name.casefold(): column for column in columns},
            rowid,
            for_index,
            skipped=frozenset(name.casefold() for name in skipped),
        )


class Names(Protocol):
    """What an expression may name, and where it stands; a `Scope`, or the tables of a query."""

    @property
    def for_index(self) -> bool: ...

    @property
    def clocks(self) -> bool: ...

    def find(self, node: sqlite.Name) -> Typed | None: ...


def as_typed(column: TargetColumn, prefix: str = "") -> Typed:
    """A column of a table as an operand, perhaps behind the name of its table."""
    kind = kind_of(column.type)
    if kind == "real" and affinity_of(column.source.declared_type) is not Affinity.REAL:
        kind = "number"
    name = prefix + quote_identifier(column.name)
    # Expressions say themselves when they ignore case, by lower(): here the column compares bytes.
    plain = {"": name, "citext": f"{name}::text", "icu": f'{name} COLLATE "C"'}[column.folding]
    return Typed(
        plain,
        kind,
        atomic=not column.folding,
        column=True,
        collation=column.source.collation,
        type=column.type,
        loose=kind == "text" and is_loose(column),
    )


def is_loose(column: TargetColumn) -> bool:
    """Whether SQLite makes numbers of the texts it stores in the column, wherever it can."""
    return affinity_of(column.source.declared_type) in (Affinity.INTEGER, Affinity.NUMERIC)
