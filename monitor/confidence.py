"""How sure a measurement is: 90 % intervals of a rate and of a percentile. Pure.

A rate is judged by the lower end of its interval: one error among twenty requests is 5 %, but it could be the
luck of an application that fails once in ninety.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Two-sided 90 %: 5 % on either side.
_Z: Final = NormalDist().inv_cdf(0.95)


def wilson(events: int, trials: int) -> tuple[float, float] | None:
    """Return the 90 % interval of a share (Wilson's score interval), 0 to 1; None without a trial.

    Args:
        events: how often it happened.
        trials: how often it could have.
    """
    if trials <= 0:
        return None
    share, square = events / trials, _Z * _Z
    centre = share + square / (2 * trials)
    spread = _Z * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    scale = 1 + square / trials
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return (0.0 if events == 0 else max(low, 0.0)), (1.0 if events == trials else min(high, 1.0))


def percentile_ranks(samples: int, share: float) -> tuple[int, int] | None:
    """Return the ranks (from 1) whose values enclose a percentile with 90 % confidence, however distributed.

    Args:
        samples: how many values there are.
        share: 0.95 for the 95th percentile.

    Returns:
        None where even the greatest value may lie below the percentile with more than 5 %.
    """
    spread = _Z * math.sqrt(samples * share * (1 - share))
    low, high = math.floor(samples * share - spread), math.ceil(samples * share + spread) + 1
    return None if low < 1 or high > samples else (low, high)


def percentile_slots(buckets: Mapping[int, int], share: float) -> tuple[int, int] | None:
    """Return the slots that enclose a percentile with 90 % confidence; None with too few samples.

    Args:
        buckets: counts by slot; a higher slot holds greater values.
        share: 0.95 for the 95th percentile.
    """
    ranks = percentile_ranks(sum(buckets.values()), share)
    if ranks is None:
        return None
    found: list[int] = []
    seen = 0
    for slot in sorted(buckets):
        seen += buckets[slot]
        while len(found) < 2 and seen >= ranks[len(found)]:
            found.append(slot)
    return found[0], found[1]
