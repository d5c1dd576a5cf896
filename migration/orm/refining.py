"""Types that some libraries have on PostgreSQL and no SQLite file declares."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema.target import Conversion, PostgresType

if TYPE_CHECKING:
    from migration.schema.decision import Decision
    from migration.values.facts import ColumnProfile


def binary_json(decision: Decision, profile: ColumnProfile) -> Decision:
    """The type jsonb instead of json, if it takes every value."""
    if decision.type != "json":
        return decision
    refused = (profile.json_texts or 0) - (profile.jsonb_texts or 0) + profile.blobs
    if refused:
        note = (
            f"{refused:,} with U+0000, a number beyond numeric or SQLite's binary form: json instead of jsonb"
        )
        return replace(decision, why=f"{decision.why}; {note}", notes=(*decision.notes, ("widened", note)))
    why = decision.why.replace("and keep their text", "and keep their meaning")
    return replace(decision, type="jsonb", conversion=Conversion.CAST, cast=PostgresType("jsonb"), why=why)


def with_digits(decision: Decision, profile: ColumnProfile, digits: int) -> Decision:
    """A timestamp with so many digits behind the second, if no value has more."""
    stored = profile.temporal.digits if profile.temporal is not None else 0
    if not decision.type.startswith("timestamp ") or stored > digits or decision.epoch == "us":
        return decision
    return replace(decision, type=decision.type.replace("timestamp ", f"timestamp({digits}) ", 1))


def as_interval(decision: Decision, said: str) -> Decision:
    """Integers that count microseconds, as the lengths of time that they are."""
    return replace(
        decision,
        type="interval",
        conversion=Conversion.CAST,
        cast=PostgresType("interval"),
        epoch="us",
        why=f"{decision.why.partition(':')[0]}: {said}",
        notes=(*decision.notes, ("changed", said)),
    )


def since_1970(decision: Decision, profile: ColumnProfile) -> Decision:
    """Lengths of time that are written as the moment so long after 1970, if no value is a year long."""
    facts = profile.temporal
    if decision.conversion is not Conversion.TIMESTAMP or facts is None or not facts.least:
        return decision
    if facts.dates or facts.least < "1969-01-01" or (facts.greatest or "") >= "1971-01-01":
        return decision
    said = "all values lie between 1969 and 1970: lengths of time, counted from 1970"
    made = as_interval(decision, said)
    return replace(made, epoch=None, why=f"{decision.why}; {said}")


def zoned(decision: Decision) -> Decision:
    """A timestamp with a time zone; a text without one is UTC's."""
    if decision.conversion is not Conversion.TIMESTAMP:
        return decision
    return replace(decision, type="timestamp with time zone", conversion=Conversion.TIMESTAMPTZ)


def unzoned(decision: Decision, profile: ColumnProfile, digits: int) -> Decision:
    """A timestamp without a time zone, which shows UTC, with so many digits if no value has more."""
    if decision.conversion not in (Conversion.TIMESTAMP, Conversion.TIMESTAMPTZ):
        return decision
    kind = PostgresType("timestamp")
    plain = replace(decision, type="timestamp without time zone", conversion=Conversion.CAST, cast=kind)
    return with_digits(plain, profile, digits)


def words_of(name: str) -> frozenset[str]:
    """The words of a column's name: startedAt and started_at have started and at."""
    return frozenset(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))
