"""Counting commits in the log itself: for an application that keeps the wal-index to itself.

With locking_mode=EXCLUSIVE SQLite makes no -shm file, so nothing counts but the frames that end transactions.
"""

from __future__ import annotations

import os
from typing import Final

from monitor.collect.sqlite_format import (
    FRAME_HEADER_BYTES,
    WAL_HEADER_BYTES,
    ends_transaction,
    parse_wal_header,
)

#: A look reads so many frame headers at most; what is left is read by the next.
_FRAMES_A_LOOK: Final = 100_000


class WalCommits:
    """Counts the transactions that end in one -wal file.

    Args:
        begins: whether the file was made while it was watched, so that all it holds counts; otherwise only
            what follows the first look does.
    """

    def __init__(self, *, begins: bool = False) -> None:
        self._salts: bytes | None = b"" if begins else None
        self._page_size = 0
        #: Frames up to the last commit seen. Beyond it may stand what is being written, or was rolled back
        #: and will be overwritten.
        self._after = 0
        #: Whether the log began again before its end had been seen: some commits were never counted.
        self.missed = False

    def look(self, descriptor: int) -> int:
        """Return the commits since the last look; 0 at the first.

        Args:
            descriptor: of the -wal file.
        """
        header = parse_wal_header(os.pread(descriptor, WAL_HEADER_BYTES, 0))
        if header is None:  # cut off by a checkpoint, or not written to yet
            self.missed = self.missed or bool(self._salts)
            self._salts, self._after = b"", 0
            return 0
        found, first = 0, self._salts is None
        if self._salts and header.salts != self._salts:
            # It began again. What follows the last commit seen may still be there, unless the new run is
            # longer already.
            found += self._count(descriptor, self._salts)
            if ends_transaction(self._frame(descriptor, self._after), header.salts) is not None:
                self.missed = True
        if header.salts != self._salts:
            self._salts, self._page_size, self._after = header.salts, header.page_size, 0
        counted = self._count(descriptor, header.salts)
        return found if first else found + counted

    def _count(self, descriptor: int, salts: bytes) -> int:
        commits, position = 0, self._after
        for _ in range(_FRAMES_A_LOOK):
            ends = ends_transaction(self._frame(descriptor, position), salts)
            if ends is None:
                break
            position += 1
            if ends:
                commits, self._after = commits + 1, position
        return commits

    def _frame(self, descriptor: int, number: int) -> bytes:
        at = WAL_HEADER_BYTES + number * (FRAME_HEADER_BYTES + self._page_size)
        return os.pread(descriptor, FRAME_HEADER_BYTES, at)
