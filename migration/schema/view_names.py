"""Resolves the names in a view's SELECT: spelled as on the target, with the types they have there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from migration.schema.declared import Affinity, affinity_of
from migration.schema.translate import is_loose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.draft import PlanDraft
    from migration.schema.target import TargetColumn


@dataclass(frozen=True)
class Output:
    """A column of a table or view on the target.

    The type is '' where nobody knows it; `collated` says that SQLite does not compare it by its bytes. A
    `plain` one is a column of a table, `loose` one whose texts never look like numbers (see `typed`).
    """

    name: str
    type: str
    collated: bool = False
    plain: bool = False
    loose: bool = False


def _output(column: TargetColumn) -> Output:
    """A table's column; numeric where SQLite stores some numbers as integers and some as reals."""
    mixed = (
        column.type == "double precision" and affinity_of(column.source.declared_type) is not Affinity.REAL
    )
    shown = "numeric" if mixed else column.type
    collated = column.source.collation is not None
    return Output(column.name, shown, collated, plain=True, loose=is_loose(column))


class Names:
    """Every relation with its columns, by their names in lower case; views are added as they are planned."""

    def __init__(self, draft: PlanDraft) -> None:
        self._schema = draft.schema
        self._relations: dict[str, tuple[str, dict[str, Output]]] = {
            table.name.casefold(): (
                target.name,
                {column.source.name.casefold(): _output(column) for column in target.columns},
            )
            for table, target in draft.tables_in_order()
        }

    def add(self, source: str, name: str, outputs: Iterable[Output]) -> None:
        """Make a view known to the views behind it."""
        self._relations[source.casefold()] = (name, {output.name.casefold(): output for output in outputs})

    def resolve(self, query: exp.Expr) -> None:
        """Rewrite the names in place; columns remember their type in `meta`."""
        local = {cte.alias.casefold() for cte in query.find_all(exp.CTE)}
        aliases = {node.name.casefold(): node.name for node in query.find_all(exp.TableAlias)}
        aliases |= {node.alias.casefold(): node.alias for node in query.find_all(exp.Alias)}
        sources: dict[str, str] = {}
        for table in query.find_all(exp.Table):
            name = table.name.casefold()
            if name in local or name not in self._relations:
                continue
            spelled, _ = self._relations[name]
            sources[(table.alias or table.name).casefold()] = name
            if not table.alias:
                aliases[name] = spelled
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
        if found is not None:
            node.set("this", exp.to_identifier(found.name, quoted=True))
            node.meta["type"] = found.type
            node.meta["collated"] = found.collated
            node.meta["plain"] = found.plain
            node.meta["loose"] = found.loose
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
            near = [table.alias_or_name.casefold() for table in select.find_all(exp.Table)] if select else []
            places = [sources[name] for name in near if name in sources]
        for place in places:
            _, columns = self._relations.get(place, ("", {}))
            if node.name.casefold() in columns:
                return columns[node.name.casefold()]
        return None
