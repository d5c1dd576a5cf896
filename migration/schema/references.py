"""What makes a reference possible: a parent with these columns, and a key over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.source import ForeignKey, SourceSchema, Table


def cannot_refer(source: SourceSchema, key: ForeignKey) -> str | None:
    """Why neither SQLite nor PostgreSQL can enforce the foreign key; None if they can."""
    parent = next((table for table in source.tables if table.name == key.parent_table), None)
    if parent is None:
        return "there is no such table"
    known = {column.name for column in parent.columns}
    if len(key.parent_columns) != len(key.columns) or not set(key.parent_columns) <= known:
        return f"{key.parent_table} has no such columns"
    if not any(sorted(columns) == sorted(key.parent_columns) for columns in unique_columns(parent)):
        return f"({', '.join(key.parent_columns)}) is not unique in {key.parent_table}"
    return None


def unique_columns(table: Table) -> Iterable[tuple[str, ...]]:
    """The lists of columns that no two rows share: keys, constraints, and plain, whole unique indexes."""
    if table.primary_key is not None:
        yield table.primary_key.columns
    yield from (constraint.columns for constraint in table.uniques)
    for index in table.indexes:
        columns = tuple(term.column for term in index.terms if term.column is not None)
        plain = len(columns) == len(index.terms) and not any(term.collation for term in index.terms)
        if index.unique and index.where is None and plain:
            yield columns
