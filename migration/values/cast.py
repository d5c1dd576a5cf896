"""Turns stored SQLite values into values of a type that the application has chosen: exact, or refused.

Beside `convert`, whose types follow from the stored values, stand here the types that a target may have
anyway. Each function takes what the type means in any usual spelling and refuses what would lose something.
Types that are not listed get the text, and PostgreSQL's own input function decides.
"""

from __future__ import annotations

import json
import math
import re
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from migration.values.decimal_real import decimal_of_real
from migration.values.epoch import from_epoch
from migration.values.jsonb_blob import jsonb_blob_text
from migration.values.observers import BOOLEAN_TEXTS, is_json
from migration.values.temporal import TO_SHAPE, classify, parse_datetime, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.schema.options import PlanOptions
    from migration.schema.target import PostgresType
    from migration.values.epoch import EpochUnit

    Convert = Callable[[Any], Any]

#: What PostgreSQL's boolean understands, apart from prefixes of these.
TRUTHS = {**BOOLEAN_TEXTS, "yes": True, "y": True, "on": True, "no": False, "n": False, "off": False}
_INTEGER_BITS = {"int2": 15, "int4": 31, "int8": 63}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
#: An escaped U+0000 in JSON text, after an even number of backslashes.
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
#: Types whose array may be written as a list with commas between, as TypeORM's simple-array is.
_TEXTS = ("text", "varchar", "bpchar", "citext", "name")
_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # compared with clocks without a zone


def caster(
    kind: PostgresType, clean: Callable[[Any], str], epoch: EpochUnit | None, options: PlanOptions
) -> Convert:
    """The function that makes a value of `kind` from a stored value that is not NULL.

    Args:
        kind: the type.
        clean: makes text of a text or of its bytes, by the user's policies.
        epoch: the unit of integers that are instants or, for an interval, lengths of time.
        options: the user's policies.

    The function raises ValueError, TypeError, KeyError or an arithmetic error for what the type cannot hold.
    """
    if kind.element is not None:
        return _array(kind.element, clean, epoch, options)
    if kind.labels:
        return _enum(kind, clean)
    if kind.name in _INTEGER_BITS:
        return _integer(_INTEGER_BITS[kind.name], clean)
    match kind.name:
        case "numeric":
            return _numeric(kind.modifier, clean)
        case "float8":
            return _real(clean)
        case "float4":
            return _small_real(clean)
        case "bool":
            return _boolean(clean)
        case "text" | "varchar" | "bpchar" | "citext" | "name":
            return _text(kind, clean)
        case "bytea":
            return _bytes
        case "uuid":
            return lambda value: UUID(bytes=value) if type(value) is bytes else UUID(clean(_text_only(value)))
        case "json" | "jsonb":
            return _json(clean, options, strict=kind.name == "jsonb")
        case "timestamp" | "timestamptz":
            return _instant(kind, clean, epoch)
        case "date":
            return _date(clean, epoch)
        case "time":
            return _time(kind.modifier, clean)
        case "interval":
            return _interval(clean, epoch)
        case "bit":
            return _bits(kind.modifier, clean)
        case _:
            return lambda value: _plain(value, clean)


def _text_only(value: Any) -> Any:
    if type(value) not in (str, bytes):
        raise TypeError
    return value


def _plain(value: Any, clean: Callable[[Any], str]) -> str:
    """Numbers in their shortest exact form, texts as they are; bytes are no text of any type."""
    if type(value) is float:
        return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if type(value) is int:
        return str(value)
    if type(value) is bytes:
        raise TypeError
    return clean(value)


def _integer(bits: int, clean: Callable[[Any], str]) -> Convert:
    def convert(value: Any) -> int:
        if type(value) is float and value.is_integer() and abs(value) <= 2**53:
            value = int(value)
        if type(value) is str:
            number = int(clean(value))
            if str(number) != value:  # leading zeros or blanks would be lost
                raise ValueError
            value = number
        if type(value) is int and -(2**bits) <= value < 2**bits:
            return value
        raise ValueError

    return convert


def numeric_limits(modifier: int) -> tuple[int, int] | None:
    """Precision and scale of numeric(p,s), as the type modifier has them; None where there are none."""
    if modifier < 4:
        return None
    scale = (modifier - 4) & 0x7FF
    return (modifier - 4) >> 16, scale - 0x800 if scale >= 0x400 else scale


def _numeric(modifier: int, clean: Callable[[Any], str]) -> Convert:
    limits = numeric_limits(modifier)

    def convert(value: Any) -> Decimal:
        if type(value) is float and math.isinf(value) and limits is None:
            return Decimal(repr(value))
        if type(value) is float:
            number = decimal_of_real(value, None if limits is None else limits[1])
        elif type(value) is str:
            if not _NUMBER.fullmatch(clean(value)):
                raise ValueError
            number = Decimal(value)
        elif type(value) is int:
            number = Decimal(value)
        else:
            raise TypeError
        if limits is not None and number:
            precision, scale = limits
            if abs(number) >= Decimal(10) ** (precision - scale) or number != round(number, scale):
                raise ValueError
        return number

    return convert


def _real(clean: Callable[[Any], str]) -> Convert:
    def convert(value: Any) -> float:
        if type(value) is float:
            return value
        if type(value) is str and _NUMBER.fullmatch(clean(value)):
            number = float(value)
            if not math.isfinite(number) or Decimal(repr(number)) != Decimal(value):
                raise ValueError
            return number
        if type(value) is int and int(float(value)) == value:
            return float(value)
        raise ValueError

    return convert


def shortest_small(value: float) -> float:
    """The double whose shortest decimal is that of the nearest 4-byte real: what a client reads of one.

    Raises:
        OverflowError: beyond the range of 4 bytes.
    """
    nearest = struct.unpack(">f", struct.pack(">f", value))[0]
    for digits in range(1, 10):
        text = f"{nearest:.{digits}g}"
        if struct.unpack(">f", struct.pack(">f", float(text)))[0] == nearest:
            return float(text)
    return float(nearest)


def _small_real(clean: Callable[[Any], str]) -> Convert:
    """A real that PostgreSQL shows and sends as the same decimal, although it stores 4 bytes of it."""
    real = _real(clean)

    def convert(value: Any) -> float:
        number: float = real(value)
        if math.isfinite(number) and shortest_small(number) != number:
            raise ValueError
        return number

    return convert


def _boolean(clean: Callable[[Any], str]) -> Convert:
    known: dict[Any, bool] = {0: False, 1: True}
    return lambda value: TRUTHS[clean(value).lower()] if type(value) is str else known[value]


def _text(kind: PostgresType, clean: Callable[[Any], str]) -> Convert:
    """Beyond its length PostgreSQL would cut blanks from a varchar without a word; char(n) ignores them."""
    most = kind.modifier - 4 if kind.name in ("varchar", "bpchar") and kind.modifier >= 4 else None
    padded = kind.name == "bpchar"

    def convert(value: Any) -> str:
        if type(value) is float:
            text = repr(value)
        elif type(value) is int:
            text = str(value)
        elif type(value) is bytes:
            text = "\\x" + value.hex()
        else:
            text = clean(value)
        if most is not None and len(text.rstrip(" ") if padded else text) > most:
            raise ValueError
        return text

    return convert


def _bytes(value: Any) -> bytes:
    if type(value) is str:
        return value.encode()
    if type(value) is not bytes:
        raise TypeError
    return value


def _json(clean: Callable[[Any], str], options: PlanOptions, *, strict: bool) -> Convert:
    r"""Valid JSON, as text or in SQLite's binary form.

    jsonb has no \u0000, which the policy for U+0000 settles, and no half surrogates.
    """
    mark = {"strip": r"\1", "replace": "\\1\u2400"}.get(options.nul_policy)

    def convert(value: Any) -> str:
        if type(value) is bytes:
            text = jsonb_blob_text(value)
        else:
            text = clean(value) if type(value) is str else _plain(value, clean)
        if not is_json(text):
            raise ValueError
        if strict and "\\u" in text:
            if _ESCAPED_NUL.search(text):
                if mark is None:
                    raise ValueError
                text = _ESCAPED_NUL.sub(mark, text)
            json.dumps(json.loads(text), ensure_ascii=False).encode()  # refuses surrogates
        return text

    return convert


def _whole(moment: datetime | time, modifier: int) -> None:
    """Refuse digits behind the second that a type with fewer of them would round away."""
    if 0 <= modifier < 6 and moment.microsecond % 10 ** (6 - modifier):
        raise ValueError


def _instant(kind: PostgresType, clean: Callable[[Any], str], epoch: EpochUnit | None) -> Convert:
    zoned = kind.name == "timestamptz"

    def convert(value: Any) -> datetime:
        if type(value) in (int, float) and epoch is not None:
            moment = from_epoch(value, epoch)
        else:
            moment = parse_datetime(clean(_text_only(value)))
        if moment.tzinfo is not None:  # a clock without a zone is UTC's, as everywhere here
            moment = moment.astimezone(UTC)
        _whole(moment, kind.modifier)
        return moment.replace(tzinfo=UTC if zoned else None)

    return convert


def _date(clean: Callable[[Any], str], epoch: EpochUnit | None) -> Convert:
    def convert(value: Any) -> date:
        if type(value) in (int, float) and epoch is not None:
            moment = from_epoch(value, epoch)
        else:
            moment = parse_datetime(clean(_text_only(value)))
        if moment.time() != time():
            raise ValueError
        return moment.date()

    return convert


def _time(modifier: int, clean: Callable[[Any], str]) -> Convert:
    """A clock, alone or on 2000-01-01, the day that Rails gives to times."""

    def convert(value: Any) -> time:
        text = clean(_text_only(value))
        if text.startswith("2000-01-01"):
            moment = parse_datetime(text)
            if moment.utcoffset():
                raise ValueError
            clock = moment.time()
        else:
            clock = parse_time(text)
        _whole(clock, modifier)
        return clock

    return convert


def _interval(clean: Callable[[Any], str], epoch: EpochUnit | None) -> Convert:
    """Integers in the known unit, as days and what is left of a day; texts as PostgreSQL reads them.

    A date and time is the length of time since 1970, as SQLAlchemy stores an Interval.
    """
    factor = {"s": 1_000_000, "ms": 1_000, "us": 1}.get(epoch or "")

    def convert(value: Any) -> str:
        if type(value) is int:
            if factor is None:
                raise ValueError
            return _length(value * factor)
        text = clean(_text_only(value))
        if classify(text.translate(TO_SHAPE)) == "datetime":
            return _length((parse_datetime(text) - _EPOCH) // timedelta(microseconds=1))
        if not text.strip() or _NUMBER.fullmatch(text):  # PostgreSQL would take bare numbers for seconds
            raise ValueError
        return text

    return convert


def _length(microseconds: int) -> str:
    days, rest = divmod(microseconds, _DAY_US)
    return f"{days} days {rest} microseconds"


def _bits(length: int, clean: Callable[[Any], str]) -> Convert:
    """Binary digits; an integer has lost the zeros in front, which the length gives back."""

    def convert(value: Any) -> str:
        text = str(value).zfill(max(length, 1)) if type(value) is int else clean(_text_only(value))
        if length > 0 and len(text) != length:
            raise ValueError
        return text

    return convert


def _enum(kind: PostgresType, clean: Callable[[Any], str]) -> Convert:
    labels = frozenset(kind.labels)

    def convert(value: Any) -> str:
        text = _plain(value, clean)
        if text not in labels:
            raise ValueError
        return text

    return convert


def _array(
    element: PostgresType, clean: Callable[[Any], str], epoch: EpochUnit | None, options: PlanOptions
) -> Convert:
    """From a JSON list, from PostgreSQL's own form, or for texts from a list with commas between."""
    convert = caster(element, clean, epoch, options)
    textual = element.name in _TEXTS

    def written(item: Any) -> str:
        if item is None:
            return "NULL"
        if isinstance(item, list):
            return "{" + ",".join(map(written, item)) + "}"
        if isinstance(item, dict):
            item = json.dumps(item, ensure_ascii=False)
        if isinstance(item, bool):
            item = str(item).lower() if textual else int(item)
        made = convert(item)
        text = "\\x" + made.hex() if isinstance(made, bytes) else str(made)
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def array(value: Any) -> str:
        text = clean(_text_only(value))
        if text.startswith("["):
            items = json.loads(text)
        elif text.startswith("{"):
            return text
        elif textual:
            items = text.split(",") if text else []
        else:
            raise ValueError
        return written(items)

    return array
