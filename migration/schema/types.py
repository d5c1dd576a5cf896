"""Decides each column's PostgreSQL type from its declared type and from what it really holds.

One rule stands above all others: every stored value must fit, exactly. Where the declared type cannot promise
that, the type is widened and the decision says why, or the user has agreed to keep some rows aside.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema.decision import Decision, Remark, by_storage, exact_as_real, widened
from migration.schema.declared import DeclaredType, Family, may_be_otherwise, type_of
from migration.schema.misfits import Policy, boolean_texts, set_blanks_aside, set_misfits_aside
from migration.schema.target import Conversion, PostgresType
from migration.schema.temporal_types import decide_temporal
from migration.schema.wording import counted, some_of

if TYPE_CHECKING:
    from migration.schema.source import Column
    from migration.values.facts import ColumnProfile

_INT2 = 2**15
_INT4 = 2**31
#: The greatest precision PostgreSQL accepts for numeric(p, s), and the greatest length for varchar(n).
_MAX_PRECISION = 1_000
_MAX_LENGTH = 10_485_760


def decide(
    column: Column, profile: ColumnProfile, *, compact_integers: bool, policy: Policy | None = None
) -> Decision:
    """Decide one column.

    Args:
        column: as declared.
        profile: what it holds.
        compact_integers: whether INTEGER means PostgreSQL's 4-byte integer, as some ORMs expect, or bigint.
        policy: what becomes of blank values and of those that the declared type cannot hold.
    """
    declared, policy = type_of(column), policy or Policy()
    blank = set_blanks_aside(declared, profile, policy)
    kept, aside = blank.profile, [blank]
    if policy.reject and not may_be_otherwise(declared):
        misfits = set_misfits_aside(declared, kept, policy)
        kept, aside = misfits.profile, [blank, misfits]
    decided = _by_family(declared, kept, policy, compact_integers=compact_integers)
    if decided is None and may_be_otherwise(declared):
        plain = replace(column, meaning=None)
        return decide(plain, profile, compact_integers=compact_integers, policy=policy)
    if decided is None:
        # What stands for no value is a value again where the column does not become what was declared.
        return by_storage(declared, profile)
    return replace(
        decided,
        blanks=blank.blanks,
        rejects=sum(part.rejects for part in aside),
        notes=(*(note for part in aside for note in part.notes), *decided.notes),
    )


def _by_family(
    declared: DeclaredType, profile: ColumnProfile, policy: Policy, *, compact_integers: bool
) -> Decision | None:
    """What the declared type asks for, if the stored values allow it."""
    classes = set(profile.classes)
    match declared.family:
        case Family.SMALL_INTEGER | Family.INTEGER | Family.BIG_INTEGER if profile.huge_reals:
            return _beyond_integers(declared, profile) if classes <= {"integer", "real"} else None
        case Family.SMALL_INTEGER | Family.INTEGER | Family.BIG_INTEGER if classes <= {"integer"}:
            return _integer(declared, profile, compact=compact_integers)
        case Family.BOOLEAN:
            return _boolean(declared, profile, policy)
        case Family.REAL if classes <= {"integer", "real"} and exact_as_real(profile):
            why = f"declared {declared.text}: 8 bytes, as SQLite stores it"
            return Decision("double precision", Conversion.REAL, why)
        case Family.DECIMAL if classes <= {"integer", "real"}:
            return _decimal(declared, profile)
        case Family.CHARACTERS if classes <= {"text"}:
            return _characters(declared, profile, policy)
        case Family.TEXT if classes <= {"text"}:
            return Decision("text", Conversion.TEXT, f"declared {declared.text}")
        case Family.BYTES if classes & {"blob", "text"} or not classes:
            return _bytes(declared, profile)
        case Family.TIMESTAMP | Family.DATE | Family.TIME:
            return decide_temporal(declared, profile)
        case Family.UUID if classes <= {"blob", "text"}:
            return _uuid(declared, profile)
        case Family.ENUM if classes <= {"text"}:
            return _enumeration(declared, profile)
        case Family.PERHAPS_UUID if classes <= {"text"}:
            return _perhaps_uuid(declared, profile)
        case Family.JSON if profile.blobs == (profile.json_blobs or 0) and not profile.infinities:
            return _json(declared, profile)
        case Family.INET if classes <= {"text"}:
            return _inet(declared, profile)
        case _:
            return None


def _within(profile: ColumnProfile, limit: int) -> bool:
    return -limit <= (profile.min_integer or 0) and (profile.max_integer or 0) < limit


def _integer(declared: DeclaredType, profile: ColumnProfile, *, compact: bool) -> Decision:
    said = f"declared {declared.text}"
    if declared.name == "tinyint" and declared.arguments == (1,) and profile.integers and _truths(profile):
        return Decision("boolean", Conversion.BOOLEAN, f"{said}; all values are 0 or 1")
    if declared.family is Family.SMALL_INTEGER and not declared.unsigned:
        wanted, limit = "smallint", _INT2
    elif declared.family is Family.INTEGER and compact and not declared.unsigned:
        wanted, limit = "integer", _INT4
    else:
        return Decision("bigint", Conversion.INTEGER, f"{said}: 8 bytes, as SQLite stores it")
    if _within(profile, limit):
        return Decision(wanted, Conversion.INTEGER, f"{said}; all values fit")
    wider = "integer" if _within(profile, _INT4) else "bigint"
    found = f"values from {profile.min_integer} to {profile.max_integer} are stored"
    return widened(wider, Conversion.INTEGER, f"{said}, but {found}: {wider} instead of {wanted}")


def _truths(profile: ColumnProfile) -> bool:
    return (profile.min_integer or 0) >= 0 and (profile.max_integer or 0) <= 1


def _beyond_integers(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    """Integers that SQLite could not keep as such: it has rounded them to 53 bits."""
    found = f"{some_of(profile.huge_reals, profile.values, 'value')} beyond 64 bits"
    why = f"declared {declared.text}, but {found}, which SQLite had rounded to about 16 digits: numeric"
    return Decision("numeric", Conversion.NUMERIC, why, (("changed", why),))


def _boolean(declared: DeclaredType, profile: ColumnProfile, policy: Policy) -> Decision | None:
    said = f"declared {declared.text}"
    only = profile.texts == boolean_texts(profile, policy) and not profile.reals and not profile.blobs
    if _truths(profile) and only:
        return Decision("boolean", Conversion.BOOLEAN, f"{said}; all values are true or false")
    if set(profile.classes) != {"integer"}:
        return None
    kind = "smallint" if _within(profile, _INT2) else "bigint"
    found = f"values from {profile.min_integer} to {profile.max_integer} are stored"
    return widened(kind, Conversion.INTEGER, f"{said}, but {found}: {kind}")


def _decimal(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    said = f"declared {declared.text}"
    if profile.infinities:
        found = f"{said}, but {counted(profile.infinities, 'infinite value')}"
        if exact_as_real(profile):
            return widened("double precision", Conversion.REAL, f"{found}: double precision")
        return widened("numeric", Conversion.NUMERIC, f"{found}: numeric without a limit")
    precision = declared.arguments[0] if declared.arguments else 0
    scale = declared.arguments[1] if len(declared.arguments) > 1 else 0
    if not 0 < precision <= _MAX_PRECISION or scale > precision:
        shown = profile.decimal.scale if profile.decimal is not None else None
        return Decision("numeric", Conversion.NUMERIC, said, scale=shown)
    exact, facts = f"numeric({precision},{scale})", profile.decimal
    if facts is None:
        return Decision(exact, Conversion.NUMERIC, said, scale=scale)
    if facts.beyond:
        digits = f"{counted(facts.beyond, 'value')} with more digits behind the point"
        return widened("numeric", Conversion.NUMERIC, f"{said}, but {digits}: numeric without a limit")
    # Half a unit of the last digit may round up to one more digit in front of the point.
    if facts.largest + 0.5 * 10.0**-scale >= 10.0 ** (precision - scale):
        return widened(
            "numeric",
            Conversion.NUMERIC,
            f"{said}, but {facts.largest:g} is too large: numeric without a limit",
        )
    notes: tuple[Remark, ...] = ()
    if facts.noisy:
        rounded = f"{counted(facts.noisy, 'value')} rounded to {scale} digits behind the point"
        notes = (("changed", f"{rounded}; they differ behind the 15th significant digit only"),)
    return Decision(exact, Conversion.NUMERIC, f"{said}; all values fit", notes, scale=scale)


def _characters(declared: DeclaredType, profile: ColumnProfile, policy: Policy) -> Decision:
    said = f"declared {declared.text}"
    if policy.guess_uuids and profile.texts and _certain_uuids(declared, profile):
        return _uuid(declared, profile) or by_storage(declared, profile)
    if not declared.arguments:
        return Decision("character varying", Conversion.TEXT, said)
    length, longest = declared.arguments[0], profile.max_characters or 0
    if profile.text.with_nul or profile.text.invalid:  # SQLite counts only what it understands of them
        return widened(
            "text", Conversion.TEXT, f"{said}, but the length of damaged texts is not certain: text"
        )
    if 0 < length <= _MAX_LENGTH and longest <= length:
        return Decision(
            f"character varying({length})", Conversion.TEXT, f"{said}; the longest value has {longest}"
        )
    return widened("text", Conversion.TEXT, f"{said}, but the longest value has {longest} characters: text")


def _certain_uuids(declared: DeclaredType, profile: ColumnProfile) -> bool:
    """Whether texts of 36 characters have the dashes of UUIDs, or those of 32 the digits that no hash has."""
    if profile.texts != (profile.uuid_texts or 0):
        return False
    return (declared.arguments == (36,) and not profile.respelled_uuids) or (
        declared.arguments == (32,) and profile.versioned_uuids == profile.texts
    )


def _bytes(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    said = f"declared {declared.text}"
    others = profile.values - profile.blobs
    if not others:
        return Decision("bytea", Conversion.BYTES, said)
    kinds = " or ".join(
        word
        for word, count in (("text", profile.texts), ("number", profile.integers + profile.reals))
        if count
    )
    note = f"stored as {kinds}: {some_of(others, profile.values, 'value')}; the text's bytes are kept"
    return Decision("bytea", Conversion.BYTES, f"{said}; {note}", (("changed", note),))


def _uuid(declared: DeclaredType, profile: ColumnProfile) -> Decision | None:
    if profile.texts != (profile.uuid_texts or 0) or profile.blobs != (profile.uuid_blobs or 0):
        return None
    notes: tuple[Remark, ...] = ()
    if profile.respelled_uuids:
        spelled = f"{counted(profile.respelled_uuids, 'UUID')} not in lower case with dashes"
        notes = (("changed", f"{spelled}; PostgreSQL shows all of them so"),)
    return Decision("uuid", Conversion.UUID, f"declared {declared.text}; all values are UUIDs", notes)


def _inet(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    said = f"declared {declared.text}"
    bad = profile.texts - (profile.inet_texts or 0)
    if not bad:
        return Decision(
            "inet", Conversion.CAST, f"{said}; all values are IP addresses", cast=PostgresType("inet")
        )
    found = f"{some_of(bad, profile.values, 'value')} no IP address"
    return widened("text", Conversion.TEXT, f"{said}, but {found}: text")


def _perhaps_uuid(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    """Characters of which only the values can say that they are UUIDs."""
    said = f"declared {declared.text.partition(', here ')[0]}"
    if profile.respelled_uuids == 0 and profile.values and profile.uuid_texts == profile.values:
        return Decision("uuid", Conversion.UUID, f"{said}; all values are UUIDs")
    if profile.values == 0 and declared.name.startswith("probably"):
        return Decision("uuid", Conversion.UUID, f"{said}; no value is stored")
    return Decision("character varying", Conversion.TEXT, f"{said}; not all values are UUIDs")


#: postgresql.org/docs/current/datatype-enum.html
_LONGEST_LABEL = 63


def _enumeration(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    said = f"declared {declared.text}"
    outside = profile.texts - (profile.listed_texts or 0)
    if outside:
        found = f"{some_of(outside, profile.values, 'value')} not on the list"
        return widened("character varying", Conversion.TEXT, f"{said}, but {found}: character varying")
    if any(len(label.encode()) > _LONGEST_LABEL for label in declared.labels):
        return widened("character varying", Conversion.TEXT, f"{said}, but a label is too long for an enum")
    return Decision("enum", Conversion.TEXT, f"{said}; all values are on the list", labels=declared.labels)


def _json(declared: DeclaredType, profile: ColumnProfile) -> Decision:
    said = f"declared {declared.text}"
    bad = profile.texts - (profile.json_texts or 0)
    if not bad:
        notes: tuple[Remark, ...] = ()
        if profile.blobs:
            binary = some_of(profile.blobs, profile.values, "value")
            notes = (("changed", f"SQLite's binary JSON: {binary}; they become JSON text"),)
        why = f"{said}; all values are valid, and keep their text"
        return Decision("json", Conversion.JSON, why, notes)
    conversion = Conversion.TEXT if set(profile.classes) == {"text"} else Conversion.ANY_AS_TEXT
    return widened(
        "text", conversion, f"{said}, but {some_of(bad, profile.values, 'value')} not valid JSON: text"
    )
