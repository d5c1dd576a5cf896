"""Carries out the steps of a migration against PostgreSQL: each effect and its record in one transaction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from migration.errors import StatementRefusedError
from migration.running.copy import Aside, Chunk, TableCopy
from migration.running.rejects import MOST_REJECTS
from migration.running.steps import Outcome, unchecked
from migration.schema.target import Note
from migration.target.database import scalar
from migration.verification.objects import REFUSED
from migration.verify import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from migration.running.progress import Progress
    from migration.running.steps import Step
    from migration.schema.target import Statement, TargetPlan, TargetTable
    from migration.source.snapshot import Snapshot
    from migration.target.database import Connection
    from migration.target.rejects import RejectTable
    from migration.target.state import Progressed, TargetState

#: SQLSTATE classes by which PostgreSQL refuses what a statement asks for; any other error ends the run.
#: 0A feature, 22 data, 23 integrity, 2B dependents, 42 syntax, names and rights, 54 limits, 55 object state,
#: P0 PL/pgSQL.
REFUSALS = ("0A", "22", "23", "2B", "42", "54", "55", "P0")


class TargetExecutor:
    """Does to the target what the steps say.

    Args:
        plan: whose steps they are.
        snapshot: the held state of the source.
        target: an autocommit connection.
        state: the target's own records.
        progress: told about rows and sentences.
        rejects: keeps the rows that cannot be stored.
        most_rejects: how many there may be of one table.
    """

    def __init__(
        self,
        plan: TargetPlan,
        snapshot: Snapshot,
        target: Connection,
        state: TargetState,
        progress: Progress,
        *,
        rejects: RejectTable,
        most_rejects: int = MOST_REJECTS,
    ) -> None:
        self._plan = plan
        self._snapshot = snapshot
        self._target = target
        self._state = state
        self._progress = progress
        self._rejects = rejects
        self._most_rejects = most_rejects
        self._actions: Mapping[str, Callable[[Step, Progressed | None], Outcome]] = {
            "hook": self._hook,
            "create": self._create,
            "copy": self._copy,
            "build": self._build,
            "sequence": self._sequence,
            "analyze": self._analyze,
            "verify": self._verify,
            "finish": self._finish,
        }

    def execute(self, step: Step, begun: Progressed | None) -> Outcome:
        """Carry out one step; `begun` is what an earlier run recorded of it.

        Raises:
            StatementRefusedError: PostgreSQL refuses a table.
            TooManyRejectsError: far too many rows do not fit.
        """
        return self._actions[step.kind](step, begun)

    def _hook(self, step: Step, begun: Progressed | None) -> Outcome:
        """A statement of the user's own, which sees the target's schema first."""
        del begun
        started = time.monotonic()
        with self._target.transaction():
            self._see_schema()
            refused = self._refusal(_statement(step).sql)
            if refused:
                raise StatementRefusedError(
                    f"PostgreSQL refuses the hook {step.name}: {_statement(step).sql}",
                    why=refused,
                    next_step="make it possible there and run the same command again; with other rules, "
                    "begin a new migration",
                )
            outcome = Outcome("done", {"seconds": time.monotonic() - started})
            self._record(step, outcome)
        return outcome

    def _see_schema(self) -> None:
        """Let names without a schema be found in the target's, and in public, to the transaction's end."""
        schema = sql.Identifier(self._plan.schema)
        self._target.execute(sql.SQL("SET LOCAL search_path = {}, public").format(schema))

    def _create(self, step: Step, begun: Progressed | None) -> Outcome:
        del begun
        statement = _statement(step)
        with self._target.transaction():
            self._see_schema()  # a type that the user chose may be one of its own
            outcome = self._carry_out(step, statement)
        if outcome.state == "left" and not statement.optional:
            raise StatementRefusedError(
                f"PostgreSQL refuses to make {step.name}",
                why=outcome.detail["why"],
                next_step="outgrow migrate script SRC --out DIR writes the statements, to be corrected there",
            )
        return outcome

    def _build(self, step: Step, begun: Progressed | None) -> Outcome:
        """Keys, indexes, constraints and the rest: what is refused is named and left, and the run goes on.

        All rows are stored at this point; to give up because of one index would leave the user with less.
        """
        del begun
        return self._carry_out(step, _statement(step))

    def _carry_out(self, step: Step, statement: Statement) -> Outcome:
        started = time.monotonic()
        with self._target.transaction():
            refused = self._refusal(statement.sql)
            detail: dict[str, Any] = {}
            if refused and statement.otherwise is not None:
                detail = {"instead": refused, "object": statement.name}
                refused = self._refusal(statement.otherwise)
            detail["seconds"] = time.monotonic() - started
            if refused:
                detail |= {"why": refused, "sql": statement.sql, "kind": statement.kind}
                detail |= {"object": statement.name, "table": statement.table}
            outcome = Outcome("left" if refused else "done", detail)
            self._record(step, outcome)
        return outcome

    def _refusal(self, statement: str) -> str:
        """Carry out one statement; why PostgreSQL refuses it, or nothing."""
        try:
            with self._target.transaction():  # a savepoint
                self._target.execute(statement.encode())
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith(REFUSALS):
                raise
            parts = [error.diag.message_primary, error.diag.message_detail]
            return "; ".join(" ".join(part.split()) for part in parts if part)
        return ""

    def _copy(self, step: Step, begun: Progressed | None) -> Outcome:
        table = _table(step)
        rows, size, seconds, rejected = 0, 0, 0.0, 0
        if begun is not None:
            rows, size, seconds = (begun.outcome[name] for name in ("rows", "bytes", "seconds"))
            rejected = begun.outcome.get("rejected", 0)
        earlier = rejected
        started = time.monotonic() - seconds
        outcome = Outcome("done", {})

        def record(chunk: Chunk) -> None:
            nonlocal rows, size, rejected, outcome
            rows, size, rejected = rows + chunk.rows, size + chunk.bytes, rejected + chunk.rejected
            detail = {"rows": rows, "bytes": size, "seconds": time.monotonic() - started}
            outcome = Outcome("done", {**detail, "rejected": rejected})
            self._state.record(step, "done" if chunk.last is None else "started", outcome.detail, chunk.last)

        copy = TableCopy(
            self._snapshot.connection,
            self._target,
            table,
            self._plan.schema,
            self._plan.options,
            advance=self._progress.advance,
            aside=Aside(self._rejects, self._plan.source.encoding, earlier, self._most_rejects),
        )
        for _ in copy.chunks(begun.position if begun else None, record):
            pass
        return outcome

    def _sequence(self, step: Step, begun: Progressed | None) -> Outcome:
        """Set the next value behind all that SQLite gave out; a rollback does not undo it, but it repeats."""
        del begun
        table = _table(step)
        key = table.source.primary_key
        name = sql.Identifier(self._plan.schema, table.name)
        detail: dict[str, Any] = {}
        with self._target.transaction():
            for column in (column for column in table.columns if column.identity):
                sequence = scalar(
                    self._target,
                    "SELECT pg_get_serial_sequence(%s, %s)",
                    [name.as_string(self._target), column.name],
                )
                largest = scalar(
                    self._target, sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(column.name), name)
                )
                given_out = table.sequence_floor if key and column.source.name in key.columns else None
                last = max(largest or 0, given_out or 0)
                setval = "SELECT setval(%s, %s, %s)"
                self._target.execute(setval, [sequence or column.sequence, max(last, 1), last >= 1])
                detail = {"sequence": sequence or column.sequence, "next": last + 1}
            outcome = Outcome("done", detail)
            self._record(step, outcome)
        return outcome

    def _analyze(self, step: Step, begun: Progressed | None) -> Outcome:
        """Give the planner statistics, table by table so that no lock is held long; repeatable."""
        del begun
        started = time.monotonic()
        for table in self._plan.tables:
            self._target.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(self._plan.schema, table.name)))
        outcome = Outcome("done", {"seconds": time.monotonic() - started})
        with self._target.transaction():
            self._record(step, outcome)
        return outcome

    def _verify(self, step: Step, begun: Progressed | None) -> Outcome:
        del begun
        refused = [
            Note(
                "left",
                recorded.outcome["object"],
                REFUSED + recorded.outcome["why"],
                kind=recorded.outcome["kind"],
                table=recorded.outcome["table"],
            )
            for recorded in self._state.steps().values()
            if recorded.state == "left"
        ]
        refused += [
            Note("changed", recorded.outcome["object"], unchecked(recorded.outcome))
            for recorded in self._state.steps().values()
            if "instead" in recorded.outcome
        ]
        found = compare(
            self._snapshot.connection,
            self._target,
            self._plan,
            advance=self._progress.advance,
            notes=refused,
            native=next(iter(self._snapshot.natives), None),
        )
        outcome = Outcome("done", found.to_json())
        with self._target.transaction():
            self._record(step, outcome)
        return outcome

    def _finish(self, step: Step, begun: Progressed | None) -> Outcome:
        """Remove our records; that they are gone is itself the record of this step."""
        del step, begun
        with self._target.transaction():
            self._rejects.drop_if_empty()
            self._state.drop()
        return Outcome("done", {})

    def _record(self, step: Step, outcome: Outcome) -> None:
        self._state.record(step, outcome.state, outcome.detail)


def _statement(step: Step) -> Statement:
    if step.statement is None:
        raise ValueError(f"{step.id} has no statement")
    return step.statement


def _table(step: Step) -> TargetTable:
    if step.table is None:
        raise ValueError(f"{step.id} has no table")
    return step.table
