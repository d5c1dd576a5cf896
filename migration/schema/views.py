"""Plans views: their SELECT is translated with sqlglot where only well-known parts of SQL occur in it.

Names are resolved against the tables, because SQLite ignores their case and PostgreSQL does not. PostgreSQL
has the last word: it refuses a view whose types do not go together, and the view is then reported as left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from migration.schema.target import Statement
from migration.schema.typed import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.draft import Draft
    from migration.schema.source import OtherObject
    from migration.schema.target import TargetColumn

#: Functions that mean the same in both databases once sqlglot has written them for PostgreSQL.
_KNOWN_FUNCTIONS = (
    exp.And, exp.Or, exp.Not, exp.Case, exp.If, exp.Cast, exp.Coalesce, exp.Nullif, exp.Exists,
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.GroupConcat,
    exp.Lower, exp.Upper, exp.Length, exp.Substring, exp.Trim, exp.Replace, exp.Abs, exp.Round,
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue,
)  # fmt: skip
#: Nodes that PostgreSQL would accept and understand differently, or not have at all.
_OTHER_MEANING = (
    exp.Glob,
    exp.HexString,
    exp.Match,
    exp.RegexpLike,
    exp.Collate,
    exp.JSONExtract,
    exp.JSONExtractScalar,
)


def plan_views(draft: Draft) -> list[Statement]:
    """The statements that make the views, all of them optional; what has no translation is noted as left."""
    statements = []
    for view in draft.source.others:
        if view.kind != "view":
            continue
        try:
            sql = _translate(draft, view)
        except (UntranslatableError, SqlglotError) as error:
            why = str(error).splitlines()[0]
            draft.note("left", view.name, f"the view was left out: {why}")
            continue
        name = draft.views[view.name]
        draft.note("info", view.name, "the view was translated; compare what it shows")
        statements.append(Statement("view", name, name, sql, optional=True))
    return statements


def _translate(draft: Draft, view: OtherObject) -> str:
    created = sqlglot.parse_one(view.sql, dialect="sqlite")
    if not isinstance(created, exp.Create) or created.expression is None:
        raise UntranslatableError("it cannot be read as a view")
    _refuse_unknown(created.expression)
    _Names(draft).resolve(created.expression)
    _adapt(created.expression)
    target = created.this if isinstance(created.this, exp.Schema) else None
    table = target.this if target is not None else created.this
    table.replace(_table(draft.views[view.name], draft.schema))
    created.set("exists", None)
    created.set("replace", None)
    return created.sql(dialect="postgres", identify=True, pretty=True)


def _table(name: str, schema: str) -> exp.Table:
    return exp.Table(this=exp.to_identifier(name, quoted=True), db=exp.to_identifier(schema, quoted=True))


def _refuse_unknown(query: exp.Expression) -> None:
    for node in query.walk():
        if isinstance(node, _OTHER_MEANING):
            raise UntranslatableError(f"{node.sql(dialect='sqlite')} has no translation in a view")
        if isinstance(node, exp.Func) and not isinstance(node, _KNOWN_FUNCTIONS):
            raise UntranslatableError(f"{node.sql(dialect='sqlite')} has no translation in a view")
        if isinstance(node, exp.Min | exp.Max) and node.expressions:
            raise UntranslatableError(f"{node.sql(dialect='sqlite')} has no translation in a view")


class _Names:
    """Spells every name as it is spelled in the tables, and knows the columns' types."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._relations = {
            **{table.name.casefold(): target.name for table, target in draft.tables_in_order()},
            **{view.casefold(): name for view, name in draft.views.items()},
        }
        self._columns = {
            table.name.casefold(): {column.source.name.casefold(): column for column in target.columns}
            for table, target in draft.tables_in_order()
        }

    def resolve(self, query: exp.Expression) -> None:
        """Rewrite the names in place."""
        local = {name.casefold() for cte in query.find_all(exp.CTE) for name in [cte.alias] if name}
        aliases = {node.name.casefold(): node.name for node in query.find_all(exp.TableAlias)}
        aliases |= {node.alias.casefold(): node.alias for node in query.find_all(exp.Alias)}
        sources: dict[str, str] = {}
        for table in query.find_all(exp.Table):
            name = table.name.casefold()
            if name not in local and name in self._relations:
                sources[(table.alias or table.name).casefold()] = name
                if not table.alias:
                    aliases[name] = self._relations[name]
                table.set("this", exp.to_identifier(self._relations[name], quoted=True))
                table.set("db", exp.to_identifier(self._draft.schema, quoted=True))
        for column in query.find_all(exp.Column):
            self._column(column, sources, aliases)

    def _column(self, node: exp.Column, sources: dict[str, str], aliases: dict[str, str]) -> None:
        if isinstance(node.this, exp.Star):
            if node.table:
                node.set(
                    "table", exp.to_identifier(aliases.get(node.table.casefold(), node.table), quoted=True)
                )
            return
        found = self._find(node, sources)
        if found is None and not node.table and node.this.quoted and node.name.casefold() not in aliases:
            node.replace(
                exp.Literal.string(node.name)
            )  # a quoted name that names nothing is a text in SQLite
            return
        spelled = found.name if found is not None else aliases.get(node.name.casefold(), node.name)
        node.set("this", exp.to_identifier(spelled, quoted=True))
        if node.table:
            node.set("table", exp.to_identifier(aliases.get(node.table.casefold(), node.table), quoted=True))
            node.set("db", None)
        if found is not None:
            node.meta["type"] = found.type

    def _find(self, node: exp.Column, sources: dict[str, str]) -> TargetColumn | None:
        places: Iterable[str] = (sources.get(node.table.casefold(), ""),) if node.table else sources.values()
        for place in places:
            found = self._columns.get(place, {}).get(node.name.casefold())
            if found is not None:
                return found
        return None


def _adapt(query: exp.Expression) -> None:
    """Make explicit what SQLite's loose types leave open."""
    for node in list(query.walk()):
        if isinstance(node, exp.Like):
            node.replace(exp.ILike(this=node.this, expression=node.expression))
        elif isinstance(node, exp.EQ | exp.NEQ):
            _compare_truths(node)
        elif isinstance(node, exp.Sum) and node.this.meta.get("type") == "boolean":
            node.set("this", exp.cast(node.this, "int"))
        elif isinstance(node, exp.Round) and node.args.get("decimals") is not None:
            node.set("this", exp.cast(node.this, "decimal"))


def _compare_truths(node: exp.EQ | exp.NEQ) -> None:
    for truth, other in ((node.this, "expression"), (node.expression, "this")):
        literal = node.args[other]
        if (
            truth.meta.get("type") == "boolean"
            and isinstance(literal, exp.Literal)
            and literal.this in ("0", "1")
        ):
            node.set(other, exp.Boolean(this=literal.this == "1"))
            return
