"""What a migration would do with a file, column by column, before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.orm.registry import recognise
from migration.planning import PlanOptions, draft_migration
from migration.source.file import check_source
from migration.source.snapshot import READERS, hold_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from migration.planning import Draft
    from migration.schema.source import Table
    from migration.schema.target import Advice, Note, Obstacle, TargetColumn, TargetTable
    from migration.values.facts import ColumnProfile


@dataclass(frozen=True)
class ColumnInspection:
    """One column: as declared, as stored (storage class -> how many values), and as PostgreSQL gets it.

    `rejects` values do not fit, so that their rows would be kept aside.
    """

    name: str
    target_name: str
    declared_type: str
    stored: dict[str, int]
    nulls: int
    target_type: str
    not_null: bool
    default: str | None
    generated: str | None
    why: str
    rejects: int = 0


@dataclass(frozen=True)
class TableInspection:
    """One table with its columns and the names of what is made for it."""

    name: str
    target_name: str
    rows: int
    columns: tuple[ColumnInspection, ...]
    primary_key: tuple[str, ...]
    foreign_keys: int
    orphans: int
    indexes: tuple[str, ...]


@dataclass(frozen=True)
class ObjectInspection:
    """Something that is no table: a view, a trigger, a virtual table or a table behind one."""

    kind: str
    name: str
    table: str


@dataclass(frozen=True)
class Inspection:
    """A whole file. `obstacles` must be settled before anything is migrated; `notes` say what will differ.

    `application` is what its users' code meets on PostgreSQL.
    """

    source: Path
    size: int
    encoding: str
    journal_mode: str
    orm: str
    evidence: str | None
    schema: str
    rows: int
    tables: tuple[TableInspection, ...]
    others: tuple[ObjectInspection, ...]
    notes: tuple[Note, ...]
    obstacles: tuple[Obstacle, ...]
    application: tuple[Advice, ...] = ()

    @property
    def rejects(self) -> int:
        """The most rows that would be rejected."""
        return sum(column.rejects for table in self.tables for column in table.columns)

    @property
    def left(self) -> tuple[Note, ...]:
        """What would not be migrated and needs a hand."""
        return tuple(note for note in self.notes if note.level == "left")


def inspect_source(path: Path, options: PlanOptions | None = None) -> Inspection:
    """Inspect a file. Nothing is changed, neither in it nor anywhere else.

    Raises:
        SourceRefusedError: the file is not a whole, readable SQLite database.
        SourceBusyError: it stays locked.
    """
    chosen = options or PlanOptions()
    checked = check_source(path)
    with hold_snapshot(checked.path, READERS) as snapshot:
        draft = draft_migration(
            checked.path, chosen, connection=snapshot.connection, readers=snapshot.natives
        )
    source = draft.plan.source
    recognised = recognise(source.file, chosen.orm)
    return Inspection(
        path,
        checked.size,
        source.encoding,
        source.journal_mode,
        recognised.profile.name,
        recognised.evidence.sign if recognised.evidence else None,
        draft.plan.schema,
        sum(table.rows for table in draft.plan.tables),
        tuple(_table(draft, table) for table in draft.plan.tables),
        tuple(ObjectInspection(other.kind, other.name, other.table) for other in source.others),
        draft.plan.notes,
        draft.plan.obstacles,
        draft.plan.application,
    )


def _table(draft: Draft, target: TargetTable) -> TableInspection:
    source: Table = target.source
    profile = draft.profile.tables[source.name]
    return TableInspection(
        source.name,
        target.name,
        profile.rows,
        tuple(_column(column, profile.columns[column.source.name]) for column in target.columns),
        source.primary_key.columns if source.primary_key else (),
        len(source.foreign_keys),
        sum(orphans or 0 for orphans in profile.orphans),
        tuple(index.name for index in source.indexes),
    )


def _column(column: TargetColumn, profile: ColumnProfile) -> ColumnInspection:
    return ColumnInspection(
        column.source.name,
        column.name,
        column.source.declared_type,
        profile.classes,
        profile.nulls,
        column.type,
        column.not_null,
        _default(column),
        column.generated,
        column.why,
        column.rejects,
    )


def _default(column: TargetColumn) -> str | None:
    if column.identity:
        return "serial" if column.serial else "identity"
    return column.default
