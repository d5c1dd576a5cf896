"""Sequelize (sequelize.org): what sync() and the migrations make on PostgreSQL.

Types: sequelize/lib/dialects/sqlite/data-types.js and postgres/data-types.js. A DATE is a text that ends in
+00:00, a BOOLEAN is TINYINT(1), and an ENUM is TEXT without its values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.refining import binary_json
from migration.orm.signs import find_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.decision import Decision, Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Column, PrimaryKey, SourceSchema, Table
    from migration.values.facts import ColumnProfile

_SPELLING = re.compile(r"CREATE TABLE `[^`]+` \(`[^`]+` [A-Z][^\n]*`createdAt` DATETIME NOT NULL")

_ENUMS = (
    "an ENUM is TEXT in SQLite, without its values, and stays text; sync({ alter: true }) would make a type "
    'of PostgreSQL\'s own of it, named "enum_Table_column"'
)
_STRINGS = "the driver pg gives BIGINT and DECIMAL as strings, where SQLite gave numbers"
_LIKE = "Op.like heeds case on PostgreSQL, not in SQLite; Op.iLike does not"


@dataclass(frozen=True)
class Sequelize(OrmProfile):
    """Sequelize's answers."""

    name: str = "sequelize"
    title: str = "Sequelize"
    compact_integers: bool = True
    serial_keys: bool = True
    plain_descending: bool = True
    bookkeeping: frozenset[str] = frozenset({"SequelizeMeta", "SequelizeData"})
    settles: frozenset[str] = frozenset({"numbers", "time zone", "dates", "booleans", "json", "like"})

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, "SequelizeMeta", {"name"}):
            return Evidence("has the table SequelizeMeta", Strength.TABLE)
        written = next((table.name for table in source.tables if _SPELLING.match(table.sql)), None)
        if written is None:
            return None
        return Evidence(f"writes CREATE TABLE as Sequelize does, for one {written}", Strength.SPELLING)

    def meaning(self, source: SourceSchema, table: Table, column: Column) -> str | None:
        del source, table
        return {"datetime": "timestamptz", "tinyint(1)": "boolean"}.get(column.declared_type.lower())

    def refine(self, table: Table, column: Column, profile: ColumnProfile, decision: Decision) -> Decision:
        del table
        return binary_json(decision, profile) if column.declared_type.upper() == "JSONB" else decision

    def gives_out(self, table: Table, key: PrimaryKey) -> bool:
        del table
        return key.autoincrement

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        del draft
        yield "info", _ENUMS
        yield "info", _STRINGS
        yield "info", _LIKE


SEQUELIZE = Sequelize()
