"""The canonical bytes of dates, times, instants and lengths of time; see `canonical`."""

from __future__ import annotations

import re
import struct
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from migration.schema.target import TargetColumn
    from migration.verification.canonical import Meaning

_COLON = ord(":")
#: PostgreSQL counts days and microseconds from 2000-01-01.
EPOCH_DAY = date(2000, 1, 1).toordinal()
UNIX_DAYS = EPOCH_DAY - date(1970, 1, 1).toordinal()
DAY_US = 86_400_000_000
_DAYS = struct.Struct(">ci")
_INTERVAL = struct.Struct(">cqii")
_DAY = re.compile(rb"(\d{4})-(\d\d)-(\d\d)")
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?"
)
_CLOCK = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?")
#: The day that Rails gives to times of day.
_RAILS_DAY = "2000-01-01"
_JULIAN_1970 = Decimal("2440587.5")
_UNIT_US = {"s": 1_000_000, "ms": 1_000, "us": 1}
_INSTANT = struct.Struct(">cq")


def timestamp_meaning(planned: TargetColumn, *_: Any) -> Meaning:
    """An instant, or the clock of one that has no zone."""
    pack = _INSTANT.pack
    unit = planned.epoch

    def encode(value: Any) -> bytes:
        if type(value) in (int, float):
            return pack(b"\x01", _counted(value, unit) - UNIX_DAYS * DAY_US)
        moment, zone = _moment(value)
        return pack(b"\x01", moment - (zone or 0))

    return encode


def _counted(value: float, unit: str | None) -> int:
    """A number as microseconds since 1970."""
    if unit == "julian":
        return round((Decimal(value) - _JULIAN_1970) * 86_400_000) * 1_000
    if unit == "ns":
        return value // 1_000 if type(value) is int else round(Decimal(value) / 1_000)
    return (
        value * _UNIT_US[unit or ""] if type(value) is int else round(Decimal(value) * _UNIT_US[unit or ""])
    )


def _moment(value: Any) -> tuple[int, int | None]:
    """A text's microseconds since 2000-01-01 by its own clock, and its zone's offset, if it has one."""
    if len(value) == 19 and value[10] in b" T" and value[16] == _COLON:  # days and seconds repeat
        return _day(bytes(value[:10])) + _second(bytes(value[11:])), None
    found = _MOMENT.fullmatch(value.decode())
    if found is None:
        raise ValueError
    day, hour, minute, second, fraction, zone = found.groups()
    clock = _day(day.encode()) + _clock(hour or "00", minute or "00", second, fraction)
    if zone is None:
        return clock, None
    if zone == "Z":
        return clock, 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if int(digits[2:]) > 59:
        raise ValueError
    offset = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000_000
    return clock, -offset if zone[0] == "-" else offset


@lru_cache(maxsize=100_000)
def _day(text: bytes) -> int:
    """Midnight of a day YYYY-MM-DD in microseconds since 2000-01-01."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError
    return (date(int(found[1]), int(found[2]), int(found[3])).toordinal() - EPOCH_DAY) * DAY_US


@lru_cache(maxsize=100_000)
def _second(text: bytes) -> int:
    """Microseconds since midnight of a clock HH:MM:SS."""
    found = _CLOCK.fullmatch(text.decode())
    if found is None:
        raise ValueError
    return _clock(*found.groups())


def _clock(hour: str, minute: str, second: str | None, fraction: str | None, *, rolls: bool = True) -> int:
    """Microseconds since midnight. A day, though not a clock alone, may end with 24:00 or a 60th second."""
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    whole = rolls and not int(fraction or "0")
    end_of_day = whole and hours == 24 and minutes == seconds == 0
    end_of_minute = whole and hours < 24 and seconds == 60
    if (hours > 23 and not end_of_day) or minutes > 59 or (seconds > 59 and not end_of_minute):
        raise ValueError
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + int((fraction or "0").ljust(6, "0"))


def date_meaning(planned: TargetColumn, *_: Any) -> Meaning:
    unit = _UNIT_US.get(planned.epoch or "")

    def encode(value: Any) -> bytes:
        if type(value) is int and unit is not None:
            moment = value * unit - UNIX_DAYS * DAY_US
        else:
            moment, zone = _moment(value)
            moment -= zone or 0
        if moment % DAY_US:
            raise ValueError
        return _DAYS.pack(b"\x01", moment // DAY_US)

    return encode


def time_meaning(*_: Any) -> Meaning:
    def encode(value: Any) -> bytes:
        text = value.decode()
        if text.startswith(_RAILS_DAY) and len(text) > len(_RAILS_DAY) + 1:
            text = text[len(_RAILS_DAY) + 1 :].removesuffix("Z")
        found = _CLOCK.fullmatch(text)
        if found is None:
            raise ValueError
        return _INSTANT.pack(b"\x01", _clock(*found.groups(), rolls=False))

    return encode


def interval_meaning(planned: TargetColumn, *_: Any) -> Meaning:
    """Integers of the planned unit, and dates as the time since 1970: days of 24 hours and what is left."""
    unit = _UNIT_US.get(planned.epoch or "")

    def encode(value: Any) -> bytes:
        if type(value) is int and unit is not None:
            microseconds = value * unit
        else:
            moment, zone = _moment(value)
            if zone is not None:
                raise ValueError
            microseconds = moment + UNIX_DAYS * DAY_US
        days, rest = divmod(microseconds, DAY_US)
        return _INTERVAL.pack(b"\x01", rest, days, 0)

    return encode
