"""The keys of a table that PostgreSQL's ON CONFLICT can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migration.schema.source import PrimaryKey, Table, UniqueConstraint


@dataclass(frozen=True)
class UniqueKey:
    """Columns that no two rows share; `plain`: in all rows, and by the bytes of their values."""

    columns: tuple[str, ...]
    plain: bool


def unique_keys(table: Table) -> list[UniqueKey]:
    """Every key, constraint and unique index of a table, each list of columns once."""
    found: dict[tuple[str, ...], UniqueKey] = {}
    primary = [table.primary_key] if table.primary_key is not None else []
    keys: list[PrimaryKey | UniqueConstraint] = [*primary, *table.uniques]
    for key in keys:
        found.setdefault(key.columns, UniqueKey(key.columns, not any(key.collations)))
    for index in table.indexes:
        if index.unique:
            columns = tuple(term.column for term in index.terms if term.column is not None)
            plain = len(columns) == len(index.terms) and index.where is None
            plain = plain and not any(term.collation for term in index.terms)
            found.setdefault(columns, UniqueKey(columns, plain))
    return list(found.values())
