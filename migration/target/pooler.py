"""Recognises a connection pooler that gives every transaction another session of the server.

Locks and settings belong to one session. Behind such a pooler (PgBouncer with pool_mode=transaction) they
would be another client's a moment later, so the migration is refused.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from migration.errors import TargetRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.target.dsn import Dsn

#: Seconds that a second connection may take to get a session. One that must wait for it shares none.
WAIT_S = 5.0


def refuse_shared_sessions(
    connection: psycopg.Connection[tuple[Any, ...]], dsn: Dsn, parameters: Mapping[str, Any]
) -> None:
    """Refuse a pooler that shares sessions between transactions; `parameters` open another connection.

    A pooler shows itself by a process number that is not the server's. Whether it shares sessions, a second
    connection tells: it is given the first one's, while that one is still open.

    Raises:
        TargetRefusedError: with the next thing to type.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    session = row[0] if row else None
    if session == connection.info.backend_pid or _session_of_another(parameters) != session:
        return
    raise TargetRefusedError(
        f"{dsn} is a connection pooler that shares the server's sessions",
        why="the locks and settings of a migration belong to one session (PgBouncer: pool_mode=transaction)",
        next_step="name the server itself, or a pool with pool_mode=session",
    )


def _session_of_another(parameters: Mapping[str, Any]) -> int | None:
    """The server's process number that a second connection works with; None if it gets none in time."""
    link = pq.PGconn.connect(make_conninfo("", **parameters).encode())
    try:
        if link.status != pq.ConnStatus.OK:
            return None
        link.send_query(b"BEGIN; SELECT pg_backend_pid()")
        give_up = time.monotonic() + WAIT_S
        while link.is_busy():
            ready, _, _ = select.select([link.socket], [], [], max(0.0, give_up - time.monotonic()))
            if not ready:
                return None
            link.consume_input()
        found = None
        while (result := link.get_result()) is not None:
            if result.status == pq.ExecStatus.TUPLES_OK:
                found = int(result.get_value(0, 0) or b"0")
    except psycopg.Error:
        return None
    else:
        return found
    finally:
        link.finish()  # and its transaction with it
