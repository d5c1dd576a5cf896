"""The compiled library, its functions with their types, and connections that it opens itself.

Calls release Python's global lock, so that several threads read, convert and hash at the same time.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from migration.native.build import NotCompiledError, build
from migration.source.connection import LOCK_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: What one call of a loop comes to (src/reader.h).
DONE, MORE, ODD, FAILED, ROOM = range(5)
#: Set to anything, this variable keeps the project from using the compiled library.
SWITCH = "OUTGROW_NO_NATIVE"

_Pointer = ctypes.c_void_p
_Number = ctypes.POINTER(ctypes.c_int64)
_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "outgrow_init": (ctypes.c_char_p, [ctypes.c_char_p]),
    "outgrow_open": (_Pointer, [ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]),
    "outgrow_close": (None, [_Pointer]),
    "outgrow_execute": (ctypes.c_int, [_Pointer, ctypes.c_char_p]),
    "outgrow_message": (ctypes.c_char_p, [_Pointer]),
    "outgrow_code": (ctypes.c_int, [_Pointer]),
    "outgrow_interrupt": (None, [_Pointer]),
    "outgrow_select": (_Pointer, [_Pointer, ctypes.c_char_p, _Number, ctypes.c_int]),
    "outgrow_finish": (None, [_Pointer]),
    "outgrow_number": (ctypes.c_int, [_Pointer, _Number]),
    "outgrow_odd": (_Pointer, [_Pointer, ctypes.POINTER(ctypes.c_size_t)]),
    "outgrow_load": (
        ctypes.c_int,
        [
            *(_Pointer, _Pointer, ctypes.c_int, _Pointer, ctypes.c_size_t),
            *(
                ctypes.POINTER(ctypes.c_int64),
                ctypes.POINTER(ctypes.c_size_t),
                ctypes.POINTER(ctypes.c_int64),
            ),
        ],
    ),
    "outgrow_profile": (
        ctypes.c_int,
        [_Pointer, _Pointer, _Pointer, ctypes.c_int64, _Number],
    ),
    "outgrow_gather": (ctypes.c_int, [_Pointer, _Pointer, ctypes.c_int64]),
    "outgrow_prove": (
        ctypes.c_int,
        [_Pointer, _Pointer, _Pointer, _Pointer, ctypes.c_int64, _Number],
    ),
}


@cache
def library() -> ctypes.CDLL | None:
    """The library, compiled if need be; None where it cannot be had or must not be used."""
    if os.environ.get(SWITCH):
        return None
    sqlite_library = loaded_sqlite()
    if sqlite_library is None:
        return None
    try:
        loaded = ctypes.CDLL(str(build()))
    except (NotCompiledError, OSError):
        return None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype = result
        function.argtypes = arguments
    missing = loaded.outgrow_init(str(sqlite_library).encode())
    return None if missing else loaded


def loaded_sqlite() -> Path | None:
    """The SQLite library that Python's sqlite3 module uses; None where it is not a library of its own.

    Two copies of SQLite in one process would drop each other's POSIX locks on a file.
    """
    assert sqlite3.sqlite_version  # importing it has loaded the library
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    found = {line.split(maxsplit=5)[-1] for line in lines if "/libsqlite3." in line}
    return Path(found.pop()) if len(found) == 1 else None


class NativeReader:
    """A read-only connection of the compiled library, for one thread at a time."""

    def __init__(self, native: ctypes.CDLL, path: Path, *, immutable: bool) -> None:
        self.native = native
        code = ctypes.c_int()
        uri = f"file:{quote(str(path))}?mode=ro" + ("&immutable=1" if immutable else "")
        self._handle = native.outgrow_open(uri.encode(), int(LOCK_WAIT_S * 1000), ctypes.byref(code))
        if code.value:
            error = self.error()
            self.close()
            raise error

    def error(self) -> sqlite3.DatabaseError:
        """What went wrong last, as Python's sqlite3 would raise it."""
        text = self.native.outgrow_message(self._handle) if self._handle else b"out of memory"
        code = self.native.outgrow_code(self._handle) if self._handle else sqlite3.SQLITE_NOMEM
        damaged = code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
        error = (sqlite3.DatabaseError if damaged else sqlite3.OperationalError)(
            text.decode("utf-8", "replace")
        )
        error.sqlite_errorcode = code
        return error

    def execute(self, statement: str) -> None:
        """Run a statement that gives no rows, or whose rows nobody wants."""
        if self.native.outgrow_execute(self._handle, statement.encode()):
            raise self.error()

    @contextmanager
    def select(self, statement: str, bound: Sequence[int] = ()) -> Iterator[int]:
        """A running SELECT, as the address that the loops take.

        Raises:
            sqlite3.OperationalError: SQLite refuses it.
        """
        values = (ctypes.c_int64 * max(1, len(bound)))(*bound)
        cursor = self.native.outgrow_select(self._handle, statement.encode(), values, len(bound))
        if not cursor:
            raise self.error()
        try:
            yield cursor
        finally:
            self.native.outgrow_finish(cursor)

    def number(self, statement: str, bound: Sequence[int] = ()) -> int:
        """The one whole number that a SELECT gives.

        Raises:
            sqlite3.OperationalError: SQLite refuses it.
        """
        found = ctypes.c_int64()
        with self.select(statement, bound) as cursor:
            if self.native.outgrow_number(cursor, ctypes.byref(found)) != 1:
                raise self.error()
        return found.value

    def odd(self, cursor: int) -> bytes:
        """The bytes that the last call has left for Python."""
        size = ctypes.c_size_t()
        place = self.native.outgrow_odd(cursor, ctypes.byref(size))
        return ctypes.string_at(place, size.value) if size.value else b""

    def interrupt(self) -> None:
        """Make a running statement of another thread end soon, as failed."""
        if self._handle:
            self.native.outgrow_interrupt(self._handle)

    def close(self) -> None:
        if self._handle:
            self.native.outgrow_close(self._handle)
            self._handle = None
