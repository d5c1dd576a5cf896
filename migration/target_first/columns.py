"""Plans the columns of one paired table: which are loaded, how, and what stands in the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema.chosen import read_by, takes_blanks
from migration.schema.storable import SettledText, settle_text
from migration.schema.target import Conversion, Reading, TargetColumn
from migration.schema.wording import counted
from migration.target_first.types import choose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.schema.draft import PlanDraft
    from migration.schema.source import Column
    from migration.target_first.aim import Pair
    from migration.target_first.existing import ExistingColumn
    from migration.values.epoch import EpochUnit
    from migration.values.facts import ColumnProfile, TableProfile

#: '' is a value of these like any other.
_TEXTUAL = ("text", "varchar", "bpchar", "citext", "name", "bytea", "json", "jsonb", "xml")
#: For a column that PostgreSQL computes: that it is matters here, and the expression is the application's.
COMPUTED = "as the application declared it"


def plan_columns(
    draft: PlanDraft, pair: Pair, units: Mapping[tuple[str, str], EpochUnit]
) -> tuple[list[TargetColumn], set[str]]:
    """The columns that both sides have, and the names of those whose values must be tried.

    `units` says, by table and column, in what the file's library counts instants.
    """
    profile = draft.profile.tables[pair.source.name]
    targets = {column.name: column for column in pair.target.columns}
    planned: list[TargetColumn] = []
    tried: set[str] = set()
    for column in pair.source.columns:
        path, facts = f"{pair.source.name}.{column.name}", profile.columns[column.name]
        name = pair.columns.found.get(column.name)
        if name is None:
            _unmatched(draft, pair, column, facts)
            continue
        if name != column.name:
            draft.note("info", path, f"is loaded into {pair.target.name}.{name}")
        target = targets[name]
        if not facts.readable and not target.generated:
            draft.note("left", path, "SQLite fails to compute it; the column takes its default")
            continue
        unit = units.get((pair.source.name, column.name))
        if target.type.name == "interval" and draft.orm.microseconds:
            unit = "us"
        made, proven = _column(draft, path, column, target, facts, unit=unit)
        planned.append(made)
        if not proven and made.generated is None:
            tried.add(made.name)
    _unfilled(draft, pair, profile, {column.name for column in planned})
    return planned, tried


def _column(
    draft: PlanDraft,
    path: str,
    column: Column,
    target: ExistingColumn,
    facts: ColumnProfile,
    *,
    unit: EpochUnit | None,
) -> tuple[TargetColumn, bool]:
    casting = choose(target.type, facts, unit)
    table = path.removesuffix(f".{column.name}")
    rule, own = draft.options.rules.column(table, column.name), draft.options_for(table, column.name)
    reading = read_by(rule)
    if facts.texts and not casting.proven and takes_blanks(target.type, own.blanks):
        reading = replace(reading or Reading(), blanks=True)
    if reading is not None:
        casting = replace(casting, conversion=Conversion.CAST, proven=False)
    settled = SettledText()
    if not target.generated:
        textual = Conversion.BYTES if casting.conversion is Conversion.BYTES else Conversion.TEXT
        settled = settle_text(draft, path, textual, facts.text, own)
        _announce(draft, path, target, casting.conversion, facts)
    made = TargetColumn(
        target.name,
        column,
        target.shown,
        casting.conversion,
        target.not_null,
        default=None,
        identity=target.sequence is not None,
        generated=COMPUTED if target.generated else None,
        sequence=target.sequence,
        epoch=casting.epoch,
        scale=casting.scale,
        raw_codec=settled.codec,
        unreadable=not facts.readable,
        why="the application made it so",
        cast=target.type if casting.conversion is Conversion.CAST else None,
        rejects=_reject_nulls(draft, path, target, facts) + settled.rejects,
        reading=reading,
        nul=own.nul_policy if rule.nul else None,
        utf8=own.invalid_utf8 if rule.utf8 else None,
    )
    return made, casting.proven


def _announce(
    draft: PlanDraft, path: str, target: ExistingColumn, conversion: Conversion, facts: ColumnProfile
) -> None:
    """Note values that arrive with the same meaning and another look."""
    if facts.blobs and target.type.name in ("text", "varchar", "bpchar", "citext"):
        draft.note("changed", path, f"{counted(facts.blobs, 'blob')} become text of the form \\x0123")
    if conversion is Conversion.BYTES and facts.texts:
        draft.note("changed", path, f"{counted(facts.texts, 'text')} become their UTF-8 bytes")
    if facts.decimal is not None and facts.decimal.noisy and target.type.name == "numeric":
        draft.note(
            "changed",
            path,
            f"{counted(facts.decimal.noisy, 'value')} rounded to the digits of {target.shown}; "
            "they differ behind the 15th significant digit only",
        )
    if target.type.name == "timestamp" and facts.temporal is not None and facts.temporal.zoned:
        zoned = counted(facts.temporal.zoned, "value")
        draft.note("changed", path, f"{zoned} with a zone; {target.shown} keeps their UTC clock")
    if target.type.name == "float4" and facts.reals:
        draft.note("changed", path, f"{target.shown} has 4 bytes; it holds what it shows as the same decimal")


def _reject_nulls(draft: PlanDraft, path: str, target: ExistingColumn, facts: ColumnProfile) -> int:
    if target.generated or not target.not_null or not facts.nulls:
        return 0
    found = f"{counted(facts.nulls, 'NULL')}, but {target.name} is NOT NULL in the application's schema"
    draft.note("left", path, f"{found}: their rows are rejected")
    return facts.nulls


def _unmatched(draft: PlanDraft, pair: Pair, column: Column, facts: ColumnProfile) -> None:
    """A column of the file that the application's table does not have."""
    path = f"{pair.source.name}.{column.name}"
    if column.name in pair.columns.unclear:
        among = ", ".join(pair.columns.unclear[column.name])
        draft.obstacle(
            path,
            facts.values,
            f"may be any of {among} in table {pair.target.name}",
            "give the column one of these names, exactly, in the file or in the application's schema",
        )
    elif column.generated is not None:
        draft.note("changed", path, f"is computed, and has no column in table {pair.target.name}; left out")
    elif not facts.values:
        draft.note("info", path, f"has no column in table {pair.target.name}; it holds no value")
    elif path in draft.options.drop_columns:
        draft.note(
            "changed", path, f"{counted(facts.values, 'value')} left behind, as --drop-column {path} says"
        )
    else:
        draft.obstacle(
            path,
            facts.values,
            f"holds {counted(facts.values, 'value')} and has no column in table {pair.target.name}",
            f"add the column to the application's schema, or leave its values behind: --drop-column '{path}'",
        )


def _unfilled(draft: PlanDraft, pair: Pair, profile: TableProfile, loaded: set[str]) -> None:
    """Columns of the application's that the file does not have take their default, if they have one."""
    for column in pair.target.columns:
        if column.name in loaded or column.generated:
            continue
        path = f"{pair.target.name}.{column.name}"
        if column.not_null and not column.filled and profile.rows:
            draft.obstacle(
                path,
                profile.rows,
                "is NOT NULL without a default, and the file has no such column",
                "give the column a default in the application's schema, or add it to the file",
            )
        elif profile.rows:
            draft.note("info", path, "is not in the file; it takes its default")
