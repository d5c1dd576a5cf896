"""SQLAlchemy and Alembic (docs.sqlalchemy.org): what metadata.create_all makes on PostgreSQL.

The types of both sides stand in sqlalchemy/dialects/sqlite/base.py and postgresql/base.py. Not in the file
are the time zone of DateTime(timezone=True), an Enum without a CHECK, and an Interval that is years long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.refining import since_1970
from migration.orm.signs import find_table
from migration.schema.ddl import quote_literal
from migration.schema.declared import DATETIME_OR_INTERVAL, ONE_OF, Affinity, affinity_of
from migration.schema.enumeration import enumeration_of, is_list_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.decision import Decision, Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Column, PrimaryKey, SourceSchema, Table
    from migration.values.facts import ColumnProfile

_MEANT = {"CHAR(32)": "uuid or characters", "DATETIME": DATETIME_OR_INTERVAL}
#: The DDL compiler ends the line of a column with a comma and a blank, and begins the next one with a tab.
_SPELLING = ", \n\t"

_ZONES = (
    "DateTime became timestamp without time zone: {}; where the model says DateTime(timezone=True), give the "
    "column the type timestamptz in a rules file"
)
_CLOCK = (
    "a server default of func.now() follows the time zone of the PostgreSQL session: UTC, as in SQLite, "
    "after ALTER DATABASE ... SET timezone TO 'UTC'"
)
_NATIVE = (
    "PostgreSQL's own type {} instead of a CHECK of this name, as of an Enum(create_constraint=True); for "
    "one with native_enum=False give it the type {} in a rules file"
)
_ENUMS = (
    "an Enum without create_constraint=True is a VARCHAR in SQLite and stays one; PostgreSQL's own type for "
    "it needs a migration of yours, or native_enum=False in the model"
)


@dataclass(frozen=True)
class SqlAlchemy(OrmProfile):
    """SQLAlchemy's answers."""

    name: str = "sqlalchemy"
    title: str = "SQLAlchemy"
    compact_integers: bool = True
    serial_keys: bool = True
    session_clock: bool = True
    plain_descending: bool = True
    bookkeeping: frozenset[str] = frozenset({"alembic_version"})
    settles: frozenset[str] = frozenset({"numbers", "time zone", "dates", "booleans", "json"})

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, "alembic_version", {"version_num"}):
            return Evidence("has the table alembic_version", Strength.TABLE)
        written = next((table.name for table in source.tables if _SPELLING in table.sql), None)
        if written is None:
            return None
        return Evidence(f"writes CREATE TABLE as SQLAlchemy does, for one {written}", Strength.SPELLING)

    def meaning(self, source: SourceSchema, table: Table, column: Column) -> str | None:
        """A Uuid is CHAR(32), an Interval DATETIME, and an Enum VARCHAR with a named CHECK."""
        del source
        listed = enumeration_of(table, column, named=True)
        if listed is not None and column.declared_type.upper().startswith("VARCHAR"):
            return ONE_OF + ", ".join(map(quote_literal, listed.labels))
        return _MEANT.get(column.declared_type.upper())

    def refine(self, table: Table, column: Column, profile: ColumnProfile, decision: Decision) -> Decision:
        """An Interval is a DATETIME after 1970; a type that a CHECK suggests is said."""
        if decision.labels:
            name = next(check.name for check in table.checks if is_list_of(check, column))
            said = _NATIVE.format(name, column.declared_type)
            return replace(decision, notes=(*decision.notes, ("changed", said)))
        return since_1970(decision, profile)

    def enum_type_name(self, table: str, column: str, check: str | None) -> str:
        """The CHECK has the name that the type would have, perhaps behind what a naming convention adds."""
        return check.removeprefix(f"ck_{table}_") if check else super().enum_type_name(table, column, check)

    def gives_out(self, table: Table, key: PrimaryKey) -> bool:
        """Every single integer key that refers to nothing has a sequence, also a BIGINT."""
        (name,) = key.columns
        column = next(column for column in table.columns if column.name == name)
        whole = affinity_of(column.declared_type) is Affinity.INTEGER
        return whole and not any(name in reference.columns for reference in table.foreign_keys)

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        times = [
            f"{table.name}.{column.name}"
            for table, target in draft.tables_in_order()
            for column in target.columns
            if column.type.startswith("timestamp")
        ]
        if times:
            yield "info", _ZONES.format(", ".join(times))
            yield "info", _CLOCK
        yield "info", _ENUMS


SQLALCHEMY = SqlAlchemy()
