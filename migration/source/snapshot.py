"""One consistent state of the source for all reads of a run, and the marks by which it is known again."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from migration.source.connection import is_immutable, open_source, refusal
from migration.source.header import read_header, write_ahead_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from migration.native.library import NativeReader


@dataclass(frozen=True)
class SourceState:
    """Marks that change whenever a transaction changes the file: sizes (bytes), times (ns), header counters.

    In WAL mode a commit may leave the header alone, so the log's size, time and salt (its header's bytes
    16 to 23, new at every restart of the log) count too. A checkpoint changes the marks as well: a state
    that looks changed may hold the same rows, but a state that looks the same does.
    """

    size: int
    modified_ns: int
    change_counter: int
    schema_cookie: int
    log_size: int
    log_modified_ns: int
    log_salt: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SourceState:
        return cls(**value)


def read_state(path: Path) -> SourceState:
    """Read the marks of a database file as it lies there now."""
    header = read_header(path)
    main = path.stat()
    log = write_ahead_log(path)
    try:
        with log.open("rb") as file:
            salt = file.read(24)[16:24].hex()
        status = log.stat()
        log_size, log_time = status.st_size, status.st_mtime_ns
    except FileNotFoundError:
        salt, log_size, log_time = "", 0, 0
    if log_size == 0:  # an empty log is left behind by readers and says nothing
        salt, log_time = "", 0
    return SourceState(
        main.st_size, main.st_mtime_ns, header.change_counter, header.schema_cookie, log_size, log_time, salt
    )


#: How many threads read a file at the same time where nobody chose a number: more would wait for PostgreSQL.
READERS = max(2, min(4, os.cpu_count() or 2))


@dataclass(frozen=True)
class Reader:
    """A pair of connections of one snapshot for one thread: Python's, and the compiled library's (if any)."""

    connection: sqlite3.Connection
    native: NativeReader | None


class Snapshot:
    """Connections inside read transactions: everything read through them is of one moment.

    Attributes:
        connection: read through this one, and through those of the `readers`, only. Text comes as bytes.
        readers: for other threads, all of the same moment; empty where writers left no moment for it.
        state: the file's marks, read before the transaction began: a change in between is noticed, not
            missed.
    """

    def __init__(
        self,
        path: Path,
        state: SourceState,
        connection: sqlite3.Connection,
        watch: Watch,
        readers: Sequence[Reader] = (),
    ) -> None:
        self.path = path
        self.state = state
        self.connection = connection
        self.readers = tuple(readers)
        self._watch = watch

    @property
    def natives(self) -> tuple[NativeReader, ...]:
        """The readers' connections of the compiled library."""
        return tuple(reader.native for reader in self.readers if reader.native is not None)

    def overtaken(self) -> bool:
        """Whether another program has committed a change since this snapshot was taken."""
        return self._watch.changed()


class Watch:
    """Notices commits of other connections from the moment it is made; a checkpoint of the log is none.

    `PRAGMA data_version` changes with every such commit. An immutable connection sees none: there the
    marks decide. Another file that took the path's place is a change too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _identity(path)
        self._connection = open_source(path)
        self._state = read_state(path)
        self._version = self._data_version()

    @property
    def state(self) -> SourceState:
        """The marks when the watch began."""
        return self._state

    @property
    def immutable(self) -> bool:
        return is_immutable(self._connection)

    def restart(self) -> None:
        """Notice commits from now on."""
        self._state = read_state(self._path)
        self._version = self._data_version()

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def changed(self) -> bool:
        if _identity(self._path) != self._file:
            return True
        if is_immutable(self._connection):
            return read_state(self._path) != self._state
        return self._data_version() != self._version

    def close(self) -> None:
        self._connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at a path, if any."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


#: How often several connections are tried to begin at one moment, and the pause between (seconds, at most).
_ATTEMPTS, _PAUSE_S = 200, 0.002


@contextmanager
def hold_snapshot(path: Path, readers: int = 0) -> Iterator[Snapshot]:
    """Hold one state of the file until the block ends.

    In WAL mode the application may go on writing; in rollback-journal mode its writes wait, and fail as
    "locked" when its own timeout is over.

    Args:
        path: the SQLite file.
        readers: how many more connections see the same state, for as many threads.

    Raises:
        SourceRefusedError, SourceBusyError: it cannot be opened or read to its end, or stays locked.
    """
    real = path.resolve()
    state = read_state(real)
    with closing(Watch(real)) as watch, ExitStack() as opened:
        try:
            connection = opened.enter_context(closing(open_source(real)))
            beside = [_reader(opened, real, immutable=watch.immutable) for _ in range(readers)]
            if beside and _begin_together(connection, beside, watch):
                state = watch.state
            else:
                beside = []
                _begin(connection)
            yield Snapshot(real, state, connection, watch, beside)
        except sqlite3.Error as error:
            raise refusal(real, error) from error


def _reader(opened: ExitStack, path: Path, *, immutable: bool) -> Reader:
    from migration.native.library import NativeReader, library  # noqa: PLC0415  # it opens sources, too

    connection = opened.enter_context(closing(open_source(path)))
    native = library()
    if native is None:
        return Reader(connection, None)
    return Reader(connection, opened.enter_context(closing(NativeReader(native, path, immutable=immutable))))


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # this read fixes the snapshot


def _begin_together(connection: sqlite3.Connection, readers: Sequence[Reader], watch: Watch) -> bool:
    """Let all connections begin while nobody commits, which the watch tells; False if that never succeeds."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_S * random.random())  # noqa: S311  # no secret: out of step with the writer
        watch.restart()
        _begin(connection)
        for reader in readers:
            _begin(reader.connection)
            if reader.native is not None:
                reader.native.execute("BEGIN")
                reader.native.execute("SELECT count(*) FROM sqlite_schema")
        if not watch.changed():
            return True
        connection.execute("ROLLBACK")
        for reader in readers:
            reader.connection.execute("ROLLBACK")
            if reader.native is not None:
                reader.native.execute("ROLLBACK")
    return False
