"""Writes converted values in COPY's binary format.

A row is the number of its fields (2 bytes), then each field: its length (4 bytes, -1 for NULL) and the bytes
that the type's receive function takes. All numbers are big endian. The format is described under "Binary
Format" in postgresql.org/docs/current/sql-copy.html.
"""

from __future__ import annotations

import math
import re
import struct
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migration.schema.target import TargetColumn

#: The signature, no flags, no header extension.
HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TAIL = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.date().toordinal()
_DIGITS = 4
_NEGATIVE, _POSITIVE_INFINITY, _NEGATIVE_INFINITY, _NOT_A_NUMBER = 0x4000, 0xD000, 0xF000, 0xC000
_MODIFIER = re.compile(r"\([^)]*\)")


def base_type(type_name: str) -> str:
    """A type without its modifier: timestamp(3) without time zone -> timestamp without time zone.

    The only types of our own are enumerations, whose values are sent as text.
    """
    if type_name.startswith('"'):
        return "text"
    return " ".join(_MODIFIER.sub("", type_name).split())


def received_type(column: TargetColumn) -> str:
    """The type whose receive function has the form of the column's: enumerations and citext receive text."""
    return "text" if column.labels or column.folding == "citext" else base_type(column.type)


def has_binary_form(column: TargetColumn) -> bool:
    """Whether values of this column can be written here; all others go as text."""
    return received_type(column) in _ENCODERS


def field_encoder(column: TargetColumn) -> Callable[[Any], bytes]:
    """The function from a converted value (see `convert.converter`), or None, to its field.

    Args:
        column: one that `has_binary_form`.
    """
    encode = _ENCODERS[received_type(column)]

    def field(value: Any) -> bytes:
        if value is None:
            return NULL
        content = encode(value)
        return struct.pack(">i", len(content)) + content

    return field


def row(fields: Sequence[bytes]) -> bytes:
    """A row of encoded fields."""
    return struct.pack(">h", len(fields)) + b"".join(fields)


def _text(value: str) -> bytes:
    return value.encode()


def _moment(value: datetime) -> bytes:
    """Microseconds since 2000-01-01, by the value's own clock where it has no zone."""
    since = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH
    return struct.pack(">q", (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _day(value: date) -> bytes:
    return struct.pack(">i", value.toordinal() - _EPOCH_DAY)


def _clock(value: time) -> bytes:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return struct.pack(">q", seconds * 1_000_000 + value.microsecond)


def _numeric(value: Decimal | int) -> bytes:
    """Groups of four digits, the weight of the first group, the sign, the digits behind the point."""
    number = Decimal(value)
    if not number.is_finite():
        kind = _NOT_A_NUMBER if number.is_nan() else _POSITIVE_INFINITY if number > 0 else _NEGATIVE_INFINITY
        return struct.pack(">hhHh", 0, 0, kind, 0)
    text = format(abs(number), "f")
    whole, _, fraction = text.partition(".")
    whole = whole.rjust(math.ceil(len(whole) / _DIGITS) * _DIGITS, "0")
    padded = fraction.ljust(math.ceil(len(fraction) / _DIGITS) * _DIGITS, "0")
    digits = whole + padded
    groups = [int(digits[at : at + _DIGITS]) for at in range(0, len(digits), _DIGITS)]
    weight = len(whole) // _DIGITS - 1
    while groups and groups[0] == 0:
        del groups[0]
        weight -= 1
    while groups and groups[-1] == 0:
        del groups[-1]
    sign = _NEGATIVE if number < 0 else 0
    head = struct.pack(">hhHh", len(groups), weight if groups else 0, sign, len(fraction))
    return head + struct.pack(f">{len(groups)}h", *groups)


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "smallint": struct.Struct(">h").pack,
    "integer": struct.Struct(">i").pack,
    "bigint": struct.Struct(">q").pack,
    "double precision": struct.Struct(">d").pack,
    "real": struct.Struct(">f").pack,
    "numeric": _numeric,
    "text": _text,
    "character varying": _text,
    "character": _text,
    "json": _text,
    "jsonb": lambda value: b"\x01" + value.encode(),
    "bytea": bytes,
    "boolean": lambda value: b"\x01" if value else b"\x00",
    "timestamp without time zone": _moment,
    "timestamp with time zone": _moment,
    "date": _day,
    "time without time zone": _clock,
    "uuid": lambda value: UUID(str(value)).bytes,
}
