"""Prints an inspection for people: what is there, what becomes of it, what needs a hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from migration.orm.generic import GENERIC
from migration.orm.registry import profile_named
from migration.running.report_text import print_advice
from migration.schema.wording import counted
from monitor.terminal import out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.inspection import ColumnInspection, Inspection, TableInspection
    from migration.schema.target import Note

_HEADINGS = {
    "left": "Needs a hand: not migrated",
    "rejected": "Will be kept aside: values that do not fit, with their rows",
    "changed": "Will behave differently",
    "widened": "Gets a wider type, so that every value fits",
    "info": "Good to know",
}


def print_inspection(inspection: Inspection) -> None:
    """Print everything, the verdict last."""
    facts = (
        f"{counted(inspection.rows, 'row')} in {counted(len(inspection.tables), 'table')}",
        counted(inspection.size, "byte"),
        inspection.encoding,
        f"journal mode {inspection.journal_mode}",
        _maker(inspection),
    )
    out.print(f"[bold]{escape(str(inspection.source))}[/]: {', '.join(facts)}", soft_wrap=True)
    for table in inspection.tables:
        out.print("")
        _print_table(table)
    for level, heading in _HEADINGS.items():
        _print_notes(heading, [note for note in inspection.notes if note.level == level])
    print_advice(inspection.application)
    out.print("")
    if inspection.obstacles:
        out.print("[bold red]Must be settled first[/]: PostgreSQL cannot store these values")
        for obstacle in inspection.obstacles:
            out.print(f"  {escape(obstacle.object)}: {escape(obstacle.what)}", soft_wrap=True)
            out.print(f"    {escape(obstacle.next_step)}", soft_wrap=True)
    else:
        left = len(inspection.left)
        hand = (
            f"{counted(left, 'object')} {'needs' if left == 1 else 'need'} a hand"
            if left
            else "nothing needs a hand"
        )
        if inspection.rejects:
            out.print(f"[bold yellow]{counted(inspection.rejects, 'value')} would be rejected[/]; {hand}.")
        else:
            out.print(f"[bold green]Every value can be stored[/]; {hand}.")


def _maker(inspection: Inspection) -> str:
    """The library that made the file, and how it was recognised."""
    if inspection.orm == GENERIC.name:
        return "no ORM recognised"
    made = f"made by {profile_named(inspection.orm).title}"
    return f"{made} ({inspection.evidence})" if inspection.evidence else f"{made}, as --profile says"


def _print_table(table: TableInspection) -> None:
    named = "" if table.target_name == table.name else f", in PostgreSQL {table.target_name}"
    key = f", key ({', '.join(table.primary_key)})" if table.primary_key else ", no primary key"
    lost = f", {table.orphans:,} orphans" if table.orphans else ""
    out.print(
        f"[bold]{escape(table.name)}[/]{escape(f'{named}: {table.rows:,} rows{key}{lost}')}", soft_wrap=True
    )
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("  column", "declared", "stored", "PostgreSQL", "why"):
        grid.add_column(heading, overflow="fold")
    for column in table.columns:
        grid.add_row(
            f"  {escape(column.name)}",
            escape(column.declared_type or "-"),
            _stored(column),
            escape(_target(column)),
            escape(_why(column)),
        )
    out.print(grid)


def _stored(column: ColumnInspection) -> str:
    parts = [f"{count:,} {name}" for name, count in column.stored.items()]
    if column.nulls:
        parts.append(f"{column.nulls:,} null")
    if column.rejects:
        parts.append(f"[yellow]{column.rejects:,} rejected[/]")
    return ", ".join(parts) or "-"


def _why(column: ColumnInspection) -> str:
    """The reason without the declared type, which stands beside it."""
    return column.why.removeprefix(f"declared {column.declared_type}").lstrip(";:, ")


def _target(column: ColumnInspection) -> str:
    named = "" if column.target_name == column.name else f"{column.target_name}: "
    parts = [f"{named}{column.target_type}"]
    if column.generated is not None:
        parts.append("generated")
    if column.default in ("identity", "serial"):
        parts.append(column.default)
    if column.not_null:
        parts.append("not null")
    return " ".join(parts)


def _print_notes(heading: str, notes: Iterable[Note]) -> None:
    listed = list(notes)
    if not listed:
        return
    out.print(f"\n[bold]{heading}[/]")
    for note in listed:
        out.print(f"  {escape(note.object)}: {escape(note.text)}", soft_wrap=True)
