"""SQLite's date functions over values (sqlite.org/lang_datefunc.html), where PostgreSQL gives the same.

Readings of the clock are in `clocks`; here are dates that a row holds, as timestamp or as seconds since 1970,
and constants, which SQLite itself works out while the plan is made.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.ddl import quote_literal
from migration.schema.typed import Typed, UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = frozenset({"date", "time", "datetime", "julianday", "strftime", "unixepoch"})
#: What each conversion of strftime is in to_char.
_CONVERSIONS = {
    "Y": "YYYY",
    "m": "MM",
    "d": "DD",
    "H": "HH24",
    "M": "MI",
    "S": "SS",
    "j": "DDD",
    "F": "YYYY-MM-DD",
    "T": "HH24:MI:SS",
    "R": "HH24:MI",
}
_SHAPES = {"date": "%Y-%m-%d", "time": "%H:%M:%S", "datetime": "%Y-%m-%d %H:%M:%S"}
_CHANGING = ("now", "localtime", "utc", "subsec", "subsecond")
#: The Julian day of 1970-01-01 in milliseconds, as SQLite counts.
_JULIAN_MS = 210_866_760_000_000


def date_call(name: str, arguments: Sequence[Typed], *, stored: bool) -> Typed | None:
    """Translate a call of a date function; None where it is none, or one that other rules know.

    Args:
        name: the function, in lower case.
        arguments: already translated.
        stored: whether the result is stored or decides what may be, so that no setting may change it.
    """
    if name not in _NAMES or not arguments:
        return None
    if all(item.constant is not None for item in arguments):
        return _constant(name, arguments)
    shape = _SHAPES.get(name)
    if name == "strftime":
        shape = arguments[0].constant.text if arguments[0].constant is not None else None
        arguments = arguments[1:]
    if not arguments:
        return None
    moment = _moment(arguments)
    if moment is None:
        return None
    if name == "date":
        return _date(arguments[0], moment, stored=stored)
    if name == "unixepoch":
        return Typed(f"floor(extract(epoch FROM {moment}))::bigint", "integer", type="bigint")
    if name == "julianday":
        counted = f"({_JULIAN_MS} + round(extract(epoch FROM {moment}) * 1000))::double precision"
        return Typed(f"{counted} / 86400000", "real", atomic=False)
    if shape == "%s":
        return Typed(f"floor(extract(epoch FROM {moment}))::bigint::text", "text")
    if shape is None or stored:  # to_char depends on settings, says PostgreSQL
        return None
    return Typed(f"to_char({moment}, {quote_literal(_to_char(shape))})", "text")


def _date(item: Typed, moment: str, *, stored: bool) -> Typed | None:
    """A date: of an instant, where it is compared or shown as such, and as a text elsewhere."""
    if item.kind in ("timestamp", "timestamptz", "date") or stored:
        return Typed(f"({moment})::date", "date")
    return Typed(f"to_char({moment}, 'YYYY-MM-DD')", "text")


def _moment(arguments: Sequence[Typed]) -> str | None:
    """The instant that the arguments tell, as timestamp in UTC; None where PostgreSQL may read another."""
    item, *modifiers = arguments
    words = [modifier.constant.text.lower() for modifier in modifiers if modifier.constant is not None]
    if item.kind == "integer" and words == ["unixepoch"] and item.constant is None:
        return f"(to_timestamp({item.operand}) AT TIME ZONE 'UTC')"
    if modifiers:
        return None
    if item.kind == "timestamptz":
        return f"({item.operand} AT TIME ZONE 'UTC')"
    if item.kind == "timestamp":
        return item.operand
    return f"{item.operand}::timestamp" if item.kind == "date" else None


def _to_char(shape: str) -> str:
    """A format of strftime as one of to_char.

    Raises:
        UntranslatableError: a conversion that to_char has not.
    """
    parts, at = [], 0
    while at < len(shape):
        character = shape[at]
        if character == "%":
            at += 1
            conversion = shape[at : at + 1]
            if conversion == "%":
                parts.append('"%"')
            elif conversion in _CONVERSIONS:
                parts.append(_CONVERSIONS[conversion])
            else:
                raise UntranslatableError(f"strftime has %{conversion}, and PostgreSQL's to_char has not")
        elif character.isalpha() or character in '"\\':
            escaped = "\\" + character if character in '"\\' else character
            parts.append(f'"{escaped}"')
        else:
            parts.append(character)
        at += 1
    return "".join(parts)


def _constant(name: str, arguments: Sequence[Typed]) -> Typed:
    """What SQLite makes of constants, once and for all."""
    values: list[str | int | float] = []
    for item in arguments:
        constant = item.constant
        assert constant is not None
        if constant.kind == "text" and any(word in constant.text.lower() for word in _CHANGING):
            raise UntranslatableError(f"{name} with {item.sql} changes with time")
        plain = constant.text
        values.append(
            int(plain) if constant.kind == "integer" else float(plain) if constant.kind == "real" else plain
        )
    marks = ", ".join("?" * len(values))
    with closing(sqlite3.connect(":memory:")) as memory:
        try:
            (result,) = memory.execute(f"SELECT {name}({marks})", values).fetchone()
        except sqlite3.Error as error:
            raise UntranslatableError(str(error)) from None
    if result is None:
        return Typed("NULL", "null")
    if isinstance(result, str):
        return Typed(quote_literal(result), "text", constant=sqlite.Literal("text", result))
    kind = "integer" if isinstance(result, int) else "real"
    return Typed(repr(result), kind, constant=sqlite.Literal(kind, repr(result)))  # type: ignore[arg-type]
