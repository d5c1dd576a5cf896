"""Writes rows in COPY's text format (postgresql.org/docs/current/sql-copy.html, "Text Format"): tabs between
the values, \\N for NULL, backslash escapes, one line a row, UTF-8.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from migration.values.convert import converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetTable

NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_INFINITE = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


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


def row_encoder(
    table: TargetTable, options: PlanOptions | None = None
) -> Callable[[Sequence[object]], bytes]:
    """The function that turns one row, read with `convert.select_list(table)`, into its line of COPY text.

    It raises `convert.Unstorable` for a value that the plan did not foresee.
    """
    converters = [converter(column, options) for column in table.copied]

    def encode(row: Sequence[object]) -> bytes:
        return copy_line([convert(value) for convert, value in zip(converters, row, strict=True)])

    return encode


def _float(value: Any) -> str:
    return _INFINITE.get(value) or repr(value)


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: lambda value: value.translate(_ESCAPES),
    int: str,
    float: _float,
    bool: lambda value: "t" if value else "f",
    bytes: lambda value: "\\\\x" + value.hex(),
    Decimal: lambda value: format(value, "f") if value.is_finite() else str(value),
    datetime: lambda value: value.isoformat(" "),
    date: lambda value: value.isoformat(),
    time: lambda value: value.isoformat(),
    UUID: str,
}
