"""Which ids a table has, a bit each: by these C tells at once whether a row refers to one of them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from migration.native.library import DONE, FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.native.library import NativeReader

#: Rows of one call: long enough that calls do not count, short enough to be interrupted.
_ROWS = 100_000


class _IdSet(ctypes.Structure):
    _fields_ = (("low", ctypes.c_int64), ("high", ctypes.c_int64), ("bits", ctypes.c_void_p))


class IdSet:
    """Some of the whole numbers from `low` to `high`; none at first.

    It takes (high - low) / 8 bytes, zeroed pages of which come into being only when they are written to.
    """

    def __init__(self, low: int, high: int) -> None:
        self._bits = (ctypes.c_uint64 * ((high - low) // 64 + 1))()
        self._set = _IdSet(low, high, ctypes.addressof(self._bits))

    @property
    def address(self) -> int:
        """Where C finds it, as long as this object lives."""
        return ctypes.addressof(self._set)

    def gather(self, reader: NativeReader, query: str, bound: Sequence[int]) -> None:
        """Take in the ids that a SELECT gives; several threads may do so at the same time.

        Raises:
            sqlite3.OperationalError: reading failed.
        """
        with reader.select(query, bound) as cursor:
            state = None
            while state != DONE:
                state = reader.native.outgrow_gather(cursor, self.address, _ROWS)
                if state == FAILED:
                    raise reader.error()
