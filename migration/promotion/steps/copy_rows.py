"""Step: copy schema and rows of the fenced file, with a journal of its own that survives a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from migration.errors import TargetRefusedError
from migration.planning import PlanOptions
from migration.promotion.errors import PromotionError
from migration.promotion.steps.fence_source import assert_fenced
from migration.promotion.steps.prepare_target import PrepareTarget, prepared_target
from migration.promotion.steps.step import Step
from migration.run import RunOptions, run_migration
from migration.running.journal import existing_journal
from migration.target.database import occupants
from migration.target.lock import exclusive
from migration.target.rejects import RejectTable
from migration.target.state import TargetState

if TYPE_CHECKING:
    from migration.promotion.record import StepRecord
    from migration.promotion.steps.step import Facts
    from migration.promotion.world import World
    from migration.running.steps import Outcome
    from migration.running.steps import Step as CopyStep
    from migration.target.database import Connection

#: What a step's name begins with, and how to undo it, in this order. CASCADE takes the views over the tables.
_DROPS: dict[str, LiteralString] = {
    "table ": "DROP TABLE IF EXISTS {} CASCADE",
    "function ": "DROP FUNCTION IF EXISTS {}",
    "collation ": "DROP COLLATION IF EXISTS {}",
    "type ": "DROP TYPE IF EXISTS {}",
}
#: How many reasons an error names.
_NAMED = 10


class CopyRows(Step):
    name = "copy"
    does = "copy schema and rows into PostgreSQL"
    undo = "drop what was copied"

    def check(self, world: World) -> Facts | None:
        """Nothing is copied from a file that could still be written to."""
        assert_fenced(world)
        with prepared_target(world):
            return None

    def apply(self, world: World, row: StepRecord) -> Facts:
        del row
        options = RunOptions(
            plan=PlanOptions.from_json(world.plan.migration.options), journal=world.copy_journal, verify=False
        )
        report = run_migration(world.source, world.target(), options, _Told(world))
        if report.source_changed:
            raise PromotionError(
                f"{world.source} was changed while it was copied", why="its fence did not hold"
            )
        if report.rejected.rows:
            raise PromotionError(
                f"{report.rejected.rows:,} rows cannot be stored in PostgreSQL",
                why="; ".join(item.example for item in report.rejected.counts[:_NAMED]),
                next_step=f"correct them in the application, or see outgrow migrate inspect {world.source}",
            )
        return {
            "rows": report.rows,
            "tables": {table.name: table.rows for table in report.tables},
            "left": [f"{item.kind} {item.name}: {item.why}" for item in report.left],
            "resumed": report.resumed,
        }

    def revert(self, world: World, row: StepRecord) -> str:
        """Drop exactly the tables that this promotion's copy has made, as its journal and the target say."""
        del row
        with existing_journal(world.copy_journal) as journal:
            if journal is None:
                return "nothing had been copied"
            name = journal.setup.journal
            steps = journal.steps().values()
        made = {step.name for step in steps if step.kind in ("create", "build") and step.state == "done"}
        schema = world.plan.migration.schema
        with (
            prepared_target(world) as target,
            exclusive(target, schema, lambda text: world.detail(self.name, text)),
        ):
            state = TargetState.find(target, schema)
            if state is not None and state.setup.journal != name:
                raise TargetRefusedError(
                    f"schema {schema} holds another migration than this promotion's",
                    next_step="finish or remove that one first",
                )
            made |= {*state.made("create"), *state.made("build")} if state is not None else set()
            with target.transaction():
                dropped = _drop(target, schema, made)
                rejects = RejectTable.find(target, schema)
                if rejects is not None:
                    rejects.forget()
                    rejects.drop_if_empty()
                if state is not None:
                    state.drop()
            left = occupants(target, schema)
            if not left and not world.outcome(PrepareTarget.name)["schema_existed"]:
                target.execute(sql.SQL("DROP SCHEMA IF EXISTS {}").format(sql.Identifier(schema)))
        if left:
            raise TargetRefusedError(
                f"schema {schema} is not empty after the copy was dropped",
                why=f"it has {', '.join(left[:10])}, which this promotion did not make",
            )
        world.copy_journal.unlink(missing_ok=True)
        return f"dropped {dropped} tables from schema {schema}"


def _drop(target: Connection, schema: str, made: set[str]) -> int:
    """Drop what a copy has made; gives the number of tables."""
    for kind, statement in _DROPS.items():
        names = sorted(item.removeprefix(kind) for item in made if item.startswith(kind))
        if names:
            listed = sql.SQL(", ").join(sql.Identifier(schema, name) for name in names)
            target.execute(sql.SQL(statement).format(listed))
    return sum(item.startswith("table ") for item in made)


class _Told:
    """Passes on what a copy tells while it works, one line a table."""

    def __init__(self, world: World) -> None:
        self._world = world

    def plan(self, rows: int, done: int) -> None:
        went = f", {done:,} of them before" if done else ""
        self.say(f"{rows:,} rows{went}")

    def begin(self, step: CopyStep) -> None: ...

    def advance(self, rows: int) -> None: ...

    def end(self, step: CopyStep, outcome: Outcome) -> None:
        if step.kind == "copy":
            self.say(f"{step.name}: {outcome.detail.get('rows', 0):,} rows")
        elif outcome.state == "left":
            self.say(f"left: {step.name}: {outcome.detail.get('why', '')}")

    def say(self, text: str) -> None:
        self._world.detail(CopyRows.name, text)
