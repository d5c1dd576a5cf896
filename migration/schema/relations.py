"""What the names in a query mean: the tables and views it reads, a trigger's row, and what is around it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from migration.schema.ddl import qualified, quote_identifier
from migration.schema.scope import ROWID, as_typed
from migration.schema.typed import Typed, UntranslatableError, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.schema.draft import PlanDraft
    from migration.schema.expression import Name
    from migration.schema.source import Table
    from migration.schema.target import TargetTable
    from migration.schema.view_names import Output


@dataclass(frozen=True)
class Relation:
    """Something with columns. `alias` is its name in SQLite in lower case, `sql` its name in PostgreSQL.

    `columns` are in order, by their names in lower case; one of no known type is None. The row of a trigger
    is `hidden`: its columns are found only behind its name. `rowid` is the column that is the rowid; `key`
    are the columns that tell the rows of the table `source` apart.
    """

    alias: str
    sql: str
    columns: Mapping[str, Typed | None]
    rowid: str | None = None
    hidden: bool = False
    source: str = ""
    key: tuple[str, ...] = ()

    def get(self, name: str) -> Typed | None:
        """A column, or None if there is none of this name.

        Raises:
            UntranslatableError: nobody knows its type.
        """
        key = name.casefold()
        if key not in self.columns and key in ROWID and self.rowid is not None:
            key = self.rowid.casefold()
        if key not in self.columns:
            return None
        found = self.columns[key]
        if found is None:
            raise UntranslatableError(f"the type of {self.alias}.{name} is not known")
        return found


@dataclass(frozen=True)
class QueryScope:
    """The relations of a query, and the scope around it."""

    relations: tuple[Relation, ...]
    outer: QueryScope | None = None
    for_index: bool = False
    clocks: bool = True
    #: Columns of this scope that were looked up: those that aggregates do not cover must be grouped by.
    seen: list[str] = field(default_factory=list)

    def row(self, node: Name) -> Relation | None:
        """The relation whose rowid a name means, where no column is the rowid."""
        if node.name.casefold() not in ROWID:
            return None
        shown = [relation for relation in self.relations if not relation.hidden]
        for relation in self.relations:
            if node.table.casefold() == relation.alias if node.table else shown == [relation]:
                return relation if relation.rowid is None and relation.key else None
        return self.outer.row(node) if self.outer is not None else None

    def find(self, node: Name) -> Typed | None:
        for relation in self.relations:
            named = node.table.casefold() == relation.alias if node.table else not relation.hidden
            found = relation.get(node.name) if named else None
            if found is not None:
                if not relation.hidden:
                    self.seen.append(found.sql)
                return found
        return self.outer.find(node) if self.outer is not None else None


@dataclass(frozen=True)
class Known:
    """A table or view on the target: its names, and for tables what was planned."""

    source: str
    name: str
    schema: str
    columns: Mapping[str, Typed | None]
    rowid: str | None = None
    table: Table | None = None
    target: TargetTable | None = None

    @property
    def sql(self) -> str:
        return qualified(self.schema, self.name)

    def relation(self, alias: str | None, prefix: str | None = None, *, hidden: bool = False) -> Relation:
        """This relation under a name; `prefix` is how PostgreSQL names it (default: the alias, quoted)."""
        named = alias or self.source
        shown = quote_identifier(named) if prefix is None else prefix
        columns = {
            name: None if column is None else replace(column, sql=f"{shown}.{column.sql}")
            for name, column in self.columns.items()
        }
        return Relation(named.casefold(), shown, columns, self.rowid, hidden, self.source, self._key())

    def _key(self) -> tuple[str, ...]:
        """The primary key, if no row may lack it."""
        if self.table is None or self.target is None or self.table.primary_key is None:
            return ()
        filled = {column.source.name for column in self.target.columns if column.not_null}
        key = self.table.primary_key.columns
        return key if not self.table.without_rowid and set(key) <= filled else ()


class Catalog:
    """Every table and translated view of a plan, by its name in SQLite."""

    def __init__(self, draft: PlanDraft) -> None:
        self._known: dict[str, Known] = {}
        for table, target in draft.tables_in_order():
            columns: dict[str, Typed | None] = {
                column.source.name.casefold(): _as_text(as_typed(column)) for column in target.columns
            }
            columns |= {skipped.casefold(): None for skipped in table.skipped}
            rowid = draft.rowid_column(table)
            self._known[table.name.casefold()] = Known(
                table.name, target.name, draft.schema, columns, rowid, table, target
            )
        for view, outputs in draft.outputs.items():
            shown = {(output.source or output.name).casefold(): _typed(output) for output in outputs}
            self._known[view.casefold()] = Known(view, draft.views[view], draft.schema, shown)

    def get(self, name: str) -> Known:
        """What a name means.

        Raises:
            UntranslatableError: nothing that is migrated.
        """
        found = self._known.get(name.casefold())
        if found is None:
            raise UntranslatableError(f"{name} is not in PostgreSQL")
        return found


_SPELLINGS = {
    "int": "integer",
    "varchar": "text",
    "char": "text",
    "decimal": "numeric",
    "real": "double precision",
    "float": "double precision",
    "double": "double precision",
}


def _typed(output: Output) -> Typed | None:
    if output.collated and not output.plain:
        return None
    base = output.type.split("(", maxsplit=1)[0].strip()
    try:
        kind = kind_of(_SPELLINGS.get(base, base))
    except KeyError:
        return None
    loose = output.loose and kind == "text"
    return _as_text(
        Typed(
            quote_identifier(output.name),
            kind,
            column=output.plain,
            collation=output.collation,
            type=output.type,
            loose=loose,
        )
    )


def _as_text(column: Typed) -> Typed:
    """An enumeration as the text that it is in SQLite: PostgreSQL compares it with no other text."""
    if not column.type.startswith('"'):
        return column
    return replace(column, sql=f"{column.sql}::text", atomic=False, type="text")
