"""What an application meets on PostgreSQL whatever its code says, about the columns of this very file.

One sentence for each theme. Nothing here was left or changed by the migration: these are the two databases.
What the library of the application deals with itself, or says more exactly, is not repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.reserved import needs_quotes
from migration.schema.target import Advice
from migration.schema.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from migration.schema.draft import PlanDraft
    from migration.schema.source import Table
    from migration.schema.target import TargetColumn

#: Columns named in one sentence.
_SHOWN = 5
_WHOLE = ("smallint", "integer", "bigint")
_TEXTS = ("text", "character")


def plan_advice(draft: PlanDraft) -> tuple[Advice, ...]:
    """Everything worth saying about this file, the most frequent surprise first."""
    silent = draft.orm.settles
    return tuple(advice for advice in _all(draft) if advice.theme not in silent)


def _all(draft: PlanDraft) -> Iterator[Advice]:
    for theme, text, wanted in _BY_TYPE:
        found = _paths(draft, _of_type(wanted))
        if found:
            yield _advice(theme, text, found)
    named = [*_named(draft)]
    if named:
        yield _advice("names", _NAMES, named)
    if _paths(draft, lambda _, column: column.type.startswith(_TEXTS)):
        yield Advice("like", _LIKE)
        yield Advice("order of texts", _TEXT_ORDER)
    empty = _paths(draft, lambda table, column: _holds_null(draft, table, column))
    if empty:
        yield _advice("order of NULLs", _NULLS, empty)
    if not all(table.strict for table in draft.source.tables):
        yield Advice("types", _TYPES)
    keys = sum(len(table.foreign_keys) for table in draft.source.tables)
    if keys:
        yield Advice("foreign keys", _KEYS.format(counted(keys, "foreign key")))
    yield Advice("transactions", _TRANSACTIONS)
    yield Advice("concurrency", _CONCURRENCY)


def _advice(theme: str, text: str, found: list[str]) -> Advice:
    return Advice(theme, text, tuple(found[:_SHOWN]), max(0, len(found) - _SHOWN))


def _of_type(wanted: Callable[[TargetColumn], bool]) -> Callable[[Table, TargetColumn], bool]:
    return lambda _, column: wanted(column)


def _is(*types: str) -> Callable[[TargetColumn], bool]:
    return lambda column: column.type.startswith(types) and not column.labels


_BY_TYPE: tuple[tuple[str, str, Callable[[TargetColumn], bool]], ...] = (
    (
        "numbers",
        (
            "node-postgres hands out bigint and numeric as strings ('12', '9.50'), as it does "
            "count() and sum(); SQLite's drivers gave numbers. Convert them, or "
            "pg.types.setTypeParser(20, Number); psycopg gives Decimal for numeric"
        ),
        _is("bigint", "numeric"),
    ),
    (
        "time zone",
        (
            "a timestamp without a zone is read by node-postgres in the time zone of the process,"
            " and now() writes it in that of the session: run both in UTC (TZ=UTC, ALTER DATABASE"
            " ... SET timezone TO 'UTC') where the file's times are UTC"
        ),
        _is("timestamp without", "timestamp("),
    ),
    (
        "dates",
        (
            "drivers hand out dates and times as objects, where SQLite's gave the text or number as "
            "it was stored"
        ),
        _is("timestamp", "date"),
    ),
    (
        "booleans",
        (
            "drivers hand out true and false, where SQLite's gave 1 and 0; SQL compares them with "
            "true, not with 1"
        ),
        _is("boolean"),
    ),
    (
        "json",
        "drivers hand out parsed values, where SQLite's gave the text: JSON.parse() of them fails",
        _is("json"),
    ),
    (
        "lengths",
        "a longer text is an error now; SQLite did not look at the length in varchar(n)",
        _is("character varying(", "character("),
    ),
    (
        "sequences",
        (
            "numbers are given out by a sequence: a rollback leaves a gap (AUTOINCREMENT's came "
            "back), and rows inserted with a number of their own do not move it on"
        ),
        lambda column: column.identity,
    ),
)
_NAMES = (
    "names with capitals and reserved words need double quotes in SQL of your own: PostgreSQL "
    "reads a name without quotes in lower case"
)
_LIKE = "LIKE heeds case, in SQLite a-z and A-Z were alike: ILIKE ignores case"
_TEXT_ORDER = (
    "ORDER BY sorts texts by the database's language (a, B, c), SQLite by their bytes (B, a, c): "
    'COLLATE "C" where bytes matter'
)
_NULLS = (
    "NULL comes last in ascending order and first in descending order, the other way round than "
    "in SQLite: say NULLS FIRST or NULLS LAST"
)
_TYPES = "a value of another type is an error: SQLite stored a text in a column of numbers, and compared both"
_KEYS = "{} always enforced; SQLite did only on connections with PRAGMA foreign_keys = ON"
_TRANSACTIONS = (
    "after an error a transaction takes no more statements until ROLLBACK (or ROLLBACK TO a "
    "savepoint); SQLite went on"
)
_CONCURRENCY = (
    "several transactions write at once: what one has read may be changed before it writes "
    "(SELECT ... FOR UPDATE locks rows), and those that fail with 40P01 (deadlock) or 40001 "
    "(serialization) are to be tried again; there is no SQLITE_BUSY"
)


def _paths(draft: PlanDraft, wanted: Callable[[Table, TargetColumn], bool]) -> list[str]:
    return [
        f"{target.name}.{column.name}"
        for table, target in draft.tables_in_order()
        if table.name not in draft.orm.bookkeeping
        for column in target.columns
        if wanted(table, column)
    ]


def _holds_null(draft: PlanDraft, table: Table, column: TargetColumn) -> bool:
    profile = draft.profile.tables[table.name].columns.get(column.source.name)
    return profile is not None and profile.nulls > 0


def _named(draft: PlanDraft) -> Iterable[str]:
    """Tables, views and columns whose names need quotes."""
    for table, target in draft.tables_in_order():
        if table.name in draft.orm.bookkeeping:
            continue
        if needs_quotes(target.name):
            yield target.name
        yield from (f"{target.name}.{column.name}" for column in target.columns if needs_quotes(column.name))
    yield from (name for name in draft.views.values() if needs_quotes(name))
