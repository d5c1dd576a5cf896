"""Runs single statements on the copy, under limits, and measures them. The application's file is not touched.

A log is input from outside, so the connection lets statements read and change the copy's rows and no more: no
other file can be attached or written, and whatever a statement changes is rolled back.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.optimize.plan_text import QueryPlan, explain
from monitor.optimize.statement import quoted, reads, writes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from monitor.optimize.querylog import Entry

_OPCODES_BETWEEN_LOOKS: Final = 10_000
_MOST_ROWS: Final = 10_000
_LONGEST_VALUE: Final = 64 * 2**20
_REPEATS: Final = 7
#: Repeating stops after so many seconds: a slow statement is told from a fast one by its first run.
_ENOUGH_S: Final = 0.25
_UNREPEATABLE: Final = (
    "random",
    "group_concat",
    "string_agg",
    "json_group",
    "'now'",
    "current_",
    "limit",
    "changes(",
)
_FORBIDDEN: Final = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})


@dataclass(frozen=True)
class Limits:
    """What one statement may take.

    Args:
        seconds: after which it is interrupted.
        rows: after which its answer is not read further.
    """

    seconds: float = 5.0
    rows: int = _MOST_ROWS


@dataclass(frozen=True)
class Measured:
    """One query's behaviour, in the mean of its runs.

    Args:
        ms: median of the repetitions; the limit itself where it was interrupted.
        plan: the first run's.
        rows: how many the first run answered, at most the limit.
        interrupted: whether a run reached the limit of time.
        digest: of all answers, whatever their order; None where two runs of the same may differ rightly.
        error: why it cannot be run; everything else is then empty.
    """

    ms: float = 0.0
    plan: QueryPlan | None = None
    rows: int = 0
    interrupted: bool = False
    digest: str | None = None
    error: str = ""


def open_copy(path: Path) -> sqlite3.Connection:
    """Open the copy for trials: its own journal, no durability, and no way out of the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.execute("PRAGMA journal_mode=DELETE").fetchall()
    connection.execute("PRAGMA journal_mode=MEMORY").fetchall()
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


class Trial:
    """Measures queries on the copy.

    Args:
        connection: the copy's, from `open_copy`.
        limits: what one statement may take.
    """

    def __init__(self, connection: sqlite3.Connection, limits: Limits) -> None:
        self.connection = connection
        self.limits = limits
        self._deadline = 0.0

    def plan(self, run: Entry) -> QueryPlan:
        """Explain a run.

        Raises:
            sqlite3.Error: it cannot be prepared.
        """
        with self._guarded():
            return explain(self.connection, run.sql, _values(run))

    def measure(self, runs: Sequence[Entry]) -> Measured:
        """Run a query with each of its values several times, and roll back whatever it changed."""
        try:
            with self._guarded():
                return self._measured(runs)
        except (sqlite3.Error, ValueError, OverflowError) as error:
            return Measured(error=str(error))

    def _measured(self, runs: Sequence[Entry]) -> Measured:
        plan = explain(self.connection, runs[0].sql, _values(runs[0]))
        taken = [self._repeat(run) for run in runs]
        digest = self._digest(runs) if reads(runs[0].sql) else None
        return Measured(
            ms=sum(ms for ms, _, _ in taken) / len(taken),
            plan=plan,
            rows=taken[0][1],
            interrupted=any(stopped for _, _, stopped in taken),
            digest=None if any(stopped for _, _, stopped in taken) else digest,
        )

    def count(self, table: str, condition: str) -> int | None:
        """Count the rows of a table that a condition holds for; None where that takes too long or fails."""
        try:
            with self._guarded():
                sql = f"SELECT count(*) FROM {quoted(table)} WHERE {condition}"  # noqa: S608  # guarded
                return int(self.connection.execute(sql).fetchone()[0])
        except sqlite3.Error:
            return None

    def _repeat(self, run: Entry) -> tuple[float, int, bool]:
        times: list[float] = []
        rows = 0
        while len(times) < _REPEATS and (not times or sum(times) < _ENOUGH_S):
            seconds, rows, stopped = self._once(run)
            times.append(seconds)
            if stopped:
                return self.limits.seconds * 1000, rows, True
        if len(times) > 2:
            times = times[1:]  # the first one fetched the pages
        return sorted(times)[len(times) // 2] * 1000, rows, False

    def _once(self, run: Entry) -> tuple[float, int, bool]:
        with self._undone(run.sql):
            self._begin()
            start = time.perf_counter()
            rows = 0
            try:
                cursor = self.connection.execute(run.sql, _values(run))
                while rows < self.limits.rows and (part := cursor.fetchmany(500)):
                    rows += len(part)
                cursor.close()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                return self.limits.seconds, rows, True
            return time.perf_counter() - start, rows, False

    def _digest(self, runs: Sequence[Entry]) -> str | None:
        """Sum up all answers, whatever their order; floats to nine digits, as sums differ in the last."""
        lowered = runs[0].sql.lower()
        if any(word in lowered for word in _UNREPEATABLE):
            return None
        total = 0
        for run in runs:
            self._begin()
            try:
                cursor = self.connection.execute(run.sql, _values(run))
                for count, row in enumerate(cursor, 1):
                    if count > self.limits.rows:
                        cursor.close()
                        return None
                    total += _hash(row)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                return None
        return f"{total % 2**64:016x}"

    def _begin(self) -> None:
        self._deadline = time.monotonic() + self.limits.seconds

    @contextmanager
    def _undone(self, sql: str) -> Iterator[None]:
        if not writes(sql):
            yield
            return
        self.connection.execute("SAVEPOINT outgrow_trial")
        try:
            yield
        finally:
            if self.connection.in_transaction:  # a statement's own ROLLBACK conflict clause may have ended it
                self.connection.execute("ROLLBACK TO outgrow_trial")
                self.connection.execute("RELEASE outgrow_trial")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Read texts as bytes, interrupt what takes too long, and let nothing leave the file."""
        connection = self.connection
        factory = connection.text_factory
        self._begin()
        connection.text_factory = bytes
        connection.set_progress_handler(lambda: time.monotonic() > self._deadline, _OPCODES_BETWEEN_LOOKS)
        connection.set_authorizer(_authorize)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)
            connection.set_authorizer(None)
            connection.text_factory = factory


def _values(run: Entry) -> Any:
    return () if run.values is None else run.values


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action in _FORBIDDEN:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and second is not None:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    del first
    return sqlite3.SQLITE_OK


def _hash(row: tuple[Any, ...]) -> int:
    plain = tuple(float(f"{value:.9g}") if isinstance(value, float) else value for value in row)
    return int.from_bytes(hashlib.blake2b(repr(plain).encode(), digest_size=8).digest(), "big")
