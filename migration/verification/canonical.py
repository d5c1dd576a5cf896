"""Bytes that stand for what a value means: the same for a stored SQLite value and its image in PostgreSQL.

Every value begins with one byte (0: NULL, 1: a value, 2: a stored value that the target's type cannot mean).
Then:

| family      | bytes                                                                     |
|-------------|---------------------------------------------------------------------------|
| integer     | 8, big endian                                                             |
| real        | 8, IEEE 754 binary64: -0.0 and 0.0 differ                                 |
| numeric     | length (4 bytes) and decimal digits without exponent or trailing zeros    |
| text, bytea | length (4 bytes) and the bytes; text in UTF-8                             |
| boolean     | 1                                                                         |
| timestamp   | 8, microseconds since 2000-01-01 (UTC where the type has a zone)          |
| date, time  | 4, days since 2000-01-01; 8, microseconds since midnight                  |
| uuid        | 16                                                                        |
| interval    | 16, microseconds, days (4) and months (4)                                 |
| inet        | as inet_send: family, bits of the mask, 0, length, address                |
| jsonb       | length (4 bytes) and the text that PostgreSQL shows                       |

Types that only an application chooses have more families, see `canonical_types`.

This module is written against the meaning of the types, not against `values`, whose mistakes it is there to
find. Text of the source arrives as bytearray, blobs as bytes (see `source_rows`), so that the two stay apart.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from ipaddress import ip_interface
from math import copysign, isfinite, isinf
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from migration.values.jsonb_blob import jsonb_blob_text
from migration.verification.canonical_time import (
    date_meaning,
    interval_meaning,
    time_meaning,
    timestamp_meaning,
)
from migration.verification.jsonb_text import jsonb_text
from migration.verification.readings import meant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migration.schema.options import PlanOptions
    from migration.schema.target import Reading, TargetColumn
    from migration.verification.catalog import CatalogColumn

Family = Literal[
    "integer",
    "real",
    "numeric",
    "text",
    "bytea",
    "boolean",
    "timestamp",
    "timestamptz",
    "date",
    "time",
    "uuid",
    "interval",
    "inet",
    "jsonb",
    "small real",
    "padded",
    "asked",
]

NULL = b"\x00"

_FAMILIES: dict[str, Family] = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "float4": "small real",
    "float8": "real",
    "numeric": "numeric",
    "bytea": "bytea",
    "bool": "boolean",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "date": "date",
    "time": "time",
    "uuid": "uuid",
    "interval": "interval",
    "inet": "inet",
    "jsonb": "jsonb",
    "bpchar": "padded",
}
#: Several spellings of one value, of which only PostgreSQL knows all; arrays and ranges are among them.
_ASKED = {
    "cidr",
    "macaddr",
    "macaddr8",
    "timetz",
    "bit",
    "varbit",
    "money",
    "xml",
    "hstore",
    "tsvector",
}
_INTEGER = struct.Struct(">cq")
_REAL = struct.Struct(">cd")
_LENGTH = struct.Struct(">cI")
_NO_DAY = re.compile(rb"0000-00-00([ T]00:00(:00(\.0+)?)?)?Z?")
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_TRUE = frozenset({"1", "1.0", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"0", "0.0", "f", "false", "n", "no", "off"})
#: Exact for every binary64 and every int8, with room: a binary64 has at most 767 significant decimal digits.
_EXACT = Context(prec=1_200, rounding=ROUND_HALF_EVEN)


def family(column: CatalogColumn) -> Family:
    """The family of a column of the target; every type not listed above is compared by its text."""
    if column.base in _ASKED or column.base.startswith("_") or column.base.endswith("range"):
        return "asked"
    return _FAMILIES.get(column.base, "text")


Meaning: TypeAlias = "Callable[[Any], bytes]"

_NOT_MEANT = (ValueError, TypeError, OverflowError, ArithmeticError, KeyError, struct.error)


def row_encoder(
    pairs: Sequence[tuple[TargetColumn, CatalogColumn]],
    options: PlanOptions,
    special: Mapping[str, Meaning] | None = None,
) -> Callable[[Sequence[Any]], list[bytes]]:
    """The function from one row of the source to the canonical bytes of its columns.

    Args:
        pairs: each column as planned and as the target really has it. The plan contributes only what no type
            can say: the unit of numbers that are instants, the encoding of damaged text, what blanks become.
        options: the user's policies for text that PostgreSQL cannot store.
        special: by a column's name in the target, what decides instead (see `canonical_types`).
    """
    known = special or {}
    meanings = []
    for planned, actual in pairs:
        own = _own_policies(planned, options)
        # What was read by a rule is whole text in UTF-8.
        plain = replace(planned, raw_codec=None) if planned.reading is not None else planned
        meaning = known.get(actual.name) or _meaning(plain, actual, own)
        if planned.reading is not None:
            meaning = _after_reading(planned, planned.reading, own, meaning)
        meanings.append(meaning)

    def encode(row: Sequence[Any]) -> list[bytes]:
        try:
            return [
                NULL if value is None else meaning(value)
                for meaning, value in zip(meanings, row, strict=True)
            ]
        except _NOT_MEANT:
            return [_guarded(meaning, value) for meaning, value in zip(meanings, row, strict=True)]

    return encode


def _own_policies(planned: TargetColumn, options: PlanOptions) -> PlanOptions:
    """The options with the policies of this column alone."""
    nul, damaged = planned.nul or options.nul_policy, planned.utf8 or options.invalid_utf8
    return replace(options, nul_policy=nul, invalid_utf8=damaged)


def _after_reading(
    planned: TargetColumn, reading: Reading, options: PlanOptions, meaning: Meaning
) -> Meaning:
    """The meaning of what the user's rules make of a value."""
    read, codec = meant(reading), planned.raw_codec
    damaged = {None: (), "utf-8": (bytearray,)}.get(codec, (bytes, bytearray))

    def encode(value: Any) -> bytes:
        if type(value) in damaged:
            value = bytearray(_repaired(bytes(value), codec or "utf-8", options))
        made = read(value)
        return NULL if made is None else meaning(made)

    return encode


def _meaning(planned: TargetColumn, actual: CatalogColumn, options: PlanOptions) -> Meaning:
    meaning = _MEANINGS.get(family(actual), text_meaning)(planned, actual, options)
    if planned.blanks is None:
        return meaning
    # In a column of instants 0 is none, unless a library has said what its integers mean.
    dates = family(actual) in ("timestamp", "timestamptz", "date")
    zero = dates and not (planned.source.meaning or "").startswith("epoch ")

    def encode(value: Any) -> bytes:
        text = value if type(value) is bytearray else None
        blank = text is not None and (not text or (dates and _NO_DAY.fullmatch(text)))
        if blank or (zero and type(value) in (int, float) and value == 0):
            if planned.blanks == "null":
                return NULL
            raise ValueError
        return meaning(value)

    return encode


def _guarded(meaning: Meaning, value: Any) -> bytes:
    try:
        return NULL if value is None else meaning(value)
    except _NOT_MEANT:
        return b"\x02" + _sized(repr(value).encode())


def _sized(content: bytes | bytearray) -> bytes:
    return _LENGTH.pack(b"\x01", len(content)) + content


def _integer(*_: Any) -> Meaning:
    pack = _INTEGER.pack

    def encode(value: Any) -> bytes:
        if type(value) is int:
            return pack(b"\x01", value)
        if type(value) is bytearray:
            number = int(value)
            if str(number).encode() != value:
                raise ValueError
            return pack(b"\x01", number)
        if not value.is_integer():
            raise ValueError
        return pack(b"\x01", int(value))

    return encode


def _real(*_: Any) -> Meaning:
    pack = _REAL.pack

    def encode(value: Any) -> bytes:
        if type(value) is bytearray:
            value = float(plain_number(value))
        if type(value) is int and int(float(value)) != value:
            raise ValueError
        return pack(b"\x01", value)

    return encode


def _numeric(planned: TargetColumn, actual: CatalogColumn, options: PlanOptions) -> Meaning:
    del options
    limits = re.fullmatch(r"numeric\((\d+),(-?\d+)\)", actual.type)
    # A type that was planned without rounding has more digits than any value needs.
    rounds = planned.scale is not None or planned.cast is not None or planned.type != actual.type
    unit = Decimal(1).scaleb(-int(limits[2])) if limits and rounds else None

    def encode(value: Any) -> bytes:
        if type(value) is float and isinf(value):
            return _sized(b"Infinity" if copysign(1, value) > 0 else b"-Infinity")
        if type(value) not in (int, float, bytearray):
            raise TypeError
        # of a binary64 the shortest decimal that reads back as it
        exact = Decimal(plain_number(value) if type(value) is bytearray else repr(value))
        if unit is not None and type(value) is float and exact != exact.quantize(unit, context=_EXACT):
            rounded = Decimal(value).quantize(unit, context=_EXACT)
            if rounded != exact and format(float(rounded), ".15g") != format(value, ".15g"):
                raise ValueError
            exact = rounded
        return _sized(plain_digits(exact).encode())

    return encode


def plain_number(text: bytearray) -> str:
    """A number written as text."""
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return text.decode()


def plain_digits(value: Decimal) -> str:
    """A finite decimal without exponent, trailing zeros or negative zero, as trim_scale writes it."""
    text = format(value, "f") if value else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def text_meaning(planned: TargetColumn, actual: CatalogColumn, options: PlanOptions) -> Meaning:
    codec = planned.raw_codec
    json = actual.base == "json"
    pack = _LENGTH.pack
    wide = codec not in (None, "utf-8")

    def encode(value: Any) -> bytes:
        kind = type(value)
        if wide and kind is bytes:  # damaged text as it is stored
            return _sized(_repaired(value, codec or "utf-8", options))
        if wide and kind is bytearray:  # what `layout` makes of a blob
            return _sized(value)
        if kind is bytearray and codec is None and 0 not in value:
            return pack(b"\x01", len(value)) + value  # type: ignore[no-any-return]
        if kind is bytearray:
            return _sized(_repaired(bytes(value), codec or "utf-8", options))
        if kind is bytes and json:
            return _sized(jsonb_blob_text(value).encode())
        if kind is bytes:
            return _sized(b"\\x" + value.hex().encode())
        if kind is float and not isfinite(value):
            return _sized(b"Infinity" if value > 0 else b"-Infinity")
        return _sized(repr(value).encode())

    return encode


def _repaired(raw: bytes, codec: str, options: PlanOptions) -> bytes:
    """Damaged text as the user's policies say it should arrive."""
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        if options.invalid_utf8 not in ("replace", "latin-1"):
            raise
        latin = options.invalid_utf8 == "latin-1" and codec == "utf-8"
        text = raw.decode("latin-1") if latin else raw.decode(codec, "replace")
    if "\0" in text and options.nul_policy not in ("strip", "replace"):
        raise ValueError
    return text.replace("\0", "" if options.nul_policy == "strip" else "\u2400").encode()


def _bytea(*_: Any) -> Meaning:
    def encode(value: Any) -> bytes:
        if type(value) is float and isinf(value):
            return _sized(b"Infinity" if value > 0 else b"-Infinity")
        return _sized(value if type(value) in (bytes, bytearray) else repr(value).encode())

    return encode


def _boolean(*_: Any) -> Meaning:
    def encode(value: Any) -> bytes:
        word = bytes(value).decode().lower() if type(value) is bytearray else str(value)
        if word in _TRUE:
            return b"\x01\x01"
        if word in _FALSE:
            return b"\x01\x00"
        raise ValueError

    return encode


def _uuid(*_: Any) -> Meaning:
    def encode(value: Any) -> bytes:
        raw = value if type(value) is bytes else bytes.fromhex(value.decode().strip("{}").replace("-", ""))
        if len(raw) != 16:
            raise ValueError
        return b"\x01" + raw

    return encode


def _inet(*_: Any) -> Meaning:
    def encode(value: Any) -> bytes:
        address = ip_interface(value.decode())
        family_byte = 2 if address.version == 4 else 3
        packed = address.packed
        return b"\x01" + bytes((family_byte, address.network.prefixlen, 0, len(packed))) + packed

    return encode


def _jsonb(planned: TargetColumn, actual: CatalogColumn, options: PlanOptions) -> Meaning:
    del actual
    damaged = planned.raw_codec not in (None, "utf-8")  # its texts come as bytes
    nul = {"strip": "", "replace": "\u2400"}.get(options.nul_policy)

    def encode(value: Any) -> bytes:
        if type(value) is bytes:
            text = value.decode(planned.raw_codec or "utf-8") if damaged else jsonb_blob_text(value)
        else:
            text = value.decode() if type(value) is bytearray else repr(value)
        return _sized(jsonb_text(text, nul).encode())

    return encode


_MEANINGS: dict[Family, Callable[[TargetColumn, CatalogColumn, PlanOptions], Meaning]] = {
    "integer": _integer,
    "real": _real,
    "numeric": _numeric,
    "text": text_meaning,
    "bytea": _bytea,
    "boolean": _boolean,
    "timestamp": timestamp_meaning,
    "timestamptz": timestamp_meaning,
    "date": date_meaning,
    "time": time_meaning,
    "uuid": _uuid,
    "interval": interval_meaning,
    "inet": _inet,
    "jsonb": _jsonb,
}
