"""Migrates a SQLite file into PostgreSQL, step by step, so that a killed run goes on where it stopped."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from migration.errors import TargetRefusedError
from migration.planning import PlanOptions, plan_migration
from migration.running.account import Account
from migration.running.copy import Aside
from migration.running.crew import Crew
from migration.running.journal import (
    Journal,
    Setup,
    default_journal,
    existing_journal,
    new_journal,
    new_journal_name,
)
from migration.running.journal_lock import locked
from migration.running.lanes import Work, open_lanes
from migration.running.progress import Progress, Shared, Silent
from migration.running.rejects import MOST_REJECTS, default_rejects, refuse_more, write_rejects
from migration.running.report import Rejected, RunReport, build_report, earlier_report
from migration.running.resume import Beginning, decide, refuse_other
from migration.running.schedule import Schedule
from migration.running.steps import Ended, Outcome, plan_hash, plan_steps
from migration.scripting.names_file import write_names
from migration.source.file import PageCheck, check_source
from migration.source.parts import parts_of
from migration.source.snapshot import READERS, hold_snapshot
from migration.target.database import (
    check_target,
    connected,
    execute,
    identify,
    occupants,
    refuse_occupied,
    schema_exists,
    unencrypted,
)
from migration.target.lock import exclusive
from migration.target.needs import refuse_lacking
from migration.target.rejects import RejectTable
from migration.target.state import TargetSetup, TargetState
from migration.target_first.rows import empty_loaded, find_existing, refuse_new_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from migration.running.steps import Step
    from migration.schema.target import TargetPlan
    from migration.source.file import SourceFile
    from migration.source.snapshot import Snapshot
    from migration.target.database import Connection


@dataclass(frozen=True)
class RunOptions:
    """What the user chooses about a run.

    `journal` is a file of its own for each migration (None: beside the source); `verify` compares both sides
    before the run counts as finished. Rows that cannot be stored are kept in the target and in the file
    `rejects` (None: beside the journal); `accept_rejects` agrees to them beforehand, and with more than
    `max_rejects` in one table the run ends. `jobs` is how many connections work at the same time (None: as
    many as this machine has use for).
    """

    plan: PlanOptions = field(default_factory=PlanOptions)
    journal: Path | None = None
    verify: bool = True
    accept_rejects: bool = False
    max_rejects: int = MOST_REJECTS
    rejects: Path | None = None
    jobs: int | None = None


def run_migration(
    source: Path,
    dsn: str,
    options: RunOptions | None = None,
    progress: Progress | None = None,
    *,
    pages: PageCheck | None = None,
) -> RunReport:
    """Migrate a file, or go on with a migration that was interrupted, or say that it is finished already.

    Args:
        source: the SQLite file; only read.
        dsn: the target, as URL or key=value; a password in it is never written anywhere.
        options: the user's choices; the same in every run of one migration.
        progress: told what happens.
        pages: the check of the source's pages, where one has begun already.

    Raises:
        SourceRefusedError, SourceBusyError: the source cannot be read.
        DsnError, TargetUnreachableError, TargetRefusedError: the target cannot be used. Nothing was changed.
        JournalRefusedError, AlreadyRunningError: another migration, or another run of this one.
        TooManyRejectsError: the plan, or the rows themselves, reject more of a table than `max_rejects`.
        TargetLostError, StatementRefusedError: ended on the way; the same call goes on.
    """
    options = options or RunOptions()
    progress = progress or Silent()
    with ExitStack() as stack:
        if pages is None:
            pages = stack.enter_context(PageCheck(check_source(source, deep=False)))
        checked = pages.source
        path = options.journal or default_journal(checked.path)
        stack.enter_context(locked(path))
        target = stack.enter_context(connected(dsn))
        advice = unencrypted(target)
        if advice is not None:
            progress.say(advice)
        stack.enter_context(exclusive(target, options.plan.schema, progress.say))
        snapshot = stack.enter_context(hold_snapshot(checked.path, options.jobs or READERS))
        journal = stack.enter_context(existing_journal(path))
        now = _setup(snapshot, target, options)
        pinned = journal.setup if journal else None
        if journal is not None and pinned is not None:
            refuse_other(path, pinned, now)
            if pinned.report is not None:
                return _finished_before(target, journal, now, accepted=options.accept_rejects)
        check_target(target, options.plan.schema)
        state = TargetState.find(target, options.plan.schema)
        existing = find_existing(target, options.plan, state.setup.existing if state else None)
        pages.reading()
        plan = plan_migration(
            checked.path,
            options.plan,
            connection=snapshot.connection,
            existing=existing,
            readers=snapshot.natives,
        )
        checked = pages.result()
        for table in plan.tables:
            refuse_more(table.source.name, table.rejects, options.max_rejects)
        refuse_lacking(target, plan)
        now = replace(now, plan_hash=plan_hash(plan))
        steps = journal.steps() if journal else {}
        beginning = decide(pinned, steps, state.setup if state else None, now)
        if journal is None:
            _refuse_in_the_way(target, plan)
            journal = stack.enter_context(new_journal(path, now))
            pinned = now
        run = _Run(checked, snapshot, target, plan, journal, progress, options, dsn)
        return run.go(beginning, state, replace(now, journal=(pinned or now).journal))


def _setup(snapshot: Snapshot, target: Connection, options: RunOptions) -> Setup:
    """What this call would pin in a journal of its own."""
    return Setup(
        journal=new_journal_name(),
        tool=version("outgrow"),
        source=snapshot.path,
        source_state=snapshot.state,
        target=identify(target),
        schema=options.plan.schema,
        options=options.plan.to_json(),
        plan_hash="",
        started=time.time(),
    )


def _finished_before(target: Connection, journal: Journal, now: Setup, *, accepted: bool) -> RunReport:
    pinned = journal.setup
    report = earlier_report(
        pinned.report or {},
        source_changed=pinned.source_state != now.source_state,
        rejects_accepted=accepted,
    )
    refuse_missing(target, journal, [table.name for table in report.tables])
    return report


#: What a step's name begins with, and how to undo it; indexes, constraints and triggers go with their tables.
_DROPS: dict[str, LiteralString] = {
    "view ": "DROP VIEW {names}",
    "table ": "DROP TABLE {names}",
    "function ": "DROP FUNCTION {names}",
    "collation ": "DROP COLLATION {names}",
    "type ": "DROP TYPE {names}",
}


@dataclass(frozen=True)
class _Run:
    """One run over one plan."""

    checked: SourceFile
    snapshot: Snapshot
    target: Connection
    plan: TargetPlan
    journal: Journal
    progress: Progress
    options: RunOptions
    dsn: str = field(repr=False)

    def go(self, beginning: Beginning, state: TargetState | None, setup: Setup) -> RunReport:
        parts = {
            table.source.name: parts_of(self.snapshot.connection, table.source) for table in self.plan.tables
        }
        steps = plan_steps(self.plan, verify=self.options.verify, parts=parts)
        existing = self.plan.existing.to_json() if self.plan.existing else None
        recorded = TargetSetup(
            setup.journal, str(setup.source), setup.source_state, setup.plan_hash, existing
        )
        if beginning == "conclude":
            ended = _remembered(self.journal)
            refuse_missing(self.target, self.journal, [step.name for step in ended if step.kind == "copy"])
        else:
            if state is None:
                state = self._begin(recorded)
                self.journal.start_over(setup)
            elif beginning == "start over":
                self._start_over(state, recorded)
                self.journal.start_over(setup)
            elif self.journal.setup.source_state != setup.source_state:
                self.journal.start_over(setup)  # killed between the two writes above
            ended = self._carry_out(steps, state)
        pinned = self.journal.setup
        report = build_report(
            self.plan,
            ended,
            setup=pinned,
            journal=self.journal.path,
            target=str(pinned.target),
            notes=self.checked.notes,
            resumed=beginning != "fresh",
            started_over=beginning == "start over",
            source_changed=self.snapshot.overtaken() or pinned.source_state != setup.source_state,
            rejected=self._rejected(),
            rejects_accepted=self.options.accept_rejects,
        )
        write_names(report.names_file, report.names)
        self.journal.finish(report.to_json())
        return report

    def _begin(self, recorded: TargetSetup) -> TargetState:
        """Make the schema and our records in one transaction, which sees that nothing is in the way."""
        with self.target.transaction():
            if not schema_exists(self.target, self.plan.schema):
                execute(self.target, "CREATE SCHEMA {schema}", schema=sql.Identifier(self.plan.schema))
            _refuse_in_the_way(self.target, self.plan)
            state = TargetState.create(self.target, self.plan.schema, recorded)
            # What an earlier migration into this schema rejected, belongs to tables that are gone.
            RejectTable.provide(self.target, self.plan.schema).forget()
            return state

    def _start_over(self, state: TargetState, recorded: TargetSetup) -> None:
        """Drop the views and tables that this migration has made, and nothing else."""
        self.progress.say("the source has changed since the interrupted run: its tables are copied anew")
        made = [*state.made("create"), *state.made("build")]
        with self.target.transaction():
            for kind, statement in _DROPS.items():
                names = [
                    sql.Identifier(self.plan.schema, name.removeprefix(kind))
                    for name in made
                    if name.startswith(kind)
                ]
                if names:
                    execute(self.target, statement, names=sql.SQL(", ").join(names))
            if self.plan.existing is not None:
                empty_loaded(self.target, self.plan, self.plan.existing)
            RejectTable.provide(self.target, self.plan.schema).forget()
            state.start_over(recorded)

    def _carry_out(self, steps: tuple[Step, ...], state: TargetState) -> list[Ended]:
        recorded = state.steps()
        self.progress.plan(*_rows(self.plan, steps, recorded))
        account = Account(steps, self.journal, self.progress, recorded)
        rejected: Counter[str] = Counter()
        for step in steps:
            if step.kind == "copy" and step.table is not None and step.id in recorded:
                rejected[step.table.source.name] += recorded[step.id].outcome.get("rejected", 0)
        aside = Aside(
            RejectTable.provide(self.target, self.plan.schema),
            self.plan.source.encoding,
            rejected,
            self.options.max_rejects,
        )
        work = Work(self.plan, state, recorded, aside, Shared(self.progress))
        with open_lanes(self.dsn, self.target, self.snapshot, work) as lanes:
            Crew(lanes, begin=account.begin, end=account.end).work_off(Schedule(steps, account.ended))
        return account.all()

    def _rejected(self) -> Rejected:
        """The rows kept aside; their file is written anew from the target, which has all of them."""
        kept = RejectTable.find(self.target, self.plan.schema)
        counts = kept.counts() if kept is not None else ()
        if kept is None or not counts:
            return Rejected()
        path = self.options.rejects or default_rejects(self.journal.path, self.checked.path)
        write_rejects(path, self.plan.schema, kept.rejects())
        return Rejected(counts, kept.shown, path)


def _refuse_in_the_way(target: Connection, plan: TargetPlan) -> None:
    if plan.existing is None:
        refuse_occupied(target, plan.schema)
    else:
        refuse_new_rows(target, plan, plan.existing)


def _remembered(journal: Journal) -> list[Ended]:
    """All steps of a run whose target is finished and whose journal is not."""
    return [
        Ended(record.kind, record.name, Outcome("left" if record.state == "left" else "done", record.outcome))
        for record in journal.steps().values()
    ]


def refuse_missing(target: Connection, journal: Journal, tables: Sequence[str]) -> None:
    """Refuse a target that lacks tables of a migration that its journal calls finished.

    Raises:
        TargetRefusedError: names them.
    """
    schema = journal.setup.schema
    there = set(occupants(target, schema))
    missing = [table for table in tables if f"table {table}" not in there]
    if missing:
        raise TargetRefusedError(
            f"the journal says that the migration is finished, but schema {schema} lacks its tables",
            why=f"missing: {', '.join(missing[:10])}",
            next_step=f"to migrate anew, remove the journal: rm '{journal.path}'",
        )


def _rows(plan: TargetPlan, steps: tuple[Step, ...], recorded: Mapping[str, Any]) -> tuple[int, int]:
    """How many rows pass in all, and how many of them have passed already."""
    rows = sum(table.rows for table in plan.tables)
    passes = 2 if any(step.kind == "verify" for step in steps) else 1
    done = sum(entry.outcome.get("rows", 0) for name, entry in recorded.items() if " copy " in name)
    return rows * passes, done
