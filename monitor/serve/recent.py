"""What was counted lately, second by second at first and minute by minute later: memory stays bounded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from monitor.serve.counters import Counters

#: Pushes of so many seconds share one slot.
FINE_S: Final = 1.0
#: Slots older than this are merged; the usual window of five minutes stays exact to the second.
EXACT_S: Final = 300.0
#: Merged slots are at least so long, and at most so many, however far back is kept.
COARSE_S: Final = 60.0
MOST_COARSE: Final = 60


@dataclass(frozen=True)
class Slot:
    """What was gained between two moments of the monotonic clock: its first push and its last one."""

    began: float
    ended: float
    gained: Counters


class Recent:
    """Counters of the last seconds, for windows of any length up to the longest.

    One slot holds up to two thousand counts of a hostile distribution of latencies, so their number is what
    bounds the memory: 301 fine ones and about 60 merged ones, whatever is pushed and how often.

    Args:
        longest_s: how far back windows reach.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._coarse_s = max(COARSE_S, longest_s / MOST_COARSE)
        self._fine: deque[Slot] = deque()
        self._coarse: deque[Slot] = deque()

    def __len__(self) -> int:
        """Return how many slots are held."""
        return len(self._fine) + len(self._coarse)

    def add(self, now: float, gained: Counters) -> None:
        """Add what a push gained; routes and statements, which no window needs, are left out."""
        gained = gained.without_names()
        _join(self._fine, Slot(now, now, gained), FINE_S)
        while self._fine[0].ended <= now - EXACT_S - FINE_S:
            _join(self._coarse, self._fine.popleft(), self._coarse_s)
        while self._coarse and self._coarse[0].ended <= now - self._longest_s - FINE_S:
            self._coarse.popleft()

    def window(self, begin: float) -> tuple[Counters, float]:
        """Return what was counted after a moment, and the moment it really begins at.

        A merged slot that lies across the beginning is left out, and the window begins at its end: rates are
        over exactly the time in which their events were counted.
        """
        counted = [slot.gained for slot in self._fine if slot.began > begin]
        for slot in self._coarse:
            if slot.began > begin:
                counted.append(slot.gained)
            elif slot.ended > begin:
                begin = slot.ended
        return Counters.total(counted), begin


def _join(slots: deque[Slot], added: Slot, longest_s: float) -> None:
    """Append a slot, or merge it with the last one while that spans less than the given seconds."""
    if slots and added.began - slots[-1].began < longest_s:
        last = slots.pop()
        added = Slot(last.began, added.ended, last.gained + added.gained)
    slots.append(added)
