"""Resolves the names in a view's SELECT: spelled as on the target, with the types they have there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from migration.schema.declared import Affinity, affinity_of
from migration.schema.names import fit
from migration.schema.scope import is_loose
from migration.schema.typed import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.draft import PlanDraft
    from migration.schema.target import TargetColumn


@dataclass(frozen=True)
class Output:
    """A column of a table or view on the target.

    The type is '' where nobody knows it; `collated` says that SQLite does not compare it by its bytes. A
    `plain` one is a column of a table, `loose` one whose texts never look like numbers (see `typed`).
    `source` is what SQLite calls it, and `shown` what a view that shows it calls it: the user's rules rename
    columns of tables, not what views make of them.
    """

    name: str
    type: str
    collated: bool = False
    plain: bool = False
    loose: bool = False
    collation: str | None = None
    source: str = ""
    shown: str = ""


def _output(column: TargetColumn, shown: str) -> Output:
    """A table's column; numeric where SQLite stores some numbers as integers and some as reals."""
    mixed = (
        column.type == "double precision" and affinity_of(column.source.declared_type) is not Affinity.REAL
    )
    kind = "numeric" if mixed else column.type
    return Output(
        column.name,
        kind,
        column.source.collation is not None,
        plain=True,
        loose=is_loose(column),
        collation=column.source.collation,
        source=column.source.name,
        shown=shown,
    )


def _shown(draft: PlanDraft, table: str, column: TargetColumn) -> str:
    renamed = draft.options.rules.column(table, column.source.name).rename is not None
    return fit(draft.spell(column.source.name)) if renamed else column.name


class Names:
    """Every relation with its columns, by their names in lower case; views are added as they are planned."""

    def __init__(self, draft: PlanDraft) -> None:
        self._schema = draft.schema
        self._spell = draft.spell
        self._excluded = {name.casefold() for name in draft.source.excluded}
        self._skipped = {
            table.name.casefold(): {column.casefold() for column in table.skipped}
            for table in draft.source.tables
            if table.skipped
        }
        self._relations: dict[str, tuple[str, dict[str, Output]]] = {
            table.name.casefold(): (
                target.name,
                {
                    column.source.name.casefold(): _output(column, _shown(draft, table.name, column))
                    for column in target.columns
                },
            )
            for table, target in draft.tables_in_order()
        }

    def add(self, source: str, name: str, outputs: Iterable[Output]) -> None:
        """Make a view known to the views behind it."""
        columns = {(output.source or output.name).casefold(): output for output in outputs}
        self._relations[source.casefold()] = (name, columns)

    def columns(self, relation: str) -> dict[str, Output]:
        """The columns of a table or view, by their names in lower case."""
        return self._relations.get(relation.casefold(), ("", {}))[1]

    def resolve(self, query: exp.Expr) -> None:
        """Rewrite the names in place; columns remember their type in `meta`.

        Raises:
            UntranslatableError: it reads what the user leaves out.
        """
        self._refuse_left_out(query)
        local = {cte.alias.casefold() for cte in query.find_all(exp.CTE)}
        aliases = {node.name.casefold(): node.name for node in query.find_all(exp.TableAlias)}
        for node in query.find_all(exp.Alias):
            aliases[node.alias.casefold()] = spelled = self._spell(node.alias)
            node.set("alias", exp.to_identifier(spelled, quoted=True))
        sources: dict[str, str] = {}
        for table in query.find_all(exp.Table):
            name = table.name.casefold()
            if name in local or name not in self._relations:
                continue
            spelled, _ = self._relations[name]
            sources[(table.alias or table.name).casefold()] = name
            if not table.alias:
                aliases[name] = spelled
            table.meta["source"] = name
            table.set("this", exp.to_identifier(spelled, quoted=True))
            table.set("db", exp.to_identifier(self._schema, quoted=True))
        for column in query.find_all(exp.Column):
            self._column(column, sources, aliases)

    def _column(self, node: exp.Column, sources: dict[str, str], aliases: dict[str, str]) -> None:
        if node.table:
            spelled = aliases.get(node.table.casefold(), node.table)
            node.set("table", exp.to_identifier(spelled, quoted=True))
            node.set("db", None)
        if isinstance(node.this, exp.Star):
            return
        found = self._find(node, sources)
        if found is None and node.name.casefold() not in aliases:
            found = self._within(node.name, sources)
        if found is not None:
            node.set("this", exp.to_identifier(found.name, quoted=True))
            node.meta["type"] = found.type
            node.meta["collated"] = found.collated
            node.meta["plain"] = found.plain
            node.meta["loose"] = found.loose
            node.meta["collation"] = found.collation
            node.meta["output"] = found
        elif not node.table and node.this.quoted and node.name.casefold() not in aliases:
            node.replace(
                exp.Literal.string(node.name)
            )  # a quoted name that names nothing is a text in SQLite
        else:
            node.set("this", exp.to_identifier(aliases.get(node.name.casefold(), node.name), quoted=True))

    def _find(self, node: exp.Column, sources: dict[str, str]) -> Output | None:
        """The column, in the query's own sources first and then in those around it."""
        if node.table:
            places = [sources.get(node.table.casefold(), "")]
        else:
            select = node.parent_select
            near = select.find_all(exp.Table) if select else ()
            places = [table.meta["source"] for table in near if "source" in table.meta]
        return self._first(node.name, places)

    def _within(self, name: str, sources: dict[str, str]) -> Output | None:
        """The column that a subquery or a CTE hands on under its own name."""
        return self._first(name, sources.values())

    def _first(self, name: str, places: Iterable[str]) -> Output | None:
        found = (self.columns(place).get(name.casefold()) for place in places)
        return next((output for output in found if output is not None), None)

    def _refuse_left_out(self, query: exp.Expr) -> None:
        """Refuse a query over what is not migrated; SQLite's loose quotes would make texts of its names."""
        skipped: set[str] = set()
        for table in query.find_all(exp.Table):
            if table.name.casefold() in self._excluded:
                raise UntranslatableError(f"it reads {table.name}, which is not migrated")
            skipped |= self._skipped.get(table.name.casefold(), set())
        for column in query.find_all(exp.Column):
            if column.name.casefold() in skipped:
                raise UntranslatableError(f"it may read the column {column.name}, which the rules skip")
