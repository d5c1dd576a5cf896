"""Times the statements of a SQLAlchemy engine.

    measure_queries(engine, middleware.recorder)

Of a slow statement its SQL is kept without literals; parameters never are.
"""

from __future__ import annotations

import sqlite3
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from monitor.middleware.statements import without_literals

if TYPE_CHECKING:
    from monitor.middleware.recorder import Recorder

#: The mission's warning limit for the average query, in milliseconds.
SLOW_MS: Final = 100.0
_BEGAN: Final = "outgrow_began"


def measure_queries(engine: Any, recorder: Recorder, *, slow_ms: float = SLOW_MS) -> None:
    """Count every statement of an engine, its time, and whether it found the database locked.

    Args:
        engine: an Engine, or an AsyncEngine.
        recorder: where to count.
        slow_ms: from how many milliseconds on a statement is slow.
    """
    from sqlalchemy import event  # noqa: PLC0415  # only applications that have it call this

    engine = getattr(engine, "sync_engine", engine)

    def count(context: Any, statement: str | None, *, busy: bool = False) -> None:
        began = getattr(context, _BEGAN, None)
        if began is None:
            return
        delattr(context, _BEGAN)
        seconds = perf_counter() - began
        slow = seconds * 1000 >= slow_ms
        sql = without_literals(statement) if slow and statement else None
        recorder.query(seconds, slow=slow, busy=busy, statement=sql)

    @event.listens_for(engine, "before_cursor_execute")
    def begins(*arguments: Any) -> None:
        setattr(arguments[4], _BEGAN, perf_counter())

    @event.listens_for(engine, "after_cursor_execute")
    def ends(*arguments: Any) -> None:
        count(arguments[4], arguments[2])

    @event.listens_for(engine, "handle_error")
    def fails(failure: Any) -> None:
        busy = is_busy(failure.original_exception)
        if failure.execution_context is not None:
            count(failure.execution_context, failure.statement, busy=busy)


def is_busy(error: BaseException) -> bool:
    """Say whether SQLite answered that another connection holds the lock."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return isinstance(error, sqlite3.OperationalError) and "is locked" in str(error)
