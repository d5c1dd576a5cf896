"""Tells people how the writing of a script goes, and what was written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

from monitor.terminal import err, out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration.script import Script


@contextmanager
def watching() -> Iterator[Callable[[str, int], None]]:
    """A line on the terminal that follows the rows; nothing where standard error is no terminal."""
    if not err.is_terminal:
        yield lambda _table, _rows: None
        return
    with err.status("reading") as status:
        yield lambda table, rows: status.update(f"{escape(table)}: {rows:,} rows")


def print_script(script: Script) -> None:
    """Print where the files are, what they leave out, and how to run them."""
    folder = escape(str(script.folder))
    out.print(f"{script.rows:,} rows in {len(script.files)} files in [bold]{folder}[/]", soft_wrap=True)
    if script.rejected:
        said = f"{script.rejected:,} rows cannot be stored: 22_rejects.sql keeps them, and why"
        out.print(f"  [bold]rejected[/]: {said}", soft_wrap=True)
    for note in script.left:
        out.print(f"  not migrated: {escape(note.object)}: {escape(note.text)}", soft_wrap=True)
    out.print(
        f"Read {folder}/README.md, then: psql --no-psqlrc --dbname NAME --file {folder}/run.sql",
        soft_wrap=True,
    )
