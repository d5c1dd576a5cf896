"""Plans the indexes made by CREATE INDEX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.target import Statement

if TYPE_CHECKING:
    from migration.schema.draft import Draft
    from migration.schema.source import Index, IndexTerm, Table
    from migration.schema.target import TargetTable


def plan_indexes(draft: Draft) -> list[Statement]:
    """The statements that make every index."""
    statements = []
    for table, target in draft.tables_in_order():
        for index in table.indexes:
            statement = _index(draft, table, target, index)
            if statement is not None:
                statements.append(statement)
    return statements


def _index(draft: Draft, table: Table, target: TargetTable, index: Index) -> Statement | None:
    if index.where is not None or any(term.expression is not None for term in index.terms):
        draft.note("left", index.name, f"the index was left out: {index.sql}")
        return None
    name = draft.relations.take(index.name, table.name)
    terms = [_term(draft, table, term) for term in index.terms]
    sql = ddl.create_index(draft.schema, target.name, name, terms, unique=index.unique)
    return Statement("index", name, target.name, sql)


def _term(draft: Draft, table: Table, term: IndexTerm) -> str:
    column = draft.column(table.name, term.column or "")
    return ddl.quote_identifier(column.name) + (" DESC NULLS LAST" if term.descending else "")
