"""Names that Django makes of tables and columns (django/db/backends/base/schema.py, `_create_index_name`)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from migration.schema.ddl import NAME_LIMIT

if TYPE_CHECKING:
    from migration.schema.source import ForeignKey, Index

_MADE = re.compile(r".*_(?P<digest>[0-9a-f]{8})(?P<suffix>_uniq)?", re.DOTALL)


def made_name(table: str, columns: tuple[str, ...], suffix: str = "") -> str:
    """The name of an index or constraint on PostgreSQL, cut as Django cuts it."""
    end = digest(table, columns) + suffix
    whole = "_".join((table, *columns, end))
    if len(whole) <= NAME_LIMIT:
        return whole
    if len(end) > NAME_LIMIT / 3:
        end = end[: NAME_LIMIT // 3]
    each = (NAME_LIMIT - len(end)) // 2 - 1
    name = f"{table[:each]}_{'_'.join(columns)[:each]}_{end}"
    return f"D{name[:-1]}" if name[0] == "_" or name[0].isdigit() else name


def digest(table: str, columns: tuple[str, ...]) -> str:
    """The digits that stand in every such name."""
    return hashlib.md5("".join((table, *columns)).encode(), usedforsecurity=False).hexdigest()[:8]


def foreign_key_name(table: str, key: ForeignKey) -> str:
    """The name that a foreign key has on PostgreSQL; in SQLite it has none."""
    return made_name(table, key.columns, f"_fk_{key.parent_table}_{key.parent_columns[0]}")


def made_suffix(table: str, index: Index) -> str | None:
    """What stands behind the digits of an index that Django named: '' or _uniq; None if it did not."""
    columns = tuple(term.column for term in index.terms if term.column is not None)
    found = _MADE.fullmatch(index.name)
    if found is None or len(columns) < len(index.terms) or found["digest"] != digest(table, columns):
        return None
    return found["suffix"] or ""
