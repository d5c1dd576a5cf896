"""What is out of the way while rows are loaded, and comes back exactly as the application made it.

Foreign keys stay where the tables can be loaded parents first and no row is an orphan; a big child is checked
faster in one go. Triggers would write what the file has already. Plain indexes of big tables are built faster
over all rows. Each statement can be repeated, for a run that is interrupted between two of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from migration.schema.ddl import qualified, quote_identifier, quote_literal
from migration.schema.target import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.target_first.existing import (
        ExistingForeignKey,
        ExistingIndex,
        ExistingSchema,
        ExistingTrigger,
    )

#: From so many rows on, an index or a foreign key is made after the load.
BIG = 50_000


@dataclass(frozen=True)
class SetAside:
    """What to set aside, and the tables in the order in which they can be loaded then.

    `orphans` counts the rows of a foreign key (by its name and table) that refer to nothing.
    """

    order: tuple[str, ...]
    foreign_keys: tuple[ExistingForeignKey, ...]
    indexes: tuple[ExistingIndex, ...]
    triggers: tuple[ExistingTrigger, ...]


def plan_set_aside(
    existing: ExistingSchema,
    rows: Mapping[str, int],
    orphans: Mapping[tuple[str, str], int | None],
) -> SetAside:
    """Decide what must go.

    Args:
        existing: the application's schema.
        rows: how many rows each table is loaded with, by its name there.
        orphans: by table and name of each foreign key of a loaded table (None: not known).
    """
    ours = [key for key in existing.foreign_keys if key.table in rows]
    aside = {
        (key.table, key.name)
        for key in ours
        if key.parent == key.table
        or rows[key.table] >= BIG
        or orphans.get((key.table, key.name)) != 0
        or (key.parent not in rows and rows[key.table])
        or key.definition.endswith("INITIALLY DEFERRED")  # would be checked at the commit, row unknown
    }
    while True:
        graph: dict[str, set[str]] = {name: set() for name in rows}
        for key in ours:
            if (key.table, key.name) not in aside and key.parent in graph:
                graph[key.table].add(key.parent)
        try:
            order = tuple(TopologicalSorter(graph).static_order())
            break
        except CycleError as error:
            circle = set(error.args[1])
            aside |= {(key.table, key.name) for key in ours if {key.table, key.parent} <= circle}
    return SetAside(
        order,
        tuple(key for key in ours if (key.table, key.name) in aside),
        tuple(index for index in existing.indexes if rows.get(index.table, 0) >= BIG),
        tuple(trigger for trigger in existing.triggers if trigger.table in rows),
    )


def take_away(schema: str, plan: SetAside) -> list[Statement]:
    """The statements before the load."""
    statements = [
        _statement(trigger.table, trigger.name, "trigger", _trigger(schema, trigger, "DISABLE TRIGGER"))
        for trigger in plan.triggers
    ]
    statements += [
        _statement(
            key.table,
            key.name,
            "foreign key",
            f"ALTER TABLE {qualified(schema, key.table)} DROP CONSTRAINT IF EXISTS"
            f" {quote_identifier(key.name)}",
        )
        for key in plan.foreign_keys
    ]
    statements += [
        _statement(index.table, index.name, "index", f"DROP INDEX IF EXISTS {qualified(schema, index.name)}")
        for index in plan.indexes
    ]
    return statements


def _statement(table: str, name: str, kind: str, text: str) -> Statement:
    return Statement("set aside", f"{kind} {name} of {table}", table, text)


def _trigger(schema: str, trigger: ExistingTrigger, verb: str) -> str:
    return f"ALTER TABLE {qualified(schema, trigger.table)} {verb} {quote_identifier(trigger.name)}"


def bring_back(schema: str, plan: SetAside, orphans: Mapping[tuple[str, str], int | None]) -> list[Statement]:
    """The statements after the load."""
    statements: list[Statement] = []
    for index in plan.indexes:
        statements.append(Statement("index", index.name, index.table, index.definition))
        statements += _comment("INDEX", qualified(schema, index.name), index.table, index.comment)
    for key in plan.foreign_keys:
        table = qualified(schema, key.table)
        add = f"ALTER TABLE {table} ADD CONSTRAINT {quote_identifier(key.name)} {key.definition}"
        unchecked = add if not key.validated else f"{add} NOT VALID"
        known = orphans.get((key.table, key.name))
        statements.append(
            Statement(
                "foreign key",
                key.name,
                key.table,
                unchecked if known else add,
                otherwise=unchecked,
                parent=key.parent,
            )
        )
        statements += _comment(
            "CONSTRAINT", f"{quote_identifier(key.name)} ON {table}", key.table, key.comment
        )
    statements += [
        Statement(
            "trigger",
            trigger.name,
            trigger.table,
            _trigger(schema, trigger, "ENABLE ALWAYS TRIGGER" if trigger.always else "ENABLE TRIGGER"),
        )
        for trigger in plan.triggers
    ]
    return statements


def _comment(kind: str, name: str, table: str, text: str | None) -> Sequence[Statement]:
    if text is None:
        return ()
    return (Statement("comment", name, table, f"COMMENT ON {kind} {name} IS {quote_literal(text)}"),)
