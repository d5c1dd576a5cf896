"""Prints reports for people: tables on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from migration.schema.wording import counted
from monitor.terminal import out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.running.dry_run import DryRun
    from migration.running.report import Rejected, RunReport
    from migration.schema.target import Advice, Note

_LEVELS = {
    "left": "not migrated, needs a hand",
    "rejected": "kept aside",
    "changed": "behaves differently now",
    "widened": "got a wider type, so that every value fits",
    "info": "good to know",
}


def print_report(report: RunReport) -> None:
    """A run's summary: every table, everything left, every note, the verdict."""
    table = Table(box=None, pad_edge=False)
    headings = ["table", "rows", "seconds", "verified"]
    if report.rejected.rows:
        headings.insert(2, "rejected")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "table" else "right")
    for item in report.tables:
        verdict = {True: "equal", False: "[bold red]DIFFERS[/]", None: "-"}[item.equal]
        cells = [escape(item.name), f"{item.rows:,}", f"{item.seconds:.1f}", verdict]
        if report.rejected.rows:
            cells.insert(2, f"{item.rejected:,}")
        table.add_row(*cells)
    out.print(table)
    if report.rejected.rows:
        _print_rejected(report.rejected)
    refused = [left for left in report.left if left.refused]
    if refused:
        out.print("\n[bold]PostgreSQL refused[/]")
        for left in refused:
            out.print(f"  {left.kind} {escape(left.name)}: {escape(left.why)}", soft_wrap=True)
    print_notes(report.notes)
    print_advice(report.application)
    if report.names:
        out.print(
            f"\n{counted(len(report.names), 'name')} are not those of the source: "
            f"{escape(str(report.names_file))}",
            soft_wrap=True,
        )
    if report.verification is not None and report.verification["surprises"]:
        out.print("")
        print_verification(report.verification)
    out.print("")
    if report.source_changed:
        said = "the source has been written to since its state was copied; the target lacks those writes"
        out.print(f"[bold yellow]changed[/]: {said}", soft_wrap=True)
        out.print(
            f"  next: outgrow migrate verify '{report.source}' DSN shows whether rows differ", soft_wrap=True
        )
    if report.already_finished:
        journal = escape(str(report.journal))
        out.print(f"Finished already, says the journal {journal}; nothing was changed.", soft_wrap=True)
    out.print(f"[bold]{_verdict(report)}[/]", soft_wrap=True)


def _print_rejected(rejected: Rejected) -> None:
    """What was rejected and why, and where the rows are."""
    out.print("\n[bold]rejected: rows that could not be stored[/]")
    for item in rejected.counts:
        where = item.table + (f".{item.column}" if item.column else "")
        more = f" (and {item.rows - 1:,} more)" if item.rows > 1 else ""
        out.print(f"  {escape(where)}: {escape(item.example)}{more}", soft_wrap=True)
    kept = f"kept with their original bytes in {rejected.table} of the target and in {rejected.file}"
    out.print(f"  {escape(kept)}", soft_wrap=True)


def _verdict(report: RunReport) -> str:
    moved = f"{report.rows:,} rows in {len(report.tables)} tables, {report.target}, schema {report.schema}"
    if report.rejected.rows:
        agreed = "as accepted" if report.rejects_accepted else "--accept-rejects agrees to that"
        moved += f"; {report.rejected.rows:,} rows rejected ({agreed})"
    found = report.verification
    proven = "not verified"
    if found is not None:
        equal = f"verified, every{' other' if report.rejected.rows else ''} row equal"
        proven = "verification found differences" if found["surprises"] else equal
    refused = sum(left.refused for left in report.left)
    missing = refused + sum(note.level == "left" for note in report.notes)
    rest = f"; left to do by hand: {missing} (named above)" if missing else ""
    return f"{moved}: {proven}{rest}"


def print_notes(notes: Sequence[Note]) -> None:
    """Notes by level, the most pressing first."""
    for level, title in _LEVELS.items():
        chosen = [note for note in notes if note.level == level]
        if chosen:
            out.print(f"\n[bold]{title}[/]")
        for note in chosen:
            out.print(f"  {escape(note.object)}: {escape(note.text)}", soft_wrap=True)


def print_advice(advice: Sequence[Advice]) -> None:
    """What the application meets on PostgreSQL, and where its own SQL is looked at."""
    if not advice:
        return
    out.print("\n[bold]Your application[/] (outgrow migrate lint reads its SQL)")
    for item in advice:
        out.print(f"  {item.theme}: {escape(str(item))}", soft_wrap=True)


def print_verification(found: Mapping[str, Any]) -> None:
    """A verification's findings (its JSON form): all that differs, then the verdict."""
    for table in found["tables"]:
        if not table["equal"]:
            counts = f"{table['source_rows']:,} rows here, {table['target_rows'] or 0:,} there"
            if table["target_rows"] is None:
                counts = "missing in PostgreSQL"
            out.print(f"[bold red]table {escape(table['table'])} differs[/]: {counts}", soft_wrap=True)
            for row in (*table["rows"], *table["unconfirmed"]):
                out.print(f"  {escape(_row(row))}", soft_wrap=True)
    for item in found["objects"]:
        mark = "as announced" if item["accepted"] else "[bold red]differs[/]"
        said = f"{item['kind']} {item['name']}: {item['text']}"
        because = f" ({item['announced']})" if item["announced"] else ""
        out.print(f"{mark}: {escape(said + because)}", soft_wrap=True)
    for item in found["sequences"]:
        if not item["ahead"]:
            said = f"its sequence gives out {item['next']} next, but {item['used']} is in use"
            out.print(
                f"[bold red]differs[/]: {escape(item['table'])}.{escape(item['column'])}: {said}",
                soft_wrap=True,
            )
    for item in found["orphans"]:
        if not item["equal"]:
            said = (
                f"{item['source']} rows here and {item['target']} there refer to no row of {item['parent']}"
            )
            out.print(f"[bold red]differs[/]: {escape(item['table'])}: {escape(said)}", soft_wrap=True)
    if found["rejected"]:
        said = f"{found['rejected']:,} rows of the source are not stored, but kept exactly among the rejects"
        out.print(f"[bold]rejected[/]: {said}", soft_wrap=True)
    rows = sum(table["source_rows"] for table in found["tables"])
    verdict = (
        "equal" if found["equal"] else "rows equal, objects differ" if found["rows_equal"] else "NOT equal"
    )
    counted = f"{rows:,} rows of {len(found['tables'])} tables, {len(found['sequences'])} sequences"
    out.print(f"[bold]{verdict}[/]: compared {counted} in {found['seconds']:.1f} s", soft_wrap=True)


def _row(row: Mapping[str, Any]) -> str:
    key = ", ".join(f"{name}={value}" for name, value in row["key"].items())
    values = "; ".join(
        f"{name}: {pair[0]!r} here, {pair[1]!r} there" for name, pair in row["columns"].items()
    )
    where = {"missing": "only in SQLite", "extra": "only in PostgreSQL", "changed": "other values"}[
        row["kind"]
    ]
    return f"{where} ({key or 'no key'}): {values}"


def print_steps(planned: DryRun) -> None:
    """Every step with its SQL."""
    for step in planned.steps:
        out.print(f"[bold]{escape(step.id)}[/]", soft_wrap=True)
        out.print(escape(step.sql), soft_wrap=True)
    print_notes(planned.notes)
    out.print(f"\n[bold]{planned.rows:,} rows; nothing was changed[/]")
