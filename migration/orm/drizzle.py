"""Drizzle (orm.drizzle.team): its names on PostgreSQL; its types are not in the file.

In SQLite a timestamp, a boolean and a number are all `integer`, told apart by a mode that only the schema in
TypeScript knows. Nothing is guessed: such columns stay integers, and the report lists those that may be more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.refining import words_of
from migration.orm.signs import find_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.decision import Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import ForeignKey, Index, SourceSchema, Table
    from migration.values.facts import ColumnProfile

_MIGRATIONS = "__drizzle_migrations"
_SPELLING = re.compile(r"CREATE TABLE `[^`]+` \(\n\t`[^`]+` (?:integer|text|real|blob|numeric)\b")
#: Integers from 2001-09-09 to 2100-01-01, in seconds and in milliseconds.
_SECONDS = (10**9, 4_102_444_800)
_MILLISECONDS = (10**12, 4_102_444_800_000)
_TIMES = frozenset(
    {"at", "on", "date", "time", "timestamp", "created", "updated", "expires", "until", "since"}
)

_INTEGERS = (
    "{}: integers that look like {}; if the schema says {{ mode: '{}' }}, a rules file can say it, too"
)
_HISTORY = (
    "write the schema again with pgTable; on PostgreSQL Drizzle keeps its migrations in the schema drizzle, "
    f"so {_MIGRATIONS} is history only"
)


@dataclass(frozen=True)
class Drizzle(OrmProfile):
    """Drizzle's answers."""

    name: str = "drizzle"
    title: str = "Drizzle"
    compact_integers: bool = True
    plain_descending: bool = True
    bookkeeping: frozenset[str] = frozenset({_MIGRATIONS})

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, _MIGRATIONS, {"hash", "created_at"}):
            return Evidence(f"has the table {_MIGRATIONS}", Strength.TABLE)
        written = next((table.name for table in source.tables if _SPELLING.match(table.sql)), None)
        if written is None:
            return None
        return Evidence(f"writes CREATE TABLE as Drizzle does, for one {written}", Strength.SPELLING)

    def foreign_key_name(self, table: Table, key: ForeignKey) -> str | None:
        return "_".join((table.name, *key.columns, key.parent_table, *key.parent_columns, "fk"))

    def is_constraint(self, table: Table, index: Index) -> bool:
        """A unique() is an index in SQLite, and a constraint on PostgreSQL."""
        columns = (term.column or "" for term in index.terms)
        return index.where is None and index.name == "_".join((table.name, *columns, "unique"))

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        modes = {"seconds": "timestamp", "milliseconds": "timestamp_ms", "0 and 1": "boolean"}
        found: dict[str, list[str]] = {kind: [] for kind in modes}
        for table, target in draft.tables_in_order():
            for column in target.columns:
                profile = draft.profile.tables[table.name].columns[column.source.name]
                kind = _looks_like(column.source.name, profile)
                if column.source.declared_type.lower() == "integer" and kind and not column.identity:
                    found[kind].append(f"{table.name}.{column.source.name}")
        for kind, columns in found.items():
            if columns:
                yield "info", _INTEGERS.format(", ".join(columns), kind, modes[kind])
        yield "info", _HISTORY


def _looks_like(name: str, profile: ColumnProfile) -> str | None:
    """What a column of integers may be in the schema, by its values and its name."""
    if not profile.integers or profile.min_integer is None or profile.max_integer is None:
        return None
    low, high = profile.min_integer, profile.max_integer
    if low >= 0 and high <= 1:
        return "0 and 1"
    if not _TIMES & words_of(name):
        return None
    if _SECONDS[0] <= low and high < _SECONDS[1]:
        return "seconds"
    return "milliseconds" if _MILLISECONDS[0] <= low and high < _MILLISECONDS[1] else None


DRIZZLE = Drizzle()
