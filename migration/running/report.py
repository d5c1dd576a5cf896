"""What a run has done, table by table and object by object: the value behind the summary and --json."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration.running.steps import together, unchecked
from migration.schema.target import Advice, NewName, Note
from migration.scripting.names_file import names_beside
from migration.target.rejects import RejectCount
from monitor.errors import ExitCode
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.running.journal import Setup
    from migration.running.steps import Ended
    from migration.schema.target import TargetPlan


@dataclass(frozen=True)
class TableReport:
    """One table: rows copied and rejected, bytes sent to PostgreSQL, seconds it took in all runs.

    `equal` is the verification's word on it (None: not verified).
    """

    name: str
    rows: int
    bytes: int
    seconds: float
    equal: bool | None
    rejected: int = 0


@dataclass(frozen=True)
class LeftObject:
    """Something that has not arrived: what, why, and the SQL to repair and run by hand.

    What PostgreSQL `refused` is in its SQL and its words; what the plan left out is in SQLite's SQL.
    """

    kind: str
    name: str
    table: str
    why: str
    sql: str
    refused: bool = True


@dataclass(frozen=True)
class Rejected:
    """The rows that could not be stored, with where they are kept: a table in the target, and a file."""

    counts: tuple[RejectCount, ...] = ()
    table: str | None = None
    file: Path | None = None

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(item.rows for item in self.counts)


@dataclass(frozen=True)
class RunReport:
    """The result of `run_migration`.

    `already_finished`: an earlier run had finished and this one changed nothing. `resumed`: an earlier run
    had begun. `started_over`: the source had changed in between, so its rows were copied anew.
    `source_changed`: the source was written to after the state that was copied, so the target lacks those
    writes. `rejected` tells of rows that could not be stored, `rejects_accepted` whether the user had agreed
    to them. `verification` is the JSON of a `Verification`, None where it was not asked for. Times are
    seconds; `started` and `finished` count from 1970. `names` is what is named otherwise than in the source,
    `application` what the code of its users meets on PostgreSQL.
    """

    source: Path
    target: str
    schema: str
    journal: Path
    tables: tuple[TableReport, ...]
    left: tuple[LeftObject, ...]
    notes: tuple[Note, ...]
    verification: dict[str, Any] | None
    started: float
    finished: float
    resumed: bool = False
    started_over: bool = False
    source_changed: bool = False
    already_finished: bool = False
    rejected: Rejected = field(default_factory=Rejected)
    rejects_accepted: bool = False
    names: tuple[NewName, ...] = ()
    application: tuple[Advice, ...] = ()

    @property
    def names_file(self) -> Path:
        """Where `names` is written to, if there are any."""
        return names_beside(self.journal)

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(table.rows for table in self.tables)

    @property
    def seconds(self) -> float:
        """From the first run's start to the end."""
        return self.finished - self.started

    @property
    def equal(self) -> bool | None:
        """What the verification found; None where there was none."""
        return None if self.verification is None else bool(self.verification["equal"])

    @property
    def exit_code(self) -> ExitCode:
        """DIFFERS when anything did not arrive as it was, or not at all."""
        if self.source_changed or (self.rejected.rows and not self.rejects_accepted):
            return ExitCode.DIFFERS
        if self.already_finished:
            return ExitCode.DONE
        left = self.left or any(note.level == "left" for note in self.notes)
        return ExitCode.DIFFERS if left or self.equal is False else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        """Everything, with the derived values."""
        derived = {
            "rows": self.rows,
            "rejected_rows": self.rejected.rows,
            "seconds": self.seconds,
            "equal": self.equal,
            "exit_code": int(self.exit_code),
        }
        return {**to_json(self), **derived}


def build_report(
    plan: TargetPlan,
    ended: Sequence[Ended],
    *,
    setup: Setup,
    journal: Path,
    target: str,
    notes: Sequence[str],
    resumed: bool,
    started_over: bool,
    source_changed: bool,
    rejected: Rejected,
    rejects_accepted: bool,
) -> RunReport:
    """Put a run's report together from its plan and its ended steps."""
    verification = next((step.outcome.detail for step in ended if step.kind == "verify"), None)
    equal = {item["table"]: item["equal"] for item in verification["tables"]} if verification else {}
    copies = [step for step in ended if step.kind == "copy"]
    known = dict.fromkeys((*(table.name for table in plan.tables), *(step.name for step in copies)))
    parts = {name: [step.outcome.detail for step in copies if step.name == name] for name in known}
    copied = {name: together(details) for name, details in parts.items() if details}
    return RunReport(
        source=setup.source,
        target=target,
        schema=plan.schema,
        journal=journal,
        tables=tuple(
            TableReport(
                name,
                detail["rows"],
                detail["bytes"],
                detail["seconds"],
                equal.get(name),
                detail["rejected"],
            )
            for name, detail in copied.items()
        ),
        left=tuple(
            LeftObject(detail["kind"], detail["object"], detail["table"], detail["why"], detail["sql"])
            for detail in (step.outcome.detail for step in ended if step.outcome.state == "left")
        )
        + tuple(
            LeftObject(note.kind, note.object, note.table, note.text, note.sql, refused=False)
            for note in plan.notes
            if note.level == "left" and note.sql
        ),
        notes=(
            *(Note("info", "source", text) for text in notes),
            *plan.notes,
            *(
                Note("changed", step.outcome.detail["object"], unchecked(step.outcome.detail))
                for step in ended
                if "instead" in step.outcome.detail
            ),
        ),
        verification=dict(verification) if verification else None,
        started=setup.started,
        finished=time.time(),
        resumed=resumed,
        started_over=started_over,
        source_changed=source_changed,
        rejected=rejected,
        rejects_accepted=rejects_accepted,
        names=plan.names,
        application=plan.application,
    )


def earlier_report(
    content: Mapping[str, Any], *, source_changed: bool, rejects_accepted: bool = False
) -> RunReport:
    """The report of a run that had finished before; `source_changed`: its source was written to since."""
    values = {item.name: content[item.name] for item in fields(RunReport) if item.name in content}
    kept = content.get("rejected") or {}
    values |= {
        "source": Path(content["source"]),
        "journal": Path(content["journal"]),
        "tables": tuple(TableReport(**table) for table in content["tables"]),
        "left": tuple(LeftObject(**item) for item in content["left"]),
        "notes": tuple(Note(**note) for note in content["notes"]),
        "names": tuple(NewName(**name) for name in content.get("names", ())),
        "application": tuple(
            Advice(**{**item, "columns": tuple(item["columns"])}) for item in content.get("application", ())
        ),
        "source_changed": source_changed or content["source_changed"],
        "already_finished": True,
        "rejected": Rejected(
            tuple(RejectCount(**item) for item in kept.get("counts", ())),
            kept.get("table"),
            Path(kept["file"]) if kept.get("file") else None,
        ),
        "rejects_accepted": rejects_accepted,
    }
    return RunReport(**values)
