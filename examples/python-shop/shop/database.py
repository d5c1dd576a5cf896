"""SQLite and PostgreSQL behind one interface: the same SQL with `?` for parameters, rows as dictionaries."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, Literal, Protocol

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import dict_row

from shop.errors import ClientError, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shop.settings import DatabaseTarget

Row = dict[str, Any]

#: Seconds a statement waits for another process's lock on the SQLite file.
BUSY_TIMEOUT = 2.0
#: Seconds a request waits for its turn on the database.
TURN_TIMEOUT = 5.0
#: From when a statement is slow: the mission's warning limit for the average one.
SLOW_SECONDS = 0.1
CONNECT_TIMEOUT = 5
POOL_SIZE = 10


class QueryObserver(Protocol):
    """Hears of every statement; the monitor's recorder is one."""

    def query(self, seconds: float, *, slow: bool = False, busy: bool = False) -> None: ...


class Session:
    """One connection for the length of one unit of work."""

    def __init__(
        self, execute: Callable[[str, Sequence[object]], Any], observer: QueryObserver | None
    ) -> None:
        self._send = execute
        self._observer = observer

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """Return what a query answers."""
        with self._timed():
            answer: list[Row] = self._send(sql, parameters).fetchall()
        return answer

    def row(self, sql: str, *parameters: object) -> Row | None:
        """Return the first row of what a query answers, if any."""
        return next(iter(self.rows(sql, *parameters)), None)

    def run(self, sql: str, *parameters: object) -> int:
        """Carry out a statement; return how many rows it changed."""
        with self._timed():
            changed: int = self._send(sql, parameters).rowcount
        return changed

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        busy = False
        start = time.perf_counter()
        try:
            yield
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
            raise
        finally:
            if self._observer is not None:
                seconds = time.perf_counter() - start
                self._observer.query(seconds, slow=seconds >= SLOW_SECONDS, busy=busy)


class Database(Protocol):
    """Units of work as context managers. All are rolled back when their block raises."""

    @property
    def kind(self) -> Literal["sqlite", "postgresql"]: ...

    def read(self) -> contextlib.AbstractContextManager[Session]:
        """Statements that need not agree with each other."""

    def snapshot(self) -> contextlib.AbstractContextManager[Session]:
        """Reads that see one state of the data."""

    def write(self) -> contextlib.AbstractContextManager[Session]:
        """All or nothing."""

    def table_names(self, session: Session) -> set[str]: ...

    def close(self) -> None: ...


def open_database(target: DatabaseTarget, observer: QueryObserver | None = None) -> Database:
    """Connect.

    Raises:
        WrongUsage: the connection string cannot be read, or the file is no database.
        sqlite3.Error, psycopg.Error: the database cannot be opened.
    """
    if target.kind == "sqlite":
        return SqliteDatabase(target.address, observer)
    return PostgresDatabase(target.address, observer)


class SqliteDatabase:
    """One connection, one unit of work at a time: SQLite has one writer, and Python one interpreter lock."""

    kind: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: str, observer: QueryObserver | None) -> None:
        self._observer = observer
        self._turn = threading.Lock()
        self._connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = _dict_row
        self._connection.execute("PRAGMA foreign_keys = ON")

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        if not self._turn.acquire(timeout=TURN_TIMEOUT):
            raise ClientError(503, "busy", "too many requests are waiting for the database")
        try:
            yield Session(self._connection.execute, self._observer)
        finally:
            self._turn.release()

    def snapshot(self) -> contextlib.AbstractContextManager[Session]:
        return self._transaction("BEGIN")

    def write(self) -> contextlib.AbstractContextManager[Session]:
        return self._transaction("BEGIN IMMEDIATE")  # waits for the lock now, rather than failing later

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[Session]:
        with self.read() as session:
            session.run(begin)
            try:
                yield session
                session.run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def table_names(self, session: Session) -> set[str]:
        found = session.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        )
        return {row["name"] for row in found}

    def close(self) -> None:
        with self._turn:
            self._connection.close()


class PostgresDatabase:
    """Up to `POOL_SIZE` connections, made when needed; one that broke is replaced."""

    kind: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, dsn: str, observer: QueryObserver | None) -> None:
        self._dsn = dsn
        self._observer = observer
        self._idle: queue.LifoQueue[psycopg.Connection[Row] | None] = queue.LifoQueue()
        for _ in range(POOL_SIZE - 1):
            self._idle.put(None)  # a place, not yet a connection
        try:
            self._idle.put(self._connect())
        except psycopg.ProgrammingError:
            raise WrongUsage(
                "DATABASE_URL is no usable PostgreSQL address; write postgresql://user@host:5432/database"
            ) from None

    def _connect(self) -> psycopg.Connection[Row]:
        return psycopg.connect(
            self._dsn,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=CONNECT_TIMEOUT,
            options="-c TimeZone=UTC",  # times without a zone are UTC, as they were in SQLite
        )

    @contextlib.contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Row]]:
        try:
            connection = self._idle.get(timeout=TURN_TIMEOUT)
        except queue.Empty:
            raise ClientError(503, "busy", "too many requests are waiting for the database") from None
        try:
            connection = connection or self._connect()
            yield connection
        finally:
            self._idle.put(None if connection is None or connection.broken else connection)

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        with self._connection() as connection:
            yield self._session(connection)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Session]:
        with self._connection() as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            try:
                with connection.transaction():
                    yield self._session(connection)
            finally:
                connection.isolation_level = None

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        with self._connection() as connection, connection.transaction():
            yield self._session(connection)

    def _session(self, connection: psycopg.Connection[Row]) -> Session:
        def execute(sql: str, parameters: Sequence[object]) -> psycopg.Cursor[Row]:
            # The shop's own constant SQL; values travel apart from it.
            return connection.execute(sql.replace("?", "%s").encode(), parameters)

        return Session(execute, self._observer)

    def table_names(self, session: Session) -> set[str]:
        found = session.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return {row["tablename"] for row in found}

    def close(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                connection = self._idle.get_nowait()
                if connection is not None:
                    connection.close()


def _dict_row(cursor: sqlite3.Cursor, values: tuple[object, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}
