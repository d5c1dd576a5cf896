"""Plans the tables: names, types, NOT NULL, defaults, identity columns, and what stands in the way of storing
the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.defaults import translate_default
from migration.schema.names import column_names
from migration.schema.target import Conversion, TargetColumn, TargetTable
from migration.schema.types import decide

if TYPE_CHECKING:
    from migration.schema.draft import Draft
    from migration.schema.source import Column, Table
    from migration.schema.types import Decision
    from migration.values.profile import ColumnProfile

_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}


def plan_tables(draft: Draft) -> None:
    """Decide every table and column."""
    names = {table.name: draft.relations.take(table.name, "table") for table in draft.source.tables}
    for table in draft.source.tables:
        draft.tables[table.name] = _table(draft, table, names[table.name])


def _table(draft: Draft, table: Table, name: str) -> TargetTable:
    profile = draft.profile.tables[table.name]
    spelled = column_names(
        (column.name for column in table.columns),
        lambda old, new: draft.note("changed", f"{table.name}.{old}", f"is named {new} in PostgreSQL"),
    )
    identity = _identity_column(draft, table)
    columns = tuple(
        _column(
            draft,
            table,
            column,
            profile.columns[column.name],
            name=spelled[column.name],
            identity=column.name == identity,
            target_table=name,
        )
        for column in table.columns
    )
    floor = draft.source.sequences.get(table.name, 0) if identity is not None else None
    return TargetTable(name, table, columns, floor, profile.rows)


def _identity_column(draft: Draft, table: Table) -> str | None:
    """The column whose values SQLite gives out, and so PostgreSQL must.

    TypeORM declares @PrimaryGeneratedColumn with AUTOINCREMENT; its plain integer primary keys are filled by
    the application, and its PostgreSQL schema has no sequence for them.
    """
    key = table.primary_key
    if key is None or not key.rowid_alias or (draft.orm == "typeorm" and not key.autoincrement):
        return None
    return key.columns[0]


def _column(
    draft: Draft,
    table: Table,
    column: Column,
    profile: ColumnProfile,
    *,
    name: str,
    identity: bool,
    target_table: str,
) -> TargetColumn:
    path = f"{table.name}.{column.name}"
    decision = decide(column, profile, compact_integers=draft.orm == "typeorm")
    for level, text in decision.notes:
        draft.note(level, path, text)
    if not profile.readable:
        draft.note("left", path, "its expression fails on a stored row; the column cannot be read")
    in_key = table.primary_key is not None and column.name in table.primary_key.columns
    default = None
    if column.default is not None and not identity:
        translated = translate_default(column.default, decision.type, typeorm=draft.orm == "typeorm")
        default = translated.sql
        if translated.note is not None:
            draft.note(translated.level, path, translated.note)
    serial = identity and draft.orm == "typeorm"
    return TargetColumn(
        name,
        column,
        decision.type,
        decision.conversion,
        column.not_null or (in_key and profile.nulls == 0),
        default,
        identity=identity,
        serial=serial,
        sequence=None,
        epoch=decision.epoch,
        scale=decision.scale,
        raw_codec=_raw_codec(draft, path, decision, profile),
        why=decision.why,
    )


_TEXTUAL = (Conversion.TEXT, Conversion.ANY_AS_TEXT, Conversion.JSON)


def _raw_codec(draft: Draft, path: str, decision: Decision, profile: ColumnProfile) -> str | None:
    """Settle texts that PostgreSQL cannot store; the codec to read the column's bytes with, where they are
    not valid.
    """
    facts, options = profile.text, draft.options
    textual = decision.conversion in _TEXTUAL
    if facts.with_nul and textual:
        if options.nul_policy == "refuse":
            draft.obstacle(
                path,
                facts.with_nul,
                "texts contain the character NUL, which PostgreSQL cannot store",
                "--nul-policy strip removes it, --nul-policy replace writes U+2400 in its place",
            )
        else:
            done = "removed" if options.nul_policy == "strip" else "replaced by U+2400"
            draft.note("changed", path, f"{facts.with_nul:,} texts contain the character NUL; it is {done}")
    if not facts.invalid:
        return None
    if textual:
        if options.invalid_utf8 == "refuse":
            draft.obstacle(
                path,
                facts.invalid,
                f"texts are not valid {draft.source.encoding}",
                "--invalid-utf8 replace writes U+FFFD for the bad bytes, --invalid-utf8 latin-1 reads them as Latin-1",
            )
        else:
            done = (
                "bad bytes become U+FFFD" if options.invalid_utf8 == "replace" else "they are read as Latin-1"
            )
            draft.note(
                "changed", path, f"{facts.invalid:,} texts are not valid {draft.source.encoding}; {done}"
            )
    return _CODECS.get(draft.source.encoding, "utf-8")
