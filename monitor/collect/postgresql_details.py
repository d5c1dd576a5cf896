"""What PostgreSQL's statistics tell beside size and writes: connections, waits, cache, replicas, dead rows.

Each part is one statement in a guarded transaction of its own; a part that is refused is missing with the
reason, and the others are read all the same. Membership in pg_monitor is all that is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.collect.reading import Statement, TableHealth
from monitor.collect.window import CounterWindow
from monitor.middleware.statements import without_literals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Tables and statements are looked at so often: they are many, and change slowly.
_SLOW_S: Final = 60.0
#: Over how many seconds the cache's hits and the transactions are taken.
_WINDOW_S: Final = 300.0
_SHOWN: Final = 20

_CONNECTIONS: Final = """
select count(*) as connections_server,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           as connections_max,
       count(*) filter (where state = 'active') as connections_active,
       count(*) filter (where state like 'idle in transaction%') as connections_idle_in_transaction,
       count(*) filter (where wait_event_type = 'Lock') as connections_waiting,
       coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0) as longest_transaction_seconds,
       coalesce(extract(epoch from max(clock_timestamp() - state_change)
           filter (where state like 'idle in transaction%')), 0) as longest_idle_in_transaction_seconds,
       coalesce(extract(epoch from max(clock_timestamp() - query_start) filter (where state = 'active')), 0)
           as longest_statement_seconds,
       coalesce(extract(epoch from max(clock_timestamp() - query_start)
           filter (where wait_event_type = 'Lock')), 0) as longest_wait_seconds,
       (select count(*) from pg_locks where database = (select oid from pg_database
           where datname = current_database()) and pid <> pg_backend_pid()) as locks
  from pg_stat_activity
 where backend_type = 'client backend' and pid <> pg_backend_pid()
"""
_COUNTERS: Final = """
select xact_commit as commits, xact_rollback as rollbacks, deadlocks, blks_hit as blocks_hit,
       blks_read as blocks_read, temp_bytes as temporary_bytes, tup_inserted as rows_inserted,
       tup_updated as rows_updated, tup_deleted as rows_deleted
  from pg_stat_database where datname = current_database()
"""
#: A forced vacuum begins at autovacuum_freeze_max_age; the ids end at about two thousand million.
_AGE: Final = """
select age(datfrozenxid) / 2000000000.0 as transaction_id_age_ratio from pg_database
 where datname = current_database()
"""
_REPLICATION: Final = """
select pg_is_in_recovery()::int as standby,
       (select count(*) from pg_stat_replication) as replicas,
       case when pg_is_in_recovery() then
           case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
                else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end
            else (select extract(epoch from max(coalesce(replay_lag, '0'))) from pg_stat_replication)
       end as replication_lag_seconds,
       (select max(case when pg_is_in_recovery() then null
                   else pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) end) from pg_stat_replication)
           as replication_lag_bytes,
       (select max(case when pg_is_in_recovery() then null
                   else pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end) from pg_replication_slots)
           as slot_retained_bytes
"""
_DEAD: Final = """
select coalesce(sum(n_dead_tup), 0) as dead_rows,
       sum(n_dead_tup)::float8 / nullif(sum(n_dead_tup + n_live_tup), 0) as dead_rows_ratio
  from pg_stat_user_tables
"""
#: A fifth is where autovacuum should have begun long ago (its scale factor is 0.2 of the rows).
_TABLES: Final = f"""
select schemaname || '.' || relname, pg_total_relation_size(relid), n_live_tup, n_dead_tup,
       case when n_dead_tup > 0.2 * (n_live_tup + n_dead_tup) and n_dead_tup > 1000
            then round(100.0 * n_dead_tup / (n_live_tup + n_dead_tup)) || ' % of its rows are dead'
            else 'never analyzed' end
  from pg_stat_user_tables
 where (n_dead_tup > 0.2 * (n_live_tup + n_dead_tup) and n_dead_tup > 1000)
    or (n_live_tup > 1000 and last_analyze is null and last_autoanalyze is null)
 order by n_dead_tup desc, n_live_tup desc limit {_SHOWN}
"""  # noqa: S608  # a number of ours
_STATEMENTS: Final = """
select query, calls, total_exec_time / 1000, mean_exec_time, max_exec_time, rows
  from {schema}.pg_stat_statements
 where dbid = (select oid from pg_database where datname = current_database())
   and query is not null and position('outgrow-monitor' in query) = 0
 order by total_exec_time desc limit {shown}
"""
_MONITOR_ROLE: Final = "select pg_has_role(current_user, 'pg_monitor', 'usage')"


class DetailReader:
    """Reads the parts of one server, each as often as it is worth.

    Args:
        clock: a monotonic clock in seconds.
        refused: the driver's error of a statement.
        harmless: an error's text without secrets.
    """

    def __init__(
        self, clock: Callable[[], float], refused: type[Exception], harmless: Callable[[Exception], str]
    ) -> None:
        self._clock = clock
        self._refused = refused
        self._harmless = harmless
        self._window = CounterWindow(_WINDOW_S)
        self._slow_at: float | None = None
        #: What the last look found.
        self.details: dict[str, float] = {}
        self.counters: dict[str, float] = {}
        self.missing: dict[str, str] = {}
        self.statements: tuple[Statement, ...] = ()
        self.tables: tuple[TableHealth, ...] = ()
        self._slow: dict[str, float] = {}
        self._hidden = False

    def look(self, ask: Callable[[str], tuple[list[str], list[Any]]], schema: str | None) -> None:
        """Read what is due.

        Args:
            ask: runs one statement; answers its columns and rows.
            schema: of pg_stat_statements, quoted; None where it is not installed.

        Raises:
            Exception: the driver's, where the connection is gone.
        """
        self.missing = {}
        self.details = self._part(ask, _CONNECTIONS, "connections_used_ratio")
        self.counters = self._part(ask, _COUNTERS, "cache_hit_ratio")
        self.details |= self._part(ask, _AGE, "transaction_id_age_ratio")
        self.details |= self._part(ask, _REPLICATION, "replication_lag_seconds")
        if self.details.get("connections_max"):
            used = self.details["connections_server"] / self.details["connections_max"]
            self.details["connections_used_ratio"] = used
        self._rates()
        now = self._clock()
        if self._slow_at is None or now - self._slow_at >= _SLOW_S:
            self._slow_at = now
            self._look_slowly(ask, schema)
        self.details |= self._slow
        if self._hidden:
            note = "sessions of other users are hidden; grant pg_monitor to the monitor's role"
            self.missing["longest_transaction_seconds"] = note

    def _look_slowly(self, ask: Callable[[str], tuple[list[str], list[Any]]], schema: str | None) -> None:
        self._slow = self._part(ask, _DEAD, "dead_rows_ratio")
        rows = self._rows(ask, _TABLES, "tables_to_vacuum")
        self.tables = tuple(
            TableHealth(name, size, live, dead, note) for name, size, live, dead, note in rows
        )
        if "tables_to_vacuum" not in self.missing:
            self._slow["tables_to_vacuum"] = len(self.tables)
        if schema is not None:
            asked = _STATEMENTS.format(schema=schema, shown=_SHOWN)
            self.statements = tuple(
                # PostgreSQL leaves the literals in what it cannot plan, such as ALTER ROLE ... PASSWORD.
                Statement(without_literals(sql), calls, float(seconds), float(mean), float(most), int(count))
                for sql, calls, seconds, mean, most, count in self._rows(ask, asked, "statements")
            )
        member = self._rows(ask, _MONITOR_ROLE, "pg_monitor")
        self._hidden = bool(member) and not member[0][0]

    def _rates(self) -> None:
        names = ("blocks_hit", "blocks_read", "commits", "rollbacks")
        if not all(name in self.counters for name in names):
            return
        self._window.add(self._clock(), *(self.counters[name] for name in names))
        gain = self._window.gain()
        if gain is None:
            return
        hit, read, commits, rollbacks = gain.amounts
        self.details["transactions_per_second"] = (commits + rollbacks) / gain.seconds
        if hit + read > 0:
            self.details["cache_hit_ratio"] = hit / (hit + read)

    def _part(
        self, ask: Callable[[str], tuple[list[str], list[Any]]], query: str, of: str
    ) -> dict[str, float]:
        try:
            names, rows = ask(query)
        except self._refused as error:
            self.missing[of] = self._harmless(error)
            return {}
        values: Mapping[str, Any] = dict(zip(names, rows[0], strict=True)) if rows else {}
        return {name: float(value) for name, value in values.items() if value is not None}

    def _rows(self, ask: Callable[[str], tuple[list[str], list[Any]]], query: str, of: str) -> list[Any]:
        try:
            return ask(query)[1]
        except self._refused as error:
            self.missing[of] = self._harmless(error)
            return []
