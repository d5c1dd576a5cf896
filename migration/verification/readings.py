"""What the user's rules make of a stored value: computed again for the proof, by other means than the copy's.

A transform is the user's own function, and the same both times.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from time import strptime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from migration.rules.transform import load_transform

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.schema.target import Reading

_PER_MICROSECOND = {
    "epoch-s": Fraction(1_000_000),
    "epoch-ms": Fraction(1_000),
    "epoch-us": Fraction(1),
    "epoch-ns": Fraction(1, 1_000),
}
_DAY_US = 86_400_000_000
_UNIX_DAY = date(1970, 1, 1).toordinal()
#: The Julian day of 1970-01-01 00:00.
_UNIX_JULIAN = Fraction(4_881_175, 2)


def meant(reading: Reading) -> Callable[[Any], Any]:
    """The function from a stored value (text as bytearray, blobs as bytes) to the one that should arrive."""
    steps: list[Callable[[Any], Any]] = []
    if reading.blanks:
        steps.append(lambda value: None if type(value) is bytearray and not value.strip() else value)
    if reading.transform is not None:
        steps.append(_by_function(load_transform(reading.transform)))
    if reading.format is not None:
        steps.append(_reader(reading.format))
    if reading.time_zone is not None:
        steps.append(_mover(ZoneInfo(reading.time_zone)))

    def read(value: Any) -> Any:
        for step in steps:
            if value is not None:
                value = step(value)
        return value

    return read


def _by_function(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            made = function(_plain(value))
        except Exception as error:
            raise ValueError from error
        if isinstance(made, str):
            return bytearray(made.encode())
        return int(made) if isinstance(made, bool) else made

    return read


def _plain(value: Any) -> Any:
    return bytes(value).decode() if type(value) is bytearray else value


def _reader(form: str) -> Callable[[Any], Any]:
    if form in _PER_MICROSECOND:
        factor = _PER_MICROSECOND[form]
        return lambda value: _moment(round(_fraction(value) * factor))
    if form == "julian":
        return lambda value: _moment(round((_fraction(value) - _UNIX_JULIAN) * _DAY_US / 1_000) * 1_000)
    return lambda value: _parsed(str(_plain(value)), form)


def _fraction(value: Any) -> Fraction:
    if type(value) is bytes:
        raise ValueError
    text = _plain(value)
    return Fraction(Decimal(text.strip() if isinstance(text, str) else repr(text)))


def _moment(microseconds: int) -> bytearray:
    """Microseconds since 1970 as text with the zone Z."""
    days, rest = divmod(microseconds, _DAY_US)
    seconds, fraction = divmod(rest, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"
    return bytearray(f"{date.fromordinal(_UNIX_DAY + days).isoformat()} {clock}Z".encode())


def _parsed(text: str, form: str) -> bytearray:
    """By the pattern; fractions of a second are known to datetime's own reader only."""
    if "%f" in form or "%z" in form:
        moment = datetime.strptime(text, form)  # noqa: DTZ007
        fraction, zone = f".{moment.microsecond:06}", moment.strftime("%z")
        parts = moment.timetuple()
    else:
        fraction, zone, parts = "", "", strptime(text, form)
    day = f"{parts.tm_year:04}-{parts.tm_mon:02}-{parts.tm_mday:02}"
    clock = f"{parts.tm_hour:02}:{parts.tm_min:02}:{parts.tm_sec:02}{fraction}"
    timed = any(directive in form for directive in ("%H", "%I", "%M", "%S", "%X", "%c", "%f"))
    dated = any(directive in form for directive in ("%d", "%j", "%x", "%c", "%m", "%Y", "%y", "%G"))
    if not timed:
        return bytearray(day.encode())
    return bytearray((f"{day} {clock}{zone}" if dated else clock).encode())


def _mover(zone: ZoneInfo) -> Callable[[Any], Any]:
    def move(value: Any) -> Any:
        if type(value) is not bytearray:
            return value
        day, _, clock = value.decode().replace("T", " ").partition(" ")
        if any(sign in clock for sign in "Z+-"):
            return value
        hour, minute, second, *_ = [*(clock or "0:0").split(":"), "0"]
        local = datetime.fromisoformat(day).replace(hour=int(hour), minute=int(minute), tzinfo=zone)
        offset = local.utcoffset()
        assert offset is not None
        minutes = (local.toordinal() - _UNIX_DAY) * 1_440 + local.hour * 60 + local.minute
        exact = minutes * 60 + Decimal(second) - Decimal(repr(offset.total_seconds()))
        return _moment(int((exact * 1_000_000).to_integral_value(ROUND_HALF_EVEN)))

    return move
