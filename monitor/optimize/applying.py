"""Carries advice out on the application's file: a verified backup first, then everything in one transaction.

The write-ahead log comes before, because it cannot be switched inside a transaction and because it lets
readers go on meanwhile. Ended at any point, by kill -9 too, SQLite's own journal leaves the file as it was or
as it should be; a second run does what is missing.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.optimize.copying import back_up, connect, is_busy, refusal
from monitor.optimize.errors import DatabaseBusy, Overtaken
from monitor.optimize.upkeep import ANALYZE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.optimize.advising import Advice, Change

_WAL: Final = "PRAGMA journal_mode=WAL"


@dataclass(frozen=True)
class Applied:
    """What was done.

    Args:
        backup: where the file as it was before is kept; None where nothing needed doing.
        changes: what was changed, with how to take it back.
        locked_s: how long writers had to wait.
    """

    backup: str | None
    changes: tuple[Change, ...]
    locked_s: float


def apply(source: Path, advice: Advice, *, wait_s: float, max_lock_s: float) -> Applied:
    """Carry out an advice's changes.

    Args:
        source: the application's file.
        advice: made of this file just before.
        wait_s: how long to wait for a lock.
        max_lock_s: the longest that writers may have to wait for the change, as measured on the copy.

    Raises:
        DatabaseBusy: another process holds a lock for longer, or the change would hold one too long.
        Overtaken: the schema changed meanwhile.
        BackupFailed, NoRoom: there is no backup to fall back to.
    """
    if not advice.changes:
        return Applied(None, (), 0.0)
    if advice.lock_s > max_lock_s:
        raise DatabaseBusy(
            f"the changes would make writers wait about {advice.lock_s:.1f} s",
            why=f"that long they took on the copy, and --max-lock is {max_lock_s:g} s",
            next_step=f"at a quiet hour add: --max-lock {advice.lock_s * 2 + 1:.0f}",
        )
    _require_lock(source, advice, wait_s)
    backup = back_up(source, wait_s=wait_s)
    with closing(connect(source, mode="rw", wait_s=wait_s)) as connection:
        try:
            seconds = _carry_out(connection, advice)
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise _stopped(source, error, backup) from None
    return Applied(str(backup), advice.changes, round(seconds, 3))


def _carry_out(connection: sqlite3.Connection, advice: Advice) -> float:
    statements = [sql for change in advice.changes for sql in change.sql]
    if _WAL in statements:
        mode = connection.execute(_WAL).fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"the journal mode stays {mode}")
        connection.execute("PRAGMA synchronous=FULL")
    connection.execute(ANALYZE[0]).fetchall()
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    _require_same_schema(connection, advice)
    for sql in statements:
        if not sql.startswith("PRAGMA"):
            connection.execute(sql)
    connection.execute("COMMIT")
    return time.perf_counter() - start


def _require_lock(source: Path, advice: Advice, wait_s: float) -> None:
    """See before the backup is made whether the file can be written to now."""
    with closing(connect(source, mode="rw", wait_s=wait_s)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            _require_same_schema(connection, advice)
        except sqlite3.Error as error:
            raise refusal(source, error) from None
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _require_same_schema(connection: sqlite3.Connection, advice: Advice) -> None:
    now = connection.execute("PRAGMA schema_version").fetchone()[0]
    if now != advice.settings.schema_version:
        raise Overtaken(
            "the schema changed while the copy was looked at",
            why="the application or another tool altered it",
            next_step="run the same command again",
        )


def _stopped(source: Path, error: sqlite3.Error, backup: Path) -> Exception:
    if is_busy(error):
        backup.unlink(missing_ok=True)
        return DatabaseBusy(
            f"{source} is locked by another process",
            why=f"{error}; what had begun was rolled back",
            next_step="try again when its long transaction has ended; --wait SECONDS waits longer",
        )
    found = refusal(source, error)
    found.next_step = f"nothing was lost; the backup is {backup}"
    return found


def undo_lines(changes: Sequence[Change]) -> list[str]:
    """List the statements that take changes back, last one first."""
    return [sql for change in reversed(changes) for sql in change.undo if sql]
