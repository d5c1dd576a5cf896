"""Reads stored values as the user's rules say: by a Python function, by a date format, in a time zone.

What comes out is a value as SQLite could have stored it; the column's conversion then takes it from there.
Dates and times come out as ISO 8601 texts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from migration.rules.transform import load_transform
from migration.values.temporal import TO_SHAPE, classify, parse_datetime

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.schema.target import Reading

    Read = Callable[[Any], Any]

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
#: Powers of ten from a unit to a microsecond.
_EPOCHS = {"epoch-s": 6, "epoch-ms": 3, "epoch-us": 0, "epoch-ns": -3}
#: Milliseconds between noon of 4714-11-24 BC, where Julian days begin, and 1970.
_JULIAN_UNIX_MS = 210_866_760_000_000
_DAY_MS = 86_400_000
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def read_with(reading: Reading) -> Read:
    """The function that reads one stored value that is not NULL.

    It raises ValueError, or another error of arithmetic or types, for a value that it cannot read.
    """
    steps: list[Read] = []
    if reading.blanks:
        steps.append(_not_blank)
    if reading.transform is not None:
        steps.append(_transform(reading))
    if reading.format is not None:
        steps.append(_format(reading.format))
    if reading.time_zone is not None:
        steps.append(_located(ZoneInfo(reading.time_zone)))

    def read(value: Any) -> Any:
        for step in steps:
            if value is None:
                return None
            value = step(value)
        return value

    return read


def _not_blank(value: Any) -> Any:
    return None if type(value) is str and not value.strip() else value


def _transform(reading: Reading) -> Read:
    assert reading.transform is not None
    function = load_transform(reading.transform)
    name = reading.transform.function

    def transform(value: Any) -> Any:
        try:
            made = function(value)
        except Exception as error:
            raise ValueError(f"{name} failed: {type(error).__name__}: {error}") from error
        if isinstance(made, bool):
            return int(made)
        if made is None or type(made) in (int, float, str, bytes):
            return made
        raise ValueError(f"{name} made a {type(made).__name__}: None, int, float, str or bytes is needed")

    return transform


def _format(form: str) -> Read:
    if form in _EPOCHS:
        return _epoch(_EPOCHS[form])
    return _julian if form == "julian" else _pattern(form)


def _number(value: Any) -> Decimal:
    if type(value) in (int, float):
        return Decimal(repr(value))
    if type(value) is str and value.strip():
        return Decimal(value.strip())
    raise ValueError("not a number")


def _epoch(power: int) -> Read:
    def read(value: Any) -> str:
        microseconds = _number(value).scaleb(power, _EXACT).to_integral_value(ROUND_HALF_EVEN)
        return (_UNIX + timedelta(microseconds=int(microseconds))).isoformat(" ")

    return read


def _julian(value: Any) -> str:
    """To the millisecond, as SQLite reads them."""
    milliseconds = (_number(value) * _DAY_MS).to_integral_value(ROUND_HALF_EVEN) - _JULIAN_UNIX_MS
    return (_UNIX + timedelta(milliseconds=int(milliseconds))).isoformat(" ")


def _pattern(form: str) -> Read:
    dates, times = has_date(form), has_time(form)

    def read(value: Any) -> str:
        parsed = datetime.strptime(str(value), form)  # noqa: DTZ007  # the pattern says whether there is a zone
        if not times:
            return parsed.date().isoformat()
        return parsed.isoformat(" ") if dates else parsed.time().isoformat()

    return read


def has_date(form: str) -> bool:
    """Whether a pattern reads a day."""
    return any(directive in form for directive in ("%d", "%j", "%x", "%c", "%m", "%Y", "%y", "%G"))


def has_time(form: str) -> bool:
    """Whether a pattern reads a time of day."""
    return any(directive in form for directive in ("%H", "%I", "%M", "%S", "%X", "%c", "%f"))


def has_zone(form: str) -> bool:
    """Whether a pattern reads a zone."""
    return "%z" in form


def _located(zone: ZoneInfo) -> Read:
    """A clock without a zone is the zone's; where clocks are set back, the first of both hours is meant."""

    def read(value: Any) -> Any:
        if type(value) is not str or classify(value.translate(TO_SHAPE)) not in ("datetime", "date"):
            return value
        moment = parse_datetime(value).replace(tzinfo=zone)
        return moment.astimezone(UTC).isoformat(" ")

    return read
