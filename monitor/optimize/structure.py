"""What a database consists of: tables, columns, indexes, foreign keys, statistics. Reading only."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.optimize.statement import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class IndexColumn:
    """One key column of an index.

    Args:
        name: None for an expression.
        collation: "BINARY", "NOCASE", ...
        descending: the order it is kept in.
    """

    name: str | None
    collation: str
    descending: bool


@dataclass(frozen=True)
class Index:
    """One index.

    Args:
        origin: "c" by CREATE INDEX, "u" of a UNIQUE constraint, "pk" of a primary key.
        where: the condition of a partial index.
        sql: how it was created; None for those SQLite makes itself.
        bytes: its pages' size; None where it cannot be told.
    """

    name: str
    table: str
    columns: tuple[IndexColumn, ...]
    unique: bool
    origin: str
    partial: bool
    where: str | None
    sql: str | None
    bytes: int | None = None


@dataclass(frozen=True)
class ForeignKey:
    """Columns of a table that name a row of another."""

    table: str
    columns: tuple[str, ...]
    parent: str


@dataclass(frozen=True)
class Table:
    """One table.

    Args:
        columns: by lower-case name: the declared type.
        names: the columns' names as written.
        rows: how many there are.
        rowid_column: the INTEGER PRIMARY KEY, if it has one.
        has_rowid: False for WITHOUT ROWID tables.
        bytes: its own pages' size; None where it cannot be told.
    """

    name: str
    columns: Mapping[str, str]
    names: tuple[str, ...]
    rows: int
    rowid_column: str | None
    has_rowid: bool
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]
    generated: frozenset[str] = frozenset()
    bytes: int | None = None

    def written(self, column: str) -> str:
        """Return a column's name as it was declared."""
        return next(name for name in self.names if name.lower() == column.lower())


@dataclass(frozen=True)
class Structure:
    """The whole database.

    Args:
        tables: by lower-case name, virtual tables and SQLite's own left out.
        views: by lower-case name: their SELECT.
        analyzed: by lower-case table name: the rows its statistics speak of; empty without statistics.
        has_statistics: whether sqlite_stat1 exists and has a row.
    """

    tables: Mapping[str, Table]
    views: Mapping[str, str]
    analyzed: Mapping[str, int]
    has_statistics: bool

    def indexes(self) -> list[Index]:
        """Every index of every table."""
        return [index for table in self.tables.values() for index in table.indexes]


def read_structure(connection: sqlite3.Connection) -> Structure:
    """Read the structure of an open database, counting every table's rows (so of the copy)."""
    sizes = _sizes(connection)
    listed = connection.execute("PRAGMA table_list").fetchall()
    tables = {}
    for schema, name, kind, _, without_rowid, *_ in listed:
        if schema == "main" and kind == "table" and not name.startswith("sqlite_"):
            tables[name.lower()] = _table(connection, name, has_rowid=not without_rowid, sizes=sizes)
    views = {
        name.lower(): sql
        for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'")
    }
    analyzed = _analyzed(connection)
    return Structure(tables, views, analyzed, bool(analyzed))


def _table(connection: sqlite3.Connection, name: str, *, has_rowid: bool, sizes: Mapping[str, int]) -> Table:
    described = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    keys = [row for row in described if row[5]]
    rowid = None
    if has_rowid and len(keys) == 1 and (keys[0][2] or "").upper() == "INTEGER":
        indexed = connection.execute(f"PRAGMA index_list({quoted(name)})").fetchall()
        rowid = None if any(row[3] == "pk" for row in indexed) else keys[0][1]
    return Table(
        name=name,
        columns={row[1].lower(): row[2] or "" for row in described},
        names=tuple(row[1] for row in described),
        rows=int(connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]),  # noqa: S608
        rowid_column=rowid,
        has_rowid=has_rowid,
        indexes=tuple(
            _index(connection, name, row, sizes)
            for row in connection.execute(f"PRAGMA index_list({quoted(name)})").fetchall()
        ),
        foreign_keys=_foreign_keys(connection, name),
        generated=frozenset(row[1].lower() for row in described if row[6] in (2, 3)),
        bytes=sizes.get(name),
    )


def _index(
    connection: sqlite3.Connection, table: str, row: tuple[int, str, int, str, int], sizes: Mapping[str, int]
) -> Index:
    _, name, unique, origin, partial = row
    found = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    sql = None if found is None else found[0]
    columns = tuple(
        IndexColumn(column, collation or "BINARY", bool(descending))
        for _, _, column, descending, collation, key in connection.execute(
            f"PRAGMA index_xinfo({quoted(name)})"
        )
        if key
    )
    where = None
    if partial and sql:
        cut = sql.upper().rfind(" WHERE ")
        where = " ".join(sql[cut + 7 :].split()) if cut >= 0 else sql
    return Index(name, table, columns, bool(unique), origin, bool(partial), where, sql, bytes=sizes.get(name))


def _foreign_keys(connection: sqlite3.Connection, table: str) -> tuple[ForeignKey, ...]:
    keys: dict[int, tuple[str, list[str]]] = {}
    for number, _, parent, column, *_ in connection.execute(f"PRAGMA foreign_key_list({quoted(table)})"):
        keys.setdefault(number, (parent, []))[1].append(column)
    return tuple(ForeignKey(table, tuple(columns), parent) for parent, columns in keys.values())


def _sizes(connection: sqlite3.Connection) -> dict[str, int]:
    """Measure every table's and index's pages; nothing where this SQLite has no dbstat."""
    try:
        return dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall())
    except sqlite3.Error:
        return {}


def _analyzed(connection: sqlite3.Connection) -> dict[str, int]:
    """Read how many rows ANALYZE saw: the first number of any of a table's entries."""
    try:
        entries = connection.execute("SELECT tbl, stat FROM sqlite_stat1").fetchall()
    except sqlite3.Error:
        return {}
    rows: dict[str, int] = {}
    for table, stat in entries:
        first = str(stat).split(" ", 1)[0]
        if first.isdigit():
            rows[str(table).lower()] = max(rows.get(str(table).lower(), 0), int(first))
    return rows
