"""Reads single columns to the end, for what SQL cannot tell: is every text a date, a UUID, JSON, storable at
all?
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from migration.values.profile import TemporalFacts, TextFacts
from migration.values.temporal import TO_SHAPE, classify, parse_datetime, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.schema.source import Column, Table

_BATCH = 2_000
#: A column of dates has a handful of shapes; one with more than this many is free text.
_MANY_SHAPES = 200
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
#: The texts that PostgreSQL's boolean reads, without its abbreviations.
BOOLEAN_TEXTS = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}
_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}


@dataclass(frozen=True)
class Cells:
    """One column of one table, read through a connection."""

    connection: sqlite3.Connection
    table: str
    column: str

    def texts(self) -> Iterator[list[str]]:
        """The texts, in batches; bytes that are no UTF-8 come as surrogates."""
        self.connection.text_factory = _surrogates
        yield from _batches(self._select("text"))

    def reals(self, condition: str = "") -> Iterator[list[float]]:
        yield from _batches(self._select("real", condition))

    def count(self, condition: str) -> int:
        counted = self.connection.execute(
            f"SELECT count(*) FROM {_quoted(self.table)} WHERE {condition}"
        ).fetchone()[0]
        return int(counted)

    @property
    def name(self) -> str:
        return _quoted(self.column)

    def _select(self, storage: str, condition: str = "") -> sqlite3.Cursor:
        return self.connection.execute(
            f"SELECT {self.name} FROM {_quoted(self.table)} WHERE typeof({self.name}) = '{storage}' {condition}"
        )


def temporal_facts(cells: Cells) -> tuple[TemporalFacts, TextFacts]:
    """Read every text of a column as a date, a date and time, or a time; and say what of it is no text at
    all.
    """
    counts: Counter[str] = Counter()
    offsets = unreadable = blank = with_nul = invalid = 0
    example: str | None = None
    for batch in cells.texts():
        for text in batch:
            kind = classify(text.translate(TO_SHAPE))
            try:
                if kind == "time":
                    parse_time(text)
                elif kind is not None:
                    zone = parse_datetime(text).utcoffset()
                    offsets += zone is not None and zone != timedelta(0)
            except ValueError:
                kind = None
            if kind is not None:
                counts[kind] += 1
                continue
            unreadable += 1
            blank += text == ""
            with_nul += "\0" in text
            invalid += not _encodable(text)
            example = example if example is not None else text
    facts = TemporalFacts(
        counts["date"],
        counts["datetime"],
        counts["zoned"],
        offsets,
        counts["time"],
        unreadable,
        blank,
        example,
    )
    return facts, TextFacts(with_nul, invalid)


def boolean_texts(cells: Cells) -> int:
    """How many texts are a boolean's."""
    return sum(text.lower() in BOOLEAN_TEXTS for batch in cells.texts() for text in batch)


def uuid_texts(cells: Cells) -> tuple[int, int]:
    """How many texts are UUIDs, and how many of these have upper-case letters or no dashes, which PostgreSQL
    does not keep.
    """
    good = changed = 0
    for batch in cells.texts():
        for text in batch:
            if _UUID.fullmatch(text):
                good += 1
                changed += text != text.lower() or text.count("-") != 4
    return good, changed


def blobs_of_length(cells: Cells, length: int) -> int:
    """How many blobs have this many bytes."""
    return cells.count(f"typeof({cells.name}) = 'blob' AND length({cells.name}) = {length}")


def json_texts(cells: Cells) -> int:
    """How many texts are JSON as PostgreSQL's json type reads it."""
    return sum(is_json(text) for batch in cells.texts() for text in batch)


def is_json(text: str) -> bool:
    """Strict JSON: Python's parser without its NaN and Infinity. Surrogate escapes are left to the json type,
    which keeps them.
    """
    try:
        json.loads(text, parse_constant=_refuse, parse_int=_keep, parse_float=_keep)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _keep(number: str) -> str:
    return number


def decimal_digits(cells: Cells, scale: int) -> tuple[int, int]:
    """Of the reals that do not equal their value rounded to `scale`: how many lose digits, how many only
    binary noise.
    """
    beyond = noisy = 0
    for batch in cells.reals():
        for value in batch:
            rounded = f"{value:.{scale}f}"
            if float(rounded) == value:
                continue
            if f"{float(rounded):.15g}" == f"{value:.15g}":
                noisy += 1
            else:
                beyond += 1
    return beyond, noisy


def text_facts(
    connection: sqlite3.Connection, table: Table, columns: Sequence[Column], encoding: str
) -> dict[str, TextFacts]:
    """Which columns hold texts that PostgreSQL cannot store, with counts. Columns without such texts are left
    out.
    """
    if not columns:
        return {}
    codec = _CODECS.get(encoding, "utf-8")
    suspicious = [column for column in columns if not _clean(connection, table, column, codec)]
    found = {}
    for column in suspicious:
        with_nul = invalid = 0
        name = _quoted(column.name)
        cursor = connection.execute(
            f"SELECT CAST({name} AS BLOB) FROM {_quoted(table.name)} WHERE typeof({name}) = 'text'"
        )
        for (raw,) in cursor:
            try:
                with_nul += "\0" in raw.decode(codec)
            except UnicodeDecodeError:
                invalid += 1
                with_nul += "\0" in raw.decode(codec, "replace")
        if with_nul or invalid:
            found[column.name] = TextFacts(with_nul, invalid)
    return found


def _clean(connection: sqlite3.Connection, table: Table, column: Column, codec: str) -> bool:
    """Whether no text has a U+0000 or is invalid; several texts are looked at in one go, with a line feed
    between them.

    An ASCII character between two texts keeps halves of characters from forming one, so that the whole is
    valid exactly if its parts are.
    """
    name = _quoted(column.name)
    cursor = connection.execute(
        f"SELECT CAST({name} AS BLOB) FROM {_quoted(table.name)} WHERE typeof({name}) = 'text'"
    )
    between = "\n".encode(codec)
    for batch in _batches(cursor):
        try:
            if "\0" in between.join(batch).decode(codec):
                return False
        except UnicodeDecodeError:
            return False
    return True


def _batches(cursor: sqlite3.Cursor) -> Iterator[list[Any]]:
    """The single values of a cursor's rows, in lists of bounded size."""
    while rows := cursor.fetchmany(_BATCH):
        yield [value for (value,) in rows]


def _surrogates(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
