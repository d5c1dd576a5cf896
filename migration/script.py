"""Writes a migration as numbered SQL files, to be read, kept, changed and run with psql alone."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO

from migration.errors import MigrationError
from migration.planning import PlanOptions, plan_migration
from migration.running.steps import hook_statements
from migration.schema.ddl import qualified, quote_columns
from migration.schema.tokens import quoted
from migration.scripting.names_file import write_names
from migration.scripting.rejects import REJECTS, RejectFile
from migration.scripting.tally import Tally
from migration.scripting.text import render, render_hooks
from migration.source.file import check_source
from migration.source.snapshot import READERS, hold_snapshot
from migration.values.convert import Unstorable, select_list
from migration.values.copy_text import row_encoder
from monitor.errors import UsageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from migration.running.rejects import Rejecter
    from migration.schema.target import Note, TargetPlan, TargetTable
    from migration.scripting.tally import Measure

DATA = "20_data"
#: The files besides the data, in the order in which they run; those of the last line by hand.
FILES = (
    "00_preflight.sql",
    "10_schema.sql",
    "30_keys_and_indexes.sql",
    "40_constraints.sql",
    "50_sequences.sql",
    "60_views_and_triggers.sql",
    "70_verify.sql",
    *("90_rollback.sql", "README.md", "run.sql"),
)
#: Where the user's own SQL stands among them; only where there is some.
HOOK_FILES = {
    "before_schema": "05_before_schema.sql",
    "after_schema": "15_after_schema.sql",
    "before_load": "18_before_load.sql",
    "after_load": "25_after_load.sql",
    "after_all": "80_after_all.sql",
}
#: What is named otherwise than in the source; only where something is.
NAMES = "names.json"
#: How much is added up at once.
_BLOCK_ROWS = 1_000
_BLOCK_BYTES = 2**20


class OutputRefusedError(MigrationError, UsageError):
    """The folder to write to cannot be used."""


@dataclass(frozen=True)
class DataFile:
    """The rows of one table: the file's path below the folder, and what they add up to."""

    path: str
    table: TargetTable
    rows: int
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class Script:
    """What was written: the folder, its files in order, the rows in them, and what the plan has to say.

    `rejected` rows cannot be stored; a file of their own holds them as they are.
    """

    folder: Path
    files: tuple[str, ...]
    rows: int
    notes: tuple[Note, ...]
    rejected: int = 0

    @property
    def left(self) -> tuple[Note, ...]:
        """What the files do not migrate."""
        return tuple(note for note in self.notes if note.level == "left")


def write_script(
    source: Path,
    folder: Path,
    options: PlanOptions | None = None,
    *,
    force: bool = False,
    advance: Callable[[str, int], None] = lambda _table, _rows: None,
) -> Script:
    """Write the migration of a file into a folder. The folder appears whole, or not at all.

    Args:
        source: the SQLite file; only read.
        folder: made if it is missing.
        options: the user's choices.
        force: replace what an earlier script left in a folder that is not empty.
        advance: told the table and the number of its rows written so far.

    Raises:
        SourceRefusedError: the file is not a whole, readable SQLite database.
        PlanRefusedError: the file holds values that PostgreSQL cannot store.
        OutputRefusedError: the folder is not empty, or cannot be written.
    """
    chosen = options or PlanOptions()
    _refuse_folder(folder, force=force)
    path = check_source(source).path
    with hold_snapshot(path, READERS) as snapshot:
        plan = plan_migration(path, chosen, connection=snapshot.connection, readers=snapshot.natives)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
                draft = Path(temporary) / "script"
                (draft / DATA).mkdir(parents=True)
                with RejectFile(draft, snapshot.connection, plan) as aside:
                    data = tuple(_write_data(snapshot.connection, plan, draft, aside, advance))
                for name in FILES:
                    text = render(name, plan, data, rejected=aside.rows)
                    (draft / name).write_text(text, encoding="utf-8", newline="\n")
                hooked = tuple(_write_hooks(plan, draft))
                named = write_names(draft / NAMES, plan.names)
                _publish(draft, folder)
        except OSError as error:
            raise OutputRefusedError(
                f"{folder} cannot be written",
                why=str(error),
                next_step="name another folder with --out",
            ) from error
    optional = (*hooked, *((NAMES,) if named else ()), *((REJECTS,) if aside.rows else ()))
    files = tuple(sorted((*FILES, *optional, *(item.path for item in data))))
    return Script(folder, files, sum(item.rows for item in data), plan.notes, aside.rows)


def _write_hooks(plan: TargetPlan, folder: Path) -> Iterable[str]:
    """One file for each point at which the user's rules have SQL to run."""
    for point, name in HOOK_FILES.items():
        if hook_statements(plan, point):
            (folder / name).write_text(render_hooks(plan, point), encoding="utf-8", newline="\n")
            yield name


def _refuse_folder(folder: Path, *, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise OutputRefusedError(
            f"{folder} is a file", why="the script is a folder of files", next_step="name a folder with --out"
        )
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise OutputRefusedError(
            f"{folder} is not empty",
            why="it may hold a script that was changed by hand",
            next_step="name another folder with --out; --force replaces the files of an earlier script",
        )


def _write_data(
    reader: sqlite3.Connection,
    plan: TargetPlan,
    folder: Path,
    aside: RejectFile,
    advance: Callable[[str, int], None],
) -> Iterable[DataFile]:
    reader.text_factory = str
    width = max(4, len(str(len(plan.tables))))
    for number, table in enumerate(plan.tables, start=1):
        if not table.copied:
            continue
        path = f"{DATA}/{number:0{width}}_{_slug(table.name)}.sql"
        tally = Tally(table, plan.options)
        encode = row_encoder(table, plan.options)
        filled = quote_columns(column.name for column in table.copied)
        with (folder / path).open("wb") as file:
            file.write(render("data_head.sql", plan, table=table).encode())
            file.write(f"COPY {qualified(plan.schema, table.name)} ({filled}) FROM STDIN;\n".encode())
            columns = select_list(table)
            # In the order of the rows themselves, by which those that are rejected are found again.
            query = f"SELECT {columns} FROM {quoted(table.source.name)} NOT INDEXED"  # noqa: S608
            rejecter = aside.of(table)

            def reject(position: int, error: Unstorable, rejecter: Rejecter = rejecter) -> None:
                aside.add(rejecter, position, error)

            for rows in _blocks(reader.execute(query), file, encode, reject):
                tally.add(rows)
                advance(table.name, tally.rows)
            file.write(b"\\.\nCOMMIT;\n")
        yield DataFile(path, table, tally.rows, tuple(tally.measures()))


def _blocks(
    cursor: sqlite3.Cursor,
    file: BinaryIO,
    encode: Callable[[Sequence[Any]], bytes],
    reject: Callable[[int, Unstorable], None],
) -> Iterable[list[Sequence[Any]]]:
    """Write the rows as lines, and give them back in blocks that are bounded in rows and bytes.

    A row that cannot be stored goes to `reject`, with its position.
    """
    block: list[Sequence[Any]] = []
    size = 0
    for position, row in enumerate(cursor):
        try:
            line = encode(row)
        except Unstorable as error:
            reject(position, error)
            continue
        file.write(line)
        block.append(row)
        size += len(line)
        if size >= _BLOCK_BYTES or len(block) >= _BLOCK_ROWS:
            yield block
            block, size = [], 0
    yield block


def _slug(name: str) -> str:
    """A table's name as part of a file's name on any system; the number before it keeps it unique."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()[:60] or "table"


def _publish(draft: Path, folder: Path) -> None:
    """Put the finished files into the folder, in the place of those of an earlier script."""
    if not folder.exists():
        draft.rename(folder)
        return
    for stale in (folder / DATA).glob("[0-9][0-9][0-9][0-9]*_*.sql"):
        stale.unlink()
    for optional in (NAMES, REJECTS, *HOOK_FILES.values()):
        (folder / optional).unlink(missing_ok=True)
    (folder / DATA).mkdir(exist_ok=True)
    for file in sorted(path for path in draft.rglob("*") if path.is_file()):
        shutil.move(file, folder / file.relative_to(draft))
