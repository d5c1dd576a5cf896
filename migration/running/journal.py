"""The journal of a migration: a small SQLite file that pins what is migrated where and remembers each step.

It says what happened and when, for people and for the next run; what is *true* of the target is read from the
target itself (`target_state`), which is written in the same transaction as each step's effect. No credentials
are kept.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from migration.errors import JournalFailedError, JournalRefusedError
from migration.source.snapshot import SourceState
from migration.target.database import TargetIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migration.running.steps import Outcome, Step

#: "outg" in ASCII, in the header's application id: how a journal is told from other SQLite files.
APPLICATION_ID = 0x6F757467
FORMAT = 1

StepState = Literal["started", "done", "left"]

_TABLES = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE setup (
  id INTEGER PRIMARY KEY CHECK (id = 1), journal TEXT NOT NULL, tool TEXT NOT NULL, source TEXT NOT NULL,
  source_state TEXT NOT NULL, target TEXT NOT NULL, schema TEXT NOT NULL, options TEXT NOT NULL,
  plan_hash TEXT NOT NULL, started REAL NOT NULL, finished REAL, report TEXT
) STRICT;
CREATE TABLE step (
  id TEXT PRIMARY KEY, position INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('started', 'done', 'left')),
  started REAL NOT NULL, finished REAL, outcome TEXT
) STRICT;
"""


@dataclass(frozen=True)
class Setup:
    """What one journal stands for; a run that differs in any of it is refused.

    `journal` is a random name that the target's own records carry too. `source_state` and `plan_hash` change
    when a changed source is copied anew; nothing else ever does. Times are seconds since 1970.
    """

    journal: str
    tool: str
    source: Path
    source_state: SourceState
    target: TargetIdentity
    schema: str
    options: Mapping[str, Any]
    plan_hash: str
    started: float
    finished: float | None = None
    report: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class StepRecord:
    """One step as the journal knows it. `outcome` is what the step had to say (JSON)."""

    id: str
    kind: str
    name: str
    state: StepState
    started: float
    finished: float | None
    outcome: Mapping[str, Any]


def new_journal_name() -> str:
    """A name that no other migration has."""
    return uuid.uuid4().hex


def default_journal(source: Path) -> Path:
    """Beside the source, whichever name it was called by."""
    real = source.resolve()
    return real.with_name(real.name + ".outgrow-journal")


class Journal:
    """An open journal: whole after a kill, and after a loss of power too.

    What the target's own records repeat, the steps, is written through a log that need not reach the disk at
    once: thousands of steps would wait for it thousands of times. What only the journal knows is on the disk
    before the call returns, with all that was written before: the setup, and from its last step on, which
    removes the target's records, everything.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._through_log = False

    @property
    def setup(self) -> Setup:
        row = self._connection.execute(
            "SELECT journal, tool, source, source_state, target, schema, options, plan_hash,"
            " started, finished, report FROM setup"
        ).fetchone()
        if row is None:
            raise JournalRefusedError(
                f"{self.path} is an unfinished journal", next_step=f"remove it: rm '{self.path}'"
            )
        return Setup(
            journal=row[0],
            tool=row[1],
            source=Path(row[2]),
            source_state=SourceState.from_json(json.loads(row[3])),
            target=TargetIdentity.from_json(json.loads(row[4])),
            schema=row[5],
            options=json.loads(row[6]),
            plan_hash=row[7],
            started=row[8],
            finished=row[9],
            report=json.loads(row[10]) if row[10] else None,
        )

    def steps(self) -> dict[str, StepRecord]:
        """All steps begun so far, in order."""
        rows = self._connection.execute(
            "SELECT id, kind, name, state, started, finished, outcome FROM step ORDER BY position"
        )
        return {
            row[0]: StepRecord(row[0], row[1], row[2], row[3], row[4], row[5], json.loads(row[6] or "{}"))
            for row in rows
        }

    def begin(self, step: Step, position: int) -> None:
        """Note that a step is about to be carried out (again, where an earlier run ended inside it)."""
        with _written(self.path):
            if not self._through_log:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._through_log = True
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if step.kind == 'finish' else 'NORMAL'}")
        self._write(
            "INSERT INTO step (id, position, kind, name, state, started) VALUES (?, ?, ?, ?, 'started', ?)"
            " ON CONFLICT (id) DO UPDATE SET state = 'started'",
            [step.id, position, step.kind, step.name, time.time()],
        )

    def end(self, step: Step, outcome: Outcome) -> None:
        """Note how a step ended."""
        self._write(
            "UPDATE step SET state = ?, finished = ?, outcome = ? WHERE id = ?",
            [outcome.state, time.time(), json.dumps(dict(outcome.detail)), step.id],
        )

    def start_over(self, setup: Setup) -> None:
        """Forget all steps and pin a setup anew, in one transaction."""
        self._connection.execute("PRAGMA synchronous = FULL")
        with _written(self.path), transaction(self._connection):
            self._connection.execute("DELETE FROM step")
            self._connection.execute("DELETE FROM setup")
            _pin(self._connection, setup)

    def finish(self, report: Mapping[str, Any]) -> None:
        """Note that everything is done, with the run's report."""
        self._connection.execute("PRAGMA synchronous = FULL")
        self._write("UPDATE setup SET finished = ?, report = ?", [time.time(), json.dumps(report)])

    def close(self) -> None:
        """Make one file of it again; a journal that cannot be written keeps its log until the next run."""
        if self._through_log:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()

    def _write(self, statement: str, values: list[Any]) -> None:
        with _written(self.path):
            self._connection.execute(statement, values)


@contextmanager
def existing_journal(path: Path) -> Iterator[Journal | None]:
    """The journal at a path, or None where there is none.

    Raises:
        JournalRefusedError: something else is there, or it was written by a newer Outgrow.
    """
    if not path.exists():
        yield None
        return
    with closing(Journal(path, _open(path, "rw"))) as journal:
        yield journal


@contextmanager
def new_journal(path: Path, setup: Setup) -> Iterator[Journal]:
    """Make a journal. It appears under its name only when it is whole."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with closing(_open(draft, "rwc")) as connection, _written(path):
        connection.executescript(_TABLES)
        _pin(connection, setup)
    draft.rename(path)
    with closing(Journal(path, _open(path, "rw"))) as journal:
        yield journal


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise JournalFailedError(
            f"the journal {path} cannot be written",
            why=str(error),
            next_step="make room or give rights there, then run the same command again",
        ) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _pin(connection: sqlite3.Connection, setup: Setup) -> None:
    connection.execute(
        "INSERT INTO setup (id, journal, tool, source, source_state, target, schema, options, plan_hash,"
        " started) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            setup.journal,
            setup.tool,
            str(setup.source),
            json.dumps(setup.source_state.to_json()),
            json.dumps(setup.target.to_json()),
            setup.schema,
            json.dumps(dict(setup.options)),
            setup.plan_hash,
            setup.started,
        ],
    )


def _open(path: Path, mode: Literal["rw", "rwc"]) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            path.absolute().as_uri() + f"?mode={mode}", uri=True, isolation_level=None
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            if mode == "rw":
                _check_format(path, connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise _no_journal(path, str(error)) from error
    return connection


def _check_format(path: Path, connection: sqlite3.Connection) -> None:
    identity = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if identity != APPLICATION_ID:
        raise _no_journal(path, "another SQLite database has its name")
    if version > FORMAT:
        raise JournalRefusedError(
            f"{path} was written by a newer Outgrow",
            why=f"its format is {version}, this version reads up to {FORMAT}",
            next_step="use that version to go on",
        )


def _no_journal(path: Path, why: str) -> JournalRefusedError:
    return JournalRefusedError(
        f"{path} is not the journal of a migration", why=why, next_step="name another place: --journal FILE"
    )
