"""The few bytes of SQLite's files that say what it has committed. Pure: bytes in, values out.

The database header is a documented format. The wal-index (the -shm file) is internal to SQLite but has been
the same since 3.7.0; its own version number is checked, and anything else counts as unknown.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"SQLite format 3\x00"
HEADER_BYTES: Final = 100
#: Two copies of the wal-index header, then the checkpoint's progress.
WAL_INDEX_BYTES: Final = 100
_COPY: Final = 48
_WAL_INDEX_VERSION: Final = 3007000
_WAL_WRITE_VERSION: Final = 2


@dataclass(frozen=True)
class Header:
    """What the database header says.

    Args:
        page_size: bytes in a page.
        journal_mode: "wal", or "rollback" for all the others, which the file does not tell apart.
        change_counter: write transactions committed in a rollback mode, modulo 2^32; stands still in WAL
            mode.
        pages: the database's size in pages; stale in WAL mode until a checkpoint.
        free_pages: pages that hold nothing.
    """

    page_size: int
    journal_mode: str
    change_counter: int
    pages: int
    free_pages: int


@dataclass(frozen=True)
class WalIndex:
    """What the wal-index header says.

    Args:
        commits: write transactions committed since the file was made, modulo 2^32; rollbacks and reads add
            none, and checkpoints do not reset it.
        frames: pages in the write-ahead log.
        backfilled: how many of them a checkpoint has already copied into the database.
    """

    commits: int
    frames: int
    backfilled: int


def parse_header(data: bytes) -> Header | None:
    """Read the first 100 bytes of a database file; None if they are not SQLite's."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return None
    (page_size,) = struct.unpack_from(">H", data, 16)
    change_counter, pages = struct.unpack_from(">II", data, 24)
    (free_pages,) = struct.unpack_from(">I", data, 36)
    return Header(
        page_size=65536 if page_size == 1 else page_size,
        journal_mode="wal" if data[18] == _WAL_WRITE_VERSION else "rollback",
        change_counter=change_counter,
        pages=pages,
        free_pages=free_pages,
    )


def parse_wal_index(data: bytes) -> WalIndex | None:
    """Read the first 100 bytes of a -shm file.

    None while SQLite is writing the header (its two copies differ), recovers it, or uses another version of
    it.
    """
    if len(data) < WAL_INDEX_BYTES or data[:_COPY] != data[_COPY : 2 * _COPY]:
        return None
    version, _, commits, initialised = struct.unpack_from("=IIIB", data, 0)
    if version != _WAL_INDEX_VERSION or initialised != 1:
        return None
    (frames,) = struct.unpack_from("=I", data, 16)
    (backfilled,) = struct.unpack_from("=I", data, 2 * _COPY)
    return WalIndex(commits, frames, backfilled)
