"""Triggers that put in order what a foreign key asks for.

SQLite checks an immediate foreign key at the statement's end, when AFTER triggers have done their work;
PostgreSQL before it fires them. A trigger that removes children behind their parent, or brings the parent
of a new child, has to fire before the row is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.statement import Delete, Insert, Update

if TYPE_CHECKING:
    from migration.schema.source import ForeignKey, SourceSchema
    from migration.schema.statement import Trigger


def serves_keys(source: SourceSchema, trigger: Trigger) -> bool:
    """Whether an AFTER trigger does what a foreign key needs done by the end of the statement."""
    if trigger.timing != "AFTER":
        return False
    table = trigger.table.casefold()
    if trigger.event == "DELETE":
        changed = {item.table.casefold() for item in trigger.body if isinstance(item, Update | Delete)}
        return any(
            _waits(key, key.on_delete) and key.parent_table.casefold() == table
            for child in source.tables
            if child.name.casefold() in changed
            for key in child.foreign_keys
        )
    if trigger.event == "INSERT":
        made = {item.table.casefold() for item in trigger.body if isinstance(item, Insert)}
        return any(
            _waits(key, "NO ACTION") and key.parent_table.casefold() in made - {table}
            for child in source.tables
            if child.name.casefold() == table
            for key in child.foreign_keys
        )
    return False


def _waits(key: ForeignKey, action: str) -> bool:
    """Whether the key is checked at the end of the statement, and not at the transaction's."""
    return action.upper() == "NO ACTION" and not (key.deferrable and key.initially_deferred)
