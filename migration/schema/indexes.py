"""Plans the indexes made by CREATE INDEX, with their predicates, expressions, order and collations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.doubtful import may_refuse_index, may_refuse_key
from migration.schema.nocase import is_nocase, is_text
from migration.schema.scope import as_typed
from migration.schema.target import Statement
from migration.schema.translate import translate, translate_condition
from migration.schema.typed import Typed, UntranslatableError

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.scope import Scope
    from migration.schema.source import Index, IndexTerm, Table


def plan_indexes(draft: PlanDraft) -> list[Statement]:
    """The statements that make every index."""
    planned = (
        _index(draft, table, index)
        for table in draft.source.tables
        for index in table.indexes
        if not (index.unique and draft.orm.is_constraint(table, index))
    )
    return [statement for statement in planned if statement is not None]


def _index(draft: PlanDraft, table: Table, index: Index) -> Statement | None:
    target = draft.tables[table.name]
    scope = draft.scope(table, for_index=True)
    try:
        terms = [_term(draft, table, index, term, scope) for term in index.terms]
        where = _predicate(draft, index, scope)
    except UntranslatableError as error:
        text = f"the index was left out: {error}; it was {index.sql}"
        draft.left("index", index.name, text, index.sql, table=table.name)
        return None
    usual = draft.orm.index_name(table, index)
    name = draft.relations.take(
        index.name, table.name, kind="index", wanted=draft.spell(usual) if usual else None, by="library"
    )
    sql = ddl.create_index(draft.schema, target.name, name, terms, unique=index.unique, where=where)
    columns = tuple(term.column for term in index.terms if term.column is not None)
    special = (
        where is not None or len(columns) < len(index.terms) or any(term.collation for term in index.terms)
    )
    may_refuse = may_refuse_key if index.unique else may_refuse_index
    return Statement("index", name, target.name, sql, optional=special or may_refuse(draft, table, columns))


def _predicate(draft: PlanDraft, index: Index, scope: Scope) -> str | None:
    if index.where is None:
        return None
    try:
        return translate_condition(index.where, scope)
    except UntranslatableError:
        if draft.orm.same_sql:
            return index.where
        raise


def _term(draft: PlanDraft, table: Table, index: Index, term: IndexTerm, scope: Scope) -> str:
    if term.expression is not None:
        item = translate(term.expression, scope)
        sql = item.sql if item.column and item.atomic else f"({item.sql})"
        textual = item.kind == "text"
    else:
        column = draft.column(table.name, term.column or "")
        item = Typed(ddl.quote_identifier(column.name), "text", column=True)
        sql = item.sql
        textual = is_text(column.type) and not (column.folding and is_nocase(term.collation))
        if column.folding and textual and term.collation is None:  # COLLATE BINARY was written
            sql = f"({as_typed(column).sql})"
    if term.collation is not None and textual:
        sql = _collated(draft, index, item, term.collation)
    if not term.descending:
        return sql
    # SQLite sorts NULL before everything, so last in a descending order.
    return f"{sql} DESC" if draft.orm.plain_descending else f"{sql} DESC NULLS LAST"


def _collated(draft: PlanDraft, index: Index, item: Typed, collation: str) -> str:
    match collation.upper():
        case _ if not draft.orm.folds_case:
            draft.note("changed", index.name, f"collated as {collation}, now by bytes")
            return item.sql if item.column else f"({item.sql})"
        case "NOCASE":
            draft.note(
                "changed", index.name, "ignores case: the index is over lower(), and so must queries be"
            )
            return f"lower({item.sql})"
        case "RTRIM":
            draft.note("changed", index.name, "ignores blanks at the end: the index is over rtrim()")
            return f"rtrim({item.sql}, ' ')"
        case _:
            draft.note(
                "changed", index.name, f"the collation {collation} exists in its application only; left out"
            )
            return item.sql if item.column else f"({item.sql})"
