"""Values that stand for no value: empty texts, the date of zeros, and 0 where a date is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.schema.declared import fixed_epoch, type_of
from migration.schema.target import Conversion
from migration.values.temporal import is_zero_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.schema.target import TargetColumn

_DATES = (Conversion.TIMESTAMP, Conversion.TIMESTAMPTZ, Conversion.DATE)
_DATE_TYPES = ("timestamp", "timestamptz", "date")


def blank_of(column: TargetColumn) -> Callable[[Any], bool]:
    """The function that tells whether a stored value of this column is blank."""
    dates = column.conversion in _DATES or (column.cast is not None and column.cast.name in _DATE_TYPES)
    if not dates:
        return lambda value: value in ("", b"")
    # 0 is an instant like others where a library says what its integers mean.
    zero = fixed_epoch(type_of(column.source)) is None

    def blank(value: Any) -> bool:
        if type(value) in (int, float):
            return zero and value == 0
        return value in ("", b"") or (type(value) is str and is_zero_date(value))

    return blank
