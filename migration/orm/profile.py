"""What planning asks the library that made a file. The answers here are those for a file of no known library.

A profile says what its library would have made on PostgreSQL; whether the stored values allow it is decided
by `schema.types`, after it and over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.decision import Decision, Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Check, Column, ForeignKey, Index, PrimaryKey, SourceSchema, Table
    from migration.schema.target import Statement, TargetTable
    from migration.values.facts import ColumnProfile


class Strength(IntEnum):
    """How much a sign says: a table that only this library makes, names in its style, its way of writing."""

    SPELLING = 1
    NAMES = 2
    TABLE = 3


@dataclass(frozen=True)
class Evidence:
    """One sign that a file is a library's, as the end of a sentence: "has the table django_migrations"."""

    sign: str
    strength: Strength


@dataclass(frozen=True)
class OrmProfile:
    """One library; subclasses answer otherwise where their library does.

    `name` is how the command line calls it and `title` how people write it. `compact_integers`: INTEGER is
    PostgreSQL's 4-byte integer in its schema, and not bigint. `serial_keys`: generated keys are serials, and
    not identity columns. `same_sql`: the application sends the same expressions to both databases, so what
    has no translation is taken as it is written. `folds_case`: what SQLite compares without case has an index
    over lower(); false where the library would find it and remove it. `quotes_numbers`: defaults that are
    numbers are written as texts, which PostgreSQL keeps apart from numbers for some types. `session_clock`:
    the current time of a timestamp without a zone is written now(), in the session's zone, and not as UTC.
    `plain_descending`: a descending index is DESC, as the library's own queries ask for, and does not keep
    SQLite's order of NULLs. `microseconds`: an integer that becomes an interval counts them. `bookkeeping`
    are the tables in which it remembers its own work. `settles` are the themes of `schema.application` that
    it sees to itself, or that its own advisories are about.
    """

    name: str = "generic"
    title: str = "no known library"
    compact_integers: bool = False
    serial_keys: bool = False
    same_sql: bool = False
    folds_case: bool = True
    quotes_numbers: bool = False
    session_clock: bool = False
    plain_descending: bool = False
    microseconds: bool = False
    bookkeeping: frozenset[str] = frozenset()
    settles: frozenset[str] = frozenset()

    # Recognising

    def detect(self, source: SourceSchema) -> Evidence | None:
        """The strongest sign that a file is this library's."""
        del source
        return None

    # Columns

    def meaning(self, source: SourceSchema, table: Table, column: Column) -> str | None:
        """The type that the library meant, where the declared one does not say it.

        In words that `schema.declared` reads, such as `uuid` for a char(32). The values are then counted, and
        the type decided, as if this had been declared. Where the values may show that it was not meant, the
        words have an `or`: `uuid or characters` is as declared unless all values are UUIDs. None: as
        declared.
        """
        del source, table, column
        return None

    def refine(self, table: Table, column: Column, profile: ColumnProfile, decision: Decision) -> Decision:
        """The last word on a type that already holds every value: such as jsonb where json was decided."""
        del table, column, profile
        return decision

    def default(self, sql: str) -> str:
        """The library's spelling of a default that is translated already."""
        return sql

    def computed_default(
        self, table: Table, column: Column, profile: ColumnProfile, decision: Decision
    ) -> str | None:
        """The default that the library has PostgreSQL compute, and computes itself on SQLite."""
        del table, column, profile, decision
        return None

    def fills(self, table: Table, column: Column) -> str | None:
        """SQL for a column that says where its database is, so that no copied value could be right."""
        del table, column
        return None

    def enum_type_name(self, table: str, column: str, check: str | None) -> str:
        """The name of an enumeration; `check` is that of the CHECK which lists its values, if it has one."""
        del check
        return f"{table}_{column}_enum"

    def gives_out(self, table: Table, key: PrimaryKey) -> bool:
        """Whether the library's PostgreSQL schema has a sequence for this primary key.

        SQLite gives out the values of an INTEGER PRIMARY KEY only.
        """
        del table
        return key.rowid_alias

    # Names and kinds of constraints; None leaves the name to PostgreSQL's own rule.

    def primary_key_name(self, table: Table, key: PrimaryKey) -> str | None:
        """The name of a primary key whose declaration has none."""
        del table, key
        return None

    def unique_name(self, table: Table, columns: tuple[str, ...]) -> str | None:
        """The name of a unique constraint whose declaration has none."""
        del table, columns
        return None

    def foreign_key_name(self, table: Table, key: ForeignKey) -> str | None:
        """The name of a foreign key whose declaration has none."""
        del table, key
        return None

    def index_name(self, table: Table, index: Index) -> str | None:
        """The name that an index has on PostgreSQL, where it is not the one it has in SQLite."""
        del table, index
        return None

    def is_constraint(self, table: Table, index: Index) -> bool:
        """Whether this unique index is a unique constraint in the library's PostgreSQL schema."""
        del table, index
        return False

    def replaces_check(self, target: TargetTable, check: Check) -> str | None:
        """What ensures on PostgreSQL what this CHECK ensures in SQLite, if its column's type does."""
        del target, check
        return None

    # Whatever else

    def additions(self, draft: PlanDraft) -> Iterable[Statement]:
        """Statements after the load for what the library has on PostgreSQL only. All else is planned then."""
        del draft
        return ()

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        """What will be different in the application, and what the file does not tell. All is planned then."""
        del draft
        return ()
