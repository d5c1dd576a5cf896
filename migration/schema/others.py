"""Plans what is neither table, key nor index: views, triggers, virtual tables and the tables behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migration.schema.draft import Draft
    from migration.schema.target import Statement

_REASONS = {
    "view": "the view was not migrated; write it again in PostgreSQL's SQL",
    "trigger": "the trigger was not migrated; write it again in PL/pgSQL",
    "virtual table": "a virtual table has no counterpart in PostgreSQL; its rows were not migrated",
}


def plan_others(draft: Draft) -> list[Statement]:
    """Name everything that stays behind."""
    for other in draft.source.others:
        if other.kind == "shadow table":
            draft.note(
                "info",
                other.name,
                f"holds the data of the virtual table {other.table}; not migrated by itself",
            )
        else:
            draft.note("left", other.name, _REASONS[other.kind])
    return []
