"""Instants that are stored as numbers: counted from 1970 in some unit, or as julian days.

The magnitude tells the unit, and one unit must be that of a whole column: nothing is guessed value by value.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Literal

EpochUnit = Literal["s", "ms", "us", "ns", "julian"]

#: The windows of each unit, for numbers before 1970 with a minus sign. Those of seconds, milliseconds and
#: microseconds run from 1973-03-03 to 5138-11-16, where the next smaller unit starts; that of julian days
#: from the year 1 to the year 9999.
EPOCH_WINDOWS: dict[EpochUnit, tuple[int, int]] = {
    "julian": (1_721_426, 5_373_484),
    "s": (10**8, 10**11 - 1),
    "ms": (10**11, 10**14 - 1),
    "us": (10**14, 10**17 - 1),
    "ns": (10**17, 2**63 - 1),
}
#: The years 1 to 9999 in each unit, for columns whose unit is known beforehand.
FIXED_WINDOWS: dict[EpochUnit, tuple[int, int]] = {
    "s": (-62_135_596_800, 253_402_300_799),
    "ms": (-62_135_596_800_000, 253_402_300_799_999),
    "us": (-62_135_596_800_000_000, 253_402_300_799_999_999),
}
UNIT_NAMES: dict[EpochUnit, str] = {
    "julian": "julian days",
    "s": "seconds since 1970",
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "ns": "nanoseconds since 1970",
}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Noon of 1970-01-01 is 2440588; a julian day begins at noon.
_EPOCH_JULIAN = Fraction(4_881_175, 2)
_DAY_MS = 86_400_000


def epoch_unit(value: float) -> EpochUnit | None:
    """The unit in whose window a number lies."""
    for unit, (low, high) in EPOCH_WINDOWS.items():
        if low <= (value if unit == "julian" else abs(value)) < high + 1:
            earliest = FIXED_WINDOWS.get(unit, (value, value))[0]
            return unit if value >= earliest else None
    return None


def unit_of_range(smallest: int, largest: int) -> EpochUnit | None:
    """The unit of all integers of a range, if they have one."""
    unit = epoch_unit(smallest)
    return unit if epoch_unit(largest) == unit and (smallest > 0) == (largest > 0) else None


def from_epoch(value: float, unit: EpochUnit) -> datetime:
    """The instant: exact for integers of every unit but nanoseconds, whose last three digits are cut off.

    A julian day is rounded to milliseconds, which is what its 53 bits can tell; reals of the other units are
    rounded to microseconds.

    Raises:
        OverflowError: outside the years 1 to 9999.
        ValueError: not a finite number.
    """
    if unit == "julian":
        return _EPOCH + timedelta(milliseconds=round((Fraction(value) - _EPOCH_JULIAN) * _DAY_MS))
    if isinstance(value, float):
        return _EPOCH + timedelta(microseconds=round(Fraction(value) * 1_000_000 / _PER_SECOND[unit]))
    seconds, rest = divmod(value, _PER_SECOND[unit])
    return _EPOCH + timedelta(seconds=seconds, microseconds=rest * 1_000_000 // _PER_SECOND[unit])
