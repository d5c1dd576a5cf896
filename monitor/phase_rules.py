"""Advice about what only some phases have: SQLite's writer, Node's event loop, PostgreSQL's own limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.advice import Case, Evidence, Recommendation, Severity

if TYPE_CHECKING:
    from collections.abc import Callable


def _known(case: Case, metric: str) -> bool:
    return metric in case.by_id and case.beyond_stay(metric)


def shorten_transactions(case: Case) -> Recommendation | None:
    """SQLite's one write lock is held for most of the time; a fact tells where no metric does."""
    evidence = _occupancy(case)
    if not case.on_sqlite or evidence is None:
        return None
    return Recommendation(
        rule_id="shorten-transactions",
        severity=Severity.WARNING,
        because=evidence,
        action="Write in fewer and shorter transactions: batch rows, do nothing else before COMMIT",
        command="curl -s URL/api/metrics/scalability (database.details shows the writer's occupancy)",
        verify_with="the writer's occupancy under the same load falls below its stay limit",
    )


def _occupancy(case: Case) -> Evidence | None:
    metric, share = "writer_occupancy_percent", case.facts.writer_occupancy
    if metric in case.by_id or share is None or metric not in case.thresholds:
        return case.evidence(metric) if _known(case, metric) else None
    stay = case.thresholds[metric].stay
    text = f"the write lock is held for {share:.0%} of the time, against the stay limit of {stay:g} %"
    return Evidence("writer_occupancy", share, stay / 100, text) if 100 * share >= stay else None


def unblock_event_loop(case: Case) -> Recommendation | None:
    """Something computes, or reads synchronously, while every other request of the worker waits."""
    if not _known(case, "event_loop_delay_ms"):
        return None
    return Recommendation(
        rule_id="unblock-event-loop",
        severity=Severity.WARNING,
        because=case.evidence("event_loop_delay_ms"),
        action="Move synchronous work out of the event loop, or run more workers (cluster)",
        command="node --cpu-prof app.js (then open the profile in the browser's developer tools)",
        verify_with="the event loop's delay under the same load falls below its stay limit",
        effort="days",
    )


def pool_connections(case: Case) -> Recommendation | None:
    """The server is running out of connections."""
    if case.on_sqlite or not _known(case, "connections_percent"):
        return None
    return Recommendation(
        rule_id="pool-connections",
        severity=case.severity("connections_percent"),
        because=case.evidence("connections_percent"),
        action="Share connections through a pooler, and bound each application's own pool",
        command="psql -c 'select state, count(*) from pg_stat_activity group by 1 order by 2 desc'",
        verify_with="the share of connections in use falls below its stay limit",
    )


def relieve_replicas(case: Case) -> Recommendation | None:
    """A replica is behind: readers see the past."""
    if case.on_sqlite or not _known(case, "replication_lag_seconds"):
        return None
    return Recommendation(
        rule_id="relieve-replicas",
        severity=case.severity("replication_lag_seconds"),
        because=case.evidence("replication_lag_seconds"),
        action="Find what holds the replica up: long queries on it, bursts of writes, too small a machine",
        command="psql -c 'select application_name, state, replay_lag from pg_stat_replication'",
        verify_with="the replication lag falls below its stay limit",
    )


def relieve_database(case: Case) -> Recommendation | None:
    """The database server's CPU is short: what it is asked, then its size, then the next phase."""
    if case.on_sqlite or not _known(case, "database_cpu_percent"):
        return None
    query = "select total_exec_time, calls, query from pg_stat_statements order by 1 desc limit 10"
    return Recommendation(
        rule_id="relieve-database",
        severity=case.severity("database_cpu_percent"),
        because=case.evidence("database_cpu_percent"),
        action=f"Move reads to replicas or the cache, index the costliest statements; then {_larger(case)}",
        command=f"psql -c '{query}'",
        verify_with="the database's CPU under the same load falls below its stay limit",
        effort="days",
    )


def _larger(case: Case) -> str:
    if case.next_phase is None:
        return "raise its size"
    return f"raise its size or plan {case.next_phase}"


#: In the order equally pressing advice is given.
PHASE_RULES: tuple[Callable[[Case], Recommendation | None], ...] = (
    shorten_transactions,
    unblock_event_loop,
    pool_connections,
    relieve_replicas,
    relieve_database,
)
