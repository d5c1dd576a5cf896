"""The canonical bytes of types that only an application chooses; beside those of `canonical`.

| family     | bytes                                                                                 |
|------------|---------------------------------------------------------------------------------------|
| small real | as real, of the decimal that PostgreSQL shows of the 4 bytes                          |
| padded     | as text, without the blanks behind it, which char(n) does not tell apart              |
| interval   | as in `canonical`, where only PostgreSQL reads every spelling of a text               |
| asked      | as text, of the form in which PostgreSQL shows it: it is asked for every other value  |
"""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg

from migration.schema.ddl import quote_literal
from migration.verification.canonical import family, plain_number, text_meaning
from migration.verification.canonical_sql import value_sql
from migration.verification.canonical_time import interval_meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetColumn
    from migration.target.database import Connection
    from migration.verification.canonical import Meaning
    from migration.verification.catalog import CatalogColumn

    Ask = Callable[[str], bytes]

_REAL = struct.Struct(">cd")
_LENGTH = struct.Struct(">cI")
#: Elements whose array an application may keep as texts with commas between.
_TEXTS = {"_text", "_varchar", "_bpchar", "_citext", "_name"}


def special_meanings(
    pairs: Sequence[tuple[TargetColumn, CatalogColumn]], options: PlanOptions, target: Connection
) -> dict[str, Meaning]:
    """The meanings of the columns of these families, by the columns' names in the target."""
    return {
        actual.name: _MEANINGS[family(actual)](planned, actual, options, _asker(target, actual))
        for planned, actual in pairs
        if family(actual) in _MEANINGS
    }


def _asker(target: Connection, column: CatalogColumn) -> Ask:
    """PostgreSQL's own word on a text, as a value of a column's type."""

    @lru_cache(maxsize=50_000)
    def ask(text: str) -> bytes:
        if "\0" in text:
            raise ValueError
        question = f"SELECT {value_sql(column, f'({quote_literal(text)}::{column.type})')}"
        try:
            row = target.execute(question.encode()).fetchone()
        except (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
            raise ValueError from error
        assert row is not None
        return bytes(row[0])

    return ask


def _sized(content: bytes) -> bytes:
    return _LENGTH.pack(b"\x01", len(content)) + content


def _small_real(*_: Any) -> Meaning:
    def encode(value: Any) -> bytes:
        number = float(plain_number(value)) if type(value) is bytearray else value
        return _REAL.pack(b"\x01", number)

    return encode


def _padded(planned: TargetColumn, actual: CatalogColumn, options: PlanOptions, ask: Ask) -> Meaning:
    del ask
    text = text_meaning(planned, actual, options)

    def encode(value: Any) -> bytes:
        return _sized(text(value)[_LENGTH.size :].rstrip(b" "))

    return encode


def _interval(planned: TargetColumn, actual: CatalogColumn, options: PlanOptions, ask: Ask) -> Meaning:
    plain = interval_meaning(planned, actual, options)

    def encode(value: Any) -> bytes:
        try:
            return plain(value)
        except ValueError:
            return ask(value.decode())

    return encode


def _asked(planned: TargetColumn, actual: CatalogColumn, options: PlanOptions, ask: Ask) -> Meaning:
    plain = text_meaning(planned, actual, options)
    width = _width(actual.type) if actual.base == "bit" else 0

    def encode(value: Any) -> bytes:
        if type(value) is bytes:
            raise TypeError
        text = plain(int(value) if type(value) is float and value.is_integer() else value)
        written = text[_LENGTH.size :].decode()
        if actual.base.startswith("_"):
            written = _array(written, textual=actual.base in _TEXTS)
        if width:
            written = written.zfill(width) if type(value) is int else written
            if len(written) != width:  # a cast would cut or fill it
                raise ValueError
        return ask(written)

    return encode


def _width(shown: str) -> int:
    digits = shown.partition("(")[2].rstrip(")")
    return int(digits) if digits.isdecimal() else 1


def _array(text: str, *, textual: bool) -> str:
    """An array as PostgreSQL reads it, from a JSON list or from texts with commas between."""
    if text.startswith("{"):
        return text
    items = json.loads(text) if text.startswith("[") else text.split(",") if text else []
    if not text.startswith("[") and not textual:
        raise ValueError
    return _written(items)


def _written(item: Any) -> str:
    match item:
        case None:
            return "NULL"
        case list():
            return "{" + ",".join(map(_written, item)) + "}"
        case str():
            plain = item
        case _:
            plain = json.dumps(item, ensure_ascii=False)
    return '"' + plain.replace("\\", r"\\").replace('"', r"\"") + '"'


_MEANINGS: Mapping[str, Callable[[TargetColumn, CatalogColumn, PlanOptions, Ask], Meaning]] = {
    "small real": _small_real,
    "padded": _padded,
    "interval": _interval,
    "asked": _asked,
}
