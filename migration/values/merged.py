"""Counts values that SQLite's NOCASE tells apart and PostgreSQL does not: it folds more than A to Z."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from migration.schema.tokens import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from migration.schema.source import PrimaryKey, Table, UniqueConstraint

Columns = tuple[str, ...]


def count_merged(connection: sqlite3.Connection, table: Table) -> Mapping[Columns, int]:
    """For each key and unique index that ignores case: how many rows would share their key with another.

    Only those with such rows are named; a key over plain ASCII cannot have any.
    """
    found: dict[Columns, int] = {}
    for columns, collations, where in _keys(table):
        folded = [
            column
            for column, collation in zip(columns, collations, strict=True)
            if collation is not None and collation.upper() == "NOCASE"
        ]
        if folded and _beyond_ascii(connection, table, folded):
            count = _merged(connection, table, columns, folded, where)
            if count:
                found[columns] = count
    return found


def _keys(table: Table) -> Iterable[tuple[Columns, tuple[str | None, ...], str | None]]:
    primary = [table.primary_key] if table.primary_key is not None else []
    keys: list[PrimaryKey | UniqueConstraint] = [*primary, *table.uniques]
    for key in keys:
        if key.collations:
            yield key.columns, key.collations, None
    for index in table.indexes:
        columns = tuple(term.column for term in index.terms if term.column is not None)
        if index.unique and len(columns) == len(index.terms):
            yield columns, tuple(term.collation for term in index.terms), index.where


def _beyond_ascii(connection: sqlite3.Connection, table: Table, columns: Iterable[str]) -> bool:
    tests = " OR ".join(f"length({quoted(c)}) <> length(CAST({quoted(c)} AS BLOB))" for c in columns)
    query = f"SELECT EXISTS (SELECT 1 FROM {quoted(table.name)} WHERE {tests})"  # noqa: S608  # names are quoted
    return bool(connection.execute(query).fetchone()[0])


def _merged(
    connection: sqlite3.Connection, table: Table, columns: Columns, folded: Iterable[str], where: str | None
) -> int:
    connection.create_function("outgrow_fold", 1, _fold, deterministic=True)
    terms = [f"outgrow_fold({quoted(c)})" if c in folded else quoted(c) for c in columns]
    present = [f"{quoted(c)} IS NOT NULL" for c in columns] + ([f"({where})"] if where else [])
    groups = (
        f"SELECT count(*) AS n FROM {quoted(table.name)} WHERE {' AND '.join(present)}"  # noqa: S608
        f" GROUP BY {', '.join(terms)} HAVING n > 1"
    )
    try:
        (count,) = connection.execute(f"SELECT coalesce(sum(n), 0) FROM ({groups})").fetchone()  # noqa: S608
    except sqlite3.OperationalError:  # a predicate with a function of the application's own
        return 0
    return int(count)


def _fold(value: str | bytes | float | None) -> str | bytes | int | float | None:
    """As lower() of PostgreSQL does in a UTF-8 locale."""
    return value.lower() if isinstance(value, str) else value
