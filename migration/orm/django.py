"""Django (docs.djangoproject.com/en/5.2/ref/databases): what `manage.py migrate` makes on PostgreSQL.

The types of both sides stand in django/db/backends/sqlite3/base.py and postgresql/base.py, `data_types`. Four
things are not in the file: the digits of a DecimalField, whether a bigint is a DurationField, whether an
automatic key is big (its references tell), and the zone of naive times (USE_TZ = False).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.orm.django_names import foreign_key_name, made_name, made_suffix
from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.refining import as_interval, binary_json, words_of
from migration.orm.signs import find_table
from migration.schema import ddl
from migration.schema.target import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migration.schema.decision import Decision, Remark
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Check, Column, ForeignKey, Index, PrimaryKey, SourceSchema, Table
    from migration.schema.target import TargetTable
    from migration.values.facts import ColumnProfile

_MEANT = {
    "datetime": "timestamptz",
    "char(32)": "uuid",
    "char(39)": "inet",
    "decimal": "decimal",
    "integer unsigned": "integer",
    "smallint unsigned": "smallint",
    "bigint unsigned": "bigint",
}
_JSON_CHECK = re.compile(
    r'\(?JSON_VALID\("(?P<column>(?:[^"]|"")+)"\) OR "(?P=column)" IS NULL\)?', re.IGNORECASE
)
#: The tables of applications that come with Django, whose keys are never big.
_OWN = re.compile(r"auth_(?:user|group|permission)|django_(?:content_type|admin_log|site|flatpage|redirect)")
#: A bigint with such a word in its name is taken for a DurationField.
_DURATIONS = frozenset({"duration", "elapsed", "timedelta", "interval", "timeout", "ttl", "lifetime"})

_DECIMALS = (
    "a SQLite file has no max_digits and decimal_places, so these are numeric: {}; Django reads them as it "
    "does numeric(max_digits, decimal_places)"
)
_BIG = (
    "taken for BigIntegerField, which a DurationField looks like in SQLite: {}; give a DurationField the "
    "type interval in a rules file"
)


@dataclass(frozen=True)
class Django(OrmProfile):
    """Django's answers."""

    name: str = "django"
    title: str = "Django"
    compact_integers: bool = True
    plain_descending: bool = True
    microseconds: bool = True
    bookkeeping: frozenset[str] = frozenset({"django_migrations"})
    settles: frozenset[str] = frozenset(
        {"numbers", "time zone", "dates", "booleans", "json", "like", "lengths"}
    )

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, "django_migrations", {"app", "name", "applied"}):
            return Evidence("has the table django_migrations", Strength.TABLE)
        return None

    def meaning(self, source: SourceSchema, table: Table, column: Column) -> str | None:
        declared = column.declared_type.lower()
        if declared == "text" and any(_json_column(check) == column.name for check in table.checks):
            return "jsonb"
        key = table.primary_key
        if declared == "integer" and key and key.autoincrement and key.columns == (column.name,):
            return _key_type(source, table)
        return _MEANT.get(declared)

    def refine(self, table: Table, column: Column, profile: ColumnProfile, decision: Decision) -> Decision:
        if decision.type == "bigint" and _may_be_duration(table, column) and _named_so(column):
            return as_interval(
                decision,
                "taken for a DurationField because of its name, so for microseconds; if it is a "
                "BigIntegerField, give it the type bigint in a rules file",
            )
        return binary_json(decision, profile)

    def gives_out(self, table: Table, key: PrimaryKey) -> bool:
        """An AutoField has AUTOINCREMENT; an IntegerField(primary_key=True) has not."""
        del table
        return key.autoincrement

    def foreign_key_name(self, table: Table, key: ForeignKey) -> str | None:
        return foreign_key_name(table.name, key)

    def index_name(self, table: Table, index: Index) -> str | None:
        """SQLite has no limit of 63 bytes, within which Django cuts names in its own way."""
        suffix = made_suffix(table.name, index)
        return made_name(table.name, _columns(index), suffix) if suffix is not None else None

    def is_constraint(self, table: Table, index: Index) -> bool:
        """A unique_together is an index in SQLite, and a constraint on PostgreSQL."""
        return index.where is None and made_suffix(table.name, index) == "_uniq"

    def replaces_check(self, target: TargetTable, check: Check) -> str | None:
        for column in target.columns:
            if column.source.name == _json_column(check) and column.type in ("json", "jsonb"):
                return f"the type {column.type} of {column.name} takes valid JSON only"
        return None

    def default(self, sql: str) -> str:
        """Now() is the beginning of the statement."""
        return "statement_timestamp()" if sql == "now()" else sql

    def additions(self, draft: PlanDraft) -> Iterable[Statement]:
        """The second index of every text that is unique or has db_index, for LIKE 'a%'."""
        for table, target in draft.tables_in_order():
            for name in _searched(table):
                column = draft.column(table.name, name)
                base = column.type.partition("(")[0]
                if base not in ("character varying", "text"):
                    continue
                operators = "varchar_pattern_ops" if base == "character varying" else "text_pattern_ops"
                index = draft.relations.take(made_name(table.name, (name,), "_like"), table.name)
                terms = [f"{ddl.quote_identifier(column.name)} {operators}"]
                sql = ddl.create_index(draft.schema, target.name, index, terms)
                yield Statement("index", index, target.name, sql, optional=True)

    def advisories(self, draft: PlanDraft) -> Iterable[Remark]:
        source = draft.source
        yield "info", "the lookups contains, startswith and endswith heed case on PostgreSQL, not in SQLite"
        yield "info", "times were read as UTC, as USE_TZ = True stores them"
        decimals = _paths(source, lambda _, column: column.declared_type.lower() == "decimal")
        if decimals:
            yield "info", _DECIMALS.format(decimals)
        big = _paths(source, lambda table, column: _may_be_duration(table, column) and not _named_so(column))
        if big:
            yield "info", _BIG.format(big)


def _json_column(check: Check) -> str | None:
    """The column that a JSONField's CHECK is about."""
    found = _JSON_CHECK.fullmatch(check.expression.strip())
    return found["column"].replace('""', '"') if found else None


def _columns(index: Index) -> tuple[str, ...]:
    return tuple(term.column for term in index.terms if term.column is not None)


def _searched(table: Table) -> Iterable[str]:
    """The columns that are unique by themselves, the key, or have db_index."""
    found = [table.primary_key.columns] if table.primary_key else []
    found += [unique.columns for unique in table.uniques if unique.name is None]
    found += [_columns(index) for index in table.indexes if made_suffix(table.name, index) == ""]
    return dict.fromkeys(columns[0] for columns in found if len(columns) == 1)


def _may_be_duration(table: Table, column: Column) -> bool:
    if column.declared_type.lower() != "bigint" or column.generated is not None:
        return False
    keyed = table.primary_key is not None and column.name in table.primary_key.columns
    return not keyed and not any(column.name in key.columns for key in table.foreign_keys)


def _named_so(column: Column) -> bool:
    return bool(_DURATIONS & words_of(column.name))


def _paths(source: SourceSchema, chosen: Callable[[Table, Column], bool]) -> str:
    return ", ".join(
        f"{table.name}.{column.name}"
        for table in source.tables
        for column in table.columns
        if chosen(table, column)
    )


def _key_type(source: SourceSchema, table: Table) -> str:
    """The type of an automatic key: both kinds are `integer` in SQLite, but what refers to them is not."""
    if _OWN.fullmatch(table.name):
        return "integer"
    application = table.name.partition("_")[0] + "_"
    types = [
        (key.parent_table, column.declared_type.lower())
        for child in source.tables
        for key in child.foreign_keys
        for column in child.columns
        if (column.name,) == key.columns and not _OWN.fullmatch(key.parent_table)
    ]
    for related in (
        [found for parent, found in types if parent == table.name],
        [found for parent, found in types if parent.startswith(application)],
        [found for _, found in types],
    ):
        whole = [found for found in related if found in ("integer", "bigint")]
        if whole:
            return max(("bigint", "integer"), key=whole.count)
    return "bigint"


DJANGO = Django()
