"""What the columns of a file really hold, counted over every row before anything is written.

A declared type in SQLite is a wish; the plan rests on these numbers instead. Reading them is exact, never
sampled, and asks each column only what its declared type leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.values.epoch import EpochUnit


@dataclass(frozen=True)
class TextFacts:
    """How many texts cannot be stored: those with U+0000, and those not valid in the file's encoding."""

    with_nul: int = 0
    invalid: int = 0


@dataclass(frozen=True)
class TemporalFacts:
    """Texts read as dates and times: how many are of each shape, and how many of none.

    `offsets` counts the zoned ones whose zone is not UTC; `blank` the empty texts, which are among the
    unreadable, as `zero_dates` are; `digits` are the most that stand behind a second; `least` and `greatest`
    are the first and last value in their order, where that decides what they are. `rolled` ones are
    written as 24:00 or with a 60th second.
    """

    dates: int = 0
    datetimes: int = 0
    zoned: int = 0
    offsets: int = 0
    times: int = 0
    unreadable: int = 0
    blank: int = 0
    example: str | None = None
    digits: int = 0
    least: str | None = None
    greatest: str | None = None
    zero_dates: int = 0
    rolled: int = 0


@dataclass(frozen=True)
class EpochFacts:
    """Numbers read as instants: how many lie in the window of each unit, and how many are 0.

    `finer` ones have digits that PostgreSQL does not keep: behind the microsecond, or a julian day's behind
    the millisecond.
    """

    units: Mapping[EpochUnit, int] = field(default_factory=dict)
    zeros: int = 0
    finer: int = 0


@dataclass(frozen=True)
class DecimalFacts:
    """Numbers read as decimals with the declared number of digits behind the point.

    `beyond` counts the reals that would lose digits, `noisy` those that only lose what binary arithmetic left
    behind the 15th significant digit; `largest` is the greatest absolute value. Without a declared number,
    `scale` is the least that loses nothing (None: more than SQLite rounds to).
    """

    beyond: int = 0
    noisy: int = 0
    largest: float = 0.0
    scale: int | None = None


@dataclass(frozen=True)
class ColumnProfile:
    """One column: how many values of each storage class, and what its declared type made worth knowing.

    Lengths are in characters for texts and bytes for blobs. A fact that was not asked for is None, or 0 where
    nothing of the kind can be there. `huge_reals` are beyond 64-bit integers, `truths` integers that are 0 or
    1, `boolean_words` texts such as yes and off, `versioned_uuids` have the digits of RFC 9562, `json_blobs`
    are SQLite's JSONB.
    """

    nulls: int = 0
    integers: int = 0
    reals: int = 0
    texts: int = 0
    blobs: int = 0
    min_integer: int | None = None
    max_integer: int | None = None
    infinities: int = 0
    max_characters: int | None = None
    max_bytes: int | None = None
    text: TextFacts = field(default_factory=TextFacts)
    temporal: TemporalFacts | None = None
    decimal: DecimalFacts | None = None
    epoch: EpochFacts | None = None
    huge_reals: int = 0
    blank_texts: int = 0
    truths: int | None = None
    boolean_texts: int | None = None
    boolean_words: int = 0
    uuid_texts: int | None = None
    respelled_uuids: int = 0
    random_uuids: int = 0
    versioned_uuids: int = 0
    uuid_blobs: int | None = None
    json_texts: int | None = None
    json_blobs: int | None = None
    jsonb_texts: int | None = None
    inet_texts: int | None = None
    integer_texts: int | None = None
    listed_texts: int | None = None
    min_characters: int | None = None
    single_reals: int | None = None
    readable: bool = True

    @property
    def values(self) -> int:
        """How many values are not NULL."""
        return self.integers + self.reals + self.texts + self.blobs

    @property
    def classes(self) -> dict[str, int]:
        """The storage classes found (integer, real, text, blob), with their counts."""
        counts = {"integer": self.integers, "real": self.reals, "text": self.texts, "blob": self.blobs}
        return {name: count for name, count in counts.items() if count}


@dataclass(frozen=True)
class TableProfile:
    """One table; for each foreign key, how many rows refer to nothing (None: could not be counted).

    `merged` counts, by the columns of a key, the rows that PostgreSQL's folding of case makes equal.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    orphans: tuple[int | None, ...] = ()
    merged: Mapping[tuple[str, ...], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """All tables, by name."""

    tables: Mapping[str, TableProfile]
