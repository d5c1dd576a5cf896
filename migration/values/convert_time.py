"""The conversions of dates, times and instants; see `convert`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from migration.schema.declared import fixed_epoch, type_of
from migration.values.epoch import epoch_unit, from_epoch
from migration.values.temporal import parse_datetime, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetColumn


def timestamp_conversion(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    """The clock as it stands there; an instant's clock in UTC."""
    del options
    instant = _instant_of(column)

    def convert(value: Any) -> datetime:
        if type(value) in (int, float):
            return instant(value).replace(tzinfo=None)
        parsed = parse_datetime(value)
        return parsed if parsed.tzinfo is None else parsed.astimezone(UTC).replace(tzinfo=None)

    return convert


def timestamptz_conversion(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    del options
    instant = _instant_of(column)

    def convert(value: Any) -> datetime:
        if type(value) in (int, float):
            return instant(value)
        parsed = parse_datetime(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)

    return convert


def _instant_of(column: TargetColumn) -> Callable[[Any], datetime]:
    """Reads numbers by the column's unit, and only those that the unit was told by."""
    unit = column.epoch
    fixed = fixed_epoch(type_of(column.source)) is not None

    def instant(value: Any) -> datetime:
        if unit is None or not (fixed or epoch_unit(value) == unit):
            raise ValueError
        return from_epoch(value, unit)

    return instant


def date_conversion(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    del column, options

    def convert(value: Any) -> date:
        if len(value) != len("0000-00-00"):
            raise ValueError
        return date.fromisoformat(value)

    return convert


def time_conversion(column: TargetColumn, options: PlanOptions) -> Callable[[Any], Any]:
    del column, options

    def convert(value: Any) -> time:
        if type(value) is not str:
            raise TypeError
        return parse_time(value)

    return convert
