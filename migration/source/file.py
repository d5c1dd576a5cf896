"""The SQLite file to migrate: is it one, and is it whole? Everything else is refused with its reason."""

from __future__ import annotations

import math
import os
import sqlite3
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from migration.errors import SourceRefusedError
from migration.source.connection import LOCK_WAIT_S, open_source, opened
from migration.source.damage import check_pages
from migration.source.header import HEADER_SIZE, MAGIC, Header, first_bytes, read_header, write_ahead_log

if TYPE_CHECKING:
    from pathlib import Path

#: Bits a byte from which a file without a known beginning is taken for encrypted: 4 KiB of random data
#: have about 7.95, 512 bytes about 7.5; text stays below 6.
ENCRYPTED_BITS_PER_BYTE = 7.2
#: What other files begin with, so that a mix-up is named and not called corruption.
OTHER_FORMATS = (
    (b"\x1f\x8b", "a gzip archive", "unpack it first: gunzip FILE"),
    (b"PK\x03\x04", "a zip archive", "unpack it first: unzip FILE"),
    (b"BZh", "a bzip2 archive", "unpack it first: bunzip2 FILE"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first: unxz FILE"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it first: unzstd FILE"),
    (b"PGDMP", "a dump made by pg_dump", "load it with pg_restore; it needs no migration"),
    (
        b"** This file contains an SQLite 2",
        "a database of SQLite 2",
        "dump it with the sqlite (2.x) program and load that into sqlite3",
    ),
)


@dataclass(frozen=True)
class SourceFile:
    """A file that passed `check_source`: its real path, size in bytes and header."""

    path: Path
    size: int
    header: Header
    notes: tuple[str, ...] = ()


def check_source(path: Path, *, deep: bool = True) -> SourceFile:
    """Refuse everything that is not a whole, readable SQLite database.

    Args:
        path: the file the user named.
        deep: also let SQLite check every page (`PRAGMA quick_check`; reads the whole file once).

    Raises:
        SourceRefusedError: missing, empty, a directory, unreadable, another format, encrypted, cut off,
            damaged.
        SourceBusyError: another program holds it locked for longer than `LOCK_WAIT_S`.
    """
    real = _regular_file(path)
    _refuse_other_formats(real)
    header = read_header(real)
    _refuse_cut_off(real, header)
    notes = _recover(real)
    with closing(open_source(real)) as connection:
        notes += check_pages(connection, real) if deep else ()
    return SourceFile(real, real.stat().st_size, read_header(real), notes)


class PageCheck:
    """Lets SQLite check every page in a thread of its own, beside whatever else happens.

    As a context it ends with its block: the check is given up, unless the block ended in an error that an
    unfinished check may explain, and then the check's own error comes instead: it knows best what is wrong
    with a damaged file.

    Args:
        source: passed `check_source` without its pages.
    """

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self._connection = open_source(source.path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page check")
        self._found = self._thread.submit(check_pages, self._connection, source.path)
        self._reading = False

    def reading(self) -> None:
        """The caller now reads the file: what fails from here on may be damage."""
        self._reading = True

    def result(self) -> SourceFile:
        """Wait for the end; the source with what the check has noticed.

        Raises:
            SourceRefusedError: damaged.
        """
        return replace(self.source, notes=(*self.source.notes, *self._found.result()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if isinstance(error, Exception) and self._reading:
                self._found.result()
        finally:
            while not wait([self._found], timeout=0.01).done:
                self._connection.interrupt()
            self._thread.shutdown()
            self._connection.close()


def _regular_file(path: Path) -> Path:
    look = "check the path"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise SourceRefusedError(
            f"{path} does not exist", next_step=f"{look}: ls -l '{path.parent}'"
        ) from None
    except OSError as error:
        raise SourceRefusedError(
            f"{path} cannot be read", why=str(error.strerror or error), next_step=look
        ) from None
    if stat.S_ISDIR(mode):
        raise SourceRefusedError(f"{path} is a directory", next_step="name the SQLite file inside it")
    if not stat.S_ISREG(mode):
        raise SourceRefusedError(f"{path} is not an ordinary file", next_step="name the SQLite file itself")
    if not os.access(path, os.R_OK):
        raise SourceRefusedError(
            f"{path} cannot be read", why="its permissions do not allow it", next_step=f"chmod u+r '{path}'"
        )
    if path.stat().st_size == 0:
        raise SourceRefusedError(
            f"{path} is empty (0 bytes)",
            why="SQLite makes such a file when an application opens a path that did not exist",
            next_step="name the file that holds the data",
        )
    return path.resolve()


def _refuse_other_formats(path: Path) -> None:
    sample = first_bytes(path, 4096)
    if sample.startswith(MAGIC) and len(sample) >= HEADER_SIZE:
        return
    for beginning, what, hint in OTHER_FORMATS:
        if sample.startswith(beginning):
            raise SourceRefusedError(f"{path} is not a SQLite database", why=f"it is {what}", next_step=hint)
    if len(sample) >= 512 and bits_per_byte(sample) >= ENCRYPTED_BITS_PER_BYTE:
        raise SourceRefusedError(
            f"{path} is encrypted, or no SQLite database at all",
            why="it does not begin with SQLite's header and its bytes look random, as SQLCipher writes them",
            next_step="decrypt it into a plain file first (with SQLCipher: sqlcipher_export)",
        )
    why = (
        "it is cut off inside the header"
        if sample.startswith(MAGIC)
        else "it does not begin with SQLite's header"
    )
    if sample.lstrip()[:6].upper() in {b"PRAGMA", b"CREATE", b"BEGIN ", b"BEGIN;", b"INSERT"}:
        why = "it is SQL text, not a database"
        raise SourceRefusedError(
            f"{path} is not a SQLite database",
            why=why,
            next_step=f"make one of it: sqlite3 new.db < '{path}'",
        )
    raise SourceRefusedError(
        f"{path} is not a SQLite database", why=why, next_step="name the SQLite file of the application"
    )


def bits_per_byte(sample: bytes) -> float:
    """Shannon entropy of a sample's bytes, in bits a byte (0 to 8)."""
    return -sum(n / len(sample) * math.log2(n / len(sample)) for n in Counter(sample).values())


def _refuse_cut_off(path: Path, header: Header) -> None:
    """Compare the size with the header's promise; a log that still holds pages may explain a shorter file."""
    expected = header.page_size * header.page_count
    log = write_ahead_log(path)
    if path.stat().st_size < expected and not (log.exists() and log.stat().st_size > 0):
        raise SourceRefusedError(
            f"{path} is cut off",
            why=f"its header promises {header.page_count:,} pages of {header.page_size} bytes, together "
            f"{expected:,} bytes, but it has {path.stat().st_size:,}",
            next_step="copy it again from its origin with the application stopped, or restore a backup",
        )


def _recover(path: Path) -> tuple[str, ...]:
    """Let SQLite roll back what a crash left half-written; every program that opens the file does the same.

    A read-only connection may not do it, so this is the one case where the file is opened for writing.
    """
    try:
        opened(path, "mode=ro").close()
    except sqlite3.Error as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            return ()  # `open_source` says what is wrong
    else:
        return ()
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=LOCK_WAIT_S)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise SourceRefusedError(
            f"{path} holds a transaction that a crash left unfinished",
            why=f"SQLite could not roll it back here: {error}",
            next_step=f"open it once where it can be written, for example with: sqlite3 '{path}' .schema",
        ) from error
    return ("rolled back a transaction that a crash of the application had left unfinished",)
