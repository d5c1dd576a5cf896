"""Counts what a table's columns hold: in SQL what SQL can tell, and the rest by reading the table once more.

The first statement asks each column whether it holds only the storage class that its declared type leads one
to expect; columns that do not are asked for everything in a second one. Columns whose texts must be
understood (dates, UUIDs, JSON), or at least be storable, are then read together.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migration.schema.declared import (
    UUID_CHARACTERS,
    DeclaredType,
    Family,
    type_of,
)
from migration.schema.tokens import quoted
from migration.values.epoch import EPOCH_WINDOWS
from migration.values.extras import extra_questions
from migration.values.facts import ColumnProfile, DecimalFacts, EpochFacts, TableProfile, TemporalFacts
from migration.values.observers import (
    BooleanObserver,
    DecimalObserver,
    InetObserver,
    JsonBlobObserver,
    JsonObserver,
    ListObserver,
    SingleObserver,
    TemporalObserver,
    TextObserver,
)
from migration.values.questions import (
    all_questions,
    expected_questions,
    from_all,
    if_pure,
    native_answers,
)
from migration.values.scan import Watched, scan, text_expression
from migration.values.uuid_observers import RandomUuidObserver, UuidObserver, VersionedUuidObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from migration.schema.source import Column, Table
    from migration.values.native_count import NativeCount

#: SQLite's default limit is 2,000 result columns; a column asks for at most nine.
_COLUMNS_AT_ONCE = 150
_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}
_OBSERVERS: dict[Family, type[TextObserver]] = {
    Family.TIMESTAMP: TemporalObserver,
    Family.DATE: TemporalObserver,
    Family.TIME: TemporalObserver,
    Family.BOOLEAN: BooleanObserver,
    Family.UUID: UuidObserver,
    Family.PERHAPS_UUID: UuidObserver,
    Family.JSON: JsonObserver,
    Family.INET: InetObserver,
}


def measure_table(
    connection: sqlite3.Connection,
    table: Table,
    encoding: str,
    *,
    orphans: tuple[int | None, ...] = (),
    native: NativeCount | None = None,
) -> TableProfile:
    """Profile every column of one table.

    Args:
        connection: reads.
        table: which.
        encoding: the database's, as PRAGMA encoding names it.
        orphans: as counted for each of its foreign keys.
        native: what the compiled library has counted; without it SQLite and Python do it.
    """
    return _Measurement(connection, table, encoding, native).profile(orphans)


def observer_of_texts(column: Column, encoding: str) -> TextObserver:
    """Who looks at a column's texts, in the database's encoding."""
    declared, codec = type_of(column), _CODECS.get(encoding, "utf-8")
    if declared.family is Family.ENUM:
        return ListObserver(codec, declared.labels)
    if declared.family is Family.PERHAPS_UUID and declared.name.endswith("key"):
        return RandomUuidObserver(codec)
    if declared.name in UUID_CHARACTERS and declared.arguments in ((32,), (36,)):
        return VersionedUuidObserver(codec) if declared.arguments == (32,) else UuidObserver(codec)
    return _OBSERVERS.get(declared.family, TextObserver)(codec)


class _Measurement:
    def __init__(
        self, connection: sqlite3.Connection, table: Table, encoding: str, native: NativeCount | None
    ) -> None:
        self._connection = connection
        self._table = table
        self._encoding = encoding
        self._native = native
        self._rows = native.rows if native is not None else self._answer("count(*)")[0]

    def profile(self, orphans: tuple[int | None, ...]) -> TableProfile:
        stored = [column for column in self._table.columns if column.generated != "virtual"]
        profiles = self._understood(stored, self._counted(stored))
        for column in self._table.columns:
            if column.generated == "virtual":
                # Its expression runs now, and may fail on a row: that column alone is then unreadable.
                try:
                    profiles |= self._understood([column], self._counted([column]))
                except sqlite3.OperationalError:
                    profiles[column.name] = ColumnProfile(readable=False)
        return TableProfile(
            self._rows, {column.name: profiles[column.name] for column in self._table.columns}, orphans
        )

    # What SQL can tell

    def _counted(self, columns: Sequence[Column]) -> dict[str, ColumnProfile]:
        profiles: dict[str, ColumnProfile] = {}
        for first in range(0, len(columns), _COLUMNS_AT_ONCE):
            part = columns[first : first + _COLUMNS_AT_ONCE]
            mixed = []
            for column, answer in zip(part, self._answers(part, expected_questions), strict=True):
                profile = if_pure(column, answer, self._rows)
                if profile is None:
                    mixed.append(column)
                else:
                    profiles[column.name] = profile
            for column, answer in zip(mixed, self._answers(mixed, all_questions), strict=True):
                profiles[column.name] = from_all(answer, self._rows)
        return profiles

    def _answers(
        self, columns: Sequence[Column], questions: Callable[[Column], list[tuple[str, str]]]
    ) -> list[dict[str, Any]]:
        """Answer each column's questions: from the native count where it can, and else by asking SQLite."""
        native = self._native.counted if self._native is not None else {}
        known = {
            column.name: native_answers(column, native[column.name])
            for column in columns
            if column.name in native
        }
        asked = [
            column
            for column in columns
            if not {name for name, _ in questions(column)} <= known.get(column.name, {}).keys()
        ]
        for column, answer in zip(asked, self._ask(questions(column) for column in asked), strict=True):
            known[column.name] = answer
        return [known[column.name] for column in columns]

    def _ask(self, questions: Iterable[list[tuple[str, str]]]) -> list[dict[str, Any]]:
        """Answer each column's named questions, all in one statement."""
        asked = list(questions)
        if not asked:
            return []
        row = iter(self._answer(", ".join(expression for column in asked for _, expression in column)))
        return [{name: next(row) for name, _ in column} for column in asked]

    def _answer(self, expressions: str) -> tuple[Any, ...]:
        statement = f"SELECT {expressions} FROM {quoted(self._table.name)}"  # noqa: S608  # names are quoted
        answer: tuple[Any, ...] = self._connection.execute(statement).fetchone()
        return answer

    # What reading tells

    def _understood(
        self, columns: Sequence[Column], profiles: dict[str, ColumnProfile]
    ) -> dict[str, ColumnProfile]:
        texts: dict[str, TextObserver] = {}
        decimals: dict[str, tuple[DecimalObserver, float]] = {}
        singles: dict[str, SingleObserver] = {}
        binary: dict[str, JsonBlobObserver] = {}
        watched: list[Watched] = []
        for column in columns:
            profile, declared = profiles[column.name], type_of(column)
            seen = self._native.texts.get(column.name) if self._native is not None else None
            if profile.texts and seen is not None:
                texts[column.name] = seen
            elif profile.texts:
                observer = observer_of_texts(column, self._encoding)
                expression = text_expression(
                    column.name, self._encoding, only_text=profile.texts == profile.values
                )
                # Four bytes a character, and what Python adds to each value.
                watched.append(Watched(expression, 4 * (profile.max_characters or 0) + 64, observer))
                texts[column.name] = observer
            if (
                declared.family is Family.DECIMAL
                and declared.arguments
                and (profile.reals or profile.integers)
            ):
                observer_of_reals, largest, unequal = self._decimals(column, declared)
                decimals[column.name] = observer_of_reals, largest
                watched += unequal
            if declared.name == "real" and declared.family is Family.REAL and profile.reals:
                singles[column.name] = SingleObserver()
                name = quoted(column.name)
                expression = f"CASE typeof({name}) WHEN 'real' THEN {name} END"
                watched.append(Watched(expression, 64, singles[column.name]))
            if declared.family is Family.JSON and profile.blobs:
                name = quoted(column.name)
                binary[column.name] = JsonBlobObserver()
                blobs = f"CASE typeof({name}) WHEN 'blob' THEN {name} END"
                watched.append(Watched(blobs, (profile.max_bytes or 0) + 64, binary[column.name]))
        scan(self._connection, self._table.name, watched)
        for column in columns:
            profile = profiles[column.name]
            if column.name in texts:
                profile = _with_texts(profile, texts[column.name])
            if column.name in decimals:
                reals, largest = decimals[column.name]
                profile = replace(profile, decimal=reals.facts(largest))
            if column.name in binary:
                profile = replace(profile, json_blobs=binary[column.name].found)
            meant = type_of(column)
            if meant.family is Family.DECIMAL and not meant.arguments and column.meaning and profile.reals:
                profile = replace(profile, decimal=self._digits(column))
            if column.name in singles:
                profile = replace(profile, single_reals=singles[column.name].found)
            profiles[column.name] = self._with_extras(column, profile)
        return profiles

    def _decimals(
        self, column: Column, declared: DeclaredType
    ) -> tuple[DecimalObserver, float, list[Watched]]:
        """The greatest value; and, only if some reals do not equal their rounding, a look at these."""
        if self._native is not None and column.name in self._native.decimals:
            return self._native.decimals[column.name], self._native.counted[column.name].largest, []
        scale = declared.arguments[1] if len(declared.arguments) > 1 else 0
        name = quoted(column.name)
        unequal = f"typeof({name}) = 'real' AND {name} <> round({name}, {scale})"
        largest, count = self._answer(
            f"max(abs({name} + 0.0)) FILTER (WHERE typeof({name}) IN ('integer', 'real')"
            f" AND abs({name} + 0.0) < 9e999), "
            f"count(*) FILTER (WHERE {unequal})"
        )
        observer = DecimalObserver(scale)
        watched = [Watched(f"CASE WHEN {unequal} THEN {name} END", 64, observer)] if count else []
        return observer, largest or 0.0, watched

    def _digits(self, column: Column) -> DecimalFacts:
        """The greatest real, and the least number of digits behind the point that loses nothing."""
        name = quoted(column.name)
        lossy = (f"max(typeof({name}) = 'real' AND {name} <> round({name}, {scale}))" for scale in range(16))
        largest, *losses = self._answer(f"max(abs({name} + 0.0)), {', '.join(lossy)}")
        scale = next((digits for digits, lost in enumerate(losses) if not lost), None)
        return DecimalFacts(largest=largest, scale=scale)

    def _with_extras(self, column: Column, profile: ColumnProfile) -> ColumnProfile:
        """Ask once more about a column that holds something unusual for its type."""
        extras = extra_questions(column, profile, self._table)
        if not extras:
            return profile
        answer = dict(zip(extras, self._answer(", ".join(extras.values())), strict=True))
        if "least" in answer:
            least, greatest = _text(answer.pop("least")), _text(answer.pop("greatest"))
            facts = profile.temporal or TemporalFacts()
            answer["temporal"] = replace(facts, least=least, greatest=greatest)
        units = {unit: answer.pop(unit) for unit in EPOCH_WINDOWS if unit in answer}
        if units:
            counts = {unit: count for unit, count in units.items() if count}
            answer["epoch"] = EpochFacts(counts, answer.pop("zeros"), answer.pop("finer"))
        return replace(profile, **answer)


def _text(value: Any) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _with_texts(profile: ColumnProfile, observer: TextObserver) -> ColumnProfile:
    profile = replace(profile, text=observer.text)
    match observer:
        case TemporalObserver():
            return replace(profile, temporal=observer.facts)
        case BooleanObserver():
            return replace(profile, boolean_texts=observer.found, boolean_words=observer.words)
        case UuidObserver():
            profile = replace(profile, uuid_texts=observer.found, respelled_uuids=observer.respelled)
            versioned = observer.versioned if isinstance(observer, VersionedUuidObserver) else 0
            return replace(profile, versioned_uuids=versioned)
        case RandomUuidObserver():
            return replace(profile, uuid_texts=observer.found, random_uuids=observer.random)
        case ListObserver():
            return replace(profile, listed_texts=observer.found)
        case JsonObserver():
            return replace(profile, json_texts=observer.found, jsonb_texts=observer.binary)
        case InetObserver():
            return replace(profile, inet_texts=observer.found)
        case _:
            return profile
