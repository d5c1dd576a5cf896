"""Latency buckets that add up: the same layout in every worker, in Python and in JavaScript.

Slot i counts requests of at most 2^(i/32) microseconds that no lower slot counts. Slots from 1 us to an hour,
so the middle of a slot is never more than 1.1 % from any latency in it, and merging workers is adding their
counts. `vectors.json` beside this file pins the layout; the Express middleware is tested against the same
vectors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Slots to a doubling of latency.
PER_OCTAVE: Final = 32
#: The last slot, about 3,613 seconds; everything slower is counted there.
LAST: Final = 1016


def bucket_index(seconds: float) -> int:
    """Return the slot of a latency in seconds; what is not above one microsecond belongs to slot 0."""
    microseconds = seconds * 1e6
    if not microseconds > 1:
        return 0
    if microseconds == math.inf:
        return LAST
    return min(math.ceil(PER_OCTAVE * math.log2(microseconds)), LAST)


def upper_bound(index: int) -> float:
    """Return the slowest latency of a slot, in seconds."""
    return float(2 ** (index / PER_OCTAVE)) / 1e6


def middle(index: int) -> float:
    """Return the latency that stands for a slot, in seconds: its geometric middle."""
    return upper_bound(0) if index == 0 else float(2 ** ((index - 0.5) / PER_OCTAVE)) / 1e6


def merge(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Add the counts of several workers or intervals, slot by slot."""
    total: dict[int, int] = {}
    for part in parts:
        for index, count in part.items():
            total[index] = total.get(index, 0) + count
    return total


def quantile_index(buckets: Mapping[int, int], quantile: float) -> int | None:
    """Return the slot of the request at a quantile (0 < quantile <= 1), None without requests.

    The rank is ceil(quantile * n): with 100 requests P95 is the 95th slowest from below.
    """
    count = sum(buckets.values())
    if count == 0:
        return None
    # Products such as 0.95 * 100 may land an ulp above the whole number; that must not cost a rank.
    rank = max(1, math.ceil(quantile * count * (1 - 1e-12)))
    seen = 0
    index = 0
    for index in sorted(buckets):  # the last slot is the answer when rounding ate the rank
        seen += buckets[index]
        if seen >= rank:
            break
    return index


def quantile(buckets: Mapping[int, int], fraction: float) -> float | None:
    """Return the latency at a quantile in seconds, within 1.1 %; None without requests."""
    index = quantile_index(buckets, fraction)
    return None if index is None else middle(index)


def count_at_most(buckets: Mapping[int, int], seconds: float) -> int:
    """Return how many requests took at most so long; the slot around the limit counts by its middle."""
    return sum(count for index, count in buckets.items() if middle(index) <= seconds)
