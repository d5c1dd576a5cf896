"""What the probes read: values of one moment and counters since the probe began. None is not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class QueryTotals:
    """Statements the database has run: how many, and their seconds."""

    count: int
    seconds: float


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
        details: other numbers worth showing, by name.
        notes: why something is missing or inexact, by metric id.
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
    """

    cpu_busy_s: float
    cpu_capacity_s: float
    cpu_scope: str
    memory_used_bytes: int
    memory_limit_bytes: int
    memory_scope: str

    @property
    def memory_percent(self) -> float:
        """The share of the memory that is in use."""
        return 100 * self.memory_used_bytes / self.memory_limit_bytes


class DatabaseProbe(Protocol):
    """Looks at a database from outside, repeatedly. Reading never raises: what fails is None with a note."""

    def read(self) -> DatabaseReading:
        """Look once."""

    def close(self) -> None:
        """Give back what the probe holds open."""
