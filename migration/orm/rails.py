"""Ruby on Rails (guides.rubyonrails.org): what Active Record makes on PostgreSQL.

Types: activerecord/lib/active_record/connection_adapters/sqlite3_adapter.rb and postgresql_adapter.rb,
NATIVE_DATABASE_TYPES. Times are UTC; a time of day is stored on 2000-01-01; keys and references are bigint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.refining import with_digits
from migration.orm.signs import find_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.decision import Decision, Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Column, SourceSchema, Table
    from migration.values.facts import ColumnProfile

_HISTORY = (
    "the rows of schema_migrations moved, so db:migrate runs none of them again; db:schema:dump writes "
    "schema.rb anew"
)


@dataclass(frozen=True)
class Rails(OrmProfile):
    """Active Record's answers."""

    name: str = "rails"
    title: str = "Ruby on Rails"
    compact_integers: bool = True
    serial_keys: bool = True
    plain_descending: bool = True
    bookkeeping: frozenset[str] = frozenset({"schema_migrations", "ar_internal_metadata"})
    settles: frozenset[str] = frozenset({"numbers", "time zone", "dates", "booleans", "json", "like"})

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, "ar_internal_metadata", {"key", "value"}):
            return Evidence("has the table ar_internal_metadata", Strength.TABLE)
        versions = find_table(source, "schema_migrations", {"version"})
        if versions and len(versions.columns) == 1:  # other tools' has more columns
            return Evidence("has a table schema_migrations with versions only", Strength.NAMES)
        return None

    def meaning(self, source: SourceSchema, table: Table, column: Column) -> str | None:
        del source
        if column.declared_type.lower() != "integer":
            return None
        key = table.primary_key
        keyed = key is not None and key.columns == (column.name,)
        refers = any(column.name in reference.columns for reference in table.foreign_keys)
        return "bigint" if keyed or refers or column.name.endswith("_id") else None

    def refine(self, table: Table, column: Column, profile: ColumnProfile, decision: Decision) -> Decision:
        del table
        digits = column.declared_type.lower().removeprefix("datetime(").removesuffix(")")
        return with_digits(decision, profile, int(digits)) if digits in "0123456" and digits else decision

    def default(self, sql: str) -> str:
        return "CURRENT_TIMESTAMP" if sql == "now()" else sql

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        del draft
        yield "info", _HISTORY
        yield "info", "LIKE heeds case on PostgreSQL, not in SQLite; ILIKE does not"


RAILS = Rails()
