"""What a value is worth: 0 to 100 points, from the metric's two limits and nothing else.

The curve is log-normal through 80 points at *stay* and 60 at *urgent*, then clamped to its category's band,
so that points and categories can never contradict each other: stay 80-100, plan 60 to just below 80, urgent
below 60. For response times the mission's limits of 200 and 500 ms give 90 points at 101 ms, which is its
third number, "under 100 ms optimal".
"""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from monitor.thresholds import Category

if TYPE_CHECKING:
    from monitor.thresholds import Limit

#: Points where *stay* ends and where *urgent* begins; also the lights' bands.
STAY_POINTS: Final = 80.0
PLAN_POINTS: Final = 60.0

_Z_STAY: Final = NormalDist().inv_cdf(STAY_POINTS / 100)
_Z_PLAN: Final = NormalDist().inv_cdf(PLAN_POINTS / 100)
_TENTH: Final = Decimal("0.1")

#: The lowest and the highest points of each category.
BANDS: Final = {
    Category.STAY: (STAY_POINTS, 100.0),
    Category.PLAN: (PLAN_POINTS, math.nextafter(STAY_POINTS, 0)),
    Category.URGENT: (0.0, math.nextafter(PLAN_POINTS, 0)),
}


def utility(value: float, limit: Limit) -> float:
    """Return the points of a value (a number, infinity included) under its limits."""
    low, high = BANDS[limit.category(value)]
    return min(max(_curve(value, limit), low), high)


def _curve(value: float, limit: Limit) -> float:
    if value <= 0:
        return 100.0
    if value == math.inf:
        return 0.0
    # The logarithms are taken apart: a quotient of two extreme limits could leave the range of floats.
    sigma = (math.log(limit.upper) - math.log(limit.stay)) / (_Z_STAY - _Z_PLAN)
    mu = math.log(limit.upper) + _Z_PLAN * sigma
    return 50 * math.erfc((math.log(value) - mu) / (sigma * math.sqrt(2)))


def floor_points(points: float) -> float:
    """Round down to one decimal, exactly: 79.99 points print as 79.9, never as the 80.0 of another band."""
    return float(Decimal(points).quantize(_TENTH, ROUND_FLOOR))
