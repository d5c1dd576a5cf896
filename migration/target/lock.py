"""One migration at a time into a schema: an advisory lock that PostgreSQL gives up when its session ends.

To hold it also means that no earlier session of ours is still at work: what it committed is final.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from migration.errors import AlreadyRunningError
from migration.target.database import scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration.target.database import Connection

#: How long the server may take to notice that a killed client is gone (it looks every second, see
#: `target_database`).
WAIT_S = 30.0


@dataclass(frozen=True)
class _Holder:
    backend: int
    name: str

    def lives_here(self) -> bool | None:
        """Whether its process lives on this machine; None where it ran elsewhere."""
        match self.name.split(" "):
            case ["outgrow", host, pid] if host == socket.gethostname()[:40] and pid.isdecimal():
                return psutil.pid_exists(int(pid))
        return None


@contextlib.contextmanager
def exclusive(connection: Connection, schema: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a schema for as long as the block runs.

    The session of a process that died on this machine is ended; one from elsewhere gets `WAIT_S` seconds to
    end.

    Raises:
        AlreadyRunningError: somebody else holds it.
    """
    lock, lanes = _keys(schema)
    _take(connection, lock, schema, say)
    try:
        # Sessions that worked beside one which is gone may still be about to commit.
        _take(connection, lanes, schema, say)
        connection.execute("SELECT pg_advisory_unlock(%s)", [lanes])
        yield
    finally:
        if not connection.broken and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [lock])


def shared(connection: Connection, schema: str) -> None:
    """Let later runs wait until this session ends; for those that work beside the one that holds the lock."""
    connection.execute("SELECT pg_advisory_lock_shared(%s)", [_keys(schema)[1]])


def _keys(schema: str) -> tuple[int, int]:
    """The keys of the lock of a schema, and of the one that all sessions working in it share."""
    first, second = (
        int.from_bytes(hashlib.sha256(f"{name} {schema}".encode()).digest()[:8], "big", signed=True)
        for name in ("outgrow", "outgrow lanes")
    )
    return first, second


def _take(connection: Connection, key: int, schema: str, say: Callable[[str], None]) -> None:
    give_up = time.monotonic() + WAIT_S
    told = False
    while not scalar(connection, "SELECT pg_try_advisory_lock(%s)", [key]):
        holder = _holder(connection, key)
        if holder is not None and holder.lives_here():
            raise _refused(schema, holder)
        if holder is not None and holder.lives_here() is False:
            connection.execute("SELECT pg_terminate_backend(%s)", [holder.backend])
        elif not told:
            say("an earlier session is still at work on the server; waiting for it to end")
            told = True
        if time.monotonic() > give_up:
            raise _refused(schema, holder)
        time.sleep(0.2)


def _holder(connection: Connection, key: int) -> _Holder | None:
    row = connection.execute(
        "SELECT a.pid, a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND l.classid::int8 = %s AND l.objid::int8 = %s"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        [(key % 2**64) >> 32, key % 2**32],
    ).fetchone()
    return _Holder(row[0], row[1]) if row else None


def _refused(schema: str, holder: _Holder | None) -> AlreadyRunningError:
    who = f"{holder.name or 'unnamed'} (server process {holder.backend})" if holder else "just gone"
    return AlreadyRunningError(
        f"another migration is at work in schema {schema}",
        why=f"its session is {who}",
        next_step="wait for it to end"
        + (f", or end it in psql: SELECT pg_terminate_backend({holder.backend})" if holder else ""),
    )
