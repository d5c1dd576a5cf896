"""Step: prove that PostgreSQL holds what the fenced file holds, and that it is what was approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.planning import PlanOptions, draft_migration
from migration.promotion.errors import PromotionError
from migration.promotion.migration_summary import summarise_migration
from migration.promotion.steps.fence_source import assert_fenced
from migration.promotion.steps.prepare_target import prepared_target
from migration.promotion.steps.step import Step
from migration.source.snapshot import hold_snapshot
from migration.verify import compare

if TYPE_CHECKING:
    from migration.promotion.plan import MigrationSummary
    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World
    from migration.verification.findings import Verification

#: How many findings an error names.
_NAMED = 10


class VerifyCopy(Step):
    name = "verify"
    does = "compare both databases: rows by checksum, objects, sequences, orphans; and the approved plan"
    undo = "nothing was changed"

    def apply(self, world: World, row: StepRecord) -> Facts:
        del row
        options = PlanOptions.from_json(world.plan.migration.options)
        with prepared_target(world) as target, hold_snapshot(world.source) as snapshot:
            draft = draft_migration(world.source, options, connection=snapshot.connection)
            _refuse_other_plan(world.plan.migration, summarise_migration(draft))
            found = compare(snapshot.connection, target, draft.plan, advance=lambda _: None)
        differences = _differences(found)
        if differences:
            raise PromotionError(
                "PostgreSQL does not hold what the SQLite file holds",
                why="; ".join(differences[:_NAMED]),
                next_step=f"outgrow migrate inspect {world.plan.source} shows what the migration makes of it",
            )
        return {
            "equal": True,
            "rows": sum(table.source_rows for table in found.tables),
            "tables": {
                table.table: {"rows": table.source_rows, "checksum": table.source_checksum}
                for table in found.tables
            },
            "left": [
                f"{item.kind} {item.name}: {item.announced}" for item in found.objects if item.level == "left"
            ],
            "seconds": round(found.seconds, 3),
        }

    def verify(self, world: World, outcome: Facts) -> None:
        del outcome
        assert_fenced(world)


def _refuse_other_plan(approved: MigrationSummary, now: MigrationSummary) -> None:
    """What runs must be what was approved, although the application wrote on until the fence."""
    if approved.essence() != now.essence():
        raise PromotionError(
            "the database has changed since the plan was approved: it would now be migrated differently",
            why="its schema changed, or values were written that need other types",
            next_step="start outgrow promote again; it shows the new plan for approval",
        )


def _differences(found: Verification) -> list[str]:
    """Everything that differs and was not announced; what the plan leaves was approved with it."""
    return [
        *(
            f"table {table.table}: {table.source_rows:,} rows in SQLite, "
            + ("no table" if table.target_rows is None else f"{table.target_rows:,}")
            + " in PostgreSQL"
            + (", contents differ" if table.source_rows == table.target_rows else "")
            for table in found.tables
            if not table.equal
        ),
        *(f"{item.kind} {item.name}: {item.text}" for item in found.objects if item.announced is None),
        *(
            f"sequence of {item.table}.{item.column} gives out {item.next}, but {item.used} was used"
            for item in found.sequences
            if not item.ahead
        ),
        *(
            f"{item.table}: {item.source} orphans in SQLite, {item.target} in PostgreSQL"
            for item in found.orphans
            if not item.equal
        ),
    ]
