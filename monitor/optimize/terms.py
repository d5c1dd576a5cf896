"""What is known of a statement: what an index could hold, and what its parameters stand for. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.optimize.structure import Table


@dataclass(frozen=True)
class Term:
    """What an index may hold at one place.

    Args:
        sql: as it stands in CREATE INDEX, without collation and order.
        column: the column's lower-case name; None for an expression.
        collation: to compare by, where it is not the column's own.
        descending: its order.
    """

    sql: str
    column: str | None
    collation: str | None = None
    descending: bool = False

    @property
    def text(self) -> str:
        """The term as CREATE INDEX takes it."""
        collate = f" COLLATE {self.collation}" if self.collation else ""
        return self.sql + collate + (" DESC" if self.descending else "")


@dataclass(frozen=True)
class Access:
    """How a statement comes to one table's rows.

    Args:
        table: lower-case name.
        equal: compared with a value by = or IN, or with IS NULL.
        joined: compared by = with another table's column.
        ranged: compared by <, >, BETWEEN, or a LIKE that does not begin with a wildcard.
        order: what it is sorted by, if by this table alone.
        grouped: what it is grouped by, if by this table alone.
        constant: conditions with a constant in the text, ready for a partial index, by their term.
        used: every column of the table that the statement names; None where it shows all of them.
    """

    table: str
    equal: tuple[Term, ...] = ()
    joined: tuple[Term, ...] = ()
    ranged: tuple[Term, ...] = ()
    order: tuple[Term, ...] = ()
    grouped: tuple[Term, ...] = ()
    constant: tuple[tuple[Term, str], ...] = ()
    used: frozenset[str] | None = frozenset()


@dataclass(frozen=True)
class Parameter:
    """What a parameter is compared with.

    Args:
        use: "equal", "range", "like", "limit", "offset", "set" or "unknown".
        table: lower-case name, where known.
        column: lower-case name, where known.
    """

    use: str = "unknown"
    table: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class Reading:
    """What is known of a statement.

    Args:
        accesses: one or several a table.
        parameters: in the order they are written.
        tree: sqlglot's, for the patterns; None where it cannot read the statement.
    """

    accesses: tuple[Access, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    tree: Any = None


@dataclass
class Scope:
    """The tables that a SELECT, UPDATE or DELETE names itself, and those around it."""

    tables: dict[str, Table] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, column: Any) -> tuple[str, Table, bool] | None:
        """Find a column's alias and table, and whether it is this scope's own."""
        name, alias = column.name.lower(), column.table.lower()
        scope: Scope | None = self
        while scope is not None:
            if alias:
                table = scope.tables.get(alias)
                if table is not None:
                    return (alias, table, scope is self) if has_column(table, name) else None
            else:
                owners = [(key, table) for key, table in scope.tables.items() if has_column(table, name)]
                if owners:
                    return (*owners[0], scope is self) if len(owners) == 1 else None
            scope = scope.outer
        return None


def has_column(table: Table, column: str) -> bool:
    return column in table.columns or column in ("rowid", "oid", "_rowid_")
