"""Knex (knexjs.org), also below Objection, Bookshelf, Strapi and Directus: its schema on PostgreSQL.

Types: knex/lib/dialects/sqlite3/schema/sqlite-columncompiler.js and postgres/schema/pg-columncompiler.js. A
Date is stored as milliseconds, while defaults write texts: both stand in one column. float, double and
decimal are all `float` in SQLite, json and jsonb both `json`, increments and bigIncrements both `integer`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.refining import zoned
from migration.orm.signs import find_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.decision import Decision, Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Column, ForeignKey, Index, PrimaryKey, SourceSchema, Table
    from migration.values.facts import ColumnProfile

_MEANT = {"datetime": "epoch milliseconds", "char(36)": "uuid or characters"}
_SPELLING = re.compile(r"CREATE TABLE `[^`]+` \(`[^`]+` [a-z]+[^\n]*\bnot null primary key autoincrement\b")

_DECIMALS = (
    "float, double and decimal are all `float` in SQLite, so all became double precision: give a column of "
    "money the type numeric(p,s) in a rules file"
)
_JSON = (
    "json and jsonb are both `json` in SQLite, and became json, which keeps the text: the type jsonb in a "
    "rules file makes it searchable"
)
_STRINGS = "the driver pg gives bigint as a string, where SQLite gave a number"


@dataclass(frozen=True)
class Knex(OrmProfile):
    """Knex's answers."""

    name: str = "knex"
    title: str = "Knex"
    compact_integers: bool = True
    serial_keys: bool = True
    plain_descending: bool = True
    bookkeeping: frozenset[str] = frozenset({"knex_migrations", "knex_migrations_lock"})
    settles: frozenset[str] = frozenset({"numbers"})

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, "knex_migrations", {"name", "batch", "migration_time"}):
            return Evidence("has the table knex_migrations", Strength.TABLE)
        written = next((table.name for table in source.tables if _SPELLING.match(table.sql)), None)
        if written is None:
            return None
        return Evidence(f"writes CREATE TABLE as Knex does, for one {written}", Strength.SPELLING)

    def meaning(self, source: SourceSchema, table: Table, column: Column) -> str | None:
        del source, table
        return _MEANT.get(column.declared_type.lower())

    def refine(self, table: Table, column: Column, profile: ColumnProfile, decision: Decision) -> Decision:
        del table, column, profile
        return zoned(decision)

    def default(self, sql: str) -> str:
        return "CURRENT_TIMESTAMP" if sql == "now()" else sql

    def gives_out(self, table: Table, key: PrimaryKey) -> bool:
        del table
        return key.autoincrement

    def foreign_key_name(self, table: Table, key: ForeignKey) -> str | None:
        return made_name(table.name, key.columns, "foreign")

    def is_constraint(self, table: Table, index: Index) -> bool:
        """A unique() is an index in SQLite, and a constraint on PostgreSQL."""
        columns = tuple(term.column or "" for term in index.terms)
        return index.where is None and index.name == made_name(table.name, columns, "unique")

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        types = {column.type for target in draft.tables.values() for column in target.columns}
        for kind, text in (("double precision", _DECIMALS), ("json", _JSON), ("bigint", _STRINGS)):
            if kind in types:
                yield "info", text


def made_name(table: str, columns: tuple[str, ...], kind: str) -> str:
    """The name that Knex makes (knex/lib/schema/tablecompiler.js, `_indexCommand`)."""
    return "_".join((re.sub(r"[.-]", "_", table), *columns, kind)).lower()


KNEX = Knex()
