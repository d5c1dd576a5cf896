"""What a migration does, gathered from its draft for the people who approve it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from migration.promotion.audit import digest
from migration.promotion.plan import MigrationSummary, PlannedNote, PlannedTable

if TYPE_CHECKING:
    from migration.planning import Draft


def summarise_migration(draft: Draft) -> MigrationSummary:
    """What a migration's draft means for the people who approve it."""
    plan = draft.plan
    return MigrationSummary(
        schema=plan.schema,
        tables=tuple(
            PlannedTable(table.name, draft.profile.tables[table.source.name].rows) for table in plan.tables
        ),
        notes=tuple(PlannedNote(note.level, note.object, note.text) for note in plan.notes),
        # A promotion retires the file: no row of it may stay behind, announced or not.
        obstacles=(
            *(f"{item.object}: {item.count:,} {item.what}" for item in plan.obstacles),
            *(f"{note.object}: {note.text}" for note in plan.notes if note.level == "rejected"),
        ),
        statements=digest([asdict(statement) for statement in (*plan.create, *plan.after_load)]),
        options=plan.options.to_json(),
    )
