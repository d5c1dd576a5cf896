"""Advice about what the probes see beside the metrics: locks, checkpoints, statistics, caches, dead rows.

These facts colour nothing, so their limits stand here and not among the phases' thresholds. Each limit says
where it comes from; what is not known gives no advice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.advice import Case, Evidence, Recommendation, Severity
from monitor.units import show_amount

if TYPE_CHECKING:
    from collections.abc import Callable

#: Every other writer waits so long; drivers give up after 5 s by default (Python's sqlite3, better-sqlite3).
LONG_WRITE_S: Final = 1.0
#: Requests end sooner, so a reader that old is a forgotten cursor, an open transaction or a report.
PINNED_READER_S: Final = 60.0
#: SQLite checkpoints by itself at 1,000 pages (4 MB of the usual size); at 16 times that it does not succeed.
BACKLOG_BYTES: Final = 16 * 1000 * 4096
#: PostgreSQL's own autovacuum begins at this share of a table (autovacuum_vacuum_scale_factor).
DEAD_ROWS: Final = 0.2
#: Below it, reads of an application's working set go to the disk: PostgreSQL's buffers, then a cache's keys.
BUFFER_HITS: Final = 0.9
CACHE_HITS: Final = 0.8


def split_long_writes(case: Case) -> Recommendation | None:
    """One write transaction holds the only lock for longer than others should wait."""
    longest = case.facts.longest_write_s
    if not case.on_sqlite or longest is None or longest <= LONG_WRITE_S:
        return None
    shown, limit = show_amount("s", longest), show_amount("s", LONG_WRITE_S)
    return Recommendation(
        rule_id="split-long-writes",
        severity=Severity.WARNING,
        because=Evidence(
            "longest_write_s",
            longest,
            LONG_WRITE_S,
            f"a write transaction took {shown} in the last minute; beyond {limit} other writers queue up",
        ),
        action="Split the longest write transaction: some hundred rows each, no network call before COMMIT",
        command="outgrow optimize DATABASE --url URL",
        verify_with="longest_write_transaction_seconds at URL/api/metrics/scalability stays below the limit",
    )


def end_pinned_readers(case: Case) -> Recommendation | None:
    """A reader holds an old snapshot, so that no checkpoint can finish and the log grows."""
    age = case.facts.pinned_reader_s
    if not case.on_sqlite or age is None or age <= PINNED_READER_S:
        return None
    shown = show_amount("s", age)
    backlog = case.facts.checkpoint_backlog_bytes
    grown = "" if backlog is None else f"; {show_amount('bytes', backlog)} of the log wait behind it"
    return Recommendation(
        rule_id="end-pinned-readers",
        severity=Severity.WARNING,
        because=Evidence(
            "pinned_reader_s",
            age,
            PINNED_READER_S,
            f"a reader has held up checkpoints for {shown}{grown}",
        ),
        action="Find the connection that reads for so long: finish its cursor, or end its transaction",
        command="fuser -v DATABASE-shm (lists the processes; look for open transactions in them)",
        verify_with="pinned_reader_seconds at URL/api/metrics/scalability is 0 most of the time",
    )


def checkpoint_the_log(case: Case) -> Recommendation | None:
    """The log is not copied back although no reader holds it up."""
    backlog, pinned = case.facts.checkpoint_backlog_bytes, case.facts.pinned_reader_s
    if not case.on_sqlite or backlog is None or backlog <= BACKLOG_BYTES:
        return None
    if pinned is not None and pinned > PINNED_READER_S:
        return None  # no checkpoint succeeds before that reader ends
    shown, limit = show_amount("bytes", backlog), show_amount("bytes", BACKLOG_BYTES)
    return Recommendation(
        rule_id="checkpoint-the-log",
        severity=Severity.WARNING,
        because=Evidence(
            "checkpoint_backlog_bytes",
            backlog,
            BACKLOG_BYTES,
            f"{shown} of the write-ahead log are not copied; beyond {limit} every read searches a long log",
        ),
        action="Copy the log into the database, and leave automatic checkpoints on in the application",
        command="sqlite3 DATABASE 'PRAGMA wal_checkpoint(TRUNCATE)'",
        verify_with="checkpoint_backlog_bytes at URL/api/metrics/scalability falls and stays low",
        effort="minutes",
    )


def refresh_statistics(case: Case) -> Recommendation | None:
    """The planner chooses indexes by statistics that are missing or long past."""
    tables = case.facts.stale_statistics
    if not case.on_sqlite or not tables:
        return None
    noun = "table has" if tables == 1 else "tables have"
    return Recommendation(
        rule_id="refresh-statistics",
        severity=Severity.WARNING if case.beyond_stay("average_query_ms") else Severity.INFO,
        because=Evidence(
            "stale_statistics",
            tables,
            0.0,
            f"{tables:g} indexed {noun} no statistics, or some that are off tenfold",
        ),
        action="Let SQLite count again, so that it chooses the right index",
        command="outgrow optimize DATABASE --apply",
        verify_with="tables_with_stale_statistics at URL/api/metrics/scalability is 0",
        effort="minutes",
    )


def vacuum_dead_rows(case: Case) -> Recommendation | None:
    """Deleted and updated rows are not cleared away: scans read them, and the files grow."""
    share = case.facts.dead_rows
    if case.on_sqlite or share is None or share <= DEAD_ROWS:
        return None
    oldest = case.facts.longest_transaction_s
    held = "" if oldest is None else f"; the oldest transaction is {show_amount('s', oldest)} old"
    query = "select relname, n_dead_tup, last_autovacuum from pg_stat_user_tables order by 2 desc limit 10"
    return Recommendation(
        rule_id="vacuum-dead-rows",
        severity=Severity.WARNING,
        because=Evidence(
            "dead_rows",
            share,
            DEAD_ROWS,
            f"{share:.0%} of the rows are dead, against the {DEAD_ROWS:.0%} at which autovacuum begins{held}",
        ),
        action="See why autovacuum does not keep up: old transactions, idle slots, or its settings",
        command=f"psql -c '{query}'",
        verify_with="dead_rows_ratio at URL/api/metrics/scalability falls below the limit",
    )


def grow_the_buffers(case: Case) -> Recommendation | None:
    """PostgreSQL reads from the disk what its buffers should hold."""
    share = case.facts.database_cache_hit
    if case.on_sqlite or share is None or share >= BUFFER_HITS:
        return None
    return Recommendation(
        rule_id="grow-the-buffers",
        severity=Severity.WARNING if case.beyond_stay("average_query_ms") else Severity.INFO,
        because=Evidence(
            "database_cache_hit",
            share,
            BUFFER_HITS,
            f"{share:.0%} of the blocks come from PostgreSQL's buffers; {BUFFER_HITS:.0%} are usual",
        ),
        action="Index what is scanned in full; then give the database more memory (shared_buffers)",
        command=f"outgrow infra plan {case.assessment.phase} (after raising outgrow:sizes in its stack file)",
        verify_with="cache_hit_ratio at URL/api/metrics/scalability is above the limit under the same load",
    )


def improve_cache_hits(case: Case) -> Recommendation | None:
    """Redis is asked in vain: keys expire, are evicted, or are never asked for twice."""
    share = case.facts.cache_hit
    if share is None or share >= CACHE_HITS:
        return None
    evicted = case.facts.cache_evictions_per_second
    why = "" if not evicted else f", and {evicted:.3g} keys a second are thrown out to make room"
    action = (
        "Give the cache more memory: what is asked for again is thrown out before"
        if evicted
        else "Cache what is asked for again, and let it live longer: look at keys and their time to live"
    )
    return Recommendation(
        rule_id="improve-cache-hits",
        severity=Severity.INFO,
        because=Evidence(
            "cache_hit", share, CACHE_HITS, f"{share:.0%} of the keys asked for are found in the cache{why}"
        ),
        action=action,
        command="redis-cli INFO stats (keyspace_hits, keyspace_misses, expired_keys, evicted_keys)",
        verify_with="scalability_cache_hit_ratio at URL/api/metrics/scalability/prometheus rises above it",
    )


#: In the order equally pressing advice is given.
FACT_RULES: Final[tuple[Callable[[Case], Recommendation | None], ...]] = (
    split_long_writes,
    end_pinned_readers,
    checkpoint_the_log,
    refresh_statistics,
    vacuum_dead_rows,
    grow_the_buffers,
    improve_cache_hits,
)
