"""Prisma (prisma.io): what `prisma migrate` makes on PostgreSQL.

Types: prisma.io/docs/orm/overview/databases/sqlite and postgresql, "Type mapping". In SQLite a DateTime is an
integer of milliseconds, or a text where the database filled it in or a newer driver wrote it; both stand in
one column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.refining import binary_json, unzoned, zoned
from migration.orm.signs import find_table
from migration.schema.target import Conversion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.decision import Decision, Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Column, PrimaryKey, SourceSchema, Table
    from migration.values.facts import ColumnProfile

_MIGRATIONS = "_prisma_migrations"
_OWN = {
    "id": "varchar(36)",
    "checksum": "varchar(64)",
    "migration_name": "varchar(255)",
    "applied_steps_count": "integer",
}
#: Prisma begins the lines of a table with four blanks, and names a key table_column_fkey.
_SPELLING = re.compile(r'CREATE TABLE "[^"]+" \(\n    "')
_DIGITS = 30
_MOST = 10.0 ** (65 - _DIGITS)

_PROVIDER = 'change provider to "postgresql" in schema.prisma and in migration_lock.toml'
_HISTORY = (
    f"the migrations listed in {_MIGRATIONS} are SQL for SQLite: begin a new history with one made by "
    f"`prisma migrate diff --from-empty`, empty {_MIGRATIONS}, and mark it with "
    "`prisma migrate resolve --applied`"
)
_CLOCK = (
    "the default now() follows the time zone of the PostgreSQL session: UTC, as in SQLite, after "
    "ALTER DATABASE ... SET timezone TO 'UTC'"
)


@dataclass(frozen=True)
class Prisma(OrmProfile):
    """Prisma's answers."""

    name: str = "prisma"
    title: str = "Prisma"
    compact_integers: bool = True
    serial_keys: bool = True
    session_clock: bool = True
    plain_descending: bool = True
    bookkeeping: frozenset[str] = frozenset({_MIGRATIONS})
    settles: frozenset[str] = frozenset({"numbers", "time zone", "dates", "booleans", "json", "names"})

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, _MIGRATIONS, {"id", "checksum", "migration_name"}):
            return Evidence(f"has the table {_MIGRATIONS}", Strength.TABLE)
        for table in source.tables:
            made = {f"{table.name}_{'_'.join(key.columns)}_fkey" for key in table.foreign_keys}
            if _SPELLING.match(table.sql) and made & {key.name for key in table.foreign_keys}:
                return Evidence(f"writes CREATE TABLE as Prisma does, for one {table.name}", Strength.NAMES)
        return None

    def meaning(self, source: SourceSchema, table: Table, column: Column) -> str | None:
        del source
        if table.name == _MIGRATIONS and column.name in _OWN:
            return _OWN[column.name]
        return {"datetime": "epoch milliseconds", "decimal": "decimal"}.get(column.declared_type.lower())

    def refine(self, table: Table, column: Column, profile: ColumnProfile, decision: Decision) -> Decision:
        if table.name == _MIGRATIONS:
            return zoned(decision)
        if column.declared_type.lower() == "decimal" and _fits(decision, profile):
            return replace(decision, type=f"numeric(65,{_DIGITS})", scale=None)
        return unzoned(binary_json(decision, profile), profile, 3)

    def default(self, sql: str) -> str:
        return "CURRENT_TIMESTAMP" if sql == "now()" else sql

    def gives_out(self, table: Table, key: PrimaryKey) -> bool:
        """@default(autoincrement()) has AUTOINCREMENT; an Int @id without it is the application's."""
        del table
        return key.autoincrement

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        yield "info", _PROVIDER
        if find_table(draft.source, _MIGRATIONS):
            yield "info", _HISTORY
        yield "info", _CLOCK


def _fits(decision: Decision, profile: ColumnProfile) -> bool:
    """Whether Prisma's numeric(65,30) holds every value exactly."""
    facts = profile.decimal
    whole = max(abs(profile.min_integer or 0), abs(profile.max_integer or 0)) < _MOST
    exact = not profile.reals or (facts is not None and facts.scale is not None and facts.largest < _MOST)
    return decision.conversion is Conversion.NUMERIC and not profile.infinities and whole and exact


PRISMA = Prisma()
