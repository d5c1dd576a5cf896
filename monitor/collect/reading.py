"""What the probes read: values of one moment and counters since the probe began. None is not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class QueryTotals:
    """Statements the database has run: how many, and their seconds."""

    count: int
    seconds: float


@dataclass(frozen=True)
class Occupant:
    """A process or session that holds something others wait for.

    Args:
        role: "writer", "pinned reader", or "open" for a process that has the file open.
        process: its id; 0 where it lives in another PID namespace.
        name: of the program, never its arguments; None if it cannot be seen.
        handles: descriptors on the database's files, where they were counted.
        memory_bytes: the memory it occupies, where it was read.
    """

    role: str
    process: int
    name: str | None = None
    handles: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Statement:
    """A statement the database itself keeps count of, its literals taken out.

    Args:
        sql: what is left of it.
        count: how often it ran.
        total_seconds: all its runs together.
        average_ms: one run.
        longest_ms: the longest run.
        rows: it returned or changed, all runs together.
    """

    sql: str
    count: int
    total_seconds: float
    average_ms: float
    longest_ms: float
    rows: int


@dataclass(frozen=True)
class TableHealth:
    """A table that may need care.

    Args:
        name: with its schema.
        size_bytes: what it occupies, where it is known.
        rows: how many it is estimated to have.
        dead_rows: left behind by updates and deletes, waiting for a vacuum.
        note: what is wrong with it.
    """

    name: str
    size_bytes: int | None
    rows: int | None
    dead_rows: int | None
    note: str


@dataclass(frozen=True)
class DatabaseReading:
    """One look at the database.

    Args:
        database: "sqlite" or "postgresql".
        name: what it is called, without any secret.
        size_bytes: what it occupies, its write-ahead log included for SQLite.
        files: bytes by file for SQLite: main, wal, shm.
        journal_mode: "wal" or "rollback" for SQLite.
        writes: committed write transactions since the probe began; only rises.
        queries: statements since the probe began, where the database counts them; only rises.
        details: other numbers of the moment, by name (`described.DETAILS`).
        notes: why something is missing or inexact, by metric id.
        counters: other counters, by name (`described.COUNTERS`); they may start again at zero.
        properties: what is not a number, by name, such as the version.
        missing: why a detail is not there, by its name.
        occupants: who writes, who holds up checkpoints, who has the file open.
        statements: those with the most total time, where the database counts them.
        tables: those that need care.
    """

    database: str
    name: str
    size_bytes: float | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    journal_mode: str | None = None
    writes: int | None = None
    queries: QueryTotals | None = None
    details: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    occupants: tuple[Occupant, ...] = ()
    statements: tuple[Statement, ...] = ()
    tables: tuple[TableHealth, ...] = ()


@dataclass(frozen=True)
class Disk:
    """The file system that the database fills.

    Args:
        free_bytes: what an ordinary user may still write.
        total_bytes: its size.
        used_percent: of what an ordinary user may fill, as `df` shows it.
    """

    free_bytes: int
    total_bytes: int
    used_percent: float


@dataclass(frozen=True)
class SystemReading:
    """One look at the machine, or at the control group the monitor shares with the application.

    Args:
        cpu_busy_s: CPU seconds used since some fixed time; only rises.
        cpu_capacity_s: CPU seconds that could have been used in that time; only rises.
        cpu_scope: "host" or "cgroup": whose CPU that is.
        memory_used_bytes: memory in use, without what can be reclaimed at once.
        memory_limit_bytes: what there is.
        memory_scope: "host" or "cgroup".
        host_used_bytes: memory of the whole machine in use, whatever the scope above is.
        host_limit_bytes: memory of the whole machine.
        monitor_bytes: resident memory of the monitor's own process.
        disk: that holds the database.
    """

    cpu_busy_s: float
    cpu_capacity_s: float
    cpu_scope: str
    memory_used_bytes: int
    memory_limit_bytes: int
    memory_scope: str
    host_used_bytes: int | None = None
    host_limit_bytes: int | None = None
    monitor_bytes: int | None = None
    disk: Disk | None = None

    @property
    def memories(self) -> tuple[tuple[str, int, int], ...]:
        """Each scope whose memory is known: its name, bytes used, bytes there are."""
        judged = (self.memory_scope, self.memory_used_bytes, self.memory_limit_bytes)
        if self.memory_scope == "host" or self.host_used_bytes is None or self.host_limit_bytes is None:
            return (judged,)
        return (judged, ("host", self.host_used_bytes, self.host_limit_bytes))

    @property
    def memory_percent(self) -> float:
        """The share of the memory that is in use."""
        return 100 * self.memory_used_bytes / self.memory_limit_bytes


class DatabaseProbe(Protocol):
    """Looks at a database from outside, repeatedly. Reading never raises: what fails is None with a note."""

    @property
    def folder(self) -> Path | None:
        """The folder the database lies in; None where it is on another machine."""

    def read(self) -> DatabaseReading:
        """Look once."""

    def close(self) -> None:
        """Give back what the probe holds open."""
