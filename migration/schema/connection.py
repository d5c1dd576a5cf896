"""One connection for all that a plan reads."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from migration.source.connection import open_source, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def reading(path: Path, connection: sqlite3.Connection | None) -> Iterator[sqlite3.Connection]:
    """The given connection, with its text factory put back afterwards; or a new one in a read transaction.

    Raises:
        SourceRefusedError: the file cannot be opened or read.
        SourceBusyError: it stays locked.
    """
    own = open_source(path) if connection is None else None
    reader = own or connection
    assert reader is not None
    factory = reader.text_factory
    try:
        if own is not None:
            own.execute("BEGIN")
        yield reader
    except sqlite3.DatabaseError as error:
        raise refusal(path, error) from error
    finally:
        reader.text_factory = factory
        if own is not None:
            own.close()
