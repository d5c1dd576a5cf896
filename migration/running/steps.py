"""The steps of a migration, in order, as values that know no connection; executors carry them out."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from migration.schema.target import Statement
from migration.source.parts import Part

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from migration.schema.target import TargetPlan, TargetTable

#: PostgreSQL's locks of tables, as far as they occur here (postgresql.org/docs/current/explicit-locking.html)
LockMode = Literal[
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "access exclusive",
]
StepKind = Literal[
    "hook", "create", "copy", "prepare", "build", "sequence", "analyze", "compare", "verify", "finish"
]


@dataclass(frozen=True)
class Step:
    """One thing to do, recorded when it is done.

    `id` names it in journal and target and is the same in every run of one plan and source. `statement`
    belongs to hook, create and build, `table` to copy, sequence, analyze and compare, `part` to a copy: which
    rows of the table.

    `needs` are the ids of the steps that must have ended before; `alone` ones wait for all steps listed
    before them, and those listed behind for them. `locks` are the tables that PostgreSQL locks for the step,
    each with the mode: steps whose locks conflict do not run at the same time, as one would only wait.
    """

    id: str
    kind: StepKind
    name: str
    statement: Statement | None = None
    table: TargetTable | None = None
    part: Part | None = None
    needs: frozenset[str] = frozenset()
    alone: bool = False
    locks: tuple[tuple[str, LockMode], ...] = ()


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


#: Statements over one table that need its rows and nothing else, and how they lock it.
_OVER_ONE_TABLE: dict[str, LockMode] = {
    "primary key": "access exclusive",
    "unique": "access exclusive",
    "index": "share",
    "check": "access exclusive",
}
#: How a table is locked while it is read, and while something is said about it.
_READ: LockMode = "access share"
_ABOUT: LockMode = "share update exclusive"
#: How both tables of a foreign key are locked while it is made, and how while it is validated.
_REFERS: LockMode = "share row exclusive"
_REFERRED_TO: LockMode = "row share"


class _Steps:
    """Steps in the making."""

    def __init__(self, plan: TargetPlan) -> None:
        self.plan = plan
        self.list: list[Step] = []

    def add(self, kind: StepKind, name: str, **properties: Any) -> str:
        step = Step(f"{len(self.list) + 1:05d} {kind} {name}", kind, name, **properties)
        self.list.append(step)
        return step.id

    def add_hooks(self, *points: str) -> None:
        for hook in (hook for point in points for hook in hook_statements(self.plan, point)):
            self.add("hook", hook.name, statement=hook, alone=True)


def plan_steps(
    plan: TargetPlan, *, verify: bool, parts: Mapping[str, Sequence[Part]] | None = None
) -> tuple[Step, ...]:
    """All steps: tables, rows, statistics, keys, indexes and constraints, sequences, proof, clearing up.

    Between them stand the user's hooks, each at its point.

    Args:
        plan: to be carried out.
        verify: whether to compare both sides.
        parts: of the tables, by the source's names; a table that is not there is copied as a whole.
    """
    steps = _Steps(plan)
    steps.add_hooks("before_schema")
    for statement in plan.create:
        steps.add("create", f"{statement.kind} {statement.name}", statement=statement, alone=True)
    steps.add_hooks("after_schema", "before_load")
    copied = _add_copies(steps, parts or {})
    steps.add_hooks("after_load")
    computed = {statement.table for statement in plan.after_load if _computes(statement)}
    for table in sorted(plan.tables, key=lambda table: -table.rows):
        if table.name not in computed:  # while one lane gathers, others load or build upon other tables
            _add_analyze(steps, table, copied[table.name])
    keyed = _add_builds(steps, copied)
    for table in plan.tables:
        ready = copied[table.name] | keyed[table.name]
        if table.sequence_floor is not None:
            steps.add("sequence", table.name, table=table, needs=ready, locks=_locks({table.name: _READ}))
        if table.name in computed:
            _add_analyze(steps, table, ready)
    if verify:
        for table in plan.tables:
            ready = copied[table.name] | keyed[table.name]
            steps.add("compare", table.name, table=table, needs=ready, locks=_locks({table.name: _READ}))
        steps.add("verify", plan.schema, alone=True)
    steps.add_hooks("after_all")
    steps.add("finish", plan.schema, alone=True)
    return tuple(steps.list)


def _add_analyze(steps: _Steps, table: TargetTable, needs: frozenset[str]) -> None:
    steps.add("analyze", table.name, table=table, needs=needs, locks=_locks({table.name: _ABOUT}))


def _computes(statement: Statement) -> bool:
    """Whether an index is over expressions, of which ANALYZE gathers statistics once the index is there.

    Names are quoted, so without them only expressions have parentheses within those of the index.
    """
    return statement.kind == "index" and "(" in _QUOTED.sub("", statement.sql).partition("(")[2]


_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _add_copies(steps: _Steps, parts: Mapping[str, Sequence[Part]]) -> dict[str, frozenset[str]]:
    """The copies of each table's parts, the largest table first, as it takes longest to be built upon.

    A schema of the application's has its foreign keys in place: there one table follows the other.
    """
    plan = steps.plan
    copied: dict[str, frozenset[str]] = {}
    before: frozenset[str] = frozenset()
    tables = sorted(plan.tables, key=lambda table: -table.rows) if plan.existing is None else plan.tables
    for table in tables:
        copied[table.name] = frozenset(
            steps.add(
                "copy",
                table.name,
                table=table,
                part=part,
                needs=before,
                locks=_locks({table.name: "row exclusive"}),
            )
            for part in parts.get(table.source.name, (Part.whole(table.source),))
        )
        if plan.existing is not None:
            before = copied[table.name]
    return copied


def _add_builds(steps: _Steps, copied: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """What is built after the load; gives the ids of the keys and indexes of each table."""
    keyed: dict[str, frozenset[str]] = {name: frozenset() for name in copied}
    built: dict[str, frozenset[str]] = dict(keyed)
    keys: dict[tuple[str, frozenset[str]], str] = {}
    for statement in _by_importance(steps.plan, copied):
        name, table, parent = f"{statement.kind} {statement.name}", statement.table, statement.parent
        if statement.kind in _OVER_ONE_TABLE and table in copied:
            locks = _locks({table: _OVER_ONE_TABLE[statement.kind]})
            needs = copied[table]
            if statement.in_two is not None:
                index = _locks({table: _OVER_ONE_TABLE["index"]})
                needs |= {steps.add("prepare", name, statement=statement, needs=needs, locks=index)}
            made = steps.add("build", name, statement=statement, needs=needs, locks=locks)
            built[table] |= {made}
            if statement.kind != "check":
                keyed[table] |= {made}
                keys[_key(table, statement)] = made
        elif statement.kind == "foreign key" and table in copied and parent in copied:
            over = keys.get(_key(parent, statement))
            needs = copied[table] | copied[parent] | (keyed[parent] if over is None else {over})
            locks = _locks({table: _REFERS, parent: _REFERS})
            if statement.in_two is not None:
                needs |= {steps.add("prepare", name, statement=statement, needs=needs, locks=locks)}
                locks = _locks({parent: _REFERRED_TO, table: _ABOUT})
            built[table] |= {steps.add("build", name, statement=statement, needs=needs, locks=locks)}
        elif statement.kind == "comment" and table in copied:
            needs = copied[table] | built[table]
            steps.add("build", name, statement=statement, needs=needs, locks=_locks({table: _ABOUT}))
        else:
            steps.add("build", name, statement=statement, alone=True)
    return keyed


def _by_importance(plan: TargetPlan, copied: Collection[str]) -> list[Statement]:
    """What is built after the load, in the order in which it is best begun.

    First the keys that others refer to, then all that belongs to the largest table, and so on: its foreign
    keys, over which no index of it can be built, are validated beside the indexes of smaller tables.
    """
    if plan.existing is not None:
        return list(plan.after_load)
    tables = sorted(plan.tables, key=lambda table: -table.rows)
    size = {table.name: at for at, table in enumerate(tables)}
    keys = {_key(item.table, item) for item in plan.after_load if item.kind in {"primary key", "unique"}}
    referred = {_key(item.parent, item) for item in plan.after_load if item.kind == "foreign key"} & keys

    def place(statement: Statement) -> tuple[int, int, bool]:
        if statement.table not in copied:
            return 3, 0, False
        if statement.kind in _OVER_ONE_TABLE:
            first = bool(statement.columns) and _key(statement.table, statement) in referred
            return 0 if first else 1, size[statement.table], False
        if (
            statement.kind == "foreign key"
        ):  # over a unique index, which says nothing of its columns, it waits
            known = _key(statement.parent, statement) in referred
            return (1, size[statement.table], True) if known else (2, 0, False)
        return 3, 0, False

    return sorted(plan.after_load, key=place)


def _key(table: str, statement: Statement) -> tuple[str, frozenset[str]]:
    """A key by its table and columns, which a foreign key may name in another order."""
    return table, frozenset(statement.columns)


def _locks(modes: Mapping[str, LockMode]) -> tuple[tuple[str, LockMode], ...]:
    return tuple(modes.items())


def together(details: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the copies of a table's parts come to; their seconds are those of all lanes added up."""
    return {
        name: sum(detail.get(name, 0) for detail in details)
        for name in ("rows", "bytes", "seconds", "rejected")
    }


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
