"""The journal: one SQLite file that says what a promotion intended and did, after kill -9 and power loss too.

Every change writes its audit entry in the same transaction. Nothing in it is a credential: targets are
written without user and password, and connection strings are never passed in.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from migration.promotion import journal_file
from migration.promotion.audit import Entry, seal
from migration.promotion.errors import PromotionRunningError
from migration.promotion.lease import Holder, is_alive, this_process
from migration.promotion.record import UNDER_WAY, Approval, PromotionRecord, State, StepRecord, StepState
from migration.promotion.tampering import setup_digest, step_digest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType


class Journal:
    """An open journal. Use it as a context manager."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create_or_open(cls, path: Path) -> Journal:
        """Open the journal at `path`, making it where there is none.

        Raises:
            NoPromotionError: the path cannot be written, or holds something else.
        """
        return cls(path, journal_file.make(path))

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open a journal that exists.

        Raises:
            NoPromotionError: there is none at `path`, or the file is something else.
        """
        return cls(path, journal_file.reopen(path))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Reading ------------------------------------------------------------------------------------------------

    def latest(self) -> PromotionRecord | None:
        """The newest promotion, whatever its state."""
        row = self._connection.execute("SELECT * FROM promotion ORDER BY rowid DESC LIMIT 1").fetchone()
        if row is None:
            return None
        steps = self._connection.execute(
            "SELECT * FROM step WHERE promotion = ? ORDER BY position", (row["id"],)
        ).fetchall()
        return PromotionRecord(
            id=row["id"],
            plan_hash=row["plan_hash"],
            plan=json.loads(row["plan"]),
            source=row["source"],
            target=row["target"],
            runner=row["runner"],
            options=json.loads(row["options"]),
            state=State(row["state"]),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            steps=tuple(_step(step) for step in steps),
        )

    def audit(self) -> tuple[Entry, ...]:
        """All entries, oldest first."""
        rows = self._connection.execute("SELECT * FROM audit ORDER BY sequence").fetchall()
        return tuple(Entry(**{**dict(row), "detail": json.loads(row["detail"])}) for row in rows)

    def head(self) -> str:
        """The hash of the last audit entry."""
        return str(self._connection.execute("SELECT hash FROM audit_head").fetchone()[0])

    def approvals(self) -> tuple[Approval, ...]:
        """Approvals given since the last promotion ended, oldest first: used ones count no more."""
        found: list[Approval] = []
        for entry in self.audit():
            if entry.what == "approved":
                found.append(Approval(entry.who, str(entry.detail["plan"]), entry.at, entry.why))
            elif entry.what in {State.REVERTED.value, State.FINISHED.value}:
                found.clear()
        return tuple(found)

    def refuse_under_way(self) -> None:
        """Stop where the newest promotion has begun and not ended.

        Raises:
            PromotionRunningError: it has.
        """
        current = self.latest()
        if current is not None and current.state in UNDER_WAY:
            raise PromotionRunningError(
                f"promotion {current.id} has begun and not ended (it is {current.state.value})",
                next_step="outgrow promote status shows it; outgrow promote resume or abort ends it",
            )

    # Writing ------------------------------------------------------------------------------------------------

    @contextmanager
    def lease(self, *, take_over: bool = False) -> Iterator[None]:
        """Hold the journal while a promotion is carried out.

        Args:
            take_over: take it from a holder on another host, which cannot be seen from here.

        Raises:
            PromotionRunningError: a live process holds it.
        """
        me = this_process()
        with self._transaction() as connection:
            row = connection.execute("SELECT host, pid, started, acquired_at FROM lease").fetchone()
            holder = Holder(row["host"], row["pid"], row["started"]) if row else None
            if holder is not None and is_alive(holder):
                elsewhere = holder.host != me.host
                if not (elsewhere and take_over):
                    raise PromotionRunningError(
                        "a promotion with this journal is already being carried out",
                        why=f"{holder} holds {self.path} since {row['acquired_at']}",
                        next_step="if that host is gone: repeat with --take-over"
                        if elsewhere
                        else "wait for it, watch it with outgrow promote status, or end that process first",
                    )
            if holder is not None:
                self._append("outgrow", "lease taken over", f"{holder} is gone", {"from": str(holder)})
            connection.execute(
                "INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?, ?)", (me.host, me.pid, me.started, _now())
            )
        try:
            yield
        finally:
            with self._transaction() as connection:
                connection.execute("DELETE FROM lease WHERE host = ? AND pid = ?", (me.host, me.pid))

    def holder(self) -> tuple[Holder, bool] | None:
        """Who holds the lease, and whether it is still alive."""
        row = self._connection.execute("SELECT host, pid, started FROM lease").fetchone()
        if row is None:
            return None
        holder = Holder(row["host"], row["pid"], row["started"])
        return holder, is_alive(holder)

    def propose(
        self,
        *,
        plan: Mapping[str, Any],
        plan_hash: str,
        source: str,
        target: str,
        runner: str,
        options: Mapping[str, Any],
        steps: tuple[str, ...],
    ) -> PromotionRecord:
        """Write the setup row of a new promotion, or return the one proposed before where nothing differs.

        Raises:
            PromotionRunningError: the newest promotion has begun and not ended.
        """
        self.refuse_under_way()
        current = self.latest()
        now = _now()
        record = PromotionRecord(
            id=uuid.uuid4().hex[:12],
            plan_hash=plan_hash,
            plan=plan,
            source=source,
            target=target,
            runner=runner,
            options=options,
            state=State.PROPOSED,
            created_at=now,
            updated_at=now,
            steps=tuple(StepRecord(name, position) for position, name in enumerate(steps)),
        )
        with self._transaction() as connection:
            if current is not None and current.state is State.PROPOSED:
                if setup_digest(replace(record, id=current.id)) == setup_digest(current):
                    return current
                self._set_state(
                    current.id, State.SUPERSEDED, "outgrow", f"plan {plan_hash[:12]} took its place"
                )
            connection.execute(
                "INSERT INTO promotion VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.id,
                    plan_hash,
                    _dump(plan),
                    source,
                    target,
                    runner,
                    _dump(options),
                    "proposed",
                    now,
                    now,
                ),
            )
            for step in record.steps:
                connection.execute(
                    "INSERT INTO step (promotion, position, name, state) VALUES (?, ?, ?, ?)",
                    (record.id, step.position, step.name, step.state.value),
                )
            detail = {"plan": plan_hash, "setup": setup_digest(record)}
            self._append("outgrow", State.PROPOSED.value, "", detail, promotion=record.id)
        return record

    def approve(self, by: str, plan_hash: str, why: str) -> Approval:
        """Write someone's yes to a plan."""
        with self._transaction():
            entry = self._append(by, "approved", why, {"plan": plan_hash})
        return Approval(by, plan_hash, entry.at, why)

    def note(self, who: str, what: str, why: str, detail: Mapping[str, Any]) -> None:
        """Write a decision that changes no state: a gate's answer, an acceptance."""
        with self._transaction():
            self._append(who, what, why, detail)

    def set_state(self, promotion: str, state: State, *, who: str = "outgrow", why: str = "") -> None:
        """Move a promotion to another state."""
        with self._transaction():
            self._set_state(promotion, state, who, why)

    def write_step(self, promotion: str, step: StepRecord) -> StepRecord:
        """Write a step's row; the times are set by what the state says."""
        now = _now()
        begun = step.state is StepState.BEGUN
        stamped = replace(
            step, started_at=now if begun else step.started_at or now, ended_at="" if begun else now
        )
        with self._transaction() as connection:
            connection.execute(
                "UPDATE step SET state = ?, attempts = ?, intent = ?, outcome = ?, error = ?, started_at = ?,"
                " ended_at = ? WHERE promotion = ? AND name = ?",
                (
                    stamped.state.value,
                    stamped.attempts,
                    _dump(stamped.intent),
                    _dump(stamped.outcome),
                    stamped.error,
                    stamped.started_at,
                    stamped.ended_at,
                    promotion,
                    stamped.name,
                ),
            )
            detail = {"state": stamped.state.value, "row": step_digest(stamped)}
            self._append("outgrow", f"step {stamped.name}", stamped.error, detail, promotion=promotion)
        return stamped

    # Inside a transaction -----------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _set_state(self, promotion: str, state: State, who: str, why: str) -> None:
        self._connection.execute(
            "UPDATE promotion SET state = ?, updated_at = ? WHERE id = ?", (state.value, _now(), promotion)
        )
        self._append(who, state.value, why, {}, promotion=promotion)

    def _append(
        self, who: str, what: str, why: str, detail: Mapping[str, Any], *, promotion: str | None = None
    ) -> Entry:
        if promotion is None:
            row = self._connection.execute("SELECT id FROM promotion ORDER BY rowid DESC LIMIT 1").fetchone()
            promotion = row["id"] if row else ""
        last = self._connection.execute("SELECT max(sequence) FROM audit").fetchone()[0] or 0
        plain = json.loads(_dump(detail))  # sealed as a reader will get it back: tuples are lists
        entry = Entry(last + 1, _now(), promotion, who, what, why, plain, self.head())
        entry = replace(entry, hash=seal(entry))
        self._connection.execute(
            "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (entry.sequence, entry.at, promotion, who, what, why, _dump(plain), entry.previous, entry.hash),
        )
        self._connection.execute("UPDATE audit_head SET hash = ?", (entry.hash,))
        return entry


def _step(row: sqlite3.Row) -> StepRecord:
    return StepRecord(
        name=row["name"],
        position=row["position"],
        state=StepState(row["state"]),
        attempts=row["attempts"],
        intent=json.loads(row["intent"]),
        outcome=json.loads(row["outcome"]),
        error=row["error"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
