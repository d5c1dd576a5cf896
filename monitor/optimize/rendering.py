"""Advice as people read it on a terminal: what to change, why, and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from monitor.advice import Severity
from monitor.optimize.applying import undo_lines
from monitor.optimize.findings import Place
from monitor.units import show_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from monitor.optimize.advising import Advice
    from monitor.optimize.applying import Applied
    from monitor.optimize.findings import Finding
    from monitor.optimize.search import Proposal
    from monitor.optimize.trial import Measured

_MARKS: Final = {
    Severity.CRITICAL: ("■", "red"),
    Severity.WARNING: ("▲", "yellow"),
    Severity.INFO: ("●", "cyan"),
}
_HEADINGS: Final = {
    Place.FILE: "In the file (--apply does these)",
    Place.QUERY: "In the application's queries",
    Place.BY_HAND: "To decide yourself",
}
_SQL_WIDTH: Final = 100


def render(advice: Advice, *, dry_run: bool = False) -> RenderableType:
    """Compose the whole advice for a console of 80 columns or more."""
    return Group(
        *_head(advice),
        *_findings(advice, Place.FILE),
        *_indexes(advice),
        *_queries(advice),
        *_findings(advice, Place.QUERY),
        *_findings(advice, Place.BY_HAND),
        *_connection(advice),
        *_notes(advice),
        *_next(advice, dry_run=dry_run),
    )


def render_applied(applied: Applied, advice: Advice) -> RenderableType:
    """Compose what `--apply` did and how to take it back."""
    if applied.backup is None:
        return Group(
            Text("nothing to apply: the file has everything that helps", style="green"), *_notes(advice)
        )
    lines: list[RenderableType] = [
        Text(
            f"applied {len(applied.changes)} changes; writers waited {applied.locked_s:.2f} s",
            style="bold green",
        )
    ]
    for change in applied.changes:
        lines.append(Padding(Text(f"✔ {change.what}"), (0, 0, 0, 2)))
        lines += [Padding(Text(sql, style="dim"), (0, 0, 0, 6)) for sql in change.sql]
    lines.append(Text(f"The file as it was: {applied.backup} (checked)", style="bold"))
    lines.append(Text("To take it back without losing later writes:", style="bold"))
    lines += [Padding(Text(f"{sql};", style="cyan"), (0, 0, 0, 4)) for sql in undo_lines(applied.changes)]
    lines += _entities(advice)
    return Group(*lines)


def _head(advice: Advice) -> Iterator[RenderableType]:
    settings = advice.settings
    text = Text(advice.source, style="bold")
    text.append(
        f"   {show_bytes(settings.bytes)}, journal mode {settings.journal_mode}, "
        f"SQLite {settings.sqlite_version}",
        style="dim not bold",
    )
    yield text
    if advice.log is not None:
        skipped = sum(advice.log["skipped"].values())
        more = f"; {skipped:,} other statements left out" if skipped else ""
        yield Text(
            f"{advice.log['entries']:,} statements read as {advice.log['form']}, "
            f"{advice.log['queries']:,} different queries{more}",
            style="dim",
        )
        before, after = advice.workload_ms
        if advice.indexes and after > 0:
            yield Text(
                f"the log's queries together: {_ms(before)} before, {_ms(after)} with everything proposed "
                f"({before / after:,.1f} times faster)",
                style="bold green",
            )


def _findings(advice: Advice, place: Place) -> Iterator[RenderableType]:
    found = [finding for finding in advice.findings if finding.place is place]
    if found:
        yield _title(_HEADINGS[place])
    for finding in found:
        yield from _one(finding)


def _one(finding: Finding) -> Iterator[RenderableType]:
    symbol, colour = _MARKS[finding.severity]
    head = Text()
    head.append(f"{symbol} ", style=colour)
    head.append(finding.title)
    yield head
    yield Padding(Text(f"because {finding.evidence}", style="dim"), (0, 0, 0, 4))
    if finding.before and finding.after:
        yield Padding(Text(f"measured: {finding.before} → {finding.after}", style="green"), (0, 0, 0, 4))
    for sql in finding.sql:
        yield Padding(Text(sql, style="bold cyan"), (0, 0, 0, 4))


def _indexes(advice: Advice) -> Iterator[RenderableType]:
    if not advice.indexes:
        return
    yield _title("Indexes that help, each made on a copy and measured (--apply makes them)")
    for index in advice.indexes:
        yield from _index(index, advice)


def _index(index: Proposal, advice: Advice) -> Iterator[RenderableType]:
    head = Text("▲ ", style="yellow")
    head.append(index.ddl, style="bold cyan")
    yield head
    size = "" if index.bytes is None else f"{show_bytes(index.bytes)}, "
    cost = ""
    if index.writes is not None:
        cost = f", an insert {index.writes.before_us:.1f} → {index.writes.after_us:.1f} µs"
    yield Padding(Text(f"{size}made in {index.build_seconds:.2f} s{cost}", style="dim"), (0, 0, 0, 4))
    kinds = {one.number: one.kind for one in advice.queries}
    for effect in sorted(index.effects, key=lambda effect: -effect.saved_ms)[:5]:
        what = f"query {effect.query}"
        if kinds.get(effect.query) == "foreign key":
            what = "looking up the rows of a parent (joins, ON DELETE)"
        line = f"{what}: {_of(effect.before)} → {_of(effect.after)} ({effect.factor:,.1f} times faster)"
        yield Padding(Text(line, style="green"), (0, 0, 0, 4))
        for sign, measured in (("-", effect.before), ("+", effect.after)):
            for step in measured.plan.lines if measured.plan else ():
                yield Padding(Text(f"{sign} {step}", style="dim"), (0, 0, 0, 8))


def _queries(advice: Advice) -> Iterator[RenderableType]:
    logged = [one for one in advice.queries if one.kind == "log"]
    if not logged:
        return
    yield _title("The log's queries, heaviest first")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold dim", expand=True)
    for name in ("#", "Times", "Before", "After", "Answers"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Query", overflow="ellipsis", no_wrap=True, ratio=1)
    for one in sorted(logged, key=lambda one: -one.before.ms * one.count)[:20]:
        same = {True: "same", False: "DIFFER", None: "–"}[one.same_results]  # noqa: RUF001  # the sign for none
        sql = " ".join(one.sql.split())
        table.add_row(
            str(one.number), f"{one.count:,}", _of(one.before), _of(one.after), same, Text(sql[:_SQL_WIDTH])
        )
    yield table
    if any(one.values_sampled for one in logged):
        yield Text("values for parameters that the log does not hold were taken from the data", style="dim")


def _connection(advice: Advice) -> Iterator[RenderableType]:
    yield _title(
        "In the application's connection settings (they hold for one connection, no file keeps them)"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold cyan")
    table.add_column(style="dim")
    for pragma in advice.pragmas:
        table.add_row(f"{pragma.name} = {pragma.value}", pragma.why)
    yield Padding(table, (0, 0, 0, 2))
    name = next(iter(advice.snippets))
    yield Padding(Text(f"{name} (others: docs/optimize.md, or --json):", style="dim"), (0, 0, 0, 2))
    yield Padding(Text(advice.snippets[name]), (0, 0, 0, 4))


def _notes(advice: Advice) -> Iterator[RenderableType]:
    if advice.failed or advice.notes:
        yield _title("Notes")
    for note in advice.notes:
        yield Padding(Text(f"- {note}"), (0, 0, 0, 2))
    for sql, why in advice.failed:
        yield Padding(Text(f"- left out: {' '.join(sql.split())[:_SQL_WIDTH]}: {why}"), (0, 0, 0, 2))


def _entities(advice: Advice) -> list[RenderableType]:
    """Say how an index survives TypeORM's `synchronize`, which drops what no entity names."""
    if not advice.indexes:
        return []
    lines: list[RenderableType] = [
        Text(
            "With TypeORM, name the indexes in the entities, or `synchronize: true` drops them:", style="bold"
        )
    ]
    lines += [Padding(Text(index.entity, style="cyan"), (0, 0, 0, 4)) for index in advice.indexes]
    return lines


def _next(advice: Advice, *, dry_run: bool) -> Iterator[RenderableType]:
    yield from _entities(advice)
    if not advice.changes:
        yield Padding(Text("Nothing remains that --apply would do.", style="green"), (1, 0, 0, 0))
        return
    word = "would be applied" if dry_run else "can be applied"
    yield Padding(
        Text(
            f"{len(advice.changes)} changes {word} with --apply, after a backup; "
            f"writers would wait about {advice.lock_s:.2f} s",
            style="bold",
        ),
        (1, 0, 0, 0),
    )


def _title(text: str) -> RenderableType:
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


def _of(measured: Measured) -> str:
    return f"over {_ms(measured.ms)}" if measured.interrupted else _ms(measured.ms)


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"
