"""Plans the references between tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.names import Namespace, default_name
from migration.schema.target import Statement

if TYPE_CHECKING:
    from migration.schema.draft import Draft
    from migration.schema.source import ForeignKey, Table


def plan_foreign_keys(draft: Draft) -> list[Statement]:
    """The statements that add every foreign key; those with orphans are added without looking at the present
    rows.
    """
    statements = []
    for table, target in draft.tables_in_order():
        names = Namespace(lambda old, new: draft.note("changed", old, f"is named {new} in PostgreSQL"))
        orphans = draft.profile.tables[table.name].orphans
        for position, key in enumerate(table.foreign_keys):
            why = _impossible(draft, table, key)
            path = f"{table.name} ({', '.join(key.columns)})"
            if why is not None:
                draft.note("left", path, f"the foreign key to {key.parent_table} was left out: {why}")
                continue
            columns = draft.column_names(table.name, key.columns)
            name = names.take(key.name or default_name(target.name, columns, "fkey"), table.name)
            lost = orphans[position] if position < len(orphans) else None
            if lost:
                draft.note(
                    "changed",
                    path,
                    f"{lost:,} rows refer to no row of {key.parent_table}: the foreign key is NOT VALID, "
                    "so it holds for new rows only",
                )
            resolved = replace(
                key,
                columns=columns,
                parent_table=draft.tables[key.parent_table].name,
                parent_columns=draft.column_names(key.parent_table, key.parent_columns),
            )
            sql = ddl.add_foreign_key(draft.schema, target.name, name, resolved, not_valid=bool(lost))
            statements.append(Statement("foreign key", name, target.name, sql))
    return statements


def _impossible(draft: Draft, table: Table, key: ForeignKey) -> str | None:
    """Why PostgreSQL cannot have the reference; None if it can."""
    del table
    parent = next((each for each in draft.source.tables if each.name == key.parent_table), None)
    if parent is None:
        return "there is no such table"
    known = {column.name for column in parent.columns}
    if len(key.parent_columns) != len(key.columns) or not set(key.parent_columns) <= known:
        return f"{key.parent_table} has no such columns"
    wanted = set(key.parent_columns)
    unique = [parent.primary_key.columns] if parent.primary_key else []
    unique += [constraint.columns for constraint in parent.uniques]
    unique += [
        tuple(term.column for term in index.terms if term.column is not None)
        for index in parent.indexes
        if index.unique and index.where is None and all(term.column for term in index.terms)
    ]
    if not any(set(columns) == wanted and len(columns) == len(key.parent_columns) for columns in unique):
        return f"({', '.join(key.parent_columns)}) is not unique in {key.parent_table}"
    return None
