"""Looks at a SQLite database from outside: size, journal mode, commits, writers, readers, checkpoints.

It reads a few bytes of the files and runs no SQL, so it takes no lock, holds up no checkpoint and cannot make
the application wait. One rule is absolute: it must not run in a process that itself uses SQLite on the same
file. Closing any descriptor of a file drops all of a process's POSIX locks on it, SQLite's among them,
without a word.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.collect import file_locks
from monitor.collect.background import Background
from monitor.collect.commits import CommitCounter
from monitor.collect.open_handles import OpenHandles, name_of, read_open_handles
from monitor.collect.reading import DatabaseReading, Occupant
from monitor.collect.sqlite_format import (
    HEADER_BYTES,
    SHARED_BYTE,
    SHARED_BYTES,
    WAL_INDEX_BYTES,
    Header,
    WalIndex,
    parse_header,
    parse_wal_index,
)
from monitor.collect.sqlite_place import check_place, leads_to, open_regular
from monitor.collect.sqlite_statistics import Statistics, read_statistics
from monitor.collect.wal_commits import WalCommits
from monitor.collect.wal_readers import Readers, ReaderWatch
from monitor.collect.writer_occupancy import WriterWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: How often a wal-index header that is being written is read again.
_ATTEMPTS: Final = 5
_WRITES: Final = "writes_per_second"
_SIZE: Final = "database_size_bytes"
#: Listing all processes' descriptors takes milliseconds, asking for statistics starts a process.
_HANDLES_S: Final = 30.0
_STATISTICS_S: Final = 600.0
_EXCLUSIVE: Final = "the application locks the database exclusively"


class SqliteProbe:
    """Watches one SQLite file.

    Args:
        path: the database file, or a link to it.
        clock: a monotonic clock in seconds.

    Raises:
        NotADatabase: the file cannot be watched; the error says why.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._asked = path
        self._clock = clock
        self._main: int | None = None
        self._shm: int | None = None
        self._wal: int | None = None
        self._mode: str | None = None
        self._commits = CommitCounter()
        self._remade = 0
        self._log: WalCommits | None = None
        self._log_begins = False
        self._exclusive = False
        self._last: tuple[int, int, bool] | None = None
        self._readers = ReaderWatch()
        self._writer: WriterWatch | None = None
        self._handles: Background[OpenHandles] | None = None
        self._statistics: Background[Statistics] | None = None
        self._name_files(check_place(path))

    @property
    def folder(self) -> Path:
        """The folder of the database, whose disk it fills."""
        return self._path.parent

    def watch(self) -> SqliteProbe:
        """Begin what needs threads: writer's occupancy, open handles, statistics; returns itself."""
        path = self._path
        self._writer = WriterWatch(path)
        self._writer.start()
        own = os.getpid()
        self._handles = Background(lambda: read_open_handles(path, own), _HANDLES_S, "handles").start()
        self._statistics = Background(lambda: read_statistics(path), _STATISTICS_S, "statistics").start()
        return self

    def read(self) -> DatabaseReading:
        """Look once. Never raises: a file that is gone is a reading without values."""
        try:
            self._follow()
            header = self._header()
            files = self._sizes()
        except OSError as error:
            return self._unknown(f"{self._path.name} cannot be read: {error.strerror or error}")
        if header is None:
            return self._unknown(f"{self._path.name} is not a SQLite database any more")
        self._change_mode(header.journal_mode)
        index, problem = None, ""
        if header.journal_mode == "wal":
            index, problem = self._count_wal()
        else:
            problem = self._count_rollback(header)
        note = problem or self._inexact()
        found = DatabaseReading(
            database="sqlite",
            name=self._path.name,
            size_bytes=float(files["main"] + files.get("wal", 0)),
            files=files,
            journal_mode=header.journal_mode,
            writes=None if problem else self._commits.total,
            details=_details(header, index),
            notes={_WRITES: note} if note else {},
            properties={"auto_vacuum": header.auto_vacuum},
        )
        return self._with_locks(found, index)

    def close(self) -> None:
        """Close the descriptors and end the threads."""
        self._close_files()
        for running in (self._writer, self._handles, self._statistics):
            if running is not None:
                running.close()
        self._writer = self._handles = self._statistics = None

    # --- The main file ---

    def _name_files(self, path: Path) -> None:
        self._path = path
        self._shm_path = path.with_name(f"{path.name}-shm")
        self._wal_path = path.with_name(f"{path.name}-wal")

    def _follow(self) -> None:
        """Go with a link that leads elsewhere now, as the application will when it starts again."""
        target = self._asked.resolve()
        if target == self._path:
            return
        watched = self._writer is not None
        self.close()
        self._commits.exchanged()
        self._mode = None
        self._name_files(target)
        if watched:
            self.watch()

    def _header(self) -> Header | None:
        """Read the header, from another file if the path now leads to one."""
        if self._main is not None and not leads_to(self._path, self._main):
            self._close_files()
            self._commits.exchanged()
        if self._main is None:
            self._main = open_regular(self._path)
        return parse_header(os.pread(self._main, HEADER_BYTES, 0))

    def _sizes(self) -> dict[str, int]:
        sizes = {"main": self._path.stat().st_size}
        for name, path in (("wal", self._wal_path), ("shm", self._shm_path)):
            with contextlib.suppress(FileNotFoundError):
                sizes[name] = path.stat().st_size
        return sizes

    def _change_mode(self, mode: str) -> None:
        """Turn to the other counter when the application switches the journal mode."""
        if self._mode is not None and mode != self._mode:
            self._drop_shm()
            # The first -shm file after the switch counts from zero; the header's counter stands anywhere.
            if mode == "wal":
                self._commits.anew()
            else:
                self._commits.exchanged()
            self._exclusive = False
        self._mode = mode

    def _count_rollback(self, header: Header) -> str:
        """Count what the header's counter shows; answer with why commits cannot be counted.

        An application that locks the file exclusively raises the counter once only: then the file changes,
        the counter does not, and the lock stays.
        """
        assert self._main is not None
        self._commits.see(header.change_counter, restarts=False)
        locked = False
        if file_locks.SUPPORTED:
            with contextlib.suppress(OSError):
                locked = file_locks.holder(self._main, SHARED_BYTE, SHARED_BYTES, shared=False) is not None
        now = (header.change_counter, os.fstat(self._main).st_mtime_ns, locked)
        last, self._last = self._last, now
        if last is not None:
            if last[0] != now[0] or not locked:
                self._exclusive = False
            elif last[2] and last[1] != now[1]:
                self._exclusive = True
        return _EXCLUSIVE if self._exclusive else ""

    # --- The wal-index ---

    def _count_wal(self) -> tuple[WalIndex | None, str]:
        """Count what the wal-index shows; answer with it, or with why commits cannot be counted.

        SQLite makes the -shm file with the first connection and deletes it with the last. The deleted one is
        still held open here and shows what was committed until then; the next one counts from zero.
        """
        index = self._see_shm()
        if self._shm is not None and leads_to(self._shm_path, self._shm):
            return index, ""
        if self._shm is not None:
            self._drop_shm()
            self._remade += 1
            self._commits.anew()
        try:
            self._shm = open_regular(self._shm_path)
        except FileNotFoundError:
            self._commits.anew()
            return None, self._count_log()
        except OSError as error:
            self._commits.exchanged()
            return None, f"the -shm file cannot be read: {error.strerror or error}"
        self._drop_log(begins=False)
        self._exclusive = False
        return self._see_shm(), ""

    def _see_shm(self) -> WalIndex | None:
        if self._shm is None:
            return None
        for _ in range(_ATTEMPTS):
            index = parse_wal_index(os.pread(self._shm, WAL_INDEX_BYTES, 0))
            if index is not None:
                self._commits.see(index.commits, restarts=True)
                return index
        return None

    def _count_log(self) -> str:
        """Count in the log itself: who keeps the wal-index in memory (EXCLUSIVE) writes to the log alone."""
        try:
            if self._wal is not None and not leads_to(self._wal_path, self._wal):
                self._drop_log(begins=True)
            if self._wal is None:
                self._wal = open_regular(self._wal_path)
            if self._log is None:
                self._log = WalCommits(begins=self._log_begins)
            gained = self._log.look(self._wal)
        except FileNotFoundError:
            self._drop_log(begins=True)
            self._exclusive = False
            return ""
        except OSError as error:
            return f"the -wal file cannot be read: {error.strerror or error}"
        self._exclusive = self._exclusive or gained > 0
        self._commits.add(gained)
        return ""

    def _inexact(self) -> str:
        if self._exclusive and self._log is not None:
            counted = "counted in the log, because the application locks the database exclusively"
            return f"{counted}; a lower bound: it began again unseen" if self._log.missed else counted
        if self._remade == 0:
            return ""
        return f"a lower bound: the application closed its last connection {self._remade} times"

    # --- Locks ---

    def _with_locks(self, reading: DatabaseReading, index: WalIndex | None) -> DatabaseReading:
        """Add who writes, who reads what is old, who has the file open."""
        details, missing = dict(reading.details), dict(reading.missing)
        occupants: list[Occupant] = []
        readers = self._see_readers(index, missing)
        if readers is not None:
            details["readers"] = readers.held
            details["pinned_reader_seconds"] = 0.0 if readers.pinned is None else readers.pinned.seconds
            details["pinned_reader_frames"] = 0 if readers.pinned is None else readers.pinned.frames
            if readers.pinned is not None:
                process = readers.pinned.process
                occupants.append(Occupant("pinned reader", process, name_of(process)))
        if self._writer is not None:
            self._see_writer(self._writer, details, missing, occupants)
        handles = None if self._handles is None else self._handles.latest()
        if handles is not None:
            details["open_handles"] = sum(opener.handles for opener in handles.value.openers)
            details["open_processes"] = len(handles.value.openers)
            details["application_memory_bytes"] = sum(one.memory_bytes for one in handles.value.openers)
            if handles.value.hidden:
                missing["open_handles"] = (
                    f"a lower bound: {handles.value.hidden} processes of other users are hidden"
                )
            occupants += [
                Occupant("open", one.process, one.name, one.handles, one.memory_bytes)
                for one in handles.value.openers[:20]
            ]
        statistics = None if self._statistics is None else self._statistics.latest()
        if statistics is not None and statistics.value.problem:
            missing["tables_with_stale_statistics"] = statistics.value.problem
        elif statistics is not None:
            details["tables_with_stale_statistics"] = len(statistics.value.stale)
        return replace(
            reading,
            details=details,
            missing=missing,
            occupants=tuple(occupants),
            tables=() if statistics is None else statistics.value.stale,
        )

    def _see_readers(self, index: WalIndex | None, missing: dict[str, str]) -> Readers | None:
        if index is None or self._shm is None:
            return None
        if not file_locks.SUPPORTED:
            missing["pinned_reader_seconds"] = file_locks.UNSUPPORTED
            return None
        try:
            return self._readers.look(self._shm, index, self._clock())
        except OSError as error:
            missing["pinned_reader_seconds"] = f"locks cannot be read: {error.strerror}"
            return None

    def _see_writer(
        self,
        watch: WriterWatch,
        details: dict[str, float],
        missing: dict[str, str],
        occupants: list[Occupant],
    ) -> None:
        seen = watch.seen()
        if self._exclusive:
            missing["writer_occupancy_ratio"] = f"{_EXCLUSIVE} all the time, written to or not"
        elif seen is None:
            missing["writer_occupancy_ratio"] = watch.problem or "sampling has only begun"
        else:
            details["writer_occupancy_ratio"] = seen.ratio
            details["writer_samples"] = seen.samples
            details["longest_write_transaction_seconds"] = seen.longest_s
            if seen.process is not None:
                occupants.append(Occupant("writer", seen.process, name_of(seen.process)))

    # --- Closing ---

    def _close_files(self) -> None:
        self._drop_shm()
        self._drop_log(begins=False)
        self._last = None
        if self._main is not None:
            os.close(self._main)
            self._main = None

    def _drop_shm(self) -> None:
        if self._shm is not None:
            os.close(self._shm)
            self._shm = None
            self._readers = ReaderWatch()

    def _drop_log(self, *, begins: bool) -> None:
        if self._wal is not None:
            os.close(self._wal)
            self._wal = None
        self._log, self._log_begins = None, begins

    def _unknown(self, why: str) -> DatabaseReading:
        return DatabaseReading("sqlite", self._path.name, notes={_WRITES: why, _SIZE: why})


def _details(header: Header, index: WalIndex | None) -> dict[str, float]:
    details = {
        "page_size_bytes": header.page_size,
        "free_pages": header.free_pages,
        "free_bytes": header.free_pages * header.page_size,
    }
    if index is not None:
        backlog = max(index.frames - index.backfilled, 0)
        details["wal_frames"] = index.frames
        details["checkpoint_backlog_frames"] = backlog
        details["checkpoint_backlog_bytes"] = backlog * header.page_size
    return dict(details)
