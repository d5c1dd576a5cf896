"""Rows as they lie in the file: every value with its storage class and its bytes, whatever the plan says.

One value is a small mapping, the same in the rejects table and in the rejects file:

| class   | members                                                                                        |
|---------|------------------------------------------------------------------------------------------------|
| null    |                                                                                                |
| integer | `value`: the number                                                                            |
| real    | `value`: its shortest decimal text, `hex`: its 8 bytes (IEEE 754 binary64, big endian)         |
| text    | `hex`: its bytes in the file's encoding, `value`: the text, unless it is damaged or holds NUL  |
| blob    | `hex`: its bytes                                                                               |
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration.schema.tokens import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from migration.schema.source import Table

CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}

OriginalValue = dict[str, Any]


def rowid_of(table: Table) -> str | None:
    """The SQL name of a table's rowid; None where it has none, or columns took all of its names."""
    if table.without_rowid:
        return None
    if table.primary_key is not None and table.primary_key.rowid_alias:
        return quoted(table.primary_key.columns[0])
    taken = {column.name.lower() for column in table.columns}
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)


@dataclass(frozen=True)
class Original:
    """One row: its rowid, if the table has one, and its stored values by the names of their columns."""

    rowid: int | None
    values: Mapping[str, OriginalValue]


class Originals:
    """Reads single rows of one table through a connection that reads other things at the same time.

    Args:
        reader: the snapshot's connection.
        table: as declared.
        encoding: of the file's texts, as PRAGMA encoding names it.
    """

    def __init__(self, reader: sqlite3.Connection, table: Table, encoding: str) -> None:
        self._reader = reader
        self._table = table
        self._codec = CODECS.get(encoding, "utf-8")
        # What a virtual generated column computes is no part of the row, and computing it may fail.
        self._names = tuple(column.name for column in table.columns if column.generated != "virtual")
        self._rowid = rowid_of(table)
        self._from = f"FROM {quoted(table.name)} NOT INDEXED"
        self._last: tuple[int | None, int | None, int, int] | None = None

    def by_rowid(self, rowid: int) -> Original:
        """The row with this rowid."""
        return self._read(f"WHERE {self._rowid} = ?", [rowid], rowid)

    def at(self, after: int | None, until: int | None, position: int) -> Original:
        """The row at a position (from 0) among those behind the rowid `after`, up to `until`, in their order.

        A table without rowid is counted from its beginning. Asked for rising positions, the reading in
        between is done once.
        """
        if self._rowid is None:
            return self._read("LIMIT 1 OFFSET ?", [position], None)
        start, skip = after, position
        if self._last is not None and self._last[:2] == (after, until) and self._last[2] < position:
            start, skip = self._last[3], position - self._last[2] - 1
        where = "" if start is None else f"WHERE {self._rowid} > ?"
        query = f"SELECT {self._rowid} {self._from} {where} ORDER BY {self._rowid} LIMIT 1 OFFSET ?"
        row = self._reader.execute(query, [*([] if start is None else [start]), skip]).fetchone()
        if row is None:
            raise LookupError(f"{self._table.name} has no row at {position}")
        self._last = (after, until, position, row[0])
        return self.by_rowid(row[0])

    def matching(self, values: Mapping[str, OriginalValue]) -> Original | None:
        """The row of a table without rowid that has the same key, or the same values where it has no key."""
        names = self._table.primary_key.columns if self._table.primary_key else self._names
        conditions = [f"{quoted(name)} IS {literal(values[name])}" for name in names if name in values]
        try:
            return self._read(f"WHERE {' AND '.join(conditions)} LIMIT 1", [], None)
        except LookupError:
            return None

    def _read(self, tail: str, parameters: Sequence[Any], rowid: int | None) -> Original:
        def row(form: str) -> tuple[Any, ...]:
            listed = ", ".join(form.format(quoted(name)) for name in self._names)
            found: tuple[Any, ...] | None = self._reader.execute(
                f"SELECT {listed} {self._from} {tail}", parameters
            ).fetchone()
            if found is None:
                raise LookupError(f"{self._table.name} has no such row")
            return found

        classes = row("typeof({0})")
        values = row("CASE typeof({0}) WHEN 'text' THEN CAST({0} AS BLOB) ELSE {0} END")
        return Original(
            rowid,
            {
                name: _described(_word(storage), value, self._codec)
                for name, storage, value in zip(self._names, classes, values, strict=True)
            },
        )


def _word(storage: Any) -> str:
    """A word of SQLite's own, whatever the connection's text factory makes of text."""
    return storage if isinstance(storage, str) else bytes(storage).decode()


def _described(storage: str, value: Any, codec: str) -> OriginalValue:
    match storage:
        case "integer":
            return {"class": storage, "value": value}
        case "real":
            return {"class": storage, "value": repr(value), "hex": struct.pack(">d", value).hex()}
        case "text":
            known: OriginalValue = {"class": storage, "hex": value.hex()}
            try:
                text = value.decode(codec)
            except UnicodeDecodeError:
                return known
            return known if "\0" in text else {"class": storage, "value": text, "hex": value.hex()}
        case "blob":
            return {"class": storage, "hex": value.hex()}
        case _:
            return {"class": "null"}


def literal(value: OriginalValue) -> str:
    """A SQLite expression for an original value."""
    match value["class"]:
        case "integer":
            return str(value["value"])
        case "real":
            number = struct.unpack(">d", bytes.fromhex(value["hex"]))[0]
            return {"inf": "9e999", "-inf": "-9e999"}.get(repr(number), repr(number))
        case "text":
            return f"CAST(x'{value['hex']}' AS TEXT)"
        case "blob":
            return f"x'{value['hex']}'"
        case _:
            return "NULL"
