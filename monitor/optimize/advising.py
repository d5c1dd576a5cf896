"""Looks at a database and its queries, and says what helps, as tried on a copy. Changes nothing."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.advice import Severity
from monitor.optimize.access import read_statement
from monitor.optimize.bindings import bound
from monitor.optimize.copying import connect, copy
from monitor.optimize.findings import Finding, Place
from monitor.optimize.patterns import pattern_findings
from monitor.optimize.querylog import Entry, Query, QueryLog, group
from monitor.optimize.search import Proposal, Search, Workload, totals
from monitor.optimize.settings import (
    ConnectionPragma,
    FileSettings,
    connection_pragmas,
    read_settings,
    settings_findings,
)
from monitor.optimize.snippets import snippets
from monitor.optimize.statement import parameters, quoted
from monitor.optimize.structure import Structure, read_structure
from monitor.optimize.trial import Limits, Measured, Trial, open_copy
from monitor.optimize.upkeep import (
    ANALYZE,
    analyze,
    analyze_reason,
    keys_without_index,
    redundant_indexes,
    unused_indexes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.optimize.terms import Reading

#: Statistics that make the whole workload so many times slower are not proposed.
_HARMFUL = 1.2
_MOST_QUERIES = 300
_MOST_BROKEN = 100_000


@dataclass(frozen=True)
class Wishes:
    """How to look.

    Args:
        seconds: how long to try indexes, in all.
        limits: what one statement may take.
        wait_s: how long to wait for a lock on the application's file.
        work: where the copy is made; the system's folder for temporary files by default.
    """

    seconds: float = 120.0
    limits: Limits = Limits()  # noqa: RUF009  # frozen
    wait_s: float = 5.0
    work: Path | None = None


@dataclass(frozen=True)
class QueryResult:
    """One query before and after everything that is proposed, in milliseconds an execution."""

    number: int
    kind: str
    sql: str
    count: int
    before: Measured
    after: Measured
    same_results: bool | None
    values_sampled: bool


@dataclass(frozen=True)
class Advice:
    """What would help a database.

    Args:
        taken_at: seconds since the epoch, of the copy.
        log: what the log held; None without one.
        findings: settings, statistics, indexes that are there, and patterns, most pressing first.
        indexes: those that measurably help, in the order they should be made.
        queries: each before and after.
        failed: queries that SQLite refuses, and why.
        workload_ms: time of the whole log's queries before and after.
        lock_s: how long writers would wait while `--apply` works, as measured on the copy.
    """

    source: str
    taken_at: float
    settings: FileSettings
    pragmas: tuple[ConnectionPragma, ...]
    snippets: Mapping[str, str]
    log: Mapping[str, Any] | None
    findings: tuple[Finding, ...]
    indexes: tuple[Proposal, ...]
    queries: tuple[QueryResult, ...]
    failed: tuple[tuple[str, str], ...]
    workload_ms: tuple[float, float]
    lock_s: float
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Change:
    """One thing `--apply` does."""

    what: str
    sql: tuple[str, ...]
    undo: tuple[str, ...]


@dataclass
class _Look:
    source: Path
    settings: FileSettings
    taken_at: float
    trial: Trial
    structure: Structure
    findings: list[Finding] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lock_s: float = 0.0


def advise(
    source: Path,
    log: QueryLog | None = None,
    wishes: Wishes = Wishes(),  # frozen
    progress: Callable[[str], None] = lambda _: None,
) -> Advice:
    """Look at a database, on a copy of it.

    Raises:
        NotOptimizable, DatabaseBusy, NoRoom: the copy cannot be made.
    """
    with closing(connect(source, mode="ro", wait_s=wishes.wait_s)) as reader:
        settings = read_settings(reader, source)
    with tempfile.TemporaryDirectory(prefix="outgrow-optimize-", dir=wishes.work) as folder:
        target = Path(folder) / "copy.db"
        progress("copying the database")
        copy(source, target, wait_s=wishes.wait_s)
        taken_at = time.time()
        with closing(open_copy(target)) as connection:
            trial = Trial(connection, wishes.limits)
            look = _Look(source, settings, taken_at, trial, read_structure(connection))
            look.findings += settings_findings(settings, target)
            look.findings += _foreign_keys(connection)
            return _advise(look, log, wishes, progress)


def _advise(look: _Look, log: QueryLog | None, wishes: Wishes, progress: Callable[[str], None]) -> Advice:
    settings = look.settings
    look.findings += redundant_indexes(look.structure)
    progress("running the queries as they are")
    workloads = _workloads(look, log)
    first = _measure_all(look, workloads, wishes.seconds)
    workloads = [one for one in workloads if one.number in first]
    if log is not None:
        used = {name for measured in first.values() if measured.plan for name in measured.plan.indexes}
        known = {sql for finding in look.findings for sql in finding.sql}
        look.findings += [one for one in unused_indexes(look.structure, used) if not known & {*one.sql}]
        look.failed += [(sql, "SQLite has no such statement") for sql in log.unreadable]
    measured = _statistics(look, workloads, first)
    search = Search(
        look.trial,
        look.structure,
        workloads,
        dict(measured),
        time.monotonic() + wishes.seconds,
        progress,
    )
    indexes = search.run()
    if search.out_of_time:
        look.notes.append(
            f"trying indexes stopped after {wishes.seconds:g} s and {search.tried} trials; "
            "--seconds N goes on longer"
        )
    for one in workloads:
        look.findings += pattern_findings(one, look.structure, search.measured[one.number])
    changes = tuple(_changes(look.findings, indexes))
    order = list(Severity)
    return Advice(
        source=str(look.source),
        taken_at=look.taken_at,
        settings=settings,
        pragmas=connection_pragmas(settings),
        snippets=snippets(connection_pragmas(settings)),
        log=None
        if log is None
        else {"form": log.form, "entries": log.entries, "queries": len(log.queries), "skipped": log.skipped},
        findings=tuple(sorted(look.findings, key=lambda finding: order.index(finding.severity))),
        indexes=indexes,
        queries=tuple(_result(one, first, search.measured) for one in workloads),
        failed=tuple(look.failed),
        workload_ms=(round(totals(workloads, first), 3), round(totals(workloads, search.measured), 3)),
        lock_s=round(look.lock_s + sum(index.build_seconds for index in indexes), 3),
        notes=tuple(look.notes),
        changes=changes,
    )


def _workloads(look: _Look, log: QueryLog | None) -> list[Workload]:
    """Make every query ready to run; those of foreign keys without an index come last."""
    queries = [("log", query) for query in (() if log is None else log.queries)]
    if len(queries) > _MOST_QUERIES:
        queries.sort(key=lambda pair: -pair[1].count * (pair[1].logged_ms or 1.0))
        look.notes.append(
            f"the log has {len(queries)} different queries; the {_MOST_QUERIES} heaviest were tried"
        )
        queries = queries[:_MOST_QUERIES]
    for key in keys_without_index(look.structure):
        where = " AND ".join(f"{quoted(column)} = ?" for column in key.columns)
        sql = f"SELECT count(*) FROM {quoted(key.table)} WHERE {where}"  # noqa: S608  # names of the schema's own
        queries.append(("foreign key", group("", [Entry(sql)]).queries[0]))
    found = []
    for number, (kind, query) in enumerate(queries, 1):
        reading = _reading(query, look.structure)
        try:
            runs, sampled = bound(look.trial.connection, query, reading.parameters, look.structure)
        except sqlite3.Error as error:
            look.failed.append((query.sql, str(error)))
            continue
        found.append(Workload(number, query, runs, sampled, reading, kind))
    return found


def _reading(query: Query, structure: Structure) -> Reading:
    """Read a query; a constant belongs to it, and may limit a partial index, only if every run has it.

    Without parameters a single run cannot tell a constant of the program from one user's value.
    """
    reading = read_statement(query.sql, structure)
    if parameters(query.sql):
        return reading
    others = [read_statement(run.sql, structure) for run in query.runs[1:]]
    common = [{text for access in one.accesses for _, text in access.constant} for one in others]

    def lasting(text: str) -> bool:
        return text.endswith(" NULL") or bool(common and all(text in texts for texts in common))

    return replace(
        reading,
        accesses=tuple(
            replace(access, constant=tuple(pair for pair in access.constant if lasting(pair[1])))
            for access in reading.accesses
        ),
    )


def _measure_all(look: _Look, workloads: Sequence[Workload], seconds: float) -> dict[int, Measured]:
    deadline = time.monotonic() + seconds
    measured = {}
    for one in workloads:
        if time.monotonic() > deadline:
            look.notes.append(f"running the queries stopped after {seconds:g} s at query {one.number}")
            break
        taken = look.trial.measure(one.runs)
        if taken.error:
            look.failed.append((one.query.sql, taken.error))
        else:
            measured[one.number] = taken
            if taken.interrupted:
                look.notes.append(
                    f"query {one.number} was interrupted after {look.trial.limits.seconds:g} s; "
                    "it counts as that long"
                )
    return measured


def _statistics(
    look: _Look, workloads: Sequence[Workload], first: Mapping[int, Measured]
) -> Mapping[int, Measured]:
    """Gather statistics on the copy if they are stale; keep them unless the queries suffer."""
    reason = analyze_reason(look.structure)
    if reason is None:
        return first
    connection = look.trial.connection
    connection.execute("BEGIN")
    seconds = analyze(connection)
    after = {one.number: look.trial.measure(one.runs) for one in workloads}
    before_ms, after_ms = totals(workloads, first), totals(workloads, after)
    if (after_ms > before_ms * _HARMFUL and after_ms > before_ms + 1) or any(
        one.error for one in after.values()
    ):
        connection.execute("ROLLBACK")
        look.notes.append(
            f"ANALYZE is not proposed although {reason}: with statistics this log took {after_ms:,.1f} ms "
            f"instead of {before_ms:,.1f}"
        )
        return first
    connection.execute("COMMIT")
    look.lock_s += seconds
    look.structure = read_structure(connection)
    look.findings.append(
        Finding(
            "analyze",
            Severity.WARNING if look.structure.has_statistics and workloads else Severity.INFO,
            Place.FILE,
            "Gather statistics, so that SQLite chooses indexes by what the tables hold",
            f"{reason}; it took {seconds * 1000:,.0f} ms on the copy",
            sql=ANALYZE,
            undo=("DELETE FROM sqlite_stat1",),
            before=f"{before_ms:,.1f} ms for the log's queries" if workloads else "",
            after=f"{after_ms:,.1f} ms" if workloads else "",
        )
    )
    return after


def _foreign_keys(connection: sqlite3.Connection) -> list[Finding]:
    try:
        rows = connection.execute("PRAGMA foreign_key_check").fetchmany(_MOST_BROKEN)
    except sqlite3.Error:  # a parent table or its key is missing altogether
        return []
    broken = Counter(row[0] for row in rows)
    if not broken:
        return []
    named = ", ".join(f"{count:,} in {table}" for table, count in broken.most_common(5))
    return [
        Finding(
            "broken-references",
            Severity.WARNING,
            Place.BY_HAND,
            "Correct rows whose parent is missing, then set foreign_keys = ON on every connection",
            f"references to rows that do not exist: {named}; SQLite checks them only where a connection asks "
            "for it",
            sql=("PRAGMA foreign_key_check",),
        )
    ]


def _result(one: Workload, before: Mapping[int, Measured], after: Mapping[int, Measured]) -> QueryResult:
    first, last = before[one.number], after[one.number]
    known = first.digest is not None and last.digest is not None
    return QueryResult(
        number=one.number,
        kind=one.kind,
        sql=one.query.sql,
        count=one.query.count,
        before=first,
        after=last,
        same_results=first.digest == last.digest if known else None,
        values_sampled=one.sampled,
    )


def _changes(findings: Sequence[Finding], indexes: Sequence[Proposal]) -> list[Change]:
    """List what `--apply` would do: the journal first, then indexes, then statistics."""
    mine = [finding for finding in findings if finding.place is Place.FILE]
    rank = {"wal-mode": 0, "duplicate-index": 1, "analyze": 3}
    changes = [(rank[finding.rule_id], Change(finding.title, finding.sql, finding.undo)) for finding in mine]
    changes += [(2, Change(f"Make the index {index.name}", (index.ddl,), (index.undo,))) for index in indexes]
    return [change for _, change in sorted(changes, key=lambda pair: pair[0])]
