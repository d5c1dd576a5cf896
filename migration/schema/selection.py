"""Leaves out of a schema what the user does not want to migrate, and says what goes with it.

Everything behind it (profile, plan, copy, verification) sees the selected schema only. What was left out is
kept by name: a view or a CHECK that uses it must not be taken for one that names nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from migration.errors import OptionRefusedError
from migration.rules.values import matches
from migration.schema.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migration.schema.options import PlanOptions
    from migration.schema.source import ForeignKey, SourceSchema, Table


@dataclass(frozen=True)
class LeftOut:
    """Something that the user's choices leave out; `level` is `left` where they did not name it."""

    level: Literal["info", "left"]
    object: str
    text: str


def select(source: SourceSchema, options: PlanOptions) -> SourceSchema:
    """The schema without what the user excludes; `left_out` in it says what that is.

    Raises:
        OptionRefusedError: a pattern names nothing in the file.
    """
    _refuse_unknown("--include", options.include, source)
    _refuse_unknown("--exclude", options.exclude, source)
    remarks: list[LeftOut] = []
    reasons: dict[str, str] = {}
    for kind, name in _named(source):
        why = _why_excluded(name, options)
        if why is not None:
            reasons[name] = why
            remarks.append(LeftOut("info", name, f"the {kind} is not migrated: {why}"))
    if not reasons and not any(rule.skip for rule in options.rules.columns):
        return source
    tables = tuple(
        _without_columns(_without_references(table, reasons, remarks), options, remarks)
        for table in source.tables
        if table.name not in reasons
    )
    others = []
    for other in source.others:
        if other.name in reasons:
            continue
        if other.kind in ("trigger", "shadow table") and other.table in reasons:
            remarks.append(LeftOut("info", other.name, f"the {other.kind} goes with {other.table}"))
        else:
            others.append(other)
    return replace(
        source,
        tables=tables,
        others=tuple(others),
        excluded=tuple(reasons),
        left_out=tuple(remarks),
        whole=source,
    )


def _named(source: SourceSchema) -> Iterable[tuple[str, str]]:
    yield from (("table", table.name) for table in source.tables)
    yield from (
        (other.kind, other.name) for other in source.others if other.kind in ("view", "virtual table")
    )


def _refuse_unknown(option: str, patterns: Sequence[str], source: SourceSchema) -> None:
    names = [name for _, name in _named(source)]
    for pattern in patterns:
        if not any(matches(pattern, name) for name in names):
            raise OptionRefusedError(
                f"{option} {pattern} names no table or view of the file",
                why=did_you_mean(pattern, names) or f"it has {', '.join(names[:10]) or 'none'}",
                next_step="outgrow migrate inspect SRC lists the tables",
            )


def _why_excluded(name: str, options: PlanOptions) -> str | None:
    for pattern in options.exclude:
        if matches(pattern, name):
            return f"--exclude {pattern}"
    if options.include and not any(matches(pattern, name) for pattern in options.include):
        return "--include does not name it"
    return "the rules skip it" if options.rules.table(name).skip else None


def _without_references(table: Table, excluded: dict[str, str], remarks: list[LeftOut]) -> Table:
    kept: list[ForeignKey] = []
    for key in table.foreign_keys:
        if key.parent_table in excluded:
            what = f"the foreign key to {key.parent_table} was left out: that table is not migrated"
            remarks.append(LeftOut("left", f"{table.name} ({', '.join(key.columns)})", what))
        else:
            kept.append(key)
    return replace(table, foreign_keys=tuple(kept))


def _without_columns(table: Table, options: PlanOptions, remarks: list[LeftOut]) -> Table:
    """The table without the columns that the rules skip, and without the keys and indexes over them."""
    skipped = {column.name for column in table.columns if options.rules.column(table.name, column.name).skip}
    if not skipped:
        return table
    remarks.extend(
        LeftOut("info", f"{table.name}.{name}", "not migrated: the rules skip it") for name in sorted(skipped)
    )

    def complete(what: str, columns: Iterable[str | None]) -> bool:
        lost = [column for column in columns if column in skipped]
        if lost:
            remarks.append(
                LeftOut(
                    "left", table.name, f"{what} was left out: the rules skip {', '.join(map(str, lost))}"
                )
            )
        return not lost

    key = table.primary_key
    return replace(
        table,
        columns=tuple(column for column in table.columns if column.name not in skipped),
        primary_key=key if key is not None and complete("the primary key", key.columns) else None,
        uniques=tuple(
            unique
            for unique in table.uniques
            if complete(f"the unique constraint ({', '.join(unique.columns)})", unique.columns)
        ),
        foreign_keys=tuple(
            reference
            for reference in table.foreign_keys
            if complete(f"the foreign key to {reference.parent_table}", reference.columns)
        ),
        indexes=tuple(
            index
            for index in table.indexes
            if complete(f"the index {index.name}", (term.column for term in index.terms))
        ),
        skipped=tuple(sorted(skipped)),
    )
