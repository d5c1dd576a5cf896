"""Turns stored SQLite values into the Python values that PostgreSQL receives: exact, or refused.

`select_list` and `converter` belong together: a converter takes what the select list reads.
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from migration.errors import MigrationError
from migration.schema.declared import WHOLE, type_of
from migration.schema.options import PlanOptions
from migration.schema.target import Conversion
from migration.schema.tokens import quoted
from migration.values.blank import blank_of
from migration.values.cast import caster
from migration.values.convert_time import (
    date_conversion,
    time_conversion,
    timestamp_conversion,
    timestamptz_conversion,
)
from migration.values.decimal_real import EXACT, decimal_of_real
from migration.values.jsonb_blob import jsonb_blob_text
from migration.values.observers import BOOLEAN_TEXTS, BOOLEAN_WORDS, is_json
from migration.values.reading import read_with
from migration.values.uuid_observers import is_uuid

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.schema.target import Reading, TargetColumn, TargetTable


class Unstorable(MigrationError):  # says what the value is; every caller knows it by this name
    """A stored value that the target's type cannot hold."""

    def __init__(self, column: str, value: object, wanted: str) -> None:
        super().__init__(
            f"the value {_shown(value)} of column {column} cannot be stored as {wanted}",
            why="it was not in the file when the plan was made",
            next_step="outgrow migrate inspect SRC, then run again with the new plan",
        )
        self.column = column
        self.value = value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def select_list(table: TargetTable) -> str:
    r"""The SELECT list that reads the copied columns of a table, in their order, as `converter` takes them.

    The connection's text factory must be str. Columns with texts that are not valid in the file's encoding
    are read as bytes; in them a blob comes as text of the form \x0123, so that the two stay apart.
    """
    return ", ".join(_selected(column) for column in table.copied)


def _selected(column: TargetColumn) -> str:
    name = quoted(column.source.name)
    if column.raw_codec is None:
        return name
    # Blobs of a bytea column need no mark: their bytes and a text's bytes go the same way.
    blob = name if column.conversion is Conversion.BYTES else f"'\\x' || lower(hex({name}))"
    return (
        f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) WHEN 'blob' THEN {blob} ELSE {name} END"
    )


def converter(column: TargetColumn, options: PlanOptions | None = None) -> Callable[[Any], Any]:
    """The function that turns one stored value of this column into what PostgreSQL receives; None stays None.

    It returns int, float, Decimal, str, bytes, bool, datetime, date, time or UUID, by the column's
    conversion, and raises `Unstorable` for a value that the plan did not foresee.
    """
    chosen = options_of(column, options or PlanOptions())
    convert = _CONVERSIONS[column.conversion](column, chosen)
    if column.reading is not None:
        convert = _reading(column, column.reading, chosen, convert)
    elif column.raw_codec is not None and column.conversion not in _OF_RAW_TEXT:
        convert = _from_raw(column.raw_codec, convert)
    blank = blank_of(column) if column.blanks is not None else None

    def converted(value: Any) -> Any:
        if value is None:
            return None
        try:
            if blank is not None and blank(value):
                return _without_value(column)
            return convert(value)
        except (ValueError, OverflowError, TypeError, KeyError, ArithmeticError):
            raise Unstorable(column.source.name, value, column.type) from None

    return converted


def options_of(column: TargetColumn, options: PlanOptions) -> PlanOptions:
    """The options with this column's own policies."""
    if column.nul is None and column.utf8 is None:
        return options
    return replace(
        options,
        nul_policy=column.nul or options.nul_policy,
        invalid_utf8=column.utf8 or options.invalid_utf8,
    )


def _reading(
    column: TargetColumn, reading: Reading, options: PlanOptions, convert: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """Reads a value as the user's rules say, and converts what comes of it."""
    read, clean = read_with(reading), _cleaner(column, options)
    raw = column.raw_codec is not None

    def converted(value: Any) -> Any:
        made = read(clean(value) if raw and type(value) is bytes else value)
        return None if made is None else convert(made)

    return converted


def _without_value(column: TargetColumn) -> None:
    """NULL for a blank value, where the plan says so."""
    if column.blanks != "null":
        raise ValueError


def _from_raw(codec: str, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Takes values of a column with damaged text, whose texts come as bytes and blobs as hexadecimal text."""

    def converted(value: Any) -> Any:
        if type(value) is bytes:
            return convert(value.decode(codec))
        return convert(bytes.fromhex(value.removeprefix("\\x")) if type(value) is str else value)

    return converted


def integer_range(type_name: str) -> tuple[int, int]:
    """The least and the greatest integer of a PostgreSQL type."""
    bits = {"smallint": 15, "integer": 31}.get(type_name, 63)
    return -(2**bits), 2**bits - 1


def _integer(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    del options
    low, high = integer_range(column.type)

    def convert(value: Any) -> int:
        if type(value) is str:  # in a column that refers to integers
            number = int(value)
            if str(number) != value:
                raise ValueError
            value = number
        if type(value) is int and low <= value <= high:
            return value
        raise ValueError

    return convert


def _real(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    del column, options

    def convert(value: Any) -> float:
        if type(value) is float:
            return value
        if type(value) is int and int(float(value)) == value:
            return float(value)
        raise ValueError

    return convert


def _numeric(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    del options
    scale = column.scale

    def convert(value: Any) -> Decimal:
        if type(value) is int:
            return (
                Decimal(value)
                if not scale
                else Decimal(value).quantize(Decimal(1).scaleb(-scale), context=EXACT)
            )
        if type(value) is not float:
            raise TypeError
        return decimal_of_real(value, scale)

    return convert


def _text(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    clean = _cleaner(column, options)
    # Where texts are read as bytes, a str is the image of a blob, which is no text.
    wanted = bytes if column.raw_codec else str

    def convert(value: Any) -> str:
        if type(value) is wanted:
            return clean(value)
        raise TypeError

    return convert


def _any_as_text(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    r"""Numbers in their shortest exact form; blobs as \x and hexadecimal digits, as bytea is written."""
    clean = _cleaner(column, options)
    raw = column.raw_codec is not None

    def convert(value: Any) -> str:
        if type(value) in (int, float):
            return number_text(value)
        if type(value) is bytes and not raw:
            return "\\x" + value.hex()
        return clean(value)

    return convert


def number_text(value: float) -> str:
    """A number's shortest exact text, as PostgreSQL would read it."""
    return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value) or repr(value)


def _cleaner(column: TargetColumn, options: PlanOptions) -> Callable[[Any], str]:
    """Applies the policies for what PostgreSQL cannot store in text."""
    codec = column.raw_codec or "utf-8"
    policy = options.invalid_utf8

    def decode(value: bytes) -> str:
        try:
            return value.decode(codec)
        except UnicodeDecodeError:
            if policy not in ("replace", "latin-1"):
                raise
            latin = policy == "latin-1" and codec == "utf-8"
            return value.decode("latin-1") if latin else value.decode(codec, "replace")

    def clean(value: Any) -> str:
        text = decode(value) if type(value) is bytes else str(value)
        if "\0" in text:
            if options.nul_policy not in ("strip", "replace"):
                raise ValueError
            text = text.replace("\0", "" if options.nul_policy == "strip" else "\u2400")
        return text

    return clean


def _bytes(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    del options
    codec = column.raw_codec

    def convert(value: Any) -> bytes:
        if type(value) is bytes:
            return value
        if type(value) is str and codec is None:
            return value.encode()
        if type(value) in (int, float):
            return number_text(value).encode()
        raise TypeError

    return convert


def _boolean(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    known: dict[Any, bool] = {0: False, 1: True}
    words = {**BOOLEAN_TEXTS, **BOOLEAN_WORDS} if options.boolean_words else BOOLEAN_TEXTS
    if not column.tried and type_of(column.source).family in WHOLE:
        words = {}  # tinyint(1): its texts are no numbers, and announced as such

    def convert(value: Any) -> bool:
        return words[value.lower()] if type(value) is str else known[value]

    return convert


def _uuid(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    del column, options

    def convert(value: Any) -> UUID:
        if type(value) is bytes:
            return UUID(bytes=value)
        if not is_uuid(value):
            raise ValueError
        return UUID(value)

    return convert


def _json(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    """Texts keep their spelling; numbers, which SQLite makes of texts in such a column, are JSON too.

    Blobs are SQLite's binary JSON; in a column with damaged text, where texts come as bytes, they come as the
    text of their hexadecimal digits.
    """
    clean = _cleaner(column, options)
    raw = column.raw_codec is not None

    def convert(value: Any) -> str:
        if type(value) is bytes and not raw:
            text = jsonb_blob_text(value)
        elif raw and type(value) is str:
            text = jsonb_blob_text(bytes.fromhex(value.removeprefix("\\x")))
        else:
            text = clean(value) if type(value) in (str, bytes) else repr(value)
        if not is_json(text):
            raise ValueError
        return text

    return convert


def _cast(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    if column.cast is None:
        raise LookupError(f"column {column.name} has no type to cast to")
    clean = _cleaner(column, options)
    convert = caster(column.cast, clean, column.epoch, options)
    if column.raw_codec is None:
        return convert
    # In such a column every text comes as bytes, and no blob does.
    return lambda value: convert(clean(value) if type(value) is bytes else value)


#: Those that read the bytes of damaged text themselves.
_OF_RAW_TEXT = (
    Conversion.TEXT,
    Conversion.ANY_AS_TEXT,
    Conversion.JSON,
    Conversion.BYTES,
    Conversion.CAST,
)
_CONVERSIONS: dict[Conversion, Callable[[TargetColumn, PlanOptions], Callable[[Any], Any]]] = {
    Conversion.INTEGER: _integer,
    Conversion.REAL: _real,
    Conversion.NUMERIC: _numeric,
    Conversion.TEXT: _text,
    Conversion.BYTES: _bytes,
    Conversion.BOOLEAN: _boolean,
    Conversion.TIMESTAMP: timestamp_conversion,
    Conversion.TIMESTAMPTZ: timestamptz_conversion,
    Conversion.DATE: date_conversion,
    Conversion.TIME: time_conversion,
    Conversion.UUID: _uuid,
    Conversion.JSON: _json,
    Conversion.ANY_AS_TEXT: _any_as_text,
    Conversion.CAST: _cast,
}
