"""Which store a sidecar keeps its history in: the one asked for, or the database's own."""

from __future__ import annotations

from pathlib import Path

from monitor.store.history import History
from monitor.store.opening import IN_MEMORY, CannotOpenStore, NotAStore, StoreInUse, open_store
from monitor.store.place import default_store
from monitor.terminal import err


def open_history(asked: str | None, database: str) -> History:
    """Open the history of a watched database.

    Args:
        asked: the store's file, ":memory:" for none, None for the default.
        database: the SQLite file or connection string that is watched.

    Raises:
        StoreInUse: another monitor writes to the file that was asked for.
        NotAStore: the file is something else, for instance the watched database itself.
        CannotOpenStore: it cannot be made there.
    """
    if asked == IN_MEMORY:
        return History()
    path = default_store(database) if asked is None else Path(asked)
    _refuse_the_watched(path, database)
    try:
        history = History(open_store(path))
    except (StoreInUse, CannotOpenStore) as error:
        if asked is not None:
            raise
        # Nobody asked for this file: watching without a memory is better than not watching.
        err.print(f"[bold yellow]no history is kept on disk[/]: {error}")
        return History()
    if history.set_aside is not None:
        err.print(f"[bold yellow]the store was damaged[/]: it is kept as {history.set_aside} and begun again")
    return history


def _refuse_the_watched(path: Path, database: str) -> None:
    """Never write into the application's database, not even by another name of the same file."""
    try:
        same = path.samefile(database)
    except OSError:
        same = False
    if same:
        raise NotAStore(
            f"{path} is the database that is watched",
            why="the monitor never writes to it",
            next_step="name another file with --store FILE",
        )
