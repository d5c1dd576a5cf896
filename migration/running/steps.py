"""The steps of a migration, in order, as values that know no connection; executors carry them out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from migration.schema.target import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.schema.target import TargetPlan, TargetTable

StepKind = Literal["hook", "create", "copy", "build", "sequence", "analyze", "verify", "finish"]


@dataclass(frozen=True)
class Step:
    """One thing to do, recorded when it is done.

    `id` names it in journal and target and is the same in every run of one plan. `statement` belongs to
    hook, create and build, `table` to copy and sequence.
    """

    id: str
    kind: StepKind
    name: str
    statement: Statement | None = None
    table: TargetTable | None = None


@dataclass(frozen=True)
class Outcome:
    """How a step ended: done, or left because PostgreSQL refused it; `detail` is what there is to say."""

    state: Literal["done", "left"]
    detail: Mapping[str, Any]


def unchecked(detail: Mapping[str, Any]) -> str:
    """What there is to say about a foreign key that PostgreSQL takes only without a look at the rows."""
    return f"checked for new rows only (NOT VALID), because of those it has: {detail['instead']}"


@dataclass(frozen=True)
class Ended:
    """A step that has ended, in this run or an earlier one."""

    kind: str
    name: str
    outcome: Outcome


def plan_steps(plan: TargetPlan, *, verify: bool) -> tuple[Step, ...]:
    """All steps: tables, rows, keys, indexes and constraints, sequences, statistics, proof, clearing up.

    Between them stand the user's hooks, each at its point.
    """
    steps: list[Step] = []

    def add(
        kind: StepKind, name: str, statement: Statement | None = None, table: TargetTable | None = None
    ) -> None:
        steps.append(Step(f"{len(steps) + 1:05d} {kind} {name}", kind, name, statement, table))

    def hooks(*points: str) -> None:
        for hook in (hook for point in points for hook in hook_statements(plan, point)):
            add("hook", hook.name, statement=hook)

    hooks("before_schema")
    for statement in plan.create:
        add("create", f"{statement.kind} {statement.name}", statement=statement)
    hooks("after_schema", "before_load")
    for table in plan.tables:
        add("copy", table.name, table=table)
    hooks("after_load")
    for statement in plan.after_load:
        add("build", f"{statement.kind} {statement.name}", statement=statement)
    for table in plan.tables:
        if table.sequence_floor is not None:
            add("sequence", table.name, table=table)
    add("analyze", plan.schema)
    if verify:
        add("verify", plan.schema)
    hooks("after_all")
    add("finish", plan.schema)
    return tuple(steps)


def hook_statements(plan: TargetPlan, point: str) -> tuple[Statement, ...]:
    """The user's SQL for one point of the migration."""
    listed = enumerate(getattr(plan.options.rules.hooks, point), start=1)
    return tuple(Statement("hook", f"{point} {number}", "", sql) for number, sql in listed)


def plan_hash(plan: TargetPlan) -> str:
    """A hash of everything a plan does to the target; where its file lies and what it tells do not count."""
    content = {
        "schema": plan.schema,
        "tables": [
            {
                "name": table.name,
                "columns": [asdict(replace(column, why="")) for column in table.columns],
                "floor": table.sequence_floor,
            }
            for table in plan.tables
        ],
        "create": [asdict(statement) for statement in plan.create],
        "after_load": [asdict(statement) for statement in plan.after_load],
        "options": plan.options.to_json(),
    }
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
