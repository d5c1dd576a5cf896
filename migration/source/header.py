"""The first bytes of a SQLite file; offsets as in https://www.sqlite.org/fileformat2.html, section 1.3."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"SQLite format 3\x00"
HEADER_SIZE = 100

#: One descriptor for each file ever looked at, never closed: closing any descriptor of a file drops all
#: POSIX locks that this process holds on it, also those by which SQLite guards a snapshot or a write fence.
_descriptors: dict[tuple[int, int], int] = {}


@dataclass(frozen=True)
class Header:
    """What the header of a database file says.

    `page_count` is 0 where the file's last writer was too old to keep it; `write_ahead` is true for WAL mode.
    """

    page_size: int
    page_count: int
    change_counter: int
    schema_cookie: int
    write_ahead: bool


def first_bytes(path: Path, size: int) -> bytes:
    """Read the beginning of a file (shorter where the file is). Raises OSError."""
    status = path.stat()
    identity = status.st_dev, status.st_ino
    if identity not in _descriptors:
        _descriptors[identity] = os.open(path, os.O_RDONLY)
    return os.pread(_descriptors[identity], size, 0)


def read_header(path: Path) -> Header:
    """Read the header of a database file. Raises OSError, and ValueError where the file is too short."""
    head = first_bytes(path, HEADER_SIZE)
    if len(head) < HEADER_SIZE:
        raise ValueError(f"{len(head)} bytes are no header")

    def number(offset: int) -> int:
        return int.from_bytes(head[offset : offset + 4], "big")

    page_size = int.from_bytes(head[16:18], "big")
    counted = number(92) == number(24)  # only then was the page count kept by the last writer
    return Header(
        page_size=65536 if page_size == 1 else page_size,
        page_count=number(28) if counted else 0,
        change_counter=number(24),
        schema_cookie=number(40),
        write_ahead=head[18] == 2 or head[19] == 2,
    )


def write_ahead_log(path: Path) -> Path:
    """The WAL file beside a database file."""
    return path.with_name(path.name + "-wal")
