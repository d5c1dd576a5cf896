"""Values that a declared type cannot hold: how many there are, and what the user wants to become of them.

What is decided here is exact: the profile has counted every value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.schema.declared import WHOLE, Family, fixed_epoch
from migration.schema.wording import some_of
from migration.values.facts import EpochFacts, TemporalFacts

if TYPE_CHECKING:
    from migration.schema.decision import Blanks, Remark
    from migration.schema.declared import DeclaredType
    from migration.schema.options import BlankPolicy, PlanOptions
    from migration.values.facts import ColumnProfile

_NUMBERS = (*WHOLE, Family.REAL, Family.DECIMAL, Family.BOOLEAN)
_DATES = (Family.TIMESTAMP, Family.DATE)


@dataclass(frozen=True)
class Policy:
    """What the user's options mean for one column.

    `reject`: rows with misfits are kept aside, and the type stays; otherwise the type is widened. `nullable`:
    NULL may take the place of a blank. `words`: yes and no are booleans. `guess_uuids`: a char(36) that holds
    UUIDs only is a uuid, because no library says otherwise.
    """

    reject: bool = False
    blanks: BlankPolicy = "auto"
    nullable: bool = True
    words: bool = False
    guess_uuids: bool = False


def policy_of(options: PlanOptions, *, contract: bool, nullable: bool) -> Policy:
    """The policy for a column; `contract`: an ORM made the file, and its types are its word."""
    reject = options.misfits == "reject" or (options.misfits == "auto" and contract)
    return Policy(reject, options.blanks, nullable, options.boolean_words, guess_uuids=not contract)


@dataclass(frozen=True)
class SetAside:
    """A profile without some of its values: what became of these, and how many of their rows are rejected."""

    profile: ColumnProfile
    blanks: Blanks | None = None
    rejects: int = 0
    notes: tuple[Remark, ...] = ()


def set_blanks_aside(declared: DeclaredType, profile: ColumnProfile, policy: Policy) -> SetAside:
    """Take out what stands for no value, where it is not to be taken for a misfit like others."""
    texts, zeros = _blanks(declared, profile)
    count = texts + zeros
    dates = declared.family in (*_DATES, Family.TIME)
    null = policy.nullable and (policy.blanks == "null" or (policy.blanks == "auto" and dates))
    if not count or policy.blanks == "refuse" or (policy.blanks == "auto" and not null):
        return SetAside(profile)
    what = f"blank ({_blank_words(declared, profile)}): {some_of(count, profile.values, 'value')}"
    without = _without(profile, texts, zeros)
    if null:
        without = replace(without, nulls=without.nulls + count)
        return SetAside(without, "null", 0, (("changed", f"{what}; NULL takes their place"),))
    because = "" if policy.nullable else ", because the column takes no NULL"
    return SetAside(without, "reject", count, (("rejected", f"{what}; their rows are rejected{because}"),))


def blank_values(declared: DeclaredType, profile: ColumnProfile) -> int:
    """How many values stand for no value."""
    return sum(_blanks(declared, profile))


def _blanks(declared: DeclaredType, profile: ColumnProfile) -> tuple[int, int]:
    """Texts and numbers that stand for no value."""
    facts = profile.temporal or TemporalFacts()
    if declared.family in _DATES:
        zeros = (profile.epoch or EpochFacts()).zeros if fixed_epoch(declared) is None else 0
        return facts.blank + facts.zero_dates, zeros
    if declared.family is Family.TIME:
        return facts.blank, 0
    return (profile.blank_texts, 0) if declared.family in _NUMBERS else (0, 0)


def _blank_words(declared: DeclaredType, profile: ColumnProfile) -> str:
    facts = profile.temporal or TemporalFacts()
    found = {
        "''": facts.blank if declared.family in (*_DATES, Family.TIME) else profile.blank_texts,
        "0000-00-00": facts.zero_dates,
        "0": _blanks(declared, profile)[1],
    }
    return ", ".join(word for word, count in found.items() if count)


def _without(profile: ColumnProfile, texts: int, zeros: int) -> ColumnProfile:
    """The profile of the remaining values. A range of integers may now be wider than what is left."""
    changed = replace(profile, texts=profile.texts - texts, integers=profile.integers - zeros, blank_texts=0)
    if profile.temporal is not None:
        facts = profile.temporal
        unreadable = facts.unreadable - facts.blank - facts.zero_dates if texts else facts.unreadable
        changed = replace(changed, temporal=replace(facts, unreadable=unreadable, blank=0, zero_dates=0))
    if zeros and profile.epoch is not None:
        changed = replace(changed, epoch=replace(profile.epoch, zeros=0))
    return changed


def set_misfits_aside(declared: DeclaredType, profile: ColumnProfile, policy: Policy) -> SetAside:
    """Take out every value that the declared type cannot hold, and count it as rejected.

    Integers and texts that are merely too large are no misfits: a wider type of the same kind holds them.
    """
    fitting = _fitting(declared, profile, policy)
    count = profile.values - fitting.values
    if not count:
        return SetAside(profile)
    example = f" ({_example(profile)})" if profile.temporal is not None and profile.temporal.example else ""
    said = f"{some_of(count, profile.values, 'value')} not as declared ({declared.text}){example}"
    return SetAside(fitting, None, count, (("rejected", f"{said}; their rows are rejected"),))


def _example(profile: ColumnProfile) -> str:
    assert profile.temporal is not None
    return f"such as {(profile.temporal.example or '')[:40]!r}"


def _fitting(declared: DeclaredType, profile: ColumnProfile, policy: Policy) -> ColumnProfile:
    match declared.family:
        case family if family in WHOLE:
            if profile.huge_reals:  # numeric will hold them, and all other reals with them
                return replace(profile, texts=0, blobs=0)
            return replace(profile, texts=0, blobs=0, reals=0, infinities=0)
        case Family.BOOLEAN:
            truths = profile.truths or 0
            return replace(
                profile, texts=boolean_texts(profile, policy), reals=0, blobs=0, integers=truths,
                min_integer=0, max_integer=1,
            )  # fmt: skip
        case Family.REAL:
            return replace(profile, texts=0, blobs=0)
        case Family.DECIMAL:
            return replace(profile, texts=0, blobs=0, reals=profile.reals - profile.infinities, infinities=0)
        case Family.CHARACTERS | Family.TEXT:
            return replace(profile, blobs=0)
        case Family.TIMESTAMP | Family.DATE | Family.TIME:
            return _fitting_times(declared, profile)
        case Family.UUID:
            return replace(
                profile, texts=profile.uuid_texts or 0, blobs=profile.uuid_blobs or 0, integers=0, reals=0
            )
        case Family.JSON:
            return replace(
                profile, texts=profile.json_texts or 0, blobs=profile.json_blobs or 0,
                reals=profile.reals - profile.infinities, infinities=0,
            )  # fmt: skip
        case Family.ENUM:
            return replace(profile, texts=profile.listed_texts or 0, integers=0, reals=0, blobs=0)
        case Family.INET:
            return replace(profile, texts=profile.inet_texts or 0, integers=0, reals=0, blobs=0)
        case _:
            return profile


def boolean_texts(profile: ColumnProfile, policy: Policy) -> int:
    """How many texts are true or false."""
    return (profile.boolean_texts or 0) + (profile.boolean_words if policy.words else 0)


def _fitting_times(declared: DeclaredType, profile: ColumnProfile) -> ColumnProfile:
    facts = profile.temporal or TemporalFacts()
    understood = replace(facts, unreadable=0, blank=0, zero_dates=0)
    if declared.family is Family.TIME:
        only = replace(understood, dates=0, datetimes=0, zoned=0)
        return replace(profile, texts=facts.times, integers=0, reals=0, blobs=0, temporal=only)
    days = facts.dates + facts.datetimes + facts.zoned
    epoch = profile.epoch or EpochFacts()
    # Numbers of two units are no unit's: which of them is meant, nobody can tell.
    numbers = sum(epoch.units.values()) if len(epoch.units) == 1 else 0
    integers = min(profile.integers, numbers)
    return replace(
        profile,
        texts=days,
        integers=integers,
        reals=numbers - integers,
        blobs=0,
        temporal=replace(understood, times=0),
        epoch=epoch if numbers else EpochFacts(),
    )
