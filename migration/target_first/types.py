"""Decides how the values of one column become values of the type that the application gave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.schema.decision import exact_as_real
from migration.schema.target import Conversion
from migration.values.cast import numeric_limits
from migration.values.epoch import unit_of_range

if TYPE_CHECKING:
    from migration.schema.target import PostgresType
    from migration.values.epoch import EpochUnit
    from migration.values.facts import ColumnProfile

_INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
_INSTANTS = ("timestamp", "timestamptz", "date")


@dataclass(frozen=True)
class Casting:
    """How a column's values are converted.

    `proven`: the profile shows that every value can be; `epoch`, `scale` as in `TargetColumn`.
    """

    conversion: Conversion
    proven: bool
    epoch: EpochUnit | None = None
    scale: int | None = None


def choose(kind: PostgresType, profile: ColumnProfile, unit: EpochUnit | None) -> Casting:
    """Choose the conversion: the plain one where the profile proves it enough, a cast otherwise.

    Args:
        kind: the target's type.
        profile: what the column holds.
        unit: what the file's library counts instants or lengths of time in (None: not known).
    """
    classes = set(profile.classes)
    if kind.name == "bytea" and classes <= {"blob", "text"}:
        return Casting(Conversion.BYTES, proven=True)
    if kind.element is None and not kind.labels and not (profile.text.with_nul or profile.text.invalid):
        plain = _plain(kind, profile, classes)
        if plain is not None:
            return plain
    if not classes or (kind.element is None and _readable_by_postgres(kind, profile, classes)):
        return Casting(Conversion.CAST, proven=True)
    return Casting(Conversion.CAST, proven=False, epoch=_epoch(kind, profile, unit))


def _plain(kind: PostgresType, profile: ColumnProfile, classes: set[str]) -> Casting | None:
    match kind.name:
        case "int2" | "int4" | "int8" if classes <= {"integer"}:
            limit = 2 ** _INTEGERS[kind.name]
            if -limit <= (profile.min_integer or 0) and (profile.max_integer or 0) < limit:
                return Casting(Conversion.INTEGER, proven=True)
        case "float8" if classes <= {"integer", "real"} and exact_as_real(profile):
            return Casting(Conversion.REAL, proven=True)
        case "numeric" if classes <= {"integer", "real"}:
            return _numeric(kind, profile)
        case "bool" if classes <= {"integer", "text"} and _truths(profile):
            return Casting(Conversion.BOOLEAN, proven=True)
        case "text" | "varchar" | "citext" if classes <= {"text"}:
            if kind.name != "varchar" or kind.modifier < 4:
                return Casting(Conversion.TEXT, proven=True)
            if (profile.max_characters or 0) <= kind.modifier - 4:
                return Casting(Conversion.TEXT, proven=True)
        case "uuid" if classes == {"text"} and profile.uuid_texts == profile.texts:
            return Casting(Conversion.UUID, proven=True)
        case "json" if classes == {"text"} and profile.json_texts == profile.texts:
            return Casting(Conversion.JSON, proven=True)
        case "timestamp" | "timestamptz" | "date" | "time" if classes == {"text"} and _precise(kind):
            return _temporal(kind, profile)
        case _:
            pass
    return None


def _numeric(kind: PostgresType, profile: ColumnProfile) -> Casting | None:
    limits = numeric_limits(kind.modifier)
    if limits is None:
        return Casting(Conversion.NUMERIC, proven=True)
    precision, scale = limits
    facts = profile.decimal
    if facts is None or profile.infinities or facts.beyond or scale < 0:
        return None
    if facts.largest + 0.5 * 10.0**-scale >= 10.0 ** (precision - scale):
        return None
    # The profile counted with the declared digits, which need not be the target's: tried, unless it saw none.
    return Casting(Conversion.NUMERIC, proven=not profile.reals, scale=scale)


def _temporal(kind: PostgresType, profile: ColumnProfile) -> Casting | None:
    facts = profile.temporal
    if facts is None or facts.unreadable:
        return None
    whole = facts.dates + facts.datetimes
    match kind.name:
        case "timestamp" if whole == profile.texts:
            return Casting(Conversion.TIMESTAMP, proven=True)
        case "timestamptz" if whole + facts.zoned == profile.texts:
            return Casting(Conversion.TIMESTAMPTZ, proven=True)
        case "date" if facts.dates == profile.texts:
            return Casting(Conversion.DATE, proven=True)
        case "time" if facts.times == profile.texts:
            return Casting(Conversion.TIME, proven=True)
        case _:
            return None


def _truths(profile: ColumnProfile) -> bool:
    if profile.texts != (profile.boolean_texts or 0):
        return False
    return (profile.min_integer or 0) >= 0 and (profile.max_integer or 0) <= 1


def _precise(kind: PostgresType) -> bool:
    """Whether a type of time keeps every microsecond."""
    return kind.modifier < 0 or kind.modifier == 6


def _readable_by_postgres(kind: PostgresType, profile: ColumnProfile, classes: set[str]) -> bool:
    """Whether the profile has found every text to be one of the type's."""
    read = {"jsonb": profile.jsonb_texts, "inet": profile.inet_texts}.get(kind.name)
    return classes == {"text"} and read == profile.texts


def _epoch(kind: PostgresType, profile: ColumnProfile, unit: EpochUnit | None) -> EpochUnit | None:
    """The unit of integers: the library's, or for instants the one in whose window all of them lie."""
    if not profile.integers or (kind.name != "interval" and kind.name not in _INSTANTS):
        return None
    if unit is not None or kind.name == "interval":
        return unit
    return unit_of_range(profile.min_integer or 0, profile.max_integer or 0)
