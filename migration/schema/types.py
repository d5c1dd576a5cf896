"""Decides each column's PostgreSQL type from its declared type and from what it really holds.

One rule stands above all others: every stored value must fit, exactly. Where the declared type cannot promise
that, the type is widened and the decision says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migration.schema.declared import DeclaredType, Family, parse_type
from migration.schema.target import Conversion
from migration.values.temporal import epoch_unit

if TYPE_CHECKING:
    from migration.schema.source import Column
    from migration.values.facts import ColumnProfile

_INT2 = 2**15
_INT4 = 2**31
#: Integers up to this magnitude are exact as double precision (IEEE 754 binary64 has 53 bits of mantissa).
_EXACT_REAL = 2**53
#: The greatest precision PostgreSQL accepts for numeric(p, s) and varchar(n).
_MAX_PRECISION = 1_000
_MAX_LENGTH = 10_485_760

Level = Literal["info", "widened", "changed", "left"]


@dataclass(frozen=True)
class Decision:
    """A column's type, how its values get there, why, and what its user should know about it."""

    type: str
    conversion: Conversion
    why: str
    notes: tuple[tuple[Level, str], ...] = ()
    epoch: Literal["s", "ms", "us"] | None = None
    scale: int | None = None


def decide(column: Column, profile: ColumnProfile, *, compact_integers: bool) -> Decision:
    """Decide one column.

    Args:
        column: as declared.
        profile: what it holds.
        compact_integers: whether INTEGER means PostgreSQL's 4-byte integer (where an ORM expects that) or its
            8-byte bigint.
    """
    declared = parse_type(column.declared_type)
    decided = _by_family(declared, profile, compact_integers=compact_integers)
    return decided if decided is not None else by_storage(declared, profile)


def by_storage(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    """The type that the stored values alone ask for."""
    classes = profile.classes
    said = f"declared {declared.text}" if declared.text else "declared without a type"
    if not classes:
        return Decision("text", Conversion.ANY_AS_TEXT, f"{said}, and no value is stored")
    found = _counted(profile)
    if set(classes) == {"integer"}:
        decided = Decision("bigint", Conversion.INTEGER, f"{said}; all values are integers")
    elif set(classes) == {"real"}:
        decided = Decision("double precision", Conversion.REAL, f"{said}; all values are reals")
    elif set(classes) == {"integer", "real"}:
        decided = _numbers(profile, said)
    elif set(classes) == {"text"}:
        decided = Decision("text", Conversion.TEXT, f"{said}; all values are texts")
    elif set(classes) == {"blob"}:
        decided = Decision("bytea", Conversion.BYTES, f"{said}; all values are blobs")
    else:
        return Decision(
            "text",
            Conversion.ANY_AS_TEXT,
            f"{said}, but stored are {found}: only text holds all of them",
            (("changed", f"stored are {found}; all become text, blobs in the form \\x0123"),)
            if profile.blobs
            else (("changed", f"stored are {found}; all become text"),),
        )
    if declared.family is Family.ANY:
        return decided
    note = f"declared {declared.text}, but stored are {found}; {decided.type} holds all of them"
    return Decision(decided.type, decided.conversion, note, (("widened", note),), scale=decided.scale)


def as_text(decision: Decision, why: str) -> Decision:
    """The same values as text."""
    note = f"{why}: text instead of {decision.type}"
    textual = decision.conversion in (Conversion.TEXT, Conversion.JSON)
    conversion = Conversion.TEXT if textual else Conversion.ANY_AS_TEXT
    return Decision("text", conversion, f"{decision.why}; {note}", (("widened", note),))


def _numbers(profile: ColumnProfile, said: str) -> Decision:
    """Integers and reals together: double precision where that is exact, numeric otherwise."""
    low, high = profile.min_integer or 0, profile.max_integer or 0
    if low >= -_EXACT_REAL and high <= _EXACT_REAL:
        return Decision(
            "double precision", Conversion.REAL, f"{said}; integers and reals, all exact as double precision"
        )
    return Decision(
        "numeric",
        Conversion.NUMERIC,
        f"{said}; integers and reals, too large to be exact as double precision",
    )


def _counted(profile: ColumnProfile) -> str:
    return ", ".join(
        f"{count:,} {name}{'s' if count != 1 else ''}" for name, count in profile.classes.items()
    )


def _by_family(declared: DeclaredType, profile: ColumnProfile, *, compact_integers: bool) -> Decision | None:
    """What the declared type asks for, if the stored values allow it."""
    why = f"declared {declared.text}"
    classes = set(profile.classes)
    match declared.family:
        case Family.SMALL_INTEGER | Family.INTEGER | Family.BIG_INTEGER if classes <= {"integer"}:
            return _integer(declared, profile, compact=compact_integers)
        case Family.BOOLEAN:
            return _boolean(declared, profile)
        case Family.REAL if classes <= {"integer", "real"}:
            if "integer" in classes and _numbers(profile, why).conversion is not Conversion.REAL:
                return None
            return Decision("double precision", Conversion.REAL, f"{why}: 8 bytes, as SQLite stores it")
        case Family.DECIMAL if classes <= {"integer", "real"}:
            return _decimal(declared, profile)
        case Family.CHARACTERS if classes <= {"text"}:
            return _characters(declared, profile)
        case Family.TEXT if classes <= {"text"}:
            return Decision("text", Conversion.TEXT, why)
        case Family.BYTES if classes <= {"blob", "text"}:
            return _bytes(declared, profile)
        case Family.TIMESTAMP | Family.DATE | Family.TIME:
            return _temporal(declared, profile)
        case Family.UUID:
            return _uuid(declared, profile)
        case Family.JSON if classes <= {"text"}:
            return _json(declared, profile)
        case _:
            return None


def _integer(declared: DeclaredType, profile: ColumnProfile, *, compact: bool) -> Decision:
    low, high = profile.min_integer or 0, profile.max_integer or 0
    if (
        declared.name == "tinyint"
        and declared.arguments == (1,)
        and profile.integers
        and low >= 0
        and high <= 1
    ):
        return Decision("boolean", Conversion.BOOLEAN, f"declared {declared.text}; all values are 0 or 1")
    if declared.family is Family.SMALL_INTEGER and not declared.unsigned:
        wanted, limit = "smallint", _INT2
    elif declared.family is Family.INTEGER and compact and not declared.unsigned:
        wanted, limit = "integer", _INT4
    else:
        return Decision(
            "bigint", Conversion.INTEGER, f"declared {declared.text}: 8 bytes, as SQLite stores it"
        )
    if -limit <= low and high < limit:
        return Decision(wanted, Conversion.INTEGER, f"declared {declared.text}; all values fit")
    wider = "integer" if low >= -_INT4 and high < _INT4 else "bigint"
    note = (
        f"declared {declared.text}, but values from {low} to {high} are stored: {wider} instead of {wanted}"
    )
    return Decision(wider, Conversion.INTEGER, note, (("widened", note),))


def _boolean(declared: DeclaredType, profile: ColumnProfile) -> Decision | None:
    numbers = profile.integers == 0 or ((profile.min_integer or 0) >= 0 and (profile.max_integer or 0) <= 1)
    texts = profile.texts == (profile.boolean_texts or 0)
    if numbers and texts and not profile.reals and not profile.blobs:
        return Decision(
            "boolean", Conversion.BOOLEAN, f"declared {declared.text}; all values are true or false"
        )
    if set(profile.classes) == {"integer"}:
        low, high = profile.min_integer or 0, profile.max_integer or 0
        kind = "smallint" if low >= -_INT2 and high < _INT2 else "bigint"
        note = f"declared {declared.text}, but values from {low} to {high} are stored: {kind} holds them"
        return Decision(kind, Conversion.INTEGER, note, (("widened", note),))
    return None


def _decimal(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    why = f"declared {declared.text}"
    if profile.infinities:
        note = f"{why}, but {profile.infinities:,} values are infinite: double precision"
        return Decision("double precision", Conversion.REAL, note, (("widened", note),))
    if not declared.arguments or not 0 < declared.arguments[0] <= _MAX_PRECISION:
        return Decision("numeric", Conversion.NUMERIC, why)
    precision, scale = declared.arguments[0], declared.arguments[1] if len(declared.arguments) > 1 else 0
    if scale > precision:
        return Decision("numeric", Conversion.NUMERIC, why)
    exact = f"numeric({precision},{scale})"
    facts = profile.decimal
    if facts is None:
        return Decision(exact, Conversion.NUMERIC, why, scale=scale)
    # Half a unit of the last digit may round up to one more digit in front of the point.
    if facts.beyond or facts.largest + 0.5 * 10.0**-scale >= 10.0 ** (precision - scale):
        note = (
            f"{why}, but {facts.beyond:,} values have more digits behind the point: numeric without a limit"
            if facts.beyond
            else f"{why}, but {facts.largest:g} is stored, which is too large: numeric without a limit"
        )
        return Decision("numeric", Conversion.NUMERIC, note, (("widened", note),))
    notes: tuple[tuple[Level, str], ...] = ()
    if facts.noisy:
        text = (
            f"{facts.noisy:,} values are rounded to {scale} digits; they differ behind the 15th significant"
        )
        notes = (("changed", text),)
    return Decision(exact, Conversion.NUMERIC, f"{why}; all values fit", notes, scale=scale)


def _characters(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    why = f"declared {declared.text}"
    if not declared.arguments:
        return Decision("character varying", Conversion.TEXT, why)
    length, longest = declared.arguments[0], profile.max_characters or 0
    if 0 < length <= _MAX_LENGTH and longest <= length:
        return Decision(
            f"character varying({length})", Conversion.TEXT, f"{why}; the longest value has {longest}"
        )
    note = f"{why}, but the longest value has {longest} characters: text"
    return Decision("text", Conversion.TEXT, note, (("widened", note),))


def _bytes(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    why = f"declared {declared.text}"
    if not profile.texts:
        return Decision("bytea", Conversion.BYTES, why)
    note = f"{profile.texts:,} of {profile.values:,} values are texts; they become their UTF-8 bytes"
    return Decision("bytea", Conversion.BYTES, f"{why}; {note}", (("changed", note),))


def _temporal(declared: DeclaredType, profile: ColumnProfile) -> Decision | None:
    why = f"declared {declared.text}"
    facts = profile.temporal
    zone_declared = "tz" in declared.name or "with time zone" in declared.name or "offset" in declared.name
    if profile.values == 0:
        empty = {Family.DATE: ("date", Conversion.DATE), Family.TIME: ("time", Conversion.TIME)}
        wanted = empty.get(declared.family) or (
            ("timestamp with time zone", Conversion.TIMESTAMPTZ)
            if zone_declared
            else ("timestamp without time zone", Conversion.TIMESTAMP)
        )
        return Decision(*wanted, f"{why}; no value is stored")
    if profile.reals or profile.blobs or (facts is not None and facts.unreadable):
        return None
    unit = None
    if profile.integers:
        unit = epoch_unit(profile.min_integer or 0, profile.max_integer or 0)
        if unit is None or declared.family is Family.TIME:
            return None
    if facts is not None and facts.times:
        if facts.times == profile.values and declared.family is Family.TIME:
            return Decision("time without time zone", Conversion.TIME, f"{why}; all values are times of day")
        return None
    if declared.family is Family.TIME:
        return None
    if facts is not None and declared.family is Family.DATE and facts.dates == profile.values:
        return Decision("date", Conversion.DATE, f"{why}; all values are dates")
    return _timestamp(
        declared, profile, unit, zoned=zone_declared or bool(profile.integers or (facts and facts.zoned))
    )


_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}


def _timestamp(
    declared: DeclaredType, profile: ColumnProfile, unit: Literal["s", "ms", "us"] | None, *, zoned: bool
) -> Decision:
    why = f"declared {declared.text}"
    facts = profile.temporal
    notes: list[tuple[Level, str]] = []
    if unit is not None:
        notes.append(
            ("changed", f"{profile.integers:,} integers are {_UNITS[unit]} since 1970 and become timestamps")
        )
    if facts is not None and facts.dates and facts.dates < profile.values:
        notes.append(
            ("changed", f"{facts.dates:,} of {profile.values:,} values are dates only and become midnight")
        )
    if facts is not None and facts.offsets:
        notes.append(
            (
                "changed",
                f"{facts.offsets:,} values have an offset; PostgreSQL keeps the instant, not the offset",
            )
        )
    if zoned and facts is not None and facts.dates + facts.datetimes:
        notes.append(
            ("changed", f"{facts.dates + facts.datetimes:,} values have no time zone and are read as UTC")
        )
    if zoned:
        return Decision(
            "timestamp with time zone",
            Conversion.TIMESTAMPTZ,
            f"{why}; the values are instants" if profile.values else why,
            tuple(notes),
            unit,
        )
    if declared.family is Family.DATE:
        notes.append(("widened", f"{why}, but values have a time of day: timestamp"))
    return Decision(
        "timestamp without time zone",
        Conversion.TIMESTAMP,
        f"{why}; all values are dates and times without a zone",
        tuple(notes),
    )


def _uuid(declared: DeclaredType, profile: ColumnProfile) -> Decision | None:
    readable = profile.texts == (profile.uuid_texts or 0) and profile.blobs == (profile.uuid_blobs or 0)
    if not readable or profile.integers or profile.reals:
        return None
    notes: tuple[tuple[Level, str], ...] = ()
    if profile.respelled_uuids:
        text = (
            f"{profile.respelled_uuids:,} UUIDs are not in lower case with dashes; PostgreSQL shows them so"
        )
        notes = (("changed", text),)
    return Decision("uuid", Conversion.UUID, f"declared {declared.text}; all values are UUIDs", notes)


def _json(declared: DeclaredType, profile: ColumnProfile) -> Decision | None:
    if profile.texts != (profile.json_texts or 0):
        bad = profile.texts - (profile.json_texts or 0)
        note = f"declared {declared.text}, but {bad:,} of {profile.texts:,} values are not valid JSON: text"
        return Decision("text", Conversion.TEXT, note, (("widened", note),))
    return Decision(
        "json", Conversion.JSON, f"declared {declared.text}; all values are valid, and keep their text"
    )
