r"""Writes rows in COPY's text format (postgresql.org/docs/current/sql-copy.html, "Text Format").

Tabs stand between the values, \N for NULL, backslashes before what would be mistaken; one line a row, in
UTF-8.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from migration.schema.target import Conversion
from migration.values.convert import converter, integer_range
from migration.values.decimal_real import CERTAIN_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetColumn, TargetTable

NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
#: What needs escaping, and U+0000, which needs the converter's policy.
_special = re.compile(r"[\\\t\n\r\0]").search
#: With more digits behind the second than PostgreSQL keeps, a text is not ordinary.
_LONGEST = len("2024-01-02 03:04:05.678901")


def copy_line(values: Iterable[object]) -> bytes:
    """One row of converted values (see `convert.converter`) as a line, with its line feed.

    Raises:
        TypeError: a value of a type that no converter returns.
    """
    return ("\t".join([copy_field(value) for value in values]) + "\n").encode()


def copy_field(value: object) -> str:
    """One converted value, escaped."""
    if value is None:
        return NULL
    try:
        return _WRITERS[type(value)](value)
    except KeyError:
        raise TypeError(f"no COPY text for {type(value).__name__}") from None


def row_encoder(table: TargetTable, options: PlanOptions | None = None) -> Callable[[Sequence[Any]], bytes]:
    """The function that turns one row, read with `convert.select_list(table)`, into its line of COPY text.

    It writes what `copy_line` writes for the converted values, except that ordinary dates and times keep the
    spelling they are stored in, which PostgreSQL reads as the same value. It raises `convert.Unstorable` for
    a value that the plan did not foresee.
    """
    encoders = [_field_encoder(column, options) for column in table.copied]

    def encode(row: Sequence[Any]) -> bytes:
        return ("\t".join([field(value) for field, value in zip(encoders, row, strict=True)]) + "\n").encode()

    return encode


def _field_encoder(column: TargetColumn, options: PlanOptions | None) -> Callable[[Any], str]:
    """Encodes one stored value: ordinary ones by the shortest way, all others through the converter."""
    convert = converter(column, options)

    def exact(value: Any) -> str:
        return NULL if value is None else copy_field(convert(value))

    if column.reading is not None:
        return exact
    match column.conversion:
        case Conversion.INTEGER:
            low, high = integer_range(column.type)
            return _integer(low, high, exact)
        case Conversion.REAL:
            # repr is the shortest text that reads back as the same double; PostgreSQL reads inf as Infinity.
            return lambda value: repr(value) if value.__class__ is float else exact(value)
        case Conversion.NUMERIC if column.scale is not None and column.scale < CERTAIN_DIGITS:
            return _decimal(column.scale, exact)
        case Conversion.TEXT | Conversion.ANY_AS_TEXT if column.raw_codec is None:
            return lambda value: value if value.__class__ is str and not _special(value) else exact(value)
        case Conversion.BOOLEAN:
            known = {0: "f", 1: "t", None: NULL}
            return lambda value: known.get(value) or exact(value)
        case Conversion.BYTES if column.raw_codec is None:
            return lambda value: "\\\\x" + value.hex() if value.__class__ is bytes else exact(value)
        case Conversion.TIMESTAMP:
            return _timestamp(exact)
        case _:
            return exact


def _integer(low: int, high: int, exact: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: str(value) if value.__class__ is int and low <= value <= high else exact(value)


def _decimal(scale: int, exact: Callable[[Any], str]) -> Callable[[Any], str]:
    """Reals whose digits, with these behind the point, are all certain need no more than a look back."""
    form, limit = f"%.{scale}f", 10.0 ** (CERTAIN_DIGITS - scale)

    def encode(value: Any) -> str:
        if value.__class__ is float and -limit < value < limit:
            text = form % value
            if float(text) == value:
                return text
        return exact(value)

    return encode


def _timestamp(exact: Callable[[Any], str]) -> Callable[[Any], str]:
    """ISO texts without a zone keep their spelling; everything else goes through the converter."""
    parse = datetime.fromisoformat

    def encode(value: Any) -> str:
        try:
            if value[10] in " T" and len(value) <= _LONGEST and parse(value).tzinfo is None:
                return str(value)
        except (TypeError, ValueError, IndexError):
            pass
        return exact(value)

    return encode


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: lambda value: value.translate(_ESCAPES),
    int: str,
    float: repr,
    bool: lambda value: "t" if value else "f",
    bytes: lambda value: "\\\\x" + value.hex(),
    Decimal: str,
    datetime: lambda value: value.isoformat(" "),
    date: lambda value: value.isoformat(),
    time: lambda value: value.isoformat(),
    UUID: str,
}
