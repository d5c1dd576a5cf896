"""Plans views: their SELECT is translated with sqlglot where only well-known parts of SQL occur in it.

PostgreSQL has the last word: it refuses a view whose types do not fit, which is then reported as left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from migration.schema.target import Statement
from migration.schema.typed import UntranslatableError
from migration.schema.unify import family
from migration.schema.view_names import Names, Output
from migration.schema.view_query import translate_view

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.source import OtherObject

#: Functions that mean the same in both databases once sqlglot has written them for PostgreSQL.
_KNOWN_FUNCTIONS = (
    exp.And, exp.Or, exp.Not, exp.Case, exp.If, exp.Cast, exp.Coalesce, exp.Nullif, exp.Exists,
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.GroupConcat,
    exp.Lower, exp.Upper, exp.Length, exp.Substring, exp.Trim, exp.Replace, exp.Abs, exp.Round,
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue,
)  # fmt: skip
#: Nodes that PostgreSQL would accept and understand differently, or not have at all.
_OTHER_MEANING = (
    exp.Glob, exp.HexString, exp.Match, exp.RegexpLike, exp.Collate, exp.JSONExtract, exp.JSONExtractScalar,
)  # fmt: skip
#: Where a column's collation decides what is shown.
_COMPARING = (exp.Where, exp.Having, exp.Join, exp.Group, exp.Order, exp.Case, exp.Distinct, exp.SetOperation)


def plan_views(draft: PlanDraft) -> list[Statement]:
    """The statements that make the views, all of them optional; what has no translation is noted as left."""
    statements = []
    names = Names(draft)
    for view in draft.source.others:
        if view.kind != "view":
            continue
        name = draft.views[view.name]
        try:
            created = _translate(view, names)
            _show_renamed(created.expression)
            _spell_list(created, draft)
            _rename(created, draft.schema, name)
            sql = created.sql(dialect="postgres", identify=True, pretty=True)
        except (UntranslatableError, SqlglotError) as error:
            statements += _by_expressions(draft, view, names, str(error).splitlines()[0])
            continue
        draft.outputs[view.name] = _outputs(created, names)
        names.add(view.name, name, draft.outputs[view.name])
        draft.note("info", view.name, "the view was translated; compare what it shows")
        statements.append(Statement("view", name, name, sql, optional=True))
    return statements


def _by_expressions(draft: PlanDraft, view: OtherObject, names: Names, why: str) -> list[Statement]:
    """The view expression by expression, or as its application sends it to PostgreSQL, too; or it is left."""
    name = draft.views[view.name]
    try:
        sql, outputs = translate_view(draft, view, name)
    except UntranslatableError as error:
        as_written = _as_written(draft, view, name)
        if as_written is not None:
            draft.note("info", view.name, "the view was taken as it is written; compare what it shows")
            return [Statement("view", name, name, as_written, optional=True)]
        better = "" if str(error) in why else f"; {error}"
        draft.left("view", view.name, f"the view was left out: {why}{better}", view.sql)
        return []
    draft.outputs[view.name] = outputs
    names.add(view.name, name, outputs)
    draft.note("info", view.name, "the view was translated; compare what it shows")
    return [Statement("view", name, name, sql, optional=True)]


def _as_written(draft: PlanDraft, view: OtherObject, name: str) -> str | None:
    """The same SELECT, if the application sends it to PostgreSQL, too; only its tables get their schema."""
    renamed = draft.options.names != "keep" or draft.options.rules.renames
    if not draft.orm.same_sql or renamed or draft.source.whole is not None:
        return None
    try:
        created = sqlglot.parse_one(view.sql, dialect="postgres")
    except SqlglotError:
        return None
    if not isinstance(created, exp.Create) or not isinstance(created.expression, exp.Query):
        return None
    known = {table.source.name: table.name for table in draft.tables.values()} | draft.views
    for table in list(created.expression.find_all(exp.Table)):
        if table.name in known and not table.db:
            alias = table.alias or table.name
            table.set("db", exp.to_identifier(draft.schema, quoted=True))
            table.set("this", exp.to_identifier(known[table.name], quoted=True))
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    _rename(created, draft.schema, name)
    return created.sql(dialect="postgres", pretty=True)


def _translate(view: OtherObject, names: Names) -> exp.Create:
    created = sqlglot.parse_one(view.sql, dialect="sqlite")
    if not isinstance(created, exp.Create) or not isinstance(created.expression, exp.Query):
        raise UntranslatableError("it cannot be read as a view")
    query = created.expression
    _refuse_unknown(query)
    for branch in _branches(query)[:1]:
        for item in branch.expressions:
            item.meta["as written"] = item.alias_or_name
    names.resolve(query)
    _adapt(query)
    _align_unions(query)
    return created


def _rename(created: exp.Create, schema: str, name: str) -> None:
    """Give the view its name on the target; a list of columns stays."""
    table = created.this.this if isinstance(created.this, exp.Schema) else created.this
    named = exp.Table(this=exp.to_identifier(name, quoted=True), db=exp.to_identifier(schema, quoted=True))
    table.replace(named)
    created.set("exists", None)
    created.set("properties", None)  # TEMPORARY


def _refuse_unknown(query: exp.Expr) -> None:
    for node in query.walk():
        several = isinstance(node, exp.Min | exp.Max) and node.expressions
        unknown = isinstance(node, exp.Func) and not isinstance(node, _KNOWN_FUNCTIONS)
        if isinstance(node, _OTHER_MEANING) or unknown or several:
            raise UntranslatableError(f"{node.sql(dialect='sqlite')} has no translation in a view")


def _adapt(query: exp.Expr) -> None:
    """Make explicit what SQLite's loose types leave open.

    Raises:
        UntranslatableError: each row's value, or a collation, decides what is shown.
    """
    for node in list(query.walk()):
        match node:
            case exp.Div() | exp.Mod() if not _whole(node) and not _fractional(node):
                division = node.sql(dialect="sqlite")
                raise UntranslatableError(f"{division} depends on which values are stored as integers")
            case exp.Column() if node.meta.get("collated") and node.find_ancestor(*_COMPARING):
                raise UntranslatableError(f"{node.name} is compared by a collation of SQLite's")
            case exp.Like():
                node.replace(exp.ILike(this=node.this, expression=node.expression))
            case exp.EQ() | exp.NEQ():
                _compare_truths(node)
            case exp.Sum() if _type(node.this) == "boolean":
                node.set("this", exp.cast(node.this, "int"))
            case exp.Round() if node.args.get("decimals") is not None:
                node.set("this", exp.cast(node.this, "decimal"))
            case exp.Cast() if node.to.this is exp.DataType.Type.USERDEFINED:
                node.replace(node.this)  # a type by its affinity only, which PostgreSQL does not have


def _whole(node: exp.Binary) -> bool:
    """Whether both sides are surely integers."""
    return all(
        isinstance(side, exp.Count)
        or (isinstance(side, exp.Literal) and side.is_int)
        or family(_type(side)) == "integer"
        for side in (node.left.unnest(), node.right.unnest())
    )


def _fractional(node: exp.Binary) -> bool:
    """Whether one side is surely a real, so that the result is one."""
    sides = (node.left.unnest(), node.right.unnest())
    literal = any(isinstance(side, exp.Literal) and side.is_number and not side.is_int for side in sides)
    return isinstance(node, exp.Div) and (literal or any(_type(side) == "double precision" for side in sides))


def _compare_truths(node: exp.EQ | exp.NEQ) -> None:
    for truth, other in ((node.this, "expression"), (node.expression, "this")):
        literal = node.args[other]
        if _type(truth) == "boolean" and isinstance(literal, exp.Literal) and literal.this in ("0", "1"):
            node.set(other, exp.Boolean(this=literal.this == "1"))
            return


def _align_unions(query: exp.Expr) -> None:
    """Where the branches of a UNION give text and numbers in one place, all give text."""
    for union in query.find_all(exp.SetOperation):
        if isinstance(union.parent, exp.SetOperation):
            continue
        for position in zip(*(branch.expressions for branch in _branches(union)), strict=False):
            families = {family(_type(item)) for item in position if _type(item)}
            if len(families) > 1 and "text" in families:
                for item in position:
                    if family(_type(item)) not in ("text", ""):
                        plain, name = item.unalias(), item.alias_or_name
                        cast = exp.cast(plain.copy(), "text")
                        plain.replace(exp.alias_(cast, name, quoted=True) if plain is item and name else cast)


def _branches(query: exp.Expr) -> list[exp.Select]:
    if isinstance(query, exp.SetOperation):
        return [*_branches(query.left), *_branches(query.right)]
    if isinstance(query, exp.Subquery):
        return _branches(query.this)
    return [query] if isinstance(query, exp.Select) else []


def _show_renamed(query: exp.Expr) -> None:
    """Show a column that the user's rules rename in its table under the name that the view had for it."""
    for branch in _branches(query)[:1]:
        for item in branch.expressions:
            output = item.meta.get("output") if isinstance(item, exp.Column) else None
            if output is not None and output.shown not in ("", output.name):
                aliased = exp.alias_(item.copy(), output.shown, quoted=True)
                aliased.meta["as written"] = item.meta["as written"]
                item.replace(aliased)


def _spell_list(created: exp.Create, draft: PlanDraft) -> None:
    """Spell the columns that CREATE VIEW v(a, b) lists as the user wants names to be."""
    if isinstance(created.this, exp.Schema):
        for column in created.this.expressions:
            spelled = exp.to_identifier(draft.spell(column.name), quoted=True)
            spelled.meta["as written"] = column.name
            column.replace(spelled)


def _outputs(created: exp.Create, names: Names) -> list[Output]:
    """The view's columns, by the names it gives them."""
    branches = _branches(created.expression)
    if not branches:
        return []
    found: list[Output] = []
    for items in zip(*(branch.expressions for branch in branches), strict=False):
        if items[0].is_star:
            found.extend(_starred(branches[0], items[0], names))
            continue
        output = Output(
            items[0].alias_or_name,
            _type(items[0]),
            any(item.unalias().meta.get("collated", False) for item in items),
            plain=len({_type(item) for item in items}) == 1
            and all(item.unalias().meta.get("plain", False) for item in items),
            loose=all(item.unalias().meta.get("loose", False) for item in items),
            collation=items[0].unalias().meta.get("collation"),
            source=items[0].meta.get("as written", ""),
        )
        found.append(output)
    if isinstance(created.this, exp.Schema):
        named = zip(found, created.this.expressions, strict=False)
        return [
            replace(output, name=name.name, source=name.meta.get("as written", ""), shown="")
            for output, name in named
        ]
    return found


def _starred(select: exp.Select, star: exp.Expr, names: Names) -> list[Output]:
    """What * or t.* stands for, as far as it is a table or a view."""
    wanted = star.table if isinstance(star, exp.Column) else ""
    return [
        output
        for table in select.find_all(exp.Table)
        if table.parent_select is select and wanted in ("", table.alias_or_name)
        for output in names.columns(table.meta.get("source", "")).values()
    ]


def _type(item: exp.Expr) -> str:
    """The PostgreSQL type of an expression, where it can be told at sight."""
    plain = item.unalias()
    if isinstance(plain, exp.Cast):
        return str(plain.to.sql(dialect="postgres")).lower()
    if isinstance(plain, exp.Literal) and plain.is_string:
        return "text"
    return str(plain.meta.get("type", ""))
