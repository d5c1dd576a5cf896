"""Decides the type of columns that are declared as dates, times or timestamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.decision import Decision, Remark
from migration.schema.declared import DeclaredType, Family
from migration.schema.target import Conversion, PostgresType
from migration.schema.wording import counted, some_of
from migration.values.epoch import UNIT_NAMES
from migration.values.facts import EpochFacts, TemporalFacts

if TYPE_CHECKING:
    from migration.values.epoch import EpochUnit
    from migration.values.facts import ColumnProfile

_ZONED = ("timestamp with time zone", Conversion.TIMESTAMPTZ)
_LOCAL = ("timestamp without time zone", Conversion.TIMESTAMP)
_DATE = ("date", Conversion.DATE)
#: activemodel/lib/active_model/type/time.rb
_TIME_DAY = "2000-01-01"
_TIME = ("time without time zone", Conversion.TIME)


def decide_temporal(declared: DeclaredType, profile: ColumnProfile) -> Decision | None:
    """Decide a column of dates or times; None where PostgreSQL would have to guess what some value means."""
    said = f"declared {declared.text}"
    facts = profile.temporal or TemporalFacts()
    zoned = "tz" in declared.name or "with time zone" in declared.name or "offset" in declared.name
    if profile.values == 0:
        wanted = {Family.DATE: _DATE, Family.TIME: _TIME}.get(declared.family, _ZONED if zoned else _LOCAL)
        return Decision(*wanted, f"{said}; no value is stored")
    if profile.blobs or facts.unreadable:
        return None
    if facts.times == profile.values and declared.family is Family.TIME:
        return Decision(*_TIME, f"{said}; all values are times of day")
    if declared.family is Family.TIME and _on_one_day(profile, facts):
        why = f"{said}; all values are times of day on {_TIME_DAY}"
        return Decision(_TIME[0], Conversion.CAST, why, cast=PostgresType("time"))
    if facts.times or declared.family is Family.TIME:
        return None
    if facts.dates == profile.values and declared.family is Family.DATE:
        return Decision(*_DATE, f"{said}; all values are dates")
    unit = None
    if profile.integers or profile.reals:
        unit = _unit(profile)
        if unit is None:
            return None
    notes = tuple(_notes(declared, profile, facts, unit))
    if zoned or unit is not None or facts.zoned:
        return Decision(*_ZONED, f"{said}; all values are instants", notes, unit)
    return Decision(*_LOCAL, f"{said}; all values are dates and times without a zone", notes)


def _on_one_day(profile: ColumnProfile, facts: TemporalFacts) -> bool:
    """Whether all values are dates and times of the day on which Rails puts its times of day."""
    least, greatest = facts.least or "", facts.greatest or ""
    return facts.datetimes == profile.values and least[:10] == greatest[:10] == _TIME_DAY


def _unit(profile: ColumnProfile) -> EpochUnit | None:
    """The unit of all numbers, if they have one."""
    units = (profile.epoch or EpochFacts()).units
    (unit, count) = next(iter(units.items())) if len(units) == 1 else (None, 0)
    return unit if count == profile.integers + profile.reals else None


def _notes(
    declared: DeclaredType,
    profile: ColumnProfile,
    facts: TemporalFacts,
    unit: EpochUnit | None,
) -> list[Remark]:
    notes: list[Remark] = []
    if unit is not None:
        numbers = some_of(profile.integers + profile.reals, profile.values, "value")
        notes.append(("changed", f"{UNIT_NAMES[unit]}: {numbers}; they become timestamps"))
        finer = (profile.epoch or EpochFacts()).finer
        if finer:
            kept = "milliseconds" if unit == "julian" else "microseconds"
            notes.append(("changed", f"{counted(finer, 'number')} with a fraction; {kept} are kept"))
    if facts.rolled:
        rolled = f"written as 24:00 or with a 60th second: {some_of(facts.rolled, profile.values, 'value')}"
        notes.append(("changed", f"{rolled}; the next day or minute begins then"))
    if facts.dates and facts.dates < profile.values:
        days = some_of(facts.dates, profile.values, "value")
        notes.append(("changed", f"a date without a time: {days}; midnight is added"))
    if facts.offsets:
        notes.append(
            ("changed", f"{counted(facts.offsets, 'offset')} not kept: PostgreSQL keeps the instant only")
        )
    local = facts.dates + facts.datetimes
    if local and (unit is not None or facts.zoned):
        notes.append(("changed", f"no time zone: {some_of(local, profile.values, 'value')}; read as UTC"))
    if declared.family is Family.DATE and facts.dates < profile.values:
        notes.append(("widened", f"declared {declared.text}, but values have a time of day: timestamp"))
    return notes
