"""Rows that were rejected are expected to be missing, if the source has them exactly as they were kept.

A reject that the source does not confirm is a difference, and excuses no missing row.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration.schema.tokens import quoted
from migration.source.original import Originals, literal, rowid_of
from migration.verification.findings import RowDifference

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from migration.schema.source import Table
    from migration.schema.target import TargetPlan
    from migration.source.original import Original
    from migration.target.rejects import Reject, RejectTable

_SHOWN = 200


@dataclass(frozen=True)
class ConfirmedRejects:
    """The rejects of one table: how many the source confirms, and which ones it does not.

    `remaining` is the SQL condition that leaves the confirmed rows out when the source is read.
    """

    rows: int = 0
    remaining: str = ""
    unconfirmed: tuple[RowDifference, ...] = ()


def confirm_rejects(
    reader: sqlite3.Connection, plan: TargetPlan, kept: RejectTable | None
) -> dict[str, ConfirmedRejects]:
    """Compare every kept reject with its row in the source, byte by byte; by the source's names of tables."""
    tables = {table.source.name: table.source for table in plan.tables}
    originals = {name: Originals(reader, table, plan.source.encoding) for name, table in tables.items()}
    confirmed: dict[str, list[str]] = defaultdict(list)
    unconfirmed: dict[str, list[RowDifference]] = defaultdict(list)
    for reject in kept.rejects() if kept is not None else ():
        if reject.table not in tables:
            continue
        row = _found(originals[reject.table], reject)
        if row is not None and dict(row.values) == dict(reject.original):
            confirmed[reject.table].append(_marked(tables[reject.table], reject))
        else:
            unconfirmed[reject.table].append(_difference(reject, row))
    return {
        name: ConfirmedRejects(
            len(confirmed[name]),
            _remaining(tables[name], confirmed[name]),
            tuple(unconfirmed[name]),
        )
        for name in tables
        if confirmed[name] or unconfirmed[name]
    }


def _found(originals: Originals, reject: Reject) -> Original | None:
    try:
        if reject.rowid is not None:
            return originals.by_rowid(reject.rowid)
        return originals.matching(reject.original)
    except LookupError:
        return None


def _marked(table: Table, reject: Reject) -> str:
    """What tells the row from all others: its rowid, its key, or all of its values."""
    if reject.rowid is not None:
        return str(reject.rowid)
    return f"({', '.join(literal(reject.original[name]) for name in _key(table, reject.original))})"


def _key(table: Table, original: Mapping[str, Any]) -> Sequence[str]:
    return table.primary_key.columns if table.primary_key else tuple(original)


def _remaining(table: Table, marks: Sequence[str]) -> str:
    if not marks:
        return ""
    rowid = rowid_of(table)
    if rowid is not None:
        return f"{rowid} NOT IN ({', '.join(marks)})"
    key = (
        table.primary_key.columns
        if table.primary_key
        else tuple(column.name for column in table.columns if column.generated != "virtual")
    )
    # With the table's name, because a column may be called rowid, which the list of values has, too.
    equal = " AND ".join(
        f"v.column{n} IS {quoted(table.name)}.{quoted(name)}" for n, name in enumerate(key, start=1)
    )
    return f"NOT EXISTS (SELECT 1 FROM (VALUES {', '.join(marks)}) AS v WHERE {equal})"  # noqa: S608  # quoted


def _difference(reject: Reject, row: Original | None) -> RowDifference:
    """A reject that is not in the source, or not with these values: the source's beside the kept ones."""
    key = {"rejected rowid": str(reject.rowid)} if reject.rowid is not None else {"rejected row": "no rowid"}
    columns = {
        name: (None if row is None else _shown(row.values.get(name)), _shown(value))
        for name, value in reject.original.items()
        if row is None or row.values.get(name) != value
    }
    return RowDifference("extra" if row is None else "changed", key, columns)


def _shown(value: Mapping[str, Any] | None) -> str | None:
    if value is None or value["class"] == "null":
        return None
    return str(value.get("value", "\\x" + value.get("hex", "")))[:_SHOWN]
