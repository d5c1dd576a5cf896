"""Shows what a run would do: the same steps, printed instead of carried out. Writes to neither side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.planning import plan_migration
from migration.running.steps import plan_steps
from migration.schema.ddl import qualified, quote_columns, quote_identifier
from migration.source.file import check_source
from migration.source.snapshot import READERS, hold_snapshot
from migration.target.database import check_target, connected, refuse_occupied
from migration.target_first.rows import find_existing

if TYPE_CHECKING:
    from pathlib import Path

    from migration.run import RunOptions
    from migration.running.steps import Step
    from migration.schema.target import Note, TargetPlan


@dataclass(frozen=True)
class PlannedStep:
    """A step and the SQL it would send; a comment where it does more than SQL can say."""

    id: str
    kind: str
    name: str
    sql: str


@dataclass(frozen=True)
class DryRun:
    """What a run would do, and what it would say about it."""

    schema: str
    rows: int
    steps: tuple[PlannedStep, ...]
    notes: tuple[Note, ...]


def dry_run(source: Path, dsn: str, options: RunOptions) -> DryRun:
    """Check source and target as a run does, and list its steps.

    Raises:
        what `run_migration` raises before it changes anything.
    """
    checked = check_source(source)
    with connected(dsn) as target, hold_snapshot(checked.path, READERS) as snapshot:
        check_target(target, options.plan.schema)
        existing = find_existing(target, options.plan, None)
        if existing is None:
            refuse_occupied(target, options.plan.schema)
        plan = plan_migration(
            checked.path,
            options.plan,
            connection=snapshot.connection,
            existing=existing,
            readers=snapshot.natives,
        )
    return DryRun(
        plan.schema,
        sum(table.rows for table in plan.tables),
        tuple(
            PlannedStep(step.id, step.kind, step.name, _sql(step, plan))
            for step in plan_steps(plan, verify=options.verify)
        ),
        plan.notes,
    )


def _sql(step: Step, plan: TargetPlan) -> str:
    if step.statement is not None:
        way = step.statement.in_two
        if way is None:
            return step.statement.sql
        return way[0] if step.kind == "prepare" else way[1]
    if step.kind == "copy" and step.table is not None:
        columns = quote_columns(column.name for column in step.table.copied)
        name = qualified(plan.schema, step.table.name)
        return f"COPY {name} ({columns}) FROM STDIN  -- {step.table.rows:,} rows"
    if step.kind == "sequence" and step.table is not None:
        column = next(column.name for column in step.table.columns if column.identity)
        name = qualified(plan.schema, step.table.name)
        return (
            f"-- next value of the sequence of {name}.{quote_identifier(column)}: behind every value in use"
        )
    return {
        "analyze": f"ANALYZE {qualified(plan.schema, step.name)}",
        "compare": f"-- compare the rows of {qualified(plan.schema, step.name)} with the source's",
        "verify": "-- compare objects, sequences and orphans of both sides",
        "finish": "-- remove the migration's own records",
    }[step.kind]
