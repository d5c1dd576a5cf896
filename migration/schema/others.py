"""Names what stays behind: virtual tables and the tables behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft


def note_others(draft: PlanDraft) -> None:
    """Note every object that is neither table, view nor trigger."""
    for other in draft.source.others:
        match other.kind:
            case "virtual table":
                why = "a virtual table has no counterpart in PostgreSQL; its rows are not migrated"
                draft.left("virtual table", other.name, why, other.sql)
            case "shadow table":
                draft.note(
                    "info", other.name, f"holds the data of the virtual table {other.table}; not migrated"
                )
            case "view" | "trigger":
                pass
