"""Opens the right probe for what the user names: a SQLite file or a PostgreSQL connection string."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.collect.postgresql_probe import PostgresqlProbe, is_connection_string
from monitor.collect.sqlite_probe import SqliteProbe

if TYPE_CHECKING:
    from monitor.collect.reading import DatabaseProbe


def open_probe(target: str) -> DatabaseProbe:
    """Open a probe.

    Args:
        target: a path, or a connection string (postgresql://..., or host=... dbname=...).

    Raises:
        NotADatabase: the file cannot be watched: missing, empty, not SQLite, in memory, on a network.
        DatabaseUnreachable: PostgreSQL does not answer.
    """
    if is_connection_string(target) and not Path(target).exists():
        return PostgresqlProbe(target)
    return SqliteProbe(Path(target)).watch()
