"""Readers that hold up checkpoints: while one sees an old state, the log cannot begin again and grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.collect import file_locks
from monitor.collect.sqlite_format import READER_BYTES

if TYPE_CHECKING:
    from monitor.collect.sqlite_format import WalIndex


@dataclass(frozen=True)
class PinnedReader:
    """The reader that holds up checkpoints longest.

    Args:
        process: its id; 0 in another PID namespace.
        seconds: for how long it has been seen at the same place.
        frames: how many pages were written since what it sees.
    """

    process: int
    seconds: float
    frames: int


@dataclass(frozen=True)
class Readers:
    """What the locks of the read marks say: how many are held, and the pinned reader if there is one."""

    held: int
    pinned: PinnedReader | None


class ReaderWatch:
    """Follows the read marks of one -shm file from look to look."""

    def __init__(self) -> None:
        self._since: dict[tuple[int, int], float] = {}

    def look(self, descriptor: int, index: WalIndex, now: float) -> Readers:
        """Ask who holds the read marks.

        A mark below the log's last page that stays held from look to look is a reader that does not end: new
        readers take the newest mark.

        Raises:
            OSError: the file system cannot say.
        """
        holders = [file_locks.holder(descriptor, byte) for byte in READER_BYTES]
        behind = {
            (slot, mark or 0): process
            for slot, (mark, process) in enumerate(zip(index.read_marks, holders, strict=True))
            if process is not None and (mark or 0) < index.frames and index.backfilled < index.frames
        }
        self._since = {place: self._since.get(place, now) for place in behind}
        oldest = min(self._since, key=lambda place: self._since[place], default=None)
        pinned = None
        if oldest is not None and now > self._since[oldest]:
            pinned = PinnedReader(behind[oldest], now - self._since[oldest], index.frames - oldest[1])
        return Readers(sum(process is not None for process in holders), pinned)
