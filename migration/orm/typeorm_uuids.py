"""Which of TypeORM's varchar columns are UUIDs on PostgreSQL.

SQLite has no such type: @PrimaryGeneratedColumn("uuid") and @PrimaryColumn() of a string are declared alike.
A column is taken for a UUID only where its place or its name suggests it, and all of its values are UUIDs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from migration.schema.declared import parse_type

if TYPE_CHECKING:
    from migration.schema.source import Column, SourceSchema, Table
    from migration.values.facts import ColumnProfile

_NAMED_UUID = re.compile(r"uuid|guid", re.IGNORECASE)
#: id, userId, user_id, ID; but not paid or valid.
_NAMED_ID = re.compile(r"(?:^|_)id$|[a-z0-9]I[dD]$|^ID$|_ID$")


def may_be_uuid(
    source: SourceSchema, table: Table, column: Column
) -> Literal["perhaps uuid", "probably uuid", "perhaps uuid key", "probably uuid key"] | None:
    """Whether the values are to be asked; a column that is probably one stays so without any value."""
    declared = parse_type(column.declared_type)
    if declared.name != "varchar" or declared.arguments:
        return None
    key = table.primary_key.columns if table.primary_key else ()
    if column.name in key and not _refers(table, column):
        alone = len(key) == 1 and bool(_NAMED_ID.search(column.name) or _NAMED_UUID.search(column.name))
        return "probably uuid key" if alone else "perhaps uuid key"
    if _NAMED_UUID.search(column.name):
        return "probably uuid key"
    if _refers_by_name(source, column):
        return "probably uuid"
    if _refers(table, column) or _NAMED_ID.search(column.name) or _is_referred_to(source, table, column):
        return "perhaps uuid"
    return None


def generates_uuid(table: Table, column: Column, profile: ColumnProfile) -> bool:
    """Whether PostgreSQL is to make the values: a single primary key, or @Generated("uuid").

    TypeORM makes random UUIDs; where most are of another kind, the application makes them.
    """
    if _refers(table, column) or 2 * profile.random_uuids < profile.values:
        return False
    if table.primary_key is not None and column.name in table.primary_key.columns:
        return len(table.primary_key.columns) == 1
    return column.not_null and _NAMED_UUID.fullmatch(column.name) is not None


def _refers(table: Table, column: Column) -> bool:
    return any(column.name in key.columns for key in table.foreign_keys)


def _refers_by_name(source: SourceSchema, column: Column) -> bool:
    """Whether authorId stands beside a table author whose key is a UUID, though no foreign key says so."""
    referred = _plain(column.name).removesuffix("id")
    return bool(_NAMED_ID.search(column.name)) and any(
        bool(referred)
        and _plain(table.name).endswith(referred)
        and table.primary_key is not None
        and len(table.primary_key.columns) == 1
        and any(
            key.name in table.primary_key.columns and key.declared_type.lower() == "varchar"
            for key in table.columns
        )
        for table in source.tables
    )


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _is_referred_to(source: SourceSchema, table: Table, column: Column) -> bool:
    in_key = table.primary_key is not None and column.name in table.primary_key.columns
    if not in_key and not any(column.name in key.columns for key in table.uniques):
        return False  # a thousand tables are looked through only for what they can refer to
    return any(
        key.parent_table == table.name and column.name in key.parent_columns
        for other in source.tables
        for key in other.foreign_keys
    )
