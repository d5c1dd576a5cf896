"""Finds the rows that PostgreSQL itself refuses, and stores all others.

A refused chunk is halved until the refused rows stand alone. Nothing here knows how rows are sent: `send`
sends a span of one table and tells what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.target.database import Connection
    from migration.target.rejects import Reject


@dataclass(frozen=True)
class Span:
    """Rows of one table in their order: those behind the rowid `after`, up to `until` (None: no bound).

    `skip` and `rows` choose some of them by position (None: all to the end).
    """

    after: int | None
    until: int | None
    skip: int = 0
    rows: int | None = None


@dataclass(frozen=True)
class Sent:
    """What came of a span: rows stored, bytes sent, and the rows that were kept aside."""

    rows: int = 0
    bytes: int = 0
    rejects: tuple[Reject, ...] = ()

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.rows + other.rows, self.bytes + other.bytes, (*self.rejects, *other.rejects))


def send_isolated(
    target: Connection,
    span: Span,
    *,
    send: Callable[[Span], Sent],
    count: Callable[[Span], int],
    refuse: Callable[[Span, psycopg.Error], Reject],
) -> Sent:
    """Send a span inside the caller's transaction; what PostgreSQL refuses becomes a reject.

    Args:
        target: inside a transaction; every attempt is a savepoint.
        span: what to send.
        send: sends a span with one COPY or in any other way.
        count: the number of rows of a span.
        refuse: makes the reject of a span of one row, for PostgreSQL's reason.
    """
    try:
        with target.transaction():
            return send(span)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        rows = count(span) if span.rows is None else span.rows
        if rows <= 1:
            return Sent(rejects=(refuse(span, error),))
    half = rows // 2
    halves = (replace(span, rows=half), replace(span, skip=span.skip + half, rows=rows - half))
    sent = Sent()
    for part in halves:
        sent += send_isolated(target, part, send=send, count=count, refuse=refuse)
    return sent


def reason_of(error: psycopg.Error) -> str:
    """PostgreSQL's own words in one line."""
    said = error.diag
    parts = [said.message_primary, said.message_detail]
    text = "; ".join(" ".join(part.split()) for part in parts if part) or " ".join(str(error).split())
    return f"PostgreSQL: {text}"
