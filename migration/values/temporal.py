"""Dates and times as SQLite files hold them: texts of known shapes, and integers counted from the epoch.

Understood is what PostgreSQL reads the same way without guessing: ISO 8601 with a blank or T, and a zone as Z
or an offset. A day-month order is never guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Literal

EpochUnit = Literal["s", "ms", "us"]

#: Digits become 0: what is left of a text is its shape.
TO_SHAPE = str.maketrans("123456789", "000000000")

_DATE = "0000-00-00"
_CLOCK = r"00:00(?::00(?:\.0{1,6})?)?"
_ZONE = r" ?(?:Z|[+-]00(?::?00)?)"
_DATE_SHAPE = re.compile(_DATE)
_DATETIME_SHAPE = re.compile(rf"{_DATE}[ T]{_CLOCK}")
_ZONED_SHAPE = re.compile(rf"{_DATE}[ T]{_CLOCK}{_ZONE}")
_TIME_SHAPE = re.compile(_CLOCK)

Shape = Literal["date", "datetime", "zoned", "time"]

#: The epoch windows: a whole column of integers inside one of them has one meaning. Each runs from 1973-03-03
#: to 5138-11-16; the next smaller unit starts where it ends.
EPOCH_WINDOWS: dict[EpochUnit, tuple[int, int]] = {
    "s": (10**8, 10**11 - 1),
    "ms": (10**11, 10**14 - 1),
    "us": (10**14, 10**17 - 1),
}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def classify(shape: str) -> Shape | None:
    """What a shape (see TO_SHAPE) is the shape of; None if PostgreSQL would have to guess."""
    if _DATETIME_SHAPE.fullmatch(shape):
        return "datetime"
    if _DATE_SHAPE.fullmatch(shape):
        return "date"
    if _ZONED_SHAPE.fullmatch(shape):
        return "zoned"
    if _TIME_SHAPE.fullmatch(shape):
        return "time"
    return None


def parse_datetime(text: str) -> datetime:
    """A date, or a date and time, with or without a zone.

    Raises:
        ValueError: not one of the understood shapes, or no such day or time.
    """
    if classify(text.translate(TO_SHAPE)) not in ("date", "datetime", "zoned"):
        raise ValueError(f"not a date and time: {text!r}")
    # The blank that some libraries write before the zone is not ISO 8601.
    parsed = datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", ""))
    offset = parsed.utcoffset()
    if offset is not None and abs(offset) > timedelta(hours=15, minutes=59):  # PostgreSQL's limit
        raise ValueError(f"no such time zone: {text!r}")
    return parsed


def parse_time(text: str) -> time:
    """A time of day without a zone.

    Raises:
        ValueError: not one of the understood shapes, or no such time.
    """
    if classify(text.translate(TO_SHAPE)) != "time":
        raise ValueError(f"not a time of day: {text!r}")
    return time.fromisoformat(text)


def epoch_unit(smallest: int, largest: int) -> EpochUnit | None:
    """The unit of a column of integers, if all of them lie in the window of one unit."""
    for unit, (low, high) in EPOCH_WINDOWS.items():
        if low <= smallest and largest <= high:
            return unit
    return None


def from_epoch(value: int, unit: EpochUnit) -> datetime:
    """The instant, exactly: integer arithmetic only.

    Raises:
        OverflowError: outside the years 1 to 9999.
    """
    seconds, rest = divmod(value, _PER_SECOND[unit])
    return _EPOCH + timedelta(seconds=seconds, microseconds=rest * 1_000_000 // _PER_SECOND[unit])
