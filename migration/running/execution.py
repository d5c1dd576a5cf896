"""Carries out the steps of a migration against PostgreSQL: each effect and its record in one transaction."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from migration.errors import StatementRefusedError, StoppedError
from migration.running.copy import Chunk, TableCopy
from migration.running.steps import Outcome, unchecked
from migration.schema.target import Note
from migration.target.database import scalar
from migration.verification.catalog import read_catalog
from migration.verification.checksums import compare_table
from migration.verification.findings import TableFinding
from migration.verification.objects import REFUSED
from migration.verify import both_sides, compare_rest
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from migration.running.copy import Aside
    from migration.running.progress import Progress
    from migration.running.steps import Step
    from migration.schema.target import Statement, TargetPlan, TargetTable
    from migration.source.snapshot import Reader
    from migration.target.database import Connection
    from migration.target.state import Progressed, TargetState
    from migration.verification.layout import Sides

#: Seconds that the request to cancel a statement may take.
CANCEL_S = 5.0
#: SQLSTATE classes by which PostgreSQL refuses what a statement asks for; any other error ends the run.
#: 0A feature, 22 data, 23 integrity, 2B dependents, 42 syntax, names and rights, 54 limits, 55 object state,
#: P0 PL/pgSQL.
REFUSALS = ("0A", "22", "23", "2B", "42", "54", "55", "P0")


@dataclass(frozen=True)
class _Refusal:
    """Why PostgreSQL refuses a statement, and whether the rows that are there are the reason."""

    why: str
    by_rows: bool


class TargetExecutor:
    """Does to the target what the steps say, in one lane.

    Args:
        plan: whose steps they are.
        reader: connections of the held state of the source.
        target: an autocommit connection.
        state: the target's own records, through that connection.
        progress: told about rows and sentences.
        aside: keeps the rows that cannot be stored.
        begun: what an earlier run has recorded, by the steps' ids.
    """

    def __init__(
        self,
        plan: TargetPlan,
        reader: Reader,
        target: Connection,
        state: TargetState,
        progress: Progress,
        *,
        aside: Aside,
        begun: Mapping[str, Progressed],
    ) -> None:
        self._plan = plan
        self._reader = reader
        self._target = target
        self._state = state
        self._progress = progress
        self._aside = aside
        self._begun = begun
        self._stopped = False
        self._actions: Mapping[str, Callable[[Step, Progressed | None], Outcome]] = {
            "hook": self._hook,
            "create": self._create,
            "copy": self._copy,
            "prepare": self._prepare,
            "build": self._build,
            "sequence": self._sequence,
            "analyze": self._analyze,
            "compare": self._compare,
            "verify": self._verify,
            "finish": self._finish,
        }

    def execute(self, step: Step) -> Outcome:
        """Carry out one step.

        Raises:
            StatementRefusedError: PostgreSQL refuses a table.
            TooManyRejectsError: far too many rows do not fit.
        """
        return self._actions[step.kind](step, self._begun.get(step.id))

    def stop(self) -> None:
        """Make the step at work end, by an error; called from another thread."""
        self._stopped = True
        if self._reader.native is not None:
            self._reader.native.interrupt()
        self._reader.connection.interrupt()
        with contextlib.suppress(psycopg.Error):
            self._target.cancel_safe(timeout=CANCEL_S)

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
                    why=refused.why,
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

    def _prepare(self, step: Step, begun: Progressed | None) -> Outcome:
        """The first half of a key or foreign key. What PostgreSQL refuses here, the second half will say."""
        del begun
        started = time.monotonic()
        statement = _statement(step)
        with self._target.transaction():
            refused = self._refusal(statement.in_two[0]) if statement.in_two else None
            outcome = Outcome(
                "done", {"seconds": time.monotonic() - started, "refused": refused.why if refused else ""}
            )
            self._record(step, outcome)
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
            detail: dict[str, Any] = {}
            refused = self._refusal(statement.in_two[1]) if statement.in_two else None
            if refused and refused.by_rows and statement.kind == "foreign key":
                detail = {"instead": refused.why, "object": statement.name}  # it stands, NOT VALID
                refused = None
            elif refused or not statement.in_two:
                refused = self._refusal(statement.sql)
                if refused and statement.otherwise is not None:
                    detail = {"instead": refused.why, "object": statement.name}
                    refused = self._refusal(statement.otherwise)
            detail["seconds"] = time.monotonic() - started
            if refused:
                detail |= {"why": refused.why, "sql": statement.sql, "kind": statement.kind}
                detail |= {"object": statement.name, "table": statement.table}
            outcome = Outcome("left" if refused else "done", detail)
            self._record(step, outcome)
        return outcome

    def _refusal(self, statement: str) -> _Refusal | None:
        """Carry out one statement; why PostgreSQL refuses it, or nothing."""
        try:
            with self._target.transaction():  # a savepoint
                self._target.execute(statement.encode())
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith(REFUSALS):
                raise
            parts = [error.diag.message_primary, error.diag.message_detail]
            why = "; ".join(" ".join(part.split()) for part in parts if part)
            return _Refusal(why, (error.sqlstate or "").startswith("23"))
        return None

    def _copy(self, step: Step, begun: Progressed | None) -> Outcome:
        table = _table(step)
        rows, size, seconds, rejected = 0, 0, 0.0, 0
        if begun is not None:
            rows, size, seconds = (begun.outcome[name] for name in ("rows", "bytes", "seconds"))
            rejected = begun.outcome.get("rejected", 0)
        started = time.monotonic() - seconds
        outcome = Outcome("done", {})

        def record(chunk: Chunk) -> None:
            nonlocal rows, size, rejected, outcome
            rows, size, rejected = rows + chunk.rows, size + chunk.bytes, rejected + chunk.rejected
            detail = {"rows": rows, "bytes": size, "seconds": time.monotonic() - started}
            outcome = Outcome("done", {**detail, "rejected": rejected})
            self._state.record(step, "done" if chunk.last is None else "started", outcome.detail, chunk.last)

        copy = TableCopy(
            self._reader,
            self._target,
            table,
            self._plan.schema,
            self._plan.options,
            part=step.part,
            advance=self._progress.advance,
            aside=self._aside,
        )
        for _ in copy.chunks(begun.position if begun else None, record):
            if self._stopped:
                raise StoppedError("the copy was stopped")
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
        """Give the planner statistics of a table; repeatable."""
        del begun
        table, started = _table(step), time.monotonic()
        self._target.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(self._plan.schema, table.name)))
        outcome = Outcome("done", {"seconds": time.monotonic() - started})
        with self._target.transaction():
            self._record(step, outcome)
        return outcome

    def _compare(self, step: Step, begun: Progressed | None) -> Outcome:
        """Compare the rows of a table."""
        del begun
        table, started = _table(step), time.monotonic()
        actual = read_catalog(self._target, self._plan.schema, table.name).tables.get(table.name)
        found = compare_table(self._sides(), table, actual, advance=self._progress.advance)
        outcome = Outcome("done", {"finding": to_json(found), "seconds": time.monotonic() - started})
        with self._target.transaction():
            self._record(step, outcome)
        return outcome

    def _verify(self, step: Step, begun: Progressed | None) -> Outcome:
        """Compare everything else, and put it together with what the comparison of rows has found."""
        del begun
        recorded = self._state.steps()
        refused = [
            Note(
                "left",
                item.outcome["object"],
                REFUSED + item.outcome["why"],
                kind=item.outcome["kind"],
                table=item.outcome["table"],
            )
            for item in recorded.values()
            if item.state == "left"
        ]
        refused += [
            Note("changed", item.outcome["object"], unchecked(item.outcome))
            for item in recorded.values()
            if "instead" in item.outcome
        ]
        compared = {
            item.outcome["finding"]["table"]: item.outcome
            for item in recorded.values()
            if "finding" in item.outcome
        }
        tables = [compared[table.name] for table in self._plan.tables]
        found = compare_rest(
            self._sides(),
            self._plan,
            [TableFinding.from_json(item["finding"]) for item in tables],
            notes=refused,
            started=time.monotonic() - sum(item["seconds"] for item in tables),
        )
        outcome = Outcome("done", found.to_json())
        with self._target.transaction():
            self._record(step, outcome)
        return outcome

    def _sides(self) -> Sides:
        return both_sides(self._reader.connection, self._target, self._plan, self._reader.native)

    def _finish(self, step: Step, begun: Progressed | None) -> Outcome:
        """Remove our records; that they are gone is itself the record of this step."""
        del step, begun
        with self._target.transaction():
            # This commit is on disk before it is believed, and with it all before it, in whichever lane.
            self._target.execute("SET LOCAL synchronous_commit = on")
            self._aside.table.through(self._target).drop_if_empty()
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
