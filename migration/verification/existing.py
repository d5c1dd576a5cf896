"""Is the application's schema as it was before the load? Compared with what the catalog said then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migration.verification.findings import ObjectFinding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.schema.target import Note, TargetPlan
    from migration.target_first.existing import ExistingSchema


def compare_existing(
    plan: TargetPlan, before: ExistingSchema, now: ExistingSchema, notes: Sequence[Note]
) -> tuple[ObjectFinding, ...]:
    """Everything that is gone or otherwise, and the file's tables that the schema has no place for."""
    findings = list(_tables(before, now))
    for kind, old, new in (
        ("foreign key", before.foreign_keys, now.foreign_keys),
        ("index", before.indexes, now.indexes),
        ("trigger", before.triggers, now.triggers),
    ):
        findings.extend(_named(kind, old, new))
    findings.extend(
        ObjectFinding("table", note.object, note.object, "is not loaded")
        for note in plan.notes
        if note.level == "left"
    )
    return tuple(_with_note(finding, notes) for finding in findings)


def _tables(before: ExistingSchema, now: ExistingSchema) -> Iterator[ObjectFinding]:
    for table in before.tables:
        found = now.table(table.name)
        if found is None:
            yield ObjectFinding("table", table.name, table.name, "is gone")
            continue
        there = {column.name: column for column in found.columns}
        for column in table.columns:
            if there.get(column.name) != column:
                name = f"{table.name}.{column.name}"
                yield ObjectFinding("column", name, table.name, "is not as the application made it")


def _named(kind: str, before: Sequence[Any], now: Sequence[Any]) -> Iterator[ObjectFinding]:
    there = {(item.table, item.name): item for item in now}
    for item in before:
        found = there.get((item.table, item.name))
        if found is None:
            yield ObjectFinding(kind, item.name, item.table, "is missing")
        elif found != item:
            changes = getattr(found, "definition", "") or "otherwise enabled"
            yield ObjectFinding(kind, item.name, item.table, f"is not as it was: {changes}")


def _with_note(finding: ObjectFinding, notes: Sequence[Note]) -> ObjectFinding:
    for note in notes:
        if note.level != "info" and note.object == finding.name:
            return replace(finding, announced=note.text, level=note.level)
    return finding
