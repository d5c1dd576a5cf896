"""Plans primary keys and unique constraints, which stay constraints: a later DROP CONSTRAINT of the
application must find them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.names import default_name
from migration.schema.orm import typeorm_primary_key
from migration.schema.target import Statement

if TYPE_CHECKING:
    from migration.schema.draft import Draft
    from migration.schema.source import PrimaryKey, Table
    from migration.schema.target import TargetTable


def plan_keys(draft: Draft) -> list[Statement]:
    """The statements that add every primary key and unique constraint."""
    statements = []
    for table, target in draft.tables_in_order():
        if table.primary_key is not None:
            statements.append(_primary_key(draft, table, target, table.primary_key))
        for unique in table.uniques:
            columns = draft.column_names(table.name, unique.columns)
            wanted = unique.name or default_name(target.name, columns, "key")
            name = draft.relations.take(wanted, table.name)
            sql = ddl.add_unique(draft.schema, target.name, name, columns)
            statements.append(Statement("unique", name, target.name, sql))
            _note_conflict(draft, f"{table.name}.{name}", unique.on_conflict)
    return statements


def _primary_key(draft: Draft, table: Table, target: TargetTable, key: PrimaryKey) -> Statement:
    columns = draft.column_names(table.name, key.columns)
    _note_conflict(draft, table.name, key.on_conflict)
    nulls = sum(draft.profile.tables[table.name].columns[column].nulls for column in key.columns)
    if nulls:
        name = draft.relations.take(key.name or default_name(target.name, columns, "key"), table.name)
        draft.note(
            "changed",
            table.name,
            f"its primary key ({', '.join(key.columns)}) holds {nulls:,} NULLs, which PostgreSQL refuses in a primary key: "
            "it becomes a unique constraint",
        )
        return Statement(
            "unique", name, target.name, ddl.add_unique(draft.schema, target.name, name, columns)
        )
    wanted = key.name or (
        typeorm_primary_key(table.name, key.columns)
        if draft.orm == "typeorm"
        else default_name(target.name, (), "pkey")
    )
    name = draft.relations.take(wanted, table.name)
    return Statement(
        "primary key", name, target.name, ddl.add_primary_key(draft.schema, target.name, name, columns)
    )


def _note_conflict(draft: Draft, item: str, on_conflict: str | None) -> None:
    if on_conflict not in (None, "ABORT", "FAIL", "ROLLBACK"):
        draft.note(
            "changed",
            item,
            f"ON CONFLICT {on_conflict} does not exist in PostgreSQL: a conflict is an error there",
        )
