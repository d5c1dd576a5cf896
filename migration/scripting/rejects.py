"""Writes the rows that cannot be stored into a file of the script, for the table that `run` has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.running.isolate import Span
from migration.running.rejects import Rejecter
from migration.schema.ddl import qualified, quote_columns, quote_identifier, quote_literal
from migration.target.rejects import COLUMNS, FILLED, SCHEMA, TABLE
from migration.values.copy_text import copy_line

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
    from typing import BinaryIO, Self

    from migration.schema.target import TargetPlan, TargetTable
    from migration.target.rejects import Reject
    from migration.values.convert import Unstorable

REJECTS = "22_rejects.sql"
#: All rows of a table, in their order.
_WHOLE = Span(None, None)


class RejectFile:
    """The file, which appears with the first reject."""

    def __init__(self, folder: Path, reader: sqlite3.Connection, plan: TargetPlan) -> None:
        self._path = folder / REJECTS
        self._reader = reader
        self._plan = plan
        self._file: BinaryIO | None = None
        self.rows = 0

    def of(self, table: TargetTable) -> Rejecter:
        """Makes the rejects of one table."""
        return Rejecter(self._reader, table, self._plan.source.encoding)

    def add(self, rejecter: Rejecter, position: int, error: Unstorable) -> None:
        """Keep the row at a position of its table."""
        self._write(rejecter.unstorable(_WHOLE, position, error))

    def _write(self, reject: Reject) -> None:
        if self._file is None:
            self._file = self._path.open("wb")
            self._file.write(self._head().encode())
        self._file.write(copy_line(reject.fields(self._plan.schema)))
        self.rows += 1

    def _head(self) -> str:
        schema, table = quote_identifier(SCHEMA), qualified(SCHEMA, TABLE)
        mine = f"target_schema = {quote_literal(self._plan.schema)}"
        return (
            "-- The rows that could not be stored, with their original bytes, in one transaction.\n"
            "\\set ON_ERROR_STOP on\nSET client_encoding = 'UTF8';\n\nBEGIN;\n"
            f"CREATE SCHEMA IF NOT EXISTS {schema};\n"
            f"CREATE TABLE IF NOT EXISTS {table} ({COLUMNS});\n"
            f"DELETE FROM {table} WHERE {mine};\n"
            f"COPY {table} ({quote_columns(FILLED)}) FROM STDIN;\n"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.write(b"\\.\nCOMMIT;\n")
            self._file.close()
