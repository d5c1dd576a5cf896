"""The tables that a virtual table keeps its data in, by the names their modules give them.

Sources: sqlite.org/fts5.html (9. appendix), fts3.html (9. data structures), rtree.html (3.1), geopoly.html;
GeoPackage's rtree extension names its tables the same way. SQLite's own answer (PRAGMA table_list) needs the
module to be present.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MODULE = re.compile(r"\bUSING\s+[\"'`\[]?(\w+)", re.IGNORECASE)

_FTS4 = ("content", "segments", "segdir", "docsize", "stat")
_SUFFIXES = {
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "fts4": _FTS4,
    "fts3": _FTS4,
    "rtree": ("node", "parent", "rowid"),
    "rtree_i32": ("node", "parent", "rowid"),
    "geopoly": ("node", "parent", "rowid"),
    "spellfix1": ("vocab",),
    "vec0": ("chunks", "rowids", "info", "auxiliary"),
}


def module_of(sql: str) -> str:
    """The module of CREATE VIRTUAL TABLE ... USING module, in lower case; '' if there is none."""
    match = _MODULE.search(sql)
    return match.group(1).lower() if match else ""


def shadow_tables(virtual: Mapping[str, str], tables: Iterable[str]) -> dict[str, str]:
    """Which of the tables are shadow tables: their name -> their virtual table.

    Args:
        virtual: the name of each virtual table -> its CREATE VIRTUAL TABLE.
        tables: the names of all tables.
    """
    owners = {
        f"{name}_{suffix}".casefold(): name
        for name, sql in virtual.items()
        for suffix in _SUFFIXES.get(module_of(sql), ())
    }
    return {
        table: owners[table.casefold()]
        for table in tables
        if table.casefold() in owners and table not in virtual
    }
