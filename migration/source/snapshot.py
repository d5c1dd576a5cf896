"""One consistent state of the source for all reads of a run, and the marks by which it is known again."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from migration.source.connection import is_immutable, open_source, refusal
from migration.source.header import read_header, write_ahead_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


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


class Snapshot:
    """A connection inside a read transaction: everything read through it is of one moment.

    Attributes:
        connection: read through this one only. Text comes as bytes.
        state: the file's marks, read before the transaction began: a change in between is noticed, not
            missed.
    """

    def __init__(self, path: Path, state: SourceState, connection: sqlite3.Connection, watch: Watch) -> None:
        self.path = path
        self.state = state
        self.connection = connection
        self._watch = watch

    def overtaken(self) -> bool:
        """Whether another program has committed a change since this snapshot was taken."""
        return self._watch.changed()


class Watch:
    """Notices commits of other connections from the moment it is made; a checkpoint of the log is none.

    `PRAGMA data_version` changes with every such commit. An immutable connection sees none: there the
    marks decide.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_source(path)
        self._state = read_state(path)
        self._version = self._data_version()

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def changed(self) -> bool:
        if is_immutable(self._connection):
            return read_state(self._path) != self._state
        return self._data_version() != self._version

    def close(self) -> None:
        self._connection.close()


@contextmanager
def hold_snapshot(path: Path) -> Iterator[Snapshot]:
    """Hold one state of the file until the block ends.

    In WAL mode the application may go on writing; in rollback-journal mode its writes wait, and fail as
    "locked" when its own timeout is over.

    Raises:
        SourceRefusedError, SourceBusyError: it cannot be opened or read to its end, or stays locked.
    """
    real = path.resolve()
    state = read_state(real)
    watch = Watch(real)
    try:
        connection = open_source(real)
        try:
            connection.execute("BEGIN")
            connection.execute(
                "SELECT count(*) FROM sqlite_schema"
            ).fetchone()  # this read fixes the snapshot
            yield Snapshot(real, state, connection, watch)
        except sqlite3.Error as error:
            raise refusal(real, error) from error
        finally:
            connection.close()
    finally:
        watch.close()
