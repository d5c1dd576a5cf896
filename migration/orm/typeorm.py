"""TypeORM (typeorm.io): the schema that its own schema builder would find nothing to change in.

What it compares on PostgreSQL is in its sources, in PostgresDriver.findChangedColumns and RdbmsSchemaBuilder:
types with their length and precision, defaults as text, NOT NULL, enumerations, generated columns by the
text in typeorm_metadata, views likewise; indexes, checks and constraints of several columns by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.orm import typeorm_names as names
from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.signs import constraint_names, find_table
from migration.orm.typeorm_advice import advisories
from migration.orm.typeorm_uuids import generates_uuid, may_be_uuid
from migration.schema.ddl import qualified, quote_identifier, quote_literal
from migration.schema.declared import ONE_OF, parse_type
from migration.schema.enumeration import enumeration_of
from migration.schema.target import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.decision import Decision, Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Column, ForeignKey, PrimaryKey, SourceSchema, Table
    from migration.values.facts import ColumnProfile

#: The columns of the table in which it remembers views and generated columns, whatever that table is called.
_METADATA = {"type", "database", "schema", "table", "name", "value"}
#: One line, all names in quotes, and NOT NULL behind PRIMARY KEY: nobody else declares a table like that.
_SPELLING = re.compile(
    r'CREATE TABLE "[^"\n]+" \("[^"\n]+" (?:integer|varchar) PRIMARY KEY(?: AUTOINCREMENT)? NOT NULL'
    r'(?:, "[^"\n]+" [a-z][^\n]*)?\)'
)
_UTC = "(now() AT TIME ZONE 'utc')"
_CLOCKS = {
    f"{_UTC}::date": "('now'::text)::date",
    f"{_UTC}::time(0)": "('now'::text)::time with time zone",
}
_DIGITS_OF_A_SECOND = 6


@dataclass(frozen=True)
class TypeOrm(OrmProfile):
    """TypeORM's answers."""

    name: str = "typeorm"
    title: str = "TypeORM"
    compact_integers: bool = True
    serial_keys: bool = True
    same_sql: bool = True
    folds_case: bool = False
    quotes_numbers: bool = True
    session_clock: bool = True
    bookkeeping: frozenset[str] = frozenset({"migrations", "typeorm_metadata"})
    settles: frozenset[str] = frozenset({"numbers", "time zone", "dates", "booleans", "json"})

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, "typeorm_metadata"):
            return Evidence("has the table typeorm_metadata", Strength.TABLE)
        if find_table(source, "migrations", {"id", "timestamp", "name"}):
            return Evidence("has a table migrations with id, timestamp and name", Strength.TABLE)
        named = next((name for name in constraint_names(source) if names.PATTERN.fullmatch(name)), None)
        if named is not None:
            return Evidence(f"has names like {named}", Strength.NAMES)
        spelled = next((table.name for table in source.tables if _SPELLING.fullmatch(table.sql)), None)
        return Evidence(f"declares {spelled} as TypeORM does", Strength.SPELLING) if spelled else None

    # Columns

    def meaning(self, source: SourceSchema, table: Table, column: Column) -> str | None:
        """Enumerations and UUIDs, both of which are a plain varchar in SQLite."""
        listed = enumeration_of(table, column)
        if listed is not None:
            return ONE_OF + ", ".join(map(quote_literal, listed.labels))
        return may_be_uuid(source, table, column)

    def refine(self, table: Table, column: Column, profile: ColumnProfile, decision: Decision) -> Decision:
        """The types of the same name on PostgreSQL, where the values are the same in them."""
        del table
        declared = parse_type(column.declared_type)
        length = declared.arguments[0] if declared.arguments else None
        match decision.type:
            case "double precision" if declared.name == "real" and profile.reals == (
                profile.single_reals or 0
            ):
                return replace(decision, type="real", why=f"{decision.why}; 4 bytes, and all values fit")
            case "json" if declared.name == "jsonb":
                return replace(decision, type="jsonb")
            case kind if kind.startswith("character varying(") and declared.name == "character":
                if profile.values == 0 or profile.min_characters == length:
                    return replace(decision, type=f"character({length})")
            case "timestamp without time zone" | "time without time zone" if length is not None:
                # TypeORM writes milliseconds; fewer digits would round them.
                if length < _DIGITS_OF_A_SECOND and (length >= 3 or profile.values == 0):
                    return replace(decision, type=decision.type.replace(" ", f"({length}) ", 1))
        return decision

    def computed_default(
        self, table: Table, column: Column, profile: ColumnProfile, decision: Decision
    ) -> str | None:
        """What @PrimaryGeneratedColumn("uuid") has the database compute.

        TypeORM takes gen_random_uuid() for its own default, whichever extension it was told to use.
        """
        uuids = decision.type == "uuid" and generates_uuid(table, column, profile)
        return "gen_random_uuid()" if uuids else None

    def fills(self, table: Table, column: Column) -> str | None:
        """Which database and schema a view or generated column is in, which no row of SQLite says."""
        if not is_metadata(table):
            return None
        return {
            "database": "CASE WHEN \"type\" = 'GENERATED_COLUMN' THEN current_database() END",
            "schema": "{schema}",
        }.get(column.name)

    def gives_out(self, table: Table, key: PrimaryKey) -> bool:
        """@PrimaryGeneratedColumn has AUTOINCREMENT; a plain primary key is filled by the application."""
        del table
        return key.autoincrement

    def default(self, sql: str) -> str:
        """TypeORM writes the day and the time of day of the session's clock in these words."""
        return _CLOCKS.get(sql, sql)

    # Names

    def enum_type_name(self, table: str, column: str, check: str | None) -> str:
        del check
        return f"{table}_{column.lower()}_enum"

    def primary_key_name(self, table: Table, key: PrimaryKey) -> str | None:
        return names.constraint("PK", table.name, key.columns)

    def unique_name(self, table: Table, columns: tuple[str, ...]) -> str | None:
        return names.constraint("UQ", table.name, columns)

    def foreign_key_name(self, table: Table, key: ForeignKey) -> str | None:
        return names.constraint("FK", table.name, key.columns)

    # The rest

    def additions(self, draft: PlanDraft) -> Iterable[Statement]:
        """Say in typeorm_metadata where its views and generated columns are now."""
        for source, target in draft.tables_in_order():
            filled = [column for column in target.columns if column.filled is not None]
            if filled and is_metadata(source):
                schema = quote_literal(draft.schema)
                values = ", ".join(
                    f"{quote_identifier(column.name)} = {(column.filled or '').replace('{schema}', schema)}"
                    for column in filled
                )
                sql = f"UPDATE {qualified(draft.schema, target.name)} SET {values}"  # noqa: S608  # quoted
                yield Statement("rows", target.name, target.name, sql)

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        return advisories(draft)


def is_metadata(table: Table) -> bool:
    """Whether TypeORM remembers its views and generated columns in this table."""
    return {column.name for column in table.columns} == _METADATA


TYPEORM = TypeOrm()
