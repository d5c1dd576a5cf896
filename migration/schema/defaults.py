"""Translates DEFAULT clauses. What SQLite accepts: sqlite.org/lang_createtable.html, "The DEFAULT clause"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from migration.schema.ddl import quote_literal
from migration.schema.tokens import BadSqlError, Kind, Token, tokenize
from migration.values.temporal import parse_datetime, parse_time

if TYPE_CHECKING:
    from migration.schema.types import Level


@dataclass(frozen=True)
class Default:
    """A translated default; no SQL: the column gets none, and the note says why."""

    sql: str | None
    note: str | None = None
    level: Level = "left"


def translate_default(text: str, target: str, *, typeorm: bool = False) -> Default:
    """Translate a default to a column of a PostgreSQL type.

    Args:
        text: the expression as SQLite declares it, with or without parentheses around it.
        target: the column's PostgreSQL type.
        typeorm: whether the current time is written as TypeORM does, `now()`, which follows the server's time
            zone.
    """
    try:
        tokens = _unwrapped(tokenize(text))
    except BadSqlError:
        tokens = []
    kind = _kind(target)
    clock = _clock(tokens)
    if clock is not None:
        return _now(clock, kind, text, typeorm=typeorm)
    literal = _literal(tokens)
    if literal is not None:
        return _typed(literal, kind, target, text)
    return _expression(tokens, kind, text)


def _left(text: str, why: str) -> Default:
    return Default(None, f"the default {text} was left out: {why}")


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """Without the parentheses around the whole."""
    while len(tokens) >= 2 and tokens[0].is_operator("(") and _partner(tokens) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def _partner(tokens: list[Token]) -> int:
    depth = 0
    for position, token in enumerate(tokens):
        depth += token.is_operator("(") - token.is_operator(")")
        if depth == 0:
            return position
    return -1


def _kind(target: str) -> str:
    """The family of a PostgreSQL type, as far as a default cares."""
    base = target.split("(", maxsplit=1)[0].strip()
    if base in ("smallint", "integer", "bigint"):
        return "integer"
    if base.startswith(("text", "character")):
        return "text"
    return {
        "numeric": "number",
        "double precision": "number",
        "timestamp without time zone": "timestamp",
        "timestamp with time zone": "timestamptz",
        "time without time zone": "time",
    }.get(base, base)


# The current time

_CLOCK_WORDS = {"CURRENT_TIMESTAMP": "datetime", "CURRENT_DATE": "date", "CURRENT_TIME": "time"}
_NOW = re.compile(r"'now'", re.IGNORECASE)


def _clock(tokens: list[Token]) -> str | None:
    """Which clock an expression reads: datetime, date, time, epoch (seconds), milliseconds, julian; None if
    it is none.
    """
    if len(tokens) == 1 and tokens[0].kind is Kind.WORD:
        return _CLOCK_WORDS.get(tokens[0].value.upper())
    words = "".join(_spelled(token) for token in tokens).lower()
    for pattern, meaning in _CLOCKS:
        if re.fullmatch(pattern, words):
            return meaning
    return None


def _spelled(token: Token) -> str:
    return f"'{token.value}'" if token.kind in (Kind.STRING, Kind.NAME) else token.value


_SUBSEC = r"(?:,'subsec(?:ond)?')?"
_ARGUMENT = r"(?:'now')?"
_SECONDS = r"strftime\('%s','now'\)|unixepoch\((?:'now')?\)"
_CLOCKS = (
    (rf"datetime\({_ARGUMENT}{_SUBSEC}\)", "datetime"),
    (r"datetime\('now','utc'\)", "datetime"),
    (r"datetime\('now','localtime'\)", "local datetime"),
    (r"strftime\('%y-%m-%d[ t]%h:%m:(?:%s|%f)(?:z|\+00:00)?','now'\)", "datetime"),
    (rf"date\({_ARGUMENT}\)|strftime\('%y-%m-%d','now'\)", "date"),
    (r"date\('now','localtime'\)", "local date"),
    (rf"time\({_ARGUMENT}{_SUBSEC}\)|strftime\('%h:%m:%s','now'\)", "time"),
    (rf"{_SECONDS}|cast\((?:{_SECONDS})as(?:int|integer|bigint)\)", "epoch"),
    (
        rf"(?:{_SECONDS}|cast\((?:{_SECONDS})as(?:int|integer|bigint)\))\*1000"
        r"|cast\(\(julianday\('now'\)-2440587\.5\)\*86400000asinteger\)"
        r"|cast\(unixepoch\('subsec(?:ond)?'\)\*1000as(?:int|integer|bigint)\)",
        "milliseconds",
    ),
    (rf"julianday\({_ARGUMENT}\)", "julian"),
)
_UTC = "(now() AT TIME ZONE 'utc')"
_TEXT_FORMATS = {"datetime": "YYYY-MM-DD HH24:MI:SS", "date": "YYYY-MM-DD", "time": "HH24:MI:SS"}


def _now(clock: str, kind: str, text: str, *, typeorm: bool) -> Default:
    if clock.startswith("local "):
        written = clock.removeprefix("local ")
        now = "localtimestamp"
        note = f"the default {text} follows the time zone of the PostgreSQL session, no longer that of the application"
        found = _now_as(written, kind, now, now)
        return Default(found, note, "changed") if found else _left(text, f"it does not give a {kind}")
    found = _now_as(clock, kind, "now()" if typeorm and kind == "timestamp" else _UTC, _UTC)
    return Default(found) if found else _left(text, f"it does not give a {kind}")


def _now_as(clock: str, kind: str, timestamp: str, utc: str) -> str | None:
    """The current time, as SQLite's clock function would give it, for a column of this kind."""
    seconds = "extract(epoch FROM now())"
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
            return f"to_char({utc}, '{_TEXT_FORMATS[clock]}')"
        case "epoch", "integer":
            return f"floor({seconds})::bigint"
        case "epoch", "number":
            return f"floor({seconds})"
        case "epoch", "text":
            return f"floor({seconds})::bigint::text"
        case "milliseconds", ("integer" | "number"):
            return f"floor({seconds} * 1000)::bigint"
        case "julian", "number":
            return f"({seconds} / 86400.0 + 2440587.5)"
        case _:
            return None


# Literals


@dataclass(frozen=True)
class _Literal:
    """A constant: null, integer, real, text, blob or word; the text is without quotes, and with a sign for
    numbers.
    """

    kind: str
    text: str


def _literal(tokens: list[Token]) -> _Literal | None:
    sign = ""
    while len(tokens) > 1 and (tokens[0].is_operator("-") or tokens[0].is_operator("+")):
        sign = ("" if sign else "-") if tokens[0].value == "-" else sign
        tokens = _unwrapped(tokens[1:])
    if len(tokens) != 1:
        return None
    token = tokens[0]
    match token.kind:
        case Kind.NUMBER:
            return _number(sign, token.value)
        case _ if sign:
            return None
        case Kind.STRING | Kind.NAME:  # a quoted name where no column can be meant is a string
            return _Literal("text", token.value)
        case Kind.BLOB:
            return _Literal("blob", token.value.lower())
        case Kind.WORD:
            word = token.value.lower()
            return _Literal("null", "") if word == "null" else _Literal("word", token.value)
        case _:
            return None


def _number(sign: str, text: str) -> _Literal:
    plain = text.replace("_", "")
    if plain.lower().startswith("0x"):
        return _Literal("integer", f"{sign}{int(plain, 16)}")
    if plain.isdecimal():
        return _Literal("integer", f"{sign}{int(plain)}")
    return _Literal("real", sign + plain)


def _typed(literal: _Literal, kind: str, target: str, text: str) -> Default:
    if literal.kind == "null":
        return Default(None, None)
    if literal.kind == "word" and literal.text.lower() in ("true", "false") and kind != "text":
        literal = _Literal("integer", str(int(literal.text.lower() == "true")))
    plain = literal.text
    try:
        match kind:
            case "boolean":
                return Default(_boolean(literal))
            case "integer":
                number = Decimal(plain)
                if number == number.to_integral_value() and abs(number) < 2**63:
                    return Default(str(int(number)))
            case "number":
                return Default(str(Decimal(plain)))
            case "text":
                shown = f"\\x{plain}" if literal.kind == "blob" else plain
                return Default(quote_literal(shown))
            case "bytea":
                digits = plain if literal.kind == "blob" else plain.encode().hex()
                return Default(f"'\\x{digits}'::bytea")
            case "timestamp" | "date" | "timestamptz" if literal.kind in ("text", "word"):
                parse_datetime(plain)
                return Default(f"{quote_literal(plain)}::{target}")
            case "time" if literal.kind in ("text", "word"):
                parse_time(plain)
                return Default(f"{quote_literal(plain)}::{target}")
            case "json" | "uuid":
                return (
                    Default(f"{quote_literal(plain)}::{target}")
                    if literal.kind in ("text", "word")
                    else _left(text, "x")
                )
            case _:
                pass
    except (InvalidOperation, ValueError, KeyError):
        pass
    return _left(text, f"{target} cannot hold it")


_TRUE_FALSE = {"1": "true", "0": "false", "true": "true", "false": "false", "t": "true", "f": "false"}


def _boolean(literal: _Literal) -> str:
    return _TRUE_FALSE[literal.text.lower()]


# Other expressions

_RANDOM_HEX = re.compile(r"(lower|upper)?\(?hex\(randomblob\((\d+)\)\)\)?", re.IGNORECASE)


def _expression(tokens: list[Token], kind: str, text: str) -> Default:
    words = "".join(_spelled(token) for token in tokens).lower()
    if words == "random()" and kind in ("integer", "number"):
        whole = "('x' || encode(uuid_send(gen_random_uuid()), 'hex'))::bit(64)::bigint"
        return Default(
            whole,
            f"the default {text} draws from PostgreSQL's gen_random_uuid, 4 of whose bits are fixed",
            "info",
        )
    match = _RANDOM_HEX.fullmatch(words)
    if match and kind == "text":
        return _random_hex(int(match.group(2)), text, upper=match.group(1) != "lower")
    if words == "gen_random_uuid()" and kind in ("uuid", "text"):
        return Default("gen_random_uuid()" + ("::text" if kind == "text" else ""))
    return _left(text, "it has no translation")


def _random_hex(count: int, text: str, *, upper: bool) -> Default:
    """Random hexadecimal digits without an extension: each UUID gives 30 random digits once its fixed ones
    are cut out.
    """
    if not 0 < count <= 64:
        return _left(text, "it has no translation without the pgcrypto extension")
    digits = count * 2
    pieces = -(-digits // 28)
    # Version and variant digits (13th and 17th) are fixed in a random UUID: 12 + 3 + 13 digits around them
    # are random.
    uuid = "overlay(overlay(replace(gen_random_uuid()::text, '-', '') placing '' from 17 for 1) placing '' from 13 for 1)"
    joined = " || ".join([uuid] * pieces)
    found = f"left({joined}, {digits})"
    return Default(f"upper({found})" if upper else found)
