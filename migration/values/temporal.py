"""Dates and times as SQLite files hold them as texts; those that are numbers are in `epoch`.

Understood is what PostgreSQL reads the same way without guessing: ISO 8601 with a blank or T, and a zone as Z
or an offset; 24:00 is the next midnight, and a 60th second the next minute. A day-month order is never
guessed.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Literal

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

#: The 24th hour has no minutes, the 60th second no fraction.
_ENDS_EXACTLY = re.compile(r".{11}(?:24:00(?::00(?:\.0+)?)?|(?!24)\d\d:\d\d:60(?:\.0+)?)(?:Z|[+-].*)?")
_SIXTY_MINUTES = re.compile(r"[+-]\d\d:?[6-9]\d$")
#: What MySQL wrote where nobody knew the day; there is no such day.
_ZERO_DATE = re.compile(r"0000-00-00(?:[ T]00:00(?::00(?:\.0+)?)?)?Z?")


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
    parsed = _rolled(text.replace(" ", "T", 1).replace(" ", ""))
    offset = parsed.utcoffset()
    # PostgreSQL's limits, of which Python knows none.
    if offset is not None and (abs(offset) > timedelta(hours=15, minutes=59) or _SIXTY_MINUTES.search(text)):
        raise ValueError(f"no such time zone: {text!r}")
    return parsed


def rolls_over(text: str) -> bool:
    """Whether a date and time is written as 24:00 of its day, or as the 60th second of a minute."""
    return text[11:13] == "24" or text[17:19] == "60"


def is_zero_date(text: str) -> bool:
    """0000-00-00, with or without a midnight."""
    return _ZERO_DATE.fullmatch(text) is not None


def _rolled(text: str) -> datetime:
    """Read ISO 8601, with a 24th hour or 60th second that ends the day or minute exactly."""
    if not rolls_over(text):
        return datetime.fromisoformat(text)
    if _ENDS_EXACTLY.fullmatch(text) is None:
        raise ValueError(f"no such time: {text!r}")
    if text[11:13] == "24":
        before, more = text[:11] + "00" + text[13:], timedelta(days=1)
    else:
        before, more = text[:17] + "59" + text[19:], timedelta(seconds=1)
    try:
        return datetime.fromisoformat(before) + more
    except OverflowError:
        raise ValueError(f"after the last day: {text!r}") from None


def parse_time(text: str) -> time:
    """A time of day without a zone.

    Raises:
        ValueError: not one of the understood shapes, or no such time.
    """
    if classify(text.translate(TO_SHAPE)) != "time":
        raise ValueError(f"not a time of day: {text!r}")
    return time.fromisoformat(text)
