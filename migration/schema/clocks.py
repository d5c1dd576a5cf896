"""Defaults that read the clock (sqlite.org/lang_datefunc.html), as PostgreSQL reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.schema.tokens import Token

_WORDS = {"CURRENT_TIMESTAMP": "datetime", "CURRENT_DATE": "date", "CURRENT_TIME": "time"}
_NOW = r"(?:'now')?"
_SUBSECOND = r"(?:,'subsec(?:ond)?')?"
_SECONDS = r"(?:strftime\('%s','now'\)|unixepoch\((?:'now')?\))"
_INTEGER = r"as(?:int|integer|bigint)"
#: Each spelling, in lower case and without blanks, and what it reads.
_SPELLINGS = (
    (rf"datetime\({_NOW}{_SUBSECOND}\)|datetime\('now','utc'\)", "datetime"),
    (r"strftime\('%y-%m-%d[ t]%h:%m:(?:%s|%f)(?:z|\+00:00)?','now'\)", "datetime"),
    (r"datetime\('now','localtime'\)", "local datetime"),
    (rf"date\({_NOW}\)|strftime\('%y-%m-%d','now'\)", "date"),
    (r"date\('now','localtime'\)", "local date"),
    (rf"time\({_NOW}{_SUBSECOND}\)|strftime\('%h:%m:%s','now'\)", "time"),
    (rf"{_SECONDS}|cast\({_SECONDS}{_INTEGER}\)", "epoch"),
    (rf"(?:{_SECONDS}|cast\({_SECONDS}{_INTEGER}\))\*1000", "milliseconds"),
    (rf"cast\(\(julianday\('now'\)-2440587\.5\)\*86400000{_INTEGER}\)", "milliseconds"),
    (rf"cast\(unixepoch\('subsec(?:ond)?'\)\*1000{_INTEGER}\)", "milliseconds"),
    (rf"julianday\({_NOW}\)", "julian"),
)
_UTC = "(now() AT TIME ZONE 'utc')"
_EPOCH = "extract(epoch FROM now())"
_FORMATS = {"datetime": "YYYY-MM-DD HH24:MI:SS", "date": "YYYY-MM-DD", "time": "HH24:MI:SS"}


def read_clock(tokens: Sequence[Token]) -> str | None:
    """What an expression reads from the clock; None if it is no clock.

    Returns:
        datetime, date or time, perhaps with `local ` before it; epoch (seconds), milliseconds or julian.
    """
    if len(tokens) == 1 and tokens[0].kind is Kind.WORD:
        return _WORDS.get(tokens[0].value.upper())
    return read_spelling(squeezed(tokens))


def read_spelling(spelled: str) -> str | None:
    """What an expression reads from the clock, by its text in lower case and without blanks."""
    if spelled.upper() in _WORDS:
        return _WORDS[spelled.upper()]
    return next((meaning for pattern, meaning in _SPELLINGS if re.fullmatch(pattern, spelled)), None)


#: A shift that is as long in every time zone; months and years are not.
_SHIFT = re.compile(r"'([+-]?\d+) ?(second|minute|hour|day)s?'")
_HOURS = {"second": "seconds", "minute": "minutes", "hour": "hours", "day": "hours"}
_SHIFTED = " shifted by "


def read_shifted(spelled: str, shift: str) -> str | None:
    """A reading of the clock with a shift such as '-7 days' behind it."""
    clock, found = read_spelling(spelled), _SHIFT.fullmatch(shift.lower())
    if clock is None or clock.startswith("local ") or found is None:
        return None
    number, unit = int(found.group(1)) * (24 if found.group(2) == "day" else 1), _HOURS[found.group(2)]
    return f"{clock}{_SHIFTED}{number} {unit}"


def squeezed(tokens: Sequence[Token]) -> str:
    """The tokens in lower case without blanks; quoted ones in single quotes."""
    quotes = (Kind.STRING, Kind.NAME)
    return "".join(f"'{token.value}'" if token.kind in quotes else token.value for token in tokens).lower()


def write_clock(clock: str, kind: str, *, session_clock: bool) -> str | None:
    """The same reading in PostgreSQL, for a column of a kind; None where SQLite would store something else.

    SQLite's clock shows UTC, and so does this one, except where the library that made the file
    writes now() itself.
    """
    if _SHIFTED in clock:
        plain, _, shift = clock.partition(_SHIFTED)
        shown = write_clock(plain, kind, session_clock=session_clock)
        return None if shown is None else shown.replace("now()", f"(now() + interval '{shift}')")
    if clock.startswith("local "):
        return _written(clock.removeprefix("local "), kind, "localtimestamp", "localtimestamp")
    return _written(clock, kind, "now()" if session_clock else _UTC, _UTC)


def _written(clock: str, kind: str, timestamp: str, utc: str) -> str | None:
    match clock, kind:
        case "datetime", "timestamp":
            return timestamp
        case (("datetime" | "epoch" | "milliseconds"), "timestamptz"):
            return "now()"
        case (("datetime" | "date"), "date"):
            return f"{utc}::date"
        case "date", "timestamp":
            return f"{utc}::date"
        case "date", "timestamptz":
            return "date_trunc('day', now(), 'utc')"
        case (("datetime" | "time"), "time"):
            return f"{utc}::time(0)"
        case (("datetime" | "date" | "time"), "text"):
            return f"to_char({utc}, '{_FORMATS[clock]}')"
        case "epoch", ("integer" | "number" | "real"):
            return f"floor({_EPOCH})::bigint"
        case "epoch", "text":
            return f"floor({_EPOCH})::bigint::text"
        case "milliseconds", ("integer" | "number" | "real"):
            return f"floor({_EPOCH} * 1000)::bigint"
        case "julian", ("number" | "real"):
            return f"({_EPOCH} / 86400.0 + 2440587.5)::double precision"
        case _:
            return None
