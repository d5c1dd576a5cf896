"""Writes the TypeORM migration that makes the migrated schema, and tells a database that it has been run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration.errors import OptionRefusedError
from migration.orm.registry import recognise
from migration.orm.typeorm import is_metadata
from migration.orm.typeorm_baseline import MIGRATIONS, make_table, write_baseline
from migration.planning import PlanOptions, plan_migration
from migration.schema.connection import reading
from migration.schema.ddl import qualified
from migration.schema.tokens import quoted
from migration.source.file import check_source
from migration.target.database import connected, execute

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from migration.orm.typeorm_baseline import Language
    from migration.schema.target import TargetPlan


@dataclass(frozen=True)
class Written:
    """The file, the migration in it, and whether the database now counts it as run (None: none was named)."""

    file: Path
    name: str
    recorded: bool | None = None

    def to_json(self) -> dict[str, Any]:
        return {"file": str(self.file), "name": self.name, "recorded": self.recorded}


def make_baseline(
    source: Path,
    folder: Path,
    options: PlanOptions | None = None,
    *,
    language: Language = "ts",
    record: str | None = None,
) -> Written:
    """Write the migration into a folder.

    Args:
        source: the SQLite file; only read.
        folder: made if it is missing.
        options: the user's choices, as in the run.
        language: TypeScript or JavaScript.
        record: a database that has the schema already, and is told so.

    Raises:
        OptionRefusedError: the file is not TypeORM's.
        TargetRefusedError: the database cannot be written.
    """
    chosen = options or PlanOptions()
    path = check_source(source).path
    with reading(path, None) as reader:
        plan = plan_migration(path, chosen, connection=reader)
        if recognise(plan.source, chosen.orm).profile.name != "typeorm":
            raise OptionRefusedError(
                f"{source} was not made by TypeORM",
                why="nothing in it is named or kept as TypeORM does",
                next_step="--profile typeorm, if it was",
            )
        last = _last_timestamp(reader, plan)
        baseline = write_baseline(
            plan, _metadata(reader, plan), max(time.time_ns() // 1_000_000, last + 1), language
        )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / baseline.file
    file.write_text(baseline.text, encoding="utf-8", newline="\n")
    if record is None:
        return Written(file, baseline.name)
    _record(record, plan.schema, baseline.timestamp, baseline.name)
    return Written(file, baseline.name, recorded=True)


def _record(dsn: str, schema: str, timestamp: int, name: str) -> None:
    with connected(dsn) as target, target.transaction():
        target.execute(make_table(schema).encode())
        into = f'INSERT INTO {qualified(schema, MIGRATIONS)} ("timestamp", "name")'
        execute(target, into + " VALUES ({timestamp}, {name})", timestamp=timestamp, name=name)


def _metadata(reader: sqlite3.Connection, plan: TargetPlan) -> Sequence[Mapping[str, str | None]]:
    table = next((table for table in plan.source.tables if is_metadata(table)), None)
    if table is None:
        return ()
    columns = ("type", "table", "name", "value")
    listed = ", ".join(map(quoted, columns))
    rows = reader.execute(f"SELECT {listed} FROM {quoted(table.name)} ORDER BY rowid")  # noqa: S608  # quoted
    return [dict(zip(columns, map(_text, row), strict=True)) for row in rows]


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.decode() if isinstance(value, bytes) else str(value)


def _last_timestamp(reader: sqlite3.Connection, plan: TargetPlan) -> int:
    if not any(table.name == MIGRATIONS for table in plan.source.tables):
        return 0
    (last,) = reader.execute(f'SELECT max("timestamp") FROM {quoted(MIGRATIONS)}').fetchone()  # noqa: S608  # quoted
    return last if isinstance(last, int) else 0
