"""Translates DEFAULT clauses. What SQLite accepts: sqlite.org/lang_createtable.html, "The DEFAULT clause"."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from uuid import UUID

from migration.schema import expression as sqlite
from migration.schema.clocks import read_clock, squeezed, write_clock
from migration.schema.ddl import quote_literal
from migration.schema.expression_parser import parse_expression
from migration.schema.scope import Scope
from migration.schema.tokens import BadSqlError, Kind, Token, tokenize
from migration.schema.translate import translate
from migration.schema.typed import NUMBERS, UntranslatableError, kind_of
from migration.schema.typed import text as as_text
from migration.values.observers import BOOLEAN_TEXTS, is_inet, is_json
from migration.values.temporal import parse_datetime, parse_time

if TYPE_CHECKING:
    from migration.schema.decision import Level


@dataclass(frozen=True)
class Default:
    """A translated default; without SQL the column has none, and the note, if there is one, says why."""

    sql: str | None
    note: str | None = None
    level: Level = "left"


def constant_length(expression: str) -> int:
    """How many characters a constant default has as a text; 0 where it is none.

    PostgreSQL would take a column whose default is too long for it, and then no row that leaves it out.
    """
    try:
        parsed = parse_expression(expression)
    except BadSqlError:
        return 0
    constant = isinstance(parsed, sqlite.Literal) and parsed.kind in {"text", "integer", "real"}
    return len(parsed.text) if isinstance(parsed, sqlite.Literal) and constant else 0


def translate_default(
    text: str, target: str, *, session_clock: bool = False, quotes_numbers: bool = False
) -> Default:
    """Translate a default to a column of a PostgreSQL type.

    Args:
        text: the expression as SQLite declares it, with or without parentheses around it.
        target: the column's PostgreSQL type.
        quotes_numbers: whether a number is written as a text.
        session_clock: whether the current time without a zone is now(), in the session's zone, and not UTC.
    """
    try:
        tokens = _unwrapped(tokenize(text))
    except BadSqlError as error:
        return _left(text, error.why)
    kind = kind_of(target)
    clock = read_clock(tokens)
    if clock is not None:
        return _clock(clock, kind, text, session_clock=session_clock)
    literal = _literal(_json_text(tokens) if kind == "json" else tokens)
    if literal is not None:
        default = _typed(literal, kind, target, text)
        if quotes_numbers and default.sql is not None and kind in (*NUMBERS, "integer"):
            return replace(default, sql=_quoted_number(default.sql, kind))
        return default
    return _expression(tokens, kind, text)


#: So many decimal digits are the same in a double (IEEE 754).
_EXACT_DIGITS = 15


def _quoted_number(number: str, kind: str) -> str:
    """A number as a quoted text that stays one in the catalog.

    PostgreSQL shows a numeric constant without quotes; one of another type keeps them, and is cast unseen.
    """
    quoted = quote_literal(number)
    fraction = kind == "number" and not number.startswith("-") and not number.isdecimal()
    return f"{quoted}::float8" if fraction and len(number) <= _EXACT_DIGITS else quoted


def _left(text: str, why: str) -> Default:
    return Default(None, f"the default {text} was left out: {why}")


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """Without the parentheses around the whole."""
    while len(tokens) > 1 and tokens[0].is_operator("(") and _partner(tokens) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def _partner(tokens: list[Token]) -> int:
    """Where the parenthesis that the tokens begin with is closed."""
    depth = 0
    for position, token in enumerate(tokens):
        depth += token.is_operator("(") - token.is_operator(")")
        if depth == 0:
            return position
    return -1


def _clock(clock: str, kind: str, text: str, *, session_clock: bool) -> Default:
    sql = write_clock(clock, kind, session_clock=session_clock)
    if sql is None:
        return _left(text, f"it does not give a {kind}")
    if clock.startswith("local "):
        note = f"the default {text} follows the time zone of the PostgreSQL session, not the application's"
        return Default(sql, note, "changed")
    return Default(sql)


@dataclass(frozen=True)
class _Literal:
    """A constant: null, integer, real, text or blob. Its text has no quotes; a number's has its sign."""

    kind: str
    text: str


def _literal(tokens: list[Token]) -> _Literal | None:
    sign = ""
    while len(tokens) > 1 and (tokens[0].is_operator("-") or tokens[0].is_operator("+")):
        if tokens[0].value == "-":
            sign = "" if sign else "-"
        tokens = _unwrapped(tokens[1:])
    if len(tokens) != 1:
        return None
    token = tokens[0]
    if token.kind is Kind.NUMBER:
        return _number(sign, token.value)
    if sign:
        return None
    match token.kind:
        case Kind.STRING | Kind.NAME:  # a quoted name where no column can be meant is a text
            return _Literal("text", token.value)
        case Kind.BLOB:
            return _Literal("blob", token.value.lower())
        case Kind.WORD:
            words = {
                "null": _Literal("null", ""),
                "true": _Literal("integer", "1"),
                "false": _Literal("integer", "0"),
            }
            return words.get(token.value.lower(), _Literal("text", token.value))
        case _:
            return None


def _json_text(tokens: list[Token]) -> list[Token]:
    """The text that json() or jsonb() is called with, which PostgreSQL reads by itself."""
    match tokens:
        case [function, _, Token(kind=Kind.STRING) as text, _] if function.is_word("JSON", "JSONB"):
            return [text]
        case _:
            return tokens


def _number(sign: str, text: str) -> _Literal:
    plain = text.replace("_", "")
    if plain.lower().startswith("0x") or plain.isdecimal():
        return _Literal("integer", f"{sign}{int(plain, 0) if not plain.isdecimal() else int(plain)}")
    return _Literal("real", repr(float(sign + plain)))


def _typed(literal: _Literal, kind: str, target: str, text: str) -> Default:
    """A constant as the column's type; left out if that type cannot hold it."""
    if literal.kind == "null":
        return Default(None)
    try:
        sql = _constant(literal, kind, target)
    except (InvalidOperation, ValueError, KeyError):
        return _left(text, f"{target} cannot hold it")
    return Default(sql)


def _constant(literal: _Literal, kind: str, target: str) -> str:
    plain = literal.text
    if literal.kind == "blob" and kind not in ("bytes", "text"):
        raise ValueError
    match kind:
        case "boolean":
            return "true" if BOOLEAN_TEXTS[plain.lower()] else "false"
        case "integer":
            number = Decimal(plain)
            if number != number.to_integral_value() or abs(number) >= 2**63:
                raise ValueError
            return str(int(number))
        case "number" | "real":
            return str(Decimal(plain))
        case "text":
            return quote_literal(f"\\x{plain}" if literal.kind == "blob" else plain)
        case "bytes":
            return f"'\\x{plain if literal.kind == 'blob' else plain.encode().hex()}'::bytea"
        case "timestamp" | "timestamptz" | "date":
            parse_datetime(plain)
        case "time":
            parse_time(plain)
        case "uuid":
            UUID(plain)
        case "other":
            if literal.kind != "text" or target == "interval" or (target == "inet" and not is_inet(plain)):
                raise ValueError
        case _ if not is_json(plain):
            raise ValueError
    return f"{quote_literal(plain)}::{target}"


# Other expressions

_RANDOM_HEX = re.compile(r"(?:(lower|upper)\()?hex\(randomblob\((\d+)\)\)(\))?")
#: The digits of a random UUID without the 13th and 17th, which are fixed: 30 random hexadecimal digits.
_DIGITS = "replace(gen_random_uuid()::text, '-', '')"
_RANDOM_DIGITS = f"overlay(overlay({_DIGITS} placing '' from 17 for 1) placing '' from 13 for 1)"
_DIGITS_EACH = 30
_MOST_DIGITS = 10 * _DIGITS_EACH


def _expression(tokens: list[Token], kind: str, text: str) -> Default:
    words = squeezed(tokens)
    if words == "random()" and kind in NUMBERS:
        return Default(f"('x' || left({_RANDOM_DIGITS}, 16))::bit(64)::bigint")
    match = _RANDOM_HEX.fullmatch(words)
    if match and kind == "text" and bool(match.group(1)) == bool(match.group(3)):
        drawn = random_hex(2 * int(match.group(2)), upper=match.group(1) != "lower")
        if drawn is None:
            return _left(text, "so many random digits would need the extension pgcrypto")
        return Default(drawn)
    if words in ("json_array()", "json_object()") and kind in ("text", "json"):
        return Default("'[]'" if words == "json_array()" else "'{}'")
    try:
        constant = translate(text, Scope({}))
    except UntranslatableError as error:
        return _left(text, str(error))
    if kind == "text" and constant.kind == "integer":
        return Default(as_text(constant))
    number = constant.kind in NUMBERS and kind in ("number", "real")
    if constant.kind != kind and not number:
        return _left(text, f"it gives {constant.kind}, not {kind}")
    return Default(constant.operand)


def random_hex(digits: int, *, upper: bool) -> str | None:
    """Random hexadecimal digits without an extension, drawn from as many UUIDs as it takes.

    None where that would be too many.
    """
    if not 0 < digits <= _MOST_DIGITS:
        return None
    drawn = " || ".join([_RANDOM_DIGITS] * -(-digits // _DIGITS_EACH))
    found = f"left({drawn}, {digits})"
    return f"upper({found})" if upper else found
