"""What only SQL can tell about a SQLite file: how old the planner's statistics are, how scattered tables lie.

SQL is run in a child process, because the monitor itself reads the same file's bytes, and a process must not
do both. The connection is read-only, waits half a second for a lock at most, and each statement is a
transaction of its own, so no checkpoint is held up. Fragmentation reads every page and is never asked for by
the monitor itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from monitor.collect.reading import TableHealth

if TYPE_CHECKING:
    from sqlite3 import Connection

#: The child is ended after so many seconds; after so many with fragmentation, which reads every page.
_TIMEOUT_S: Final = 20.0
_TIMEOUT_FRAGMENTATION_S: Final = 600.0
#: Statistics matter from so many rows on, and mislead when they are off by this factor.
_MANY_ROWS: Final = 1000
_FACTOR: Final = 10
#: A table is called scattered when this share of its pages does not follow the one before.
_SCATTERED: Final = 0.5


@dataclass(frozen=True)
class Statistics:
    """What SQL told.

    Args:
        stale: tables whose statistics are missing or far off.
        scattered: tables whose pages are scattered or half empty; None where that was not asked for.
        problem: why nothing could be told; empty otherwise.
    """

    stale: tuple[TableHealth, ...] = ()
    scattered: tuple[TableHealth, ...] | None = None
    problem: str = ""


def read_statistics(path: Path, *, fragmentation: bool = False) -> Statistics:
    """Ask a child process.

    Args:
        path: the main file, links resolved.
        fragmentation: whether to read every page as well; on a large file that takes long and costs I/O.
    """
    command = [sys.executable, "-m", "monitor.collect.sqlite_statistics", str(path)]
    timeout = _TIMEOUT_FRAGMENTATION_S if fragmentation else _TIMEOUT_S
    try:
        done = subprocess.run(
            [*command, *(["--fragmentation"] if fragmentation else [])],
            capture_output=True,
            timeout=timeout,
            check=True,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return Statistics(problem=f"it took longer than {timeout:.0f} s")
    except (OSError, subprocess.CalledProcessError, ValueError):
        return Statistics(problem="the process that asks ended without an answer")
    scattered = answer["scattered"]
    return Statistics(
        tuple(TableHealth(**table) for table in answer["stale"]),
        None if scattered is None else tuple(TableHealth(**table) for table in scattered),
        answer["problem"],
    )


# --- In the child process ---


def inspect(path: Path, *, fragmentation: bool) -> Statistics:
    """Ask the database; to be called only in a process that reads its bytes in no other way."""
    import sqlite3  # noqa: PLC0415  # the monitor's process must not use it on the watched file

    try:
        with closing(sqlite3.connect(_uri(path), uri=True, timeout=0.5, isolation_level=None)) as connection:
            connection.execute("pragma query_only = on")
            return Statistics(
                tuple(_stale(connection)), tuple(_scattered(connection)) if fragmentation else None
            )
    except sqlite3.Error as error:
        return Statistics(problem=str(error))


def _uri(path: Path) -> str:
    """Open for reading; without files of its own where nobody has the database open.

    A read-only connection to a WAL database that nobody has open would make the -wal and -shm files and leave
    them behind; the file alone then holds everything, and nobody changes it.
    """
    alone = not Path(f"{path}-wal").exists() and not Path(f"{path}-journal").exists()
    with path.open("rb") as file:
        wal = file.read(19)[18:] == b"\x02"
    return f"file:{quote(str(path))}?mode=ro" + ("&immutable=1" if wal and alone else "")


def _stale(connection: Connection) -> list[TableHealth]:
    tables = connection.execute(
        "select t.name from pragma_table_list as t where t.schema = 'main' and t.type = 'table' and t.wr = 0"
        " and t.name not like 'sqlite\\_%' escape '\\'"
        " and exists (select 1 from sqlite_schema as i where i.type = 'index' and i.tbl_name = t.name)"
    ).fetchall()
    known = _estimates(connection)
    found = []
    for (table,) in tables:
        (rows,) = connection.execute(f"select max(rowid) from {_quoted(table)}").fetchone()  # noqa: S608
        if not isinstance(rows, int) or rows < _MANY_ROWS:
            continue
        estimate = known.get(table)
        if estimate is None:
            found.append(TableHealth(table, None, rows, None, "never analyzed"))
        elif not estimate / _FACTOR <= rows <= max(estimate, 1) * _FACTOR:
            note = f"analyzed when it had {estimate} rows"
            found.append(TableHealth(table, None, rows, None, note))
    return found


def _estimates(connection: Connection) -> dict[str, int]:
    if not connection.execute("select 1 from sqlite_schema where name = 'sqlite_stat1'").fetchone():
        return {}
    estimates: dict[str, int] = {}
    for table, statistics in connection.execute("select tbl, stat from sqlite_stat1"):
        rows = str(statistics).split(" ", 1)[0]
        if rows.isdigit():
            estimates[table] = max(estimates.get(table, 0), int(rows))
    return estimates


def _scattered(connection: Connection) -> list[TableHealth]:
    """Walk every page (dbstat): how many do not follow the one before, how much of them is used."""
    rows = connection.execute(
        "select name, count(*), sum(pgsize), sum(unused),"
        " sum(case when pageno <> previous + 1 then 1 else 0 end)"
        " from (select name, pageno, pgsize, unused, lag(pageno) over (partition by name order by path)"
        " as previous from dbstat('main')) group by name having count(*) > 10 order by sum(pgsize) desc"
    )
    found = []
    for name, pages, size, unused, jumps in rows:
        if jumps / pages >= _SCATTERED or unused / size >= _SCATTERED:
            apart, empty = 100 * jumps / pages, 100 * unused / size
            note = f"{apart:.0f} % of its pages are scattered, {empty:.0f} % empty"
            found.append(TableHealth(name, size, None, None, note))
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _document(found: Statistics) -> dict[str, Any]:
    def tables(healths: tuple[TableHealth, ...] | None) -> list[dict[str, Any]] | None:
        if healths is None:
            return None
        return [{field.name: getattr(one, field.name) for field in fields(one)} for one in healths]

    return {"stale": tables(found.stale), "scattered": tables(found.scattered), "problem": found.problem}


if __name__ == "__main__":
    asked = inspect(Path(sys.argv[1]), fragmentation="--fragmentation" in sys.argv[2:])
    print(json.dumps(_document(asked)))
