"""Plans the load of a file into the schema that the application has made on PostgreSQL; writes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema.application import plan_advice
from migration.schema.ddl import qualified
from migration.schema.draft import PlanDraft
from migration.schema.plan import plan_target
from migration.schema.source import ForeignKey
from migration.schema.storable import refuse_oversized
from migration.schema.target import Statement, TargetPlan, TargetTable
from migration.schema.wording import counted
from migration.target_first.bookkeeping import library
from migration.target_first.columns import plan_columns
from migration.target_first.set_aside import bring_back, plan_set_aside, take_away
from migration.target_first.trial import try_values
from migration.values.orphans import count_references

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from migration.schema.options import PlanOptions
    from migration.schema.source import SourceSchema
    from migration.schema.target import TargetColumn
    from migration.target_first.aim import Aim, Pair
    from migration.target_first.existing import ExistingForeignKey, ExistingSchema
    from migration.target_first.set_aside import SetAside
    from migration.target_first.trial import Misfits
    from migration.values.facts import Profile

    Orphans = dict[tuple[str, str], int | None]


def plan_target_first(
    source: SourceSchema,
    profile: Profile,
    existing: ExistingSchema,
    aim: Aim,
    *,
    options: PlanOptions,
    reader: sqlite3.Connection,
) -> TargetPlan:
    """Plan the load.

    Args:
        source: the file's schema, its columns meant as the target has them (see `aim.aimed`).
        profile: what they hold.
        existing: the application's schema, as it was before anything was loaded.
        aim: how the two are paired.
        options: the user's choices.
        reader: the file, to try values on types and to count orphans.
    """
    draft = PlanDraft(source, profile, options)
    tables = {pair.target.name: _table(draft, pair, aim, reader) for pair in aim.pairs.values()}
    orphans = _orphans(draft, existing, tables, source, reader)
    aside = plan_set_aside(existing, {name: table.rows for name, table in tables.items()}, orphans)
    _refuse_foreign(draft, aside, existing)
    created = _create_missing(draft, aim)
    _note_rest(draft, aim, existing)
    loaded = tuple(tables[name] for name in aside.order)
    draft.tables |= {table.source.name: table for table in (*(created.tables if created else ()), *loaded)}
    return TargetPlan(
        source,
        draft.schema,
        (*created.tables, *loaded) if created else loaded,
        (
            *(created.create if created else ()),
            *take_away(draft.schema, aside),
            *_make_room(draft, aim, aside),
        ),
        (
            *(created.after_load if created else ()),
            *bring_back(draft.schema, aside, orphans),
        ),
        tuple(draft.notes),
        tuple(draft.obstacles),
        options,
        existing,
        application=plan_advice(draft),
    )


def _table(draft: PlanDraft, pair: Pair, aim: Aim, reader: sqlite3.Connection) -> TargetTable:
    name, profile = pair.source.name, draft.profile.tables[pair.source.name]
    if pair.target.name != name:
        draft.note("info", name, f"is loaded into {pair.target.name}")
    if not pair.target.writable:
        draft.obstacle(
            name,
            profile.rows,
            f"the role may not insert into {pair.target.name}",
            f"as the owner of the table: GRANT INSERT ON {qualified(draft.schema, pair.target.name)} TO ROLE",
        )
    refuse_oversized(draft, pair.source, profile)
    columns, tried = plan_columns(draft, pair, aim.units)
    numbered = any(column.identity for column in columns)
    floor = draft.given_out(pair.source) if numbered else None
    table = TargetTable(pair.target.name, pair.source, tuple(columns), floor, profile.rows)
    misfits = try_values(reader, table, tried, draft.options)
    for column in columns:
        if column.name in misfits:
            found = misfits[column.name]
            draft.note(
                "left",
                f"{name}.{column.source.name}",
                f"{counted(found.count, 'value')} that {column.type} cannot hold exactly, such as "
                f"{found.example}: their rows are rejected",
            )
    return replace(table, columns=tuple(_with_rejects(column, misfits) for column in columns))


def _with_rejects(column: TargetColumn, misfits: Mapping[str, Misfits]) -> TargetColumn:
    found = misfits.get(column.name)
    return column if found is None else replace(column, rejects=column.rejects + found.count)


def _orphans(
    draft: PlanDraft,
    existing: ExistingSchema,
    tables: dict[str, TargetTable],
    source: SourceSchema,
    reader: sqlite3.Connection,
) -> Orphans:
    """For each of the application's foreign keys, how many rows of the file refer to nothing."""
    counts: Orphans = {}
    for key in existing.foreign_keys:
        if key.table not in tables:
            continue
        reference = _reference(key, tables)
        count = None
        if reference is not None and not tables[key.parent].rejects:  # a rejected parent leaves orphans
            count = count_references(reader, tables[key.table].source, reference, source)
        counts[key.table, key.name] = count
        if count:
            draft.note(
                "changed",
                key.name,
                f"{counted(count, 'row')} of {key.table} refer to no row of {key.parent}; PostgreSQL checks "
                "only new rows of this foreign key (NOT VALID)",
            )
    return counts


def _reference(key: ExistingForeignKey, tables: dict[str, TargetTable]) -> ForeignKey | None:
    """The foreign key in the names of the file; None where the file lacks a part of it."""
    child, parent = tables[key.table], tables.get(key.parent)
    if parent is None:
        return None
    ours = {column.name: column.source.name for column in child.columns}
    theirs = {column.name: column.source.name for column in parent.columns}
    if not set(key.columns) <= ours.keys() or not set(key.parent_columns) <= theirs.keys():
        return None
    return ForeignKey(
        tuple(ours[name] for name in key.columns),
        parent.source.name,
        tuple(theirs[name] for name in key.parent_columns),
    )


def _refuse_foreign(draft: PlanDraft, aside: SetAside, existing: ExistingSchema) -> None:
    """Only a table's owner may set aside what is on it."""
    owned = {table.name for table in existing.tables if table.owned}
    for kind, items in (("foreign key", aside.foreign_keys), ("trigger", aside.triggers)):
        for item in items:
            if item.table not in owned:
                draft.obstacle(
                    item.name,
                    1,
                    f"the {kind} on {item.table} must be set aside during the load, and the role does not "
                    "own the table",
                    "connect as the role that made the tables, or as one that is a member of it",
                )


def _make_room(draft: PlanDraft, aim: Aim, aside: SetAside) -> list[Statement]:
    """Empty what the file's rows replace; children first, for the foreign keys that stay."""
    pairs = {pair.target.name: pair for pair in aim.pairs.values()}
    statements: list[Statement] = []
    in_the_way = []
    for name in reversed(aside.order):
        pair = pairs[name]
        if not pair.target.occupied:
            continue
        if pair.treatment == "replace":
            draft.note("changed", name, "its rows, which migrations made, are replaced by those of the file")
            statements.append(
                Statement("rows", f"of {name}", name, f"DELETE FROM {qualified(draft.schema, name)}")  # noqa: S608  # quoted
            )
        else:
            in_the_way.append(name)
    if not in_the_way:
        return statements
    if draft.options.truncate_target:
        names = ", ".join(qualified(draft.schema, name) for name in aside.order)
        draft.note("changed", draft.schema, f"the rows of {', '.join(in_the_way)} are deleted first")
        return [Statement("rows", "of all tables to load", draft.schema, f"TRUNCATE {names}")]
    for name in in_the_way:
        draft.obstacle(
            name,
            1,
            f"table {name} of schema {draft.schema} holds rows already",
            "load into a schema fresh from the application's migrations, or delete these rows with "
            "--truncate-target",
        )
    return statements


def _create_missing(draft: PlanDraft, aim: Aim) -> TargetPlan | None:
    """The ordinary plan of the tables that the application has not, if they are to be made."""
    missing = set(aim.missing)
    if not missing or not draft.options.create_missing:
        return None
    whole = plan_target(draft.source, draft.profile, draft.options)
    tables = tuple(table for table in whole.tables if table.source.name in missing)
    names = {table.name for table in tables}
    for table in tables:
        draft.note("info", table.source.name, "is made, as the application's schema has no such table")
    draft.notes += [note for note in whole.notes if note.object.split(".")[0] in missing]
    draft.obstacles += [item for item in whole.obstacles if item.object.split(".")[0] in missing]
    return TargetPlan(
        whole.source,
        whole.schema,
        tables,
        tuple(statement for statement in whole.create if statement.table in names),
        tuple(
            statement
            for statement in whole.after_load
            if statement.table in names and statement.kind not in ("view", "function", "trigger")
        ),
    )


def _note_rest(draft: PlanDraft, aim: Aim, existing: ExistingSchema) -> None:
    """Name everything of the file that is not loaded."""
    for remark in draft.source.left_out:
        draft.note(remark.level, remark.object, remark.text)
    for name, among in aim.unclear.items():
        draft.obstacle(
            name,
            draft.profile.tables[name].rows,
            f"may be any of the tables {', '.join(among)}",
            "give the table one of these names, exactly, in the file or in the application's schema",
        )
    for name in aim.missing if not draft.options.create_missing else ():
        rows = draft.profile.tables[name].rows
        draft.note(
            "left" if rows else "info",
            name,
            f"the application's schema has no such table; {counted(rows, 'row')} left behind "
            "(--create-missing makes the table)",
        )
    for table in draft.source.tables:
        if table.name in aim.kept:
            whose = library(table.name, [column.name for column in table.columns])
            draft.note("info", table.name, f"{whose}'s own records are true for each database: not loaded")
    for other in draft.source.others:
        if other.kind == "virtual table":
            draft.note("left", other.name, "the rows of a virtual table are not loaded")
        elif other.kind == "trigger" or (other.kind == "view" and other.name not in existing.views):
            draft.note(
                "changed", other.name, f"this {other.kind} is not made: the schema is the application's"
            )
    for trigger in existing.triggers:
        if any(pair.target.name == trigger.table for pair in aim.pairs.values()):
            draft.note("info", trigger.name, f"does not run for the rows loaded into {trigger.table}")
