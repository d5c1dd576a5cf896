"""Counts the storage classes and ranges of a table's columns in SQL, one pass over the table for the common
case.

The first pass asks each column whether it holds only the class its declared type leads one to expect; columns
that do not are asked for everything in a second pass. What SQL cannot tell (is this a date?) is left to
`scan`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migration.schema.declared import DeclaredType, Family, parse_type
from migration.values import scan
from migration.values.profile import ColumnProfile, DecimalFacts, TableProfile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.schema.source import Column, Table

#: SQLite's default limit is 2,000 result columns; each column of a table asks for fewer than ten.
_COLUMNS_AT_ONCE = 150
_EXPECTED = {
    Family.REAL: "real",
    Family.DECIMAL: "real",
    Family.CHARACTERS: "text",
    Family.TEXT: "text",
    Family.TIMESTAMP: "text",
    Family.DATE: "text",
    Family.TIME: "text",
    Family.UUID: "text",
    Family.JSON: "text",
    Family.BYTES: "blob",
}


def measure_table(
    connection: sqlite3.Connection, table: Table, encoding: str, *, orphans: tuple[int | None, ...] = ()
) -> TableProfile:
    """Profile every column of one table. `encoding` is the database's, as PRAGMA encoding names it."""
    rows = connection.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchone()[0]
    plain = [column for column in table.columns if column.generated != "virtual"]
    profiles = _measure(connection, table, plain, rows)
    for column in table.columns:
        if column.generated == "virtual":
            # Its expression runs now, and may fail on a row: that column alone is then unreadable.
            try:
                profiles |= _measure(connection, table, [column], rows)
            except sqlite3.OperationalError:
                profiles[column.name] = ColumnProfile(readable=False)
    suspects = [
        column
        for column in table.columns
        if profiles[column.name].texts and profiles[column.name].temporal is None
    ]
    facts = scan.text_facts(connection, table, suspects, encoding)
    for name, found in facts.items():
        profiles[name] = replace(profiles[name], text=found)
    return TableProfile(rows, {column.name: profiles[column.name] for column in table.columns}, orphans)


def _measure(
    connection: sqlite3.Connection, table: Table, columns: Sequence[Column], rows: int
) -> dict[str, ColumnProfile]:
    profiles: dict[str, ColumnProfile] = {}
    for first in range(0, len(columns), _COLUMNS_AT_ONCE):
        part = columns[first : first + _COLUMNS_AT_ONCE]
        asked = [_expected_questions(column) for column in part]
        answers = _ask(connection, table, asked)
        mixed = []
        for column, answer in zip(part, answers, strict=True):
            profile = _if_pure(column, answer, rows)
            if profile is None:
                mixed.append(column)
            else:
                profiles[column.name] = profile
        for column, answer in zip(
            mixed, _ask(connection, table, [_all_questions(c) for c in mixed]), strict=True
        ):
            profiles[column.name] = _from_all(answer, rows)
    for column in columns:
        profiles[column.name] = _with_meaning(connection, table, column, profiles[column.name])
    return profiles


def _ask(
    connection: sqlite3.Connection, table: Table, questions: Sequence[Sequence[tuple[str, str]]]
) -> list[dict[str, Any]]:
    """Answer each column's named questions in one statement."""
    if not questions:
        return []
    expressions = [expression for asked in questions for _, expression in asked]
    row = iter(connection.execute(f"SELECT {', '.join(expressions)} FROM {quoted(table.name)}").fetchone())
    return [{name: next(row) for name, _ in asked} for asked in questions]


def _expected_class(column: Column) -> str | None:
    declared = parse_type(column.declared_type)
    if declared.family in _EXPECTED:
        return _EXPECTED[declared.family]
    return "integer" if declared.family is not Family.ANY else None


def _expected_questions(column: Column) -> list[tuple[str, str]]:
    name, declared = quoted(column.name), parse_type(column.declared_type)
    expected = _expected_class(column)
    if expected is None:
        return [("values", f"count({name})")]
    asked = [("values", f"count({name})"), ("expected", _count(name, expected))]
    if expected == "integer":
        # BINARY, because the column's own collation may be one that only its application knows.
        asked += [("low", f"min({name} COLLATE BINARY)"), ("high", f"max({name} COLLATE BINARY)")]
    if declared.family is Family.CHARACTERS:
        asked.append(("length", f"max(length({name}))"))
    if expected == "blob":
        asked.append(("length", f"max(length({name}))"))
    if expected == "real":
        asked.append(("infinite", f"count(*) FILTER (WHERE abs({name}) = 9e999)"))
    return asked


def _count(name: str, storage: str) -> str:
    return f"count(*) FILTER (WHERE typeof({name}) = '{storage}')"


def _if_pure(column: Column, answer: dict[str, Any], rows: int) -> ColumnProfile | None:
    """The profile of a column that holds nothing unexpected; None for one that must be asked again."""
    values = answer["values"]
    nulls = rows - values
    if values == 0:
        return ColumnProfile(nulls=nulls)
    if values != answer.get("expected"):
        return None
    match _expected_class(column):
        case "integer":
            return ColumnProfile(
                nulls, integers=values, min_integer=answer["low"], max_integer=answer["high"]
            )
        case "real":
            return ColumnProfile(nulls, reals=values, infinities=answer["infinite"])
        case "blob":
            return ColumnProfile(nulls, blobs=values, max_bytes=answer["length"])
        case _:
            return ColumnProfile(nulls, texts=values, max_characters=answer.get("length"))


def _all_questions(column: Column) -> list[tuple[str, str]]:
    name = quoted(column.name)
    only = f"FILTER (WHERE typeof({name}) = "
    return [
        ("integers", _count(name, "integer")),
        ("reals", _count(name, "real")),
        ("texts", _count(name, "text")),
        ("blobs", _count(name, "blob")),
        ("low", f"min({name} COLLATE BINARY) {only}'integer')"),
        ("high", f"max({name} COLLATE BINARY) {only}'integer')"),
        ("infinite", f"count(*) {only}'real' AND abs({name}) = 9e999)"),
        ("characters", f"max(length({name})) {only}'text')"),
        ("bytes", f"max(length({name})) {only}'blob')"),
    ]


def _from_all(answer: dict[str, Any], rows: int) -> ColumnProfile:
    values = sum(answer[name] for name in ("integers", "reals", "texts", "blobs"))
    return ColumnProfile(
        rows - values,
        answer["integers"],
        answer["reals"],
        answer["texts"],
        answer["blobs"],
        answer["low"],
        answer["high"],
        answer["infinite"],
        answer["characters"],
        answer["bytes"],
    )


def _with_meaning(
    connection: sqlite3.Connection, table: Table, column: Column, profile: ColumnProfile
) -> ColumnProfile:
    """Add what the declared type makes worth knowing about the values."""
    declared = parse_type(column.declared_type)
    source = scan.Cells(connection, table.name, column.name)
    match declared.family:
        case Family.TIMESTAMP | Family.DATE | Family.TIME if profile.texts:
            temporal, text = scan.temporal_facts(source)
            return replace(profile, temporal=temporal, text=text)
        case Family.BOOLEAN if profile.texts:
            return replace(profile, boolean_texts=scan.boolean_texts(source))
        case Family.UUID if profile.texts or profile.blobs:
            texts, upper = scan.uuid_texts(source)
            return replace(
                profile, uuid_texts=texts, upper_uuids=upper, uuid_blobs=scan.blobs_of_length(source, 16)
            )
        case Family.JSON if profile.texts:
            return replace(profile, json_texts=scan.json_texts(source))
        case Family.DECIMAL if profile.reals or profile.integers:
            return replace(profile, decimal=_decimal_facts(connection, table, column, declared))
        case _:
            return profile


def _decimal_facts(
    connection: sqlite3.Connection, table: Table, column: Column, declared: DeclaredType
) -> DecimalFacts | None:
    if not declared.arguments:
        return None
    scale = declared.arguments[1] if len(declared.arguments) > 1 else 0
    name = quoted(column.name)
    numbers = f"FILTER (WHERE typeof({name}) IN ('integer', 'real'))"
    largest, unequal = connection.execute(
        f"SELECT max(abs({name} + 0.0)) {numbers}, "
        f"count(*) FILTER (WHERE typeof({name}) = 'real' AND {name} <> round({name}, {scale})) FROM {quoted(table.name)}"
    ).fetchone()
    beyond, noisy = (
        (0, 0) if not unequal else scan.decimal_digits(scan.Cells(connection, table.name, column.name), scale)
    )
    return DecimalFacts(beyond, noisy, largest or 0.0)


def quoted(name: str) -> str:
    """A name as SQLite reads it back."""
    return '"' + name.replace('"', '""') + '"'
