"""What writing a row costs with the indexes there are: rows are taken out and put in again, on the copy."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.optimize.statement import quoted

if TYPE_CHECKING:
    from monitor.optimize.structure import Table

_ROWS: Final = 200
_ROUNDS: Final = 5


@dataclass(frozen=True)
class WriteCost:
    """Microseconds to insert a row, without and with an index."""

    before_us: float
    after_us: float


def write_cost(connection: sqlite3.Connection, table: Table) -> float | None:
    """Measure how many microseconds a row takes to insert; the median of some rounds.

    None for tables too small to tell, and where rows cannot be put in again as they are.
    """
    if not table.has_rowid or table.rows < _ROWS:
        return None
    name = quoted(table.name)
    columns = ", ".join(quoted(column) for column in table.names if column.lower() not in table.generated)
    rowid = next((one for one in ("rowid", "_rowid_", "oid") if one not in table.columns), None)
    if rowid is None:
        return None
    key = f"{rowid} AS outgrow_rowid, "
    into = f"({rowid}, {columns})"
    if table.rowid_column is not None:
        key, into = "", f"({columns})"
    step = max(1, table.rows // _ROWS)
    times = []
    connection.execute("SAVEPOINT outgrow_cost")
    try:
        triggers = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?)",
            (table.name,),
        ).fetchall()
        for (trigger,) in triggers:
            connection.execute(f"DROP TRIGGER {quoted(trigger)}")
        connection.execute(
            f"CREATE TEMP TABLE outgrow_rows AS SELECT {key}{columns} FROM {name} "  # noqa: S608
            f"WHERE {rowid} IN (SELECT {rowid} FROM {name} WHERE {rowid} % {step} = 0 LIMIT {_ROWS})"
        )
        count = connection.execute("SELECT count(*) FROM outgrow_rows").fetchone()[0]
        which = "outgrow_rowid" if key else quoted(table.rowid_column or "")
        for _ in range(_ROUNDS if count else 0):
            connection.execute(f"DELETE FROM {name} WHERE {rowid} IN (SELECT {which} FROM outgrow_rows)")  # noqa: S608
            start = time.perf_counter()
            connection.execute(f"INSERT INTO {name} {into} SELECT * FROM outgrow_rows")  # noqa: S608
            times.append((time.perf_counter() - start) / count * 1e6)
    except sqlite3.Error:
        return None
    finally:
        connection.execute("ROLLBACK TO outgrow_cost")
        connection.execute("RELEASE outgrow_cost")
    return round(sorted(times)[len(times) // 2], 2) if times else None
