"""Reads what EXPLAIN QUERY PLAN prints. Its words change between versions of SQLite, so beginnings count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

_INDEX: Final = re.compile(r"USING (?:PARTIAL )?(?:COVERING )?INDEX (\"(?:[^\"]|\"\")*\"|\S+)")
_NAME: Final = re.compile(r"^(?:SCAN|SEARCH)\s+(?:TABLE\s+)?(\S+)")


@dataclass(frozen=True)
class QueryPlan:
    """How SQLite goes about a statement.

    Args:
        lines: as printed, indented by depth.
        scans: tables (or their aliases) read from end to end without an index.
        sorts: what is sorted in a temporary B-tree: "ORDER BY", "GROUP BY", "DISTINCT", ...
        automatic: tables for which SQLite makes an index for this one run.
        indexes: names of the indexes it uses.
    """

    lines: tuple[str, ...]
    scans: tuple[str, ...]
    sorts: tuple[str, ...]
    automatic: tuple[str, ...]
    indexes: frozenset[str]

    @property
    def suspicious(self) -> bool:
        """Whether an index might help."""
        return bool(self.scans or self.sorts or self.automatic)


def explain(connection: sqlite3.Connection, sql: str, values: object = ()) -> QueryPlan:
    """Ask SQLite for a statement's plan. Nothing of it is run.

    Raises:
        sqlite3.Error: the statement cannot be prepared.
    """
    rows = connection.execute("EXPLAIN QUERY PLAN " + sql, values).fetchall()  # type: ignore[arg-type]
    depth = {0: -1}
    lines = []
    for number, parent, _, detail in rows:
        depth[number] = depth.get(parent, -1) + 1
        text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        lines.append("  " * depth[number] + text)
    return parse_plan(tuple(lines))


def parse_plan(lines: tuple[str, ...]) -> QueryPlan:
    """Read a plan's lines."""
    scans, sorts, automatic, indexes = [], [], [], set()
    for line in lines:
        text = line.strip()
        name = _NAME.match(text)
        if name and " AUTOMATIC " in text:
            automatic.append(name[1])
        elif name and (match := _INDEX.search(text)):
            indexes.add(match[1].strip('"').replace('""', '"'))
            if text.startswith("SCAN"):
                scans.append(name[1])
        elif name and text.startswith("SCAN") and "VIRTUAL TABLE" not in text and name[1] != "CONSTANT":
            if not text.startswith(("SCAN SUBQUERY", "SCAN (")):
                scans.append(name[1])
        elif text.startswith("USE TEMP B-TREE FOR "):
            sorts.append(text.removeprefix("USE TEMP B-TREE FOR "))
        elif match := _INDEX.search(text):
            indexes.add(match[1].strip('"').replace('""', '"'))
    return QueryPlan(tuple(lines), tuple(scans), tuple(sorts), tuple(automatic), frozenset(indexes))
