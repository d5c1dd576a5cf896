"""What is asked once more about a column that holds something unusual for its declared type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.declared import DATETIME_OR_INTERVAL, Family, fixed_epoch, type_of
from migration.schema.tokens import quoted
from migration.values.epoch import EPOCH_WINDOWS, FIXED_WINDOWS

if TYPE_CHECKING:
    from migration.schema.declared import DeclaredType
    from migration.schema.source import Column, Table
    from migration.values.facts import ColumnProfile

_WHOLE = (Family.SMALL_INTEGER, Family.INTEGER, Family.BIG_INTEGER)
_NUMBERS = (*_WHOLE, Family.REAL, Family.DECIMAL, Family.BOOLEAN)


def extra_questions(column: Column, profile: ColumnProfile, table: Table) -> dict[str, str]:
    """What is asked about one column, by the name of the fact."""
    name, declared = quoted(column.name), type_of(column)
    asked: dict[str, str] = {}

    def ask(fact: str, condition: str) -> None:
        asked[fact] = f"count(*) FILTER (WHERE {condition})"

    if declared.name == "character" and profile.texts:
        # Only texts that fill it to the last place are the same in a type that adds blanks.
        asked["min_characters"] = f"min(length(rtrim({name}, ' '))) FILTER (WHERE typeof({name}) = 'text')"
    if declared.family is Family.UUID and profile.blobs:
        ask("uuid_blobs", f"typeof({name}) = 'blob' AND length({name}) = 16")
    if declared.family in _NUMBERS and profile.texts:
        ask("blank_texts", f"typeof({name}) = 'text' AND {name} = '' COLLATE BINARY")
    if declared.family is Family.BOOLEAN and profile.integers:
        if profile.min_integer in (0, 1) and profile.max_integer in (0, 1):
            asked["truths"] = str(profile.integers)  # all of them, which need not be counted
        else:
            ask("truths", f"typeof({name}) = 'integer' AND {name} IN (0, 1)")
    if declared.family in _WHOLE and profile.reals:
        ask("huge_reals", f"typeof({name}) = 'real' AND {_between(name, 2**63, None)}")
    if declared.family in (Family.TIMESTAMP, Family.DATE) and (profile.integers or profile.reals):
        fixed = fixed_epoch(declared)
        windows = EPOCH_WINDOWS if fixed is None else {fixed: FIXED_WINDOWS[fixed]}
        number = f"typeof({name}) IN ('integer', 'real')"
        for unit, (low, high) in windows.items():
            signed = unit == "julian" or fixed is not None
            inside = f"{name} >= {low} AND {name} < {high + 1}" if signed else _between(name, low, high)
            if unit in FIXED_WINDOWS:
                inside = f"({inside}) AND {name} >= {FIXED_WINDOWS[unit][0]}"
            ask(unit, f"{number} AND ({inside})")
        ask("zeros", f"{number} AND {name} = 0")
        ask(
            "finer",
            f"typeof({name}) = 'real' OR ({number} AND ({_between(name, 10**17, None)}) AND {name} % 1000)",
        )
    if profile.temporal is not None and profile.temporal.datetimes and _may_be_length_or_clock(declared):
        texts = f"FILTER (WHERE typeof({name}) = 'text')"
        asked["least"] = f"min({name} COLLATE BINARY) {texts}"
        asked["greatest"] = f"max({name} COLLATE BINARY) {texts}"
    if profile.texts and any(column.name in key.columns for key in table.foreign_keys):
        # A text may refer to an integer; it can become one if it is written as SQLite writes integers.
        whole = f"CAST(CAST({name} AS INTEGER) AS TEXT) = {name} COLLATE BINARY"
        ask("integer_texts", f"typeof({name}) = 'text' AND {whole}")
    return asked


def _may_be_length_or_clock(declared: DeclaredType) -> bool:
    """Whether dates and times may stand for lengths of time, or for times of day on some day."""
    return declared.family is Family.TIME or declared.name == DATETIME_OR_INTERVAL


def _between(name: str, low: int, high: int | None) -> str:
    """Whether the magnitude of a number lies in a range; abs() would overflow at the least integer."""
    above = "" if high is None else f" AND {name} < {high + 1}"
    below = "" if high is None else f" AND {name} > {-high - 1}"
    return f"(({name} >= {low}{above}) OR ({name} <= {-low}{below}))"
