"""Decides a column as the user's rules say; values that do not fit are found before anything is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema.chosen_type import read_type
from migration.schema.decision import Decision
from migration.schema.target import Conversion, Reading
from migration.target_first.types import choose
from migration.values.reading import has_date, has_time, has_zone

if TYPE_CHECKING:
    from migration.rules.values import ColumnRule
    from migration.schema.options import BlankPolicy
    from migration.schema.target import PostgresType
    from migration.values.epoch import EpochUnit
    from migration.values.facts import ColumnProfile

_TEMPORAL = ("timestamp", "timestamptz", "date", "time", "timetz")
#: '' is a value of these like any other.
_TEXTUAL = ("text", "varchar", "bpchar", "citext", "name", "json", "jsonb", "xml")


def read_by(rule: ColumnRule) -> Reading | None:
    """How the rule reads stored values; None: as they are."""
    if rule.format is None and rule.time_zone is None and rule.transform is None:
        return None
    return Reading(rule.format, rule.time_zone, rule.transform)


def by_rule(
    rule: ColumnRule,
    profile: ColumnProfile,
    decision: Decision,
    *,
    blanks: BlankPolicy,
    microseconds: bool = False,
) -> Decision:
    """What becomes of a column under its rule.

    Args:
        rule: everything that the rules say about the column.
        profile: what it holds.
        decision: what would be decided without the rule.
        blanks: the policy for '' in a column of anything but text.
        microseconds: whether an integer that becomes an interval counts them.
    """
    reading = read_by(rule)
    if rule.type is None and rule.conversion is None and reading is None:
        return decision
    wanted = read_type(rule.type or _implied(rule) or decision.type)
    unit: EpochUnit | None = "us" if microseconds and wanted.type.name == "interval" else None
    casting = choose(wanted.type, profile, unit)
    if profile.texts and takes_blanks(wanted.type, blanks):
        reading = replace(reading or Reading(), blanks=True)
    plain = reading is None and rule.conversion is None and casting.proven
    conversion = casting.conversion if plain else Conversion.CAST
    if rule.conversion is not None:
        conversion = Conversion(rule.conversion)
    return Decision(
        wanted.shown,
        conversion,
        f"your rules say so: {_said(rule)}",
        epoch=casting.epoch,
        scale=casting.scale,
        cast=wanted.type if conversion is Conversion.CAST else None,
        reading=reading,
        chosen=True,
        tried=not plain,
    )


def takes_blanks(kind: PostgresType, policy: BlankPolicy) -> bool:
    """Whether '' becomes NULL in such a column: as a date by itself, as others where the user says so."""
    if policy == "auto":
        return kind.name in _TEMPORAL
    textual = kind.name in (*_TEXTUAL, "bytea") or bool(kind.labels) or kind.element is not None
    return policy == "null" and not textual


def textual_conversion(decision: Decision) -> Conversion:
    """The conversion by which damaged texts are judged: as text, unless a function reads them first."""
    if decision.reading is not None and decision.reading.transform is not None:
        return Conversion.CAST
    kind = decision.cast
    return Conversion.TEXT if kind is not None and kind.name in _TEXTUAL else decision.conversion


def leads_to_time(type_name: str) -> bool:
    """Whether what a date format reads can become this type."""
    return read_type(type_name).type.name in _TEMPORAL


def _implied(rule: ColumnRule) -> str | None:
    """The type that a format or a time zone asks for."""
    form = rule.format
    if rule.time_zone is not None:
        return "timestamptz"
    if form is None:
        return None
    if "%" not in form or (has_zone(form) and has_time(form)):
        return "timestamptz"
    if not has_time(form):
        return "date"
    return "timestamp" if has_date(form) else "time"


def _said(rule: ColumnRule) -> str:
    words = {
        "type": rule.type,
        "conversion": rule.conversion,
        "format": rule.format,
        "time_zone": rule.time_zone,
        "transform": rule.transform.function if rule.transform else None,
    }
    return ", ".join(f"{key} {word}" for key, word in words.items() if word is not None)
