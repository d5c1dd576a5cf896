"""What SQLite's own check says about a file: damaged pages, and the tables they belong to."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from migration.errors import SourceRefusedError

if TYPE_CHECKING:
    from pathlib import Path

#: quick_check lines that speak of values, not of damaged pages: the migration deals with values itself.
_ABOUT_VALUES = (
    "NULL value in ",
    "NUMERIC value in ",
    "TEXT value in ",
    "non-",
)


def check_pages(connection: sqlite3.Connection, path: Path) -> tuple[str, ...]:
    try:
        found = [_text(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise
        raise damaged(path, [str(error)], _broken_tables(connection)) from error
    values = tuple(line for line in found if line.startswith(_ABOUT_VALUES))
    broken = [line for line in found if line not in values and line != "ok"]
    if broken:
        raise damaged(path, broken, _broken_tables(connection))
    return tuple(f"SQLite says: {line}" for line in values)


def _broken_tables(connection: sqlite3.Connection) -> list[str]:
    """Name the tables that cannot be read to their end or that quick_check complains about."""
    try:
        names = [
            _text(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
    except sqlite3.Error:
        return ["the schema itself"]
    broken = []
    for name in names:
        quoted = name.replace("'", "''")
        try:
            lines = [_text(row[0]) for row in connection.execute(f"PRAGMA quick_check('{quoted}')")]
        except sqlite3.Error as error:
            lines = [str(error)]
        if any(line != "ok" and not line.startswith(_ABOUT_VALUES) for line in lines):
            broken.append(name)
    return broken


def damaged(path: Path, lines: list[str], tables: list[str]) -> SourceRefusedError:
    shown = "; ".join(" ".join(line.split()) for line in lines[:3])
    more = f" (and {len(lines) - 3} more)" if len(lines) > 3 else ""
    where = f"; damaged: {', '.join(tables[:10])}" if tables else ""
    return SourceRefusedError(
        f"{path} is damaged",
        why=f"SQLite's own check says: {shown}{more}{where}",
        next_step=f"restore a backup, or save what is readable: sqlite3 '{path}' .recover | sqlite3 saved.db",
    )


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
