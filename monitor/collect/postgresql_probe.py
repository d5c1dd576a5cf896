"""Looks at a PostgreSQL database: size, write transactions, average query time, connections.

The driver is imported when a probe is made, never with the monitor. The probe's own statements are read-only
and run in autocommit, so it holds back no vacuum and assigns no transaction id.
"""

from __future__ import annotations

import importlib
import re
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from monitor.collect.postgresql_details import DetailReader
from monitor.collect.reading import DatabaseReading, QueryTotals
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

#: The next transaction id counts exactly the transactions that wrote something (readers get none), on the
#: whole server.
_STATE: Final = """
select pg_database_size(current_database()),
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
       (select count(*) from pg_stat_activity
         where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()),
       (select extnamespace::regnamespace::text from pg_extension where extname = 'pg_stat_statements')
"""
_STATEMENTS: Final = """
select coalesce(sum(calls), 0)::bigint, coalesce(sum(total_exec_time), 0) / 1000
  from {schema}.pg_stat_statements
 where dbid = (select oid from pg_database where datname = current_database())
   and position('{own}' in query) = 0 and query !~* '{no_query}'
"""
#: Inside each of the monitor's own statements, so that they are not counted as the application's.
_OWN: Final = "/* outgrow-monitor */"
#: What opens and closes transactions or sets something is no query either: counted, it would make the average
#: of the others look better than it is.
_NO_QUERY: Final = (
    r"^\s*(begin|start|commit|end|rollback|savepoint|release|set|reset|show|discard|deallocate)\y"
)
#: Each look is a transaction of its own that cannot write and cannot hang.
_GUARD: Final = (
    "set transaction read only; set local statement_timeout = '2s'; set local lock_timeout = '500ms'"
)
_CONNECT_TIMEOUT_S: Final = 3
#: A server that is cut off (no answer, no refusal) is given up after so many milliseconds, where TCP can.
_SILENCE_MS: Final = 8000


class DatabaseUnreachable(MonitorError):
    """PostgreSQL does not answer, or does not let the monitor in."""


class _Gone(Exception):  # named after what happened
    """The connection broke in the middle of a look."""


class _Connection(Protocol):
    """What is used of the driver's connection."""

    @property
    def closed(self) -> bool: ...

    def transaction(self) -> AbstractContextManager[Any]: ...

    def execute(self, query: str) -> Any: ...

    def close(self) -> None: ...


def is_connection_string(target: str) -> bool:
    """Say whether a text is a connection string rather than a file's name."""
    return bool(re.match(r"postgres(ql)?://|\s*\w+\s*=", target))


def _marked(query: str) -> str:
    return query.replace("select", f"select {_OWN}", 1)


def _ask(connection: _Connection, query: str) -> Any:
    """Run one query in its own guarded transaction and return its row."""
    with connection.transaction():
        connection.execute(_GUARD)
        return connection.execute(_marked(query)).fetchone()


class PostgresqlProbe:
    """Watches one PostgreSQL database through one connection, opened again when it breaks.

    Args:
        dsn: a connection string; it appears in no output.
        clock: a monotonic clock in seconds.

    Raises:
        DatabaseUnreachable: the database does not answer, or refuses.
    """

    def __init__(self, dsn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._driver = importlib.import_module("psycopg")
        self._dsn = dsn
        self._name = "PostgreSQL"
        self._version = ""
        self._connection: _Connection | None = None
        self._more = DetailReader(clock, self._driver.Error, self._harmless)
        self._first: tuple[int, QueryTotals | None] | None = None
        self._queries_before = QueryTotals(0, 0.0)
        self._last_queries: QueryTotals | None = None
        try:
            self._connection = self._connect()
        except self._driver.Error as error:
            raise DatabaseUnreachable(
                f"{self._name} does not answer",
                why=self._harmless(error),
                next_step="check the connection string with psql, then try again",
            ) from None

    @property
    def folder(self) -> None:
        """The server's disk is not this machine's."""
        return

    def read(self) -> DatabaseReading:
        """Look once. Never raises: a database that does not answer is a reading without values."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            return self._look(self._connection)
        except (self._driver.Error, _Gone) as error:
            self.close()
            why = f"PostgreSQL does not answer: {self._harmless(error)}"
            notes = dict.fromkeys(("database_size_bytes", "writes_per_second", "average_query_ms"), why)
            return DatabaseReading("postgresql", self._name, notes=notes)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _look(self, connection: _Connection) -> DatabaseReading:
        size, transactions, clients, schema = _ask(connection, _STATE)
        if (
            self._first is None or transactions < self._first[0]
        ):  # the first look, or another server answers now
            self._first = (transactions, None)
        queries, note = self._queries(connection, schema)
        self._more.look(lambda query: self._table(connection, query), schema)
        return DatabaseReading(
            database="postgresql",
            name=self._name,
            size_bytes=float(size),
            writes=transactions - self._first[0],
            queries=queries,
            details={**self._more.details, "connections": float(clients)},
            notes={"average_query_ms": note} if note else {},
            counters=self._more.counters,
            properties={"server_version": self._version},
            missing=self._more.missing,
            statements=self._more.statements,
            tables=self._more.tables,
        )

    def _table(self, connection: _Connection, query: str) -> tuple[list[str], list[Any]]:
        """Run one query in its own guarded transaction; a connection that is gone ends the whole look."""
        try:
            with connection.transaction():
                connection.execute(_GUARD)
                answered = connection.execute(_marked(query))
                return [column.name for column in answered.description], answered.fetchall()
        except self._driver.Error as error:
            if connection.closed:
                raise _Gone(str(error)) from None
            raise

    def _queries(self, connection: _Connection, schema: str | None) -> tuple[QueryTotals | None, str]:
        """Add up what pg_stat_statements counts; it forgets statements, which must not count backwards."""
        if schema is None:
            return None, "the extension pg_stat_statements is not installed in this database"
        try:
            count, seconds = _ask(connection, _STATEMENTS.format(schema=schema, own=_OWN, no_query=_NO_QUERY))
        except self._driver.Error as error:
            if connection.closed:
                raise
            return None, f"pg_stat_statements cannot be read: {self._harmless(error)}"
        now = QueryTotals(int(count), float(seconds))
        last, self._last_queries = self._last_queries, now
        if last is not None and now.count >= last.count and now.seconds >= last.seconds:
            self._queries_before = QueryTotals(
                self._queries_before.count + now.count - last.count,
                self._queries_before.seconds + now.seconds - last.seconds,
            )
        return self._queries_before, ""

    def _connect(self) -> _Connection:
        connection: Any = self._driver.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            tcp_user_timeout=_SILENCE_MS,
            keepalives_idle=5,
            keepalives_interval=1,
            keepalives_count=3,
            application_name="outgrow-monitor",
            prepare_threshold=None,  # a pooler between us may hand each transaction to another server process
        )
        self._name = str(connection.info.dbname)
        self._version = str(connection.info.server_version // 10000)
        opened: _Connection = connection
        return opened

    def _harmless(self, error: Exception) -> str:
        """Return an error's first line without the password, should the driver quote it."""
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        try:
            password = self._driver.conninfo.conninfo_to_dict(self._dsn).get("password")
        except self._driver.Error:
            return "the connection string cannot be read"  # its error message would quote it
        return text.replace(str(password), "[secret]") if password else text
