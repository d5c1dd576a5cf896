"""What is decided about one column, and the type that its stored values alone would ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migration.schema.declared import Family
from migration.schema.target import Conversion
from migration.schema.wording import counted

if TYPE_CHECKING:
    from migration.schema.declared import DeclaredType
    from migration.schema.target import PostgresType, Reading
    from migration.values.epoch import EpochUnit
    from migration.values.facts import ColumnProfile

#: Integers up to this magnitude are exact as double precision (IEEE 754 binary64 has 53 bits of mantissa).
_EXACT_REAL = 2**53

Level = Literal["info", "widened", "changed", "rejected", "left"]
#: What becomes of blank values: NULL, or the row is rejected; None where they are values like others.
Blanks = Literal["null", "reject"]
Remark = tuple[Level, str]


@dataclass(frozen=True)
class Decision:
    """A column's type, how its values get there, why, and what its user should know about it.

    `rejects` values do not fit the type; their rows are not stored. A `chosen` one is the user's own, which
    nothing overrules; `reading` and `tried` as in `TargetColumn`. An enumeration has `labels`; its type has
    no name yet.
    """

    type: str
    conversion: Conversion
    why: str
    notes: tuple[Remark, ...] = ()
    epoch: EpochUnit | None = None
    scale: int | None = None
    cast: PostgresType | None = None
    blanks: Blanks | None = None
    rejects: int = 0
    reading: Reading | None = None
    chosen: bool = False
    tried: bool = False
    labels: tuple[str, ...] = ()


def widened(type_name: str, conversion: Conversion, why: str) -> Decision:
    """A wider type than the declared one; the reason is a note, too."""
    return Decision(type_name, conversion, why, (("widened", why),))


def by_storage(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    """The type that the stored values alone ask for, whatever the column was declared as."""
    said = f"declared {declared.text}" if declared.text else "declared without a type"
    found = stored(profile)
    classes = set(profile.classes)
    if not classes:
        return Decision("text", Conversion.ANY_AS_TEXT, f"{said}; no value is stored")
    if classes == {"integer", "real"}:
        type_name, conversion = "numeric", Conversion.NUMERIC
        if exact_as_real(profile):
            type_name, conversion = "double precision", Conversion.REAL
    elif len(classes) == 1:
        type_name, conversion = _ALONE[classes.pop()]
    else:
        form = ", blobs in the form \\x0123" if profile.blobs else ""
        why = f"{said}, but stored are {found}: only text holds all of them"
        return Decision(
            "text", Conversion.ANY_AS_TEXT, why, (("changed", f"stored are {found}; all become text{form}"),)
        )
    if declared.family is Family.ANY:
        return Decision(type_name, conversion, f"{said}; stored are {found}")
    return widened(type_name, conversion, f"{said}, but stored are {found}: {type_name}")


_ALONE = {
    "integer": ("bigint", Conversion.INTEGER),
    "real": ("double precision", Conversion.REAL),
    "text": ("text", Conversion.TEXT),
    "blob": ("bytea", Conversion.BYTES),
}


def exact_as_real(profile: ColumnProfile) -> bool:
    """Whether every integer is exact as double precision."""
    return (profile.min_integer or 0) >= -_EXACT_REAL and (profile.max_integer or 0) <= _EXACT_REAL


def stored(profile: ColumnProfile) -> str:
    """The storage classes in words: 12 integers, 1 text."""
    return ", ".join(counted(number, name) for name, number in profile.classes.items())


def as_text(decision: Decision, why: str) -> Decision:
    """The same values as text."""
    conversion = Conversion.TEXT if decision.conversion is Conversion.TEXT else Conversion.ANY_AS_TEXT
    note = f"{why}: text instead of {decision.type}"
    return Decision("text", conversion, f"{decision.why}; {note}", (("widened", note),))
