"""Judges the settings of a file: journal, free pages, fragmentation; and what each connection should set.

Only what the file itself keeps can be seen from outside. The rest holds for one connection, so it is stated
as what the application should set, never as what it does set.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.advice import Severity
from monitor.optimize.findings import Finding, Place
from monitor.units import show_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMITS: Final = 200
_COMMIT_SECONDS: Final = 1.0
_WORTH_A_VACUUM: Final = 0.2
_SMALLEST_VACUUM: Final = 1_000_000
_MOST_CACHE: Final = 256 * 2**20
_LEAST_CACHE: Final = 16 * 2**20
_MOST_MAPPED: Final = 2**30
#: SQLite's own documentation: WAL needs shared memory, which these do not give to several machines.
_NETWORK: Final = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre", "efs")


@dataclass(frozen=True)
class FileSettings:
    """What a file keeps of its settings.

    Args:
        journal_mode: as SQLite names it.
        auto_vacuum: "none", "full" or "incremental".
        user_version: the application's own number.
        network: the file system's type if other machines share it, else None.
    """

    sqlite_version: str
    journal_mode: str
    page_size: int
    pages: int
    free_pages: int
    auto_vacuum: str
    encoding: str
    user_version: int
    schema_version: int
    network: str | None

    @property
    def bytes(self) -> int:
        """The database's size."""
        return self.page_size * self.pages


def read_settings(connection: sqlite3.Connection, path: Path) -> FileSettings:
    """Read what the file keeps."""

    def ask(name: str) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    return FileSettings(
        sqlite_version=sqlite3.sqlite_version,
        journal_mode=str(ask("journal_mode")),
        page_size=int(str(ask("page_size"))),
        pages=int(str(ask("page_count"))),
        free_pages=int(str(ask("freelist_count"))),
        auto_vacuum=("none", "full", "incremental")[int(str(ask("auto_vacuum")))],
        encoding=str(ask("encoding")),
        user_version=int(str(ask("user_version"))),
        schema_version=int(str(ask("schema_version"))),
        network=network_filesystem(path),
    )


def network_filesystem(path: Path) -> str | None:
    """Return the type of the file system a path is on if machines share it; None if not, or not known."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    resolved = path.resolve()
    best = max(
        (mount for mount in mounts if len(mount) > 2 and resolved.is_relative_to(mount[1])),
        key=lambda mount: len(mount[1]),
        default=None,
    )
    if best is None or not best[2].startswith(_NETWORK):
        return None
    return best[2]


def settings_findings(settings: FileSettings, copy: Path) -> Iterator[Finding]:
    """Judge the settings, trying on copies what can be tried.

    Args:
        settings: the application's file's.
        copy: the copy; it is not changed.
    """
    yield from _journal(settings, copy)
    yield from _vacuum(settings, copy)


def _journal(settings: FileSettings, copy: Path) -> Iterator[Finding]:
    if settings.journal_mode == "wal":
        return
    mode = settings.journal_mode
    what = f"the journal mode is {mode}: every commit stops all readers, and readers stop commits"
    if settings.network is not None:
        yield Finding(
            "wal-mode",
            Severity.WARNING,
            Place.BY_HAND,
            "Move the file to a local disk; then switch it to the write-ahead log",
            f"{what}; it is on {settings.network}, where the write-ahead log cannot work",
        )
        return
    before = _commits_per_second(copy, "DELETE", "FULL")
    after = _commits_per_second(copy, "WAL", "NORMAL")
    yield Finding(
        "wal-mode",
        Severity.WARNING,
        Place.FILE,
        "Switch to the write-ahead log: readers and the writer no longer stop each other",
        what,
        sql=("PRAGMA journal_mode=WAL",),
        undo=("PRAGMA journal_mode=DELETE",),
        before=""
        if before is None
        else f"{before:,.0f} commits/s ({settings.journal_mode}, synchronous FULL)",
        after="" if after is None else f"{after:,.0f} commits/s (wal, synchronous NORMAL)",
    )


def _commits_per_second(copy: Path, journal: str, synchronous: str) -> float | None:
    """Commit small transactions to a table of our own in a further copy for up to a second."""
    scratch = copy.with_name("commits.db")
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{scratch}{suffix}").unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(scratch, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA journal_mode={journal}").fetchall()
            connection.execute(f"PRAGMA synchronous={synchronous}")
            connection.execute("CREATE TABLE outgrow_commits (id INTEGER PRIMARY KEY, body TEXT)")
            start, count = time.perf_counter(), 0
            while count < _COMMITS and time.perf_counter() - start < _COMMIT_SECONDS:
                connection.execute("INSERT INTO outgrow_commits (body) VALUES (?)", ("x" * 200,))
                count += 1
            return count / (time.perf_counter() - start)
    except sqlite3.Error:
        return None


def _vacuum(settings: FileSettings, copy: Path) -> Iterator[Finding]:
    """Measure what VACUUM would give back, by letting it write the copy anew."""
    if settings.bytes < _SMALLEST_VACUUM or shutil.disk_usage(copy.parent).free < settings.bytes * 1.5:
        return
    compact = copy.with_name("vacuumed.db")
    compact.unlink(missing_ok=True)
    start = time.perf_counter()
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", (str(compact),))
        after = compact.stat().st_size
    except sqlite3.Error:
        return
    finally:
        compact.unlink(missing_ok=True)
    seconds = time.perf_counter() - start
    saved = settings.bytes - after
    if saved < settings.bytes * _WORTH_A_VACUUM or saved < _SMALLEST_VACUUM:
        return
    free = settings.free_pages * settings.page_size
    yield Finding(
        "vacuum",
        Severity.INFO,
        Place.BY_HAND,
        "Give unused space back with VACUUM, in a quiet hour: it locks the file while it rewrites it",
        f"{show_bytes(saved)} of {show_bytes(settings.bytes)} are unused ({show_bytes(free)} in free pages, "
        f"the rest in half-empty ones; auto_vacuum is {settings.auto_vacuum}); writing it anew took "
        f"{seconds:.1f} s",
        sql=("VACUUM",),
        before=show_bytes(settings.bytes),
        after=show_bytes(after),
    )


# --- What each connection sets ---


@dataclass(frozen=True)
class ConnectionPragma:
    """A setting that holds for one connection.

    Args:
        value: what to set.
        default: what SQLite does without.
        why: one sentence.
    """

    name: str
    value: str
    default: str
    why: str


def connection_pragmas(settings: FileSettings) -> tuple[ConnectionPragma, ...]:
    """Return what each connection of the application should set; sizes follow the file's."""
    cache = min(max(settings.bytes // 4, _LEAST_CACHE), _MOST_CACHE)
    mapped = min(max(2 ** (settings.bytes * 2 - 1).bit_length(), 64 * 2**20), _MOST_MAPPED)
    return (
        ConnectionPragma(
            "busy_timeout", "5000", "0", "a writer waits 5 s for its turn instead of failing at once"
        ),
        ConnectionPragma(
            "synchronous",
            "NORMAL",
            "FULL",
            "with the write-ahead log no commit waits for the disk; a power cut may lose the last "
            "commits, and cannot damage the file",
        ),
        ConnectionPragma(
            "foreign_keys", "ON", "OFF", "references are checked; SQLite leaves them unchecked otherwise"
        ),
        ConnectionPragma(
            "cache_size", f"-{cache // 1024}", "-2000", f"{cache // 2**20} MB of pages a connection"
        ),
        ConnectionPragma("mmap_size", str(mapped), "0", "reads without copying each page"),
        ConnectionPragma("temp_store", "MEMORY", "DEFAULT", "sorts and temporary tables stay off the disk"),
        ConnectionPragma(
            "wal_autocheckpoint",
            "1000",
            "1000",
            "a checkpoint every 1,000 pages; the default is right while no reader stays open for long",
        ),
    )
