"""Which triggers set off which: those that lead back to themselves need a guard in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.statement import Delete, Insert, Update

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from migration.schema.source import SourceSchema
    from migration.schema.statement import Statement, Trigger

#: A change: the table, the event, and for an update its columns (None: any).
Change = tuple[str, str, frozenset[str] | None]


class TriggerGraph:
    """The triggers of a file and the changes that fire them, those of foreign keys included."""

    def __init__(self, triggers: Iterable[Trigger], source: SourceSchema) -> None:
        self._triggers = tuple(triggers)
        self._source = source

    def beside(self, trigger: Trigger) -> list[Trigger]:
        """The triggers that fire at the same time, itself included."""
        return [
            other
            for other in self._triggers
            if (other.table.casefold(), other.timing, other.event)
            == (trigger.table.casefold(), trigger.timing, trigger.event)
        ]

    def fires(self, table: str, event: str) -> bool:
        """Whether a change of a table fires any trigger."""
        return any(True for _ in self._fired((table, event, None)))

    def followed(self, table: str) -> bool:
        """Whether the deletion of a row of this table changes others."""
        return any(True for _ in self._cascaded(table, "DELETE"))

    def returns_to(self, trigger: Trigger) -> bool:
        """Whether a trigger's own statements can lead to it again."""
        pending, seen = list(self._next(trigger)), set[str]()
        while pending:
            other = pending.pop()
            if other.name == trigger.name:
                return True
            if other.name not in seen:
                seen.add(other.name)
                pending += self._next(other)
        return False

    def _next(self, trigger: Trigger) -> Iterator[Trigger]:
        for statement in trigger.body:
            for change in _changes(statement):
                yield from self._fired(change)

    def _fired(self, change: Change) -> Iterator[Trigger]:
        """The triggers that a change fires, also by what foreign keys do about it."""
        pending, seen = [change], set[Change]()
        while pending:
            now = pending.pop()
            if now in seen:
                continue
            seen.add(now)
            table, event, columns = now
            for trigger in self._triggers:
                if trigger.table.casefold() == table.casefold() and trigger.event == event:
                    wanted = {column.casefold() for column in trigger.columns}
                    if columns is None or not wanted or wanted & columns:
                        yield trigger
            pending += self._cascaded(table, event)

    def _cascaded(self, table: str, event: str) -> Iterator[Change]:
        for child in self._source.tables:
            for key in child.foreign_keys:
                if key.parent_table.casefold() != table.casefold() or event == "INSERT":
                    continue
                action = (key.on_delete if event == "DELETE" else key.on_update).upper()
                if action == "CASCADE" and event == "DELETE":
                    yield child.name, "DELETE", None
                elif action in ("CASCADE", "SET NULL", "SET DEFAULT"):
                    yield child.name, "UPDATE", frozenset(column.casefold() for column in key.columns)


def _changes(statement: Statement) -> Iterator[Change]:
    """What one statement changes by itself."""
    match statement:
        case Insert(table=table, upsert=upsert, conflict=conflict):
            yield table, "INSERT", None
            if upsert is not None or conflict == "REPLACE":
                yield table, "UPDATE", None
        case Update(table=table, assignments=assignments):
            yield table, "UPDATE", frozenset(item.column.casefold() for item in assignments)
        case Delete(table=table):
            yield table, "DELETE", None
        case _:
            pass
