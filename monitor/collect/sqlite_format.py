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
#: Two copies of the wal-index header (48 bytes each), the checkpoint's progress, five read marks.
WAL_INDEX_BYTES: Final = 120
#: Which bytes of the -shm file SQLite locks: the writer's, and one for each read mark.
WRITER_BYTE: Final = 120
READER_BYTES: Final = (123, 124, 125, 126, 127)
#: Where the wal-index, and the database header, count committed write transactions (4 bytes).
WAL_INDEX_COMMITS_AT: Final = 8
CHANGE_COUNTER_AT: Final = 24
#: Which byte of the main file a writer locks in the rollback modes (it need not exist).
RESERVED_BYTE: Final = 0x40000001
#: The first of the bytes that a reader shares and a committing writer has alone; how many there are.
SHARED_BYTE: Final = 0x40000002
SHARED_BYTES: Final = 510
#: The log's header, and the header before each page in it.
WAL_HEADER_BYTES: Final = 32
FRAME_HEADER_BYTES: Final = 24
_WAL_MAGICS: Final = (0x377F0682, 0x377F0683)
#: A read mark that nobody uses.
_UNUSED_MARK: Final = 0xFFFFFFFF
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
        auto_vacuum: "none", "full" or "incremental".
    """

    page_size: int
    journal_mode: str
    change_counter: int
    pages: int
    free_pages: int
    auto_vacuum: str = "none"


@dataclass(frozen=True)
class WalIndex:
    """What the wal-index header says.

    Args:
        commits: write transactions committed since the file was made, modulo 2^32; rollbacks and reads add
            none, and checkpoints do not reset it.
        frames: pages in the write-ahead log.
        backfilled: how many of them a checkpoint has already copied into the database.
        read_marks: up to which frame the readers of each mark see the log; None where nobody uses the mark.
            Whether a mark is in use at this moment, only its lock says.
    """

    commits: int
    frames: int
    backfilled: int
    read_marks: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class WalHeader:
    """What the log's header says.

    Args:
        page_size: bytes in a page.
        salts: marks each frame of this run of the log; the next run, from the beginning again, has others.
    """

    page_size: int
    salts: bytes


def parse_header(data: bytes) -> Header | None:
    """Read the first 100 bytes of a database file; None if they are not SQLite's."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return None
    (page_size,) = struct.unpack_from(">H", data, 16)
    change_counter, pages = struct.unpack_from(">II", data, 24)
    (free_pages,) = struct.unpack_from(">I", data, 36)
    (largest_root,) = struct.unpack_from(">I", data, 52)
    (incremental,) = struct.unpack_from(">I", data, 64)
    kept = "incremental" if incremental else "full"
    return Header(
        page_size=65536 if page_size == 1 else page_size,
        journal_mode="wal" if data[18] == _WAL_WRITE_VERSION else "rollback",
        change_counter=change_counter,
        pages=pages,
        free_pages=free_pages,
        auto_vacuum=kept if largest_root else "none",
    )


def parse_wal_index(data: bytes) -> WalIndex | None:
    """Read the first 120 bytes of a -shm file.

    None while SQLite is writing the header (its two copies differ), recovers it, or uses another version of
    it.
    """
    if len(data) < WAL_INDEX_BYTES or data[:_COPY] != data[_COPY : 2 * _COPY]:
        return None
    version, _, commits, initialised = struct.unpack_from("=IIIB", data, 0)
    if version != _WAL_INDEX_VERSION or initialised != 1:
        return None
    (frames,) = struct.unpack_from("=I", data, 16)
    backfilled, *marks = struct.unpack_from("=6I", data, 2 * _COPY)
    return WalIndex(
        commits, frames, backfilled, tuple(None if mark == _UNUSED_MARK else mark for mark in marks)
    )


def parse_wal_header(data: bytes) -> WalHeader | None:
    """Read the first 32 bytes of a -wal file; None if they are not a log's of the known version."""
    if len(data) < WAL_HEADER_BYTES:
        return None
    magic, version, page_size = struct.unpack_from(">III", data, 0)
    if magic not in _WAL_MAGICS or version != _WAL_INDEX_VERSION or page_size < 512:
        return None
    return WalHeader(page_size, data[16:24])


def ends_transaction(frame: bytes, salts: bytes) -> bool | None:
    """Say whether a frame commits a transaction; None if it does not belong to this run of the log.

    Args:
        frame: its 24 bytes of header.
        salts: of the log's header.
    """
    if len(frame) < FRAME_HEADER_BYTES or frame[8:16] != salts:
        return None
    return frame[4:8] != bytes(4)
