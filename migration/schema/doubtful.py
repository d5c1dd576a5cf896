"""Which keys and indexes PostgreSQL might refuse over the present rows, although SQLite had them.

Their statements are optional: a refusal is reported, and the rest of the migration goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.target import Conversion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.draft import PlanDraft
    from migration.schema.source import Table

#: PostgreSQL's B-tree refuses rows of more than 2,704 bytes (a third of a page); a character has up to 4.
_LONG_BYTES = 2_704
_LONG_TEXT = _LONG_BYTES // 4
#: Values of different storage classes can become the same: 1 and 'true', 5 and '5', 'a' and x'61'.
_OF_SEVERAL_CLASSES = (Conversion.BOOLEAN, Conversion.ANY_AS_TEXT, Conversion.BYTES)
#: Different texts can be the same instant, the same time of day or the same UUID.
_OF_SEVERAL_SPELLINGS = (Conversion.TIMESTAMP, Conversion.TIMESTAMPTZ, Conversion.TIME, Conversion.UUID)


def may_refuse_index(draft: PlanDraft, table: Table, columns: Iterable[str]) -> bool:
    """Whether a value may be too long for an index over these columns."""
    profiles = draft.profile.tables[table.name].columns
    return any(
        (profiles[column].max_characters or 0) > _LONG_TEXT or (profiles[column].max_bytes or 0) > _LONG_BYTES
        for column in columns
    )


def may_refuse_key(draft: PlanDraft, table: Table, columns: Iterable[str]) -> bool:
    """Whether an index may be refused, or two values that SQLite tells apart have become equal."""
    listed = tuple(columns)
    if listed in draft.profile.tables[table.name].merged:
        return True
    return may_refuse_index(draft, table, listed) or any(
        _may_merge(draft, table, column) for column in listed
    )


def _may_merge(draft: PlanDraft, table: Table, name: str) -> bool:
    profile = draft.profile.tables[table.name].columns[name]
    column = draft.column(table.name, name)
    rounded = profile.decimal is not None and profile.decimal.noisy > 0
    changed = profile.text.with_nul or profile.text.invalid or rounded
    mixed = column.conversion in _OF_SEVERAL_CLASSES and len(profile.classes) > 1
    several = column.conversion in _OF_SEVERAL_SPELLINGS and profile.texts > 0
    return bool(changed or mixed or several)
