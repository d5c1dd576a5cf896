"""The plan of a promotion: everything that will be done, as values with one hash that approvals bind to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from migration.promotion.audit import canonical, digest

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class PlannedTable:
    """A table that moves, and how many rows it held when the plan was made."""

    name: str
    rows: int


@dataclass(frozen=True)
class PlannedNote:
    """Something the migration does that its user should know; level "left" is what does not move."""

    level: str
    object: str
    text: str


@dataclass(frozen=True)
class MigrationSummary:
    """What moves, what changes on the way, what is left, and what stands in the way (`obstacles`).

    `statements` is the sha256 of all DDL that will run, `options` the choices it was planned with.
    """

    schema: str
    tables: tuple[PlannedTable, ...]
    notes: tuple[PlannedNote, ...]
    obstacles: tuple[str, ...]
    statements: str
    options: Mapping[str, Any]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    def essence(self) -> dict[str, Any]:
        """What the migration does, without what changes while the application writes.

        Row counts, the words of notes (which may count values) and notes that only inform grow stale with
        the next order that a customer places.
        """
        return {
            "schema": self.schema,
            "tables": [table.name for table in self.tables],
            "notes": sorted({(note.level, note.object) for note in self.notes if note.level != "info"}),
            "statements": self.statements,
            "options": dict(self.options),
        }

    @property
    def left(self) -> tuple[PlannedNote, ...]:
        return tuple(note for note in self.notes if note.level == "left")


@dataclass(frozen=True)
class InfraSummary:
    """The next phase's stack: the hash of its plan, its size and its cost in US dollars a month.

    `protected` names the resources that no revert destroys, `unpriced` the types whose cost nobody knows.
    """

    plan_hash: str
    resources: int
    protected: tuple[str, ...]
    unpriced: tuple[str, ...]
    monthly_cost: float
    budget_min: float
    budget_max: float


@dataclass(frozen=True)
class PlannedStep:
    """One step: what it does, and how it is undone ("" behind the point of no return)."""

    name: str
    does: str
    undo: str
    no_return: bool = False


@dataclass(frozen=True)
class PromotionPlan:
    """A whole promotion. Built by reading only; holds no credentials.

    `source` is the SQLite file's full path; `target` describes the database, or is None where the runner's
    outputs will name it; `application` says how the application is stopped, switched, restored and watched.
    """

    from_phase: str
    to_phase: str
    source: str
    target: str | None
    runner: str
    rehearsal: bool
    infra: InfraSummary
    migration: MigrationSummary
    application: Mapping[str, str]
    steps: tuple[PlannedStep, ...]

    @property
    def hash(self) -> str:
        """What approvals bind to: a sha256 over all of it, the migration by its `essence`."""
        return digest({**self.to_json(), "migration": self.migration.essence()})

    def to_json(self) -> dict[str, Any]:
        # As a journal gives it back: tuples are lists.
        plain: dict[str, Any] = json.loads(canonical(asdict(self)))
        return plain

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PromotionPlan:
        """Read a plan back from a journal."""
        infra, migration = value["infra"], value["migration"]
        return cls(
            from_phase=value["from_phase"],
            to_phase=value["to_phase"],
            source=value["source"],
            target=value["target"],
            runner=value["runner"],
            rehearsal=value["rehearsal"],
            infra=InfraSummary(
                **{
                    **infra,
                    "protected": tuple(infra["protected"]),
                    "unpriced": tuple(infra["unpriced"]),
                }
            ),
            migration=MigrationSummary(
                **{
                    **migration,
                    "tables": tuple(PlannedTable(**table) for table in migration["tables"]),
                    "notes": tuple(PlannedNote(**note) for note in migration["notes"]),
                    "obstacles": tuple(migration["obstacles"]),
                }
            ),
            application=value["application"],
            steps=tuple(PlannedStep(**step) for step in value["steps"]),
        )
