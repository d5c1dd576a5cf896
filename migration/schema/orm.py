"""Recognises the library that made a SQLite file, and names things as that library does on PostgreSQL."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.options import OrmChoice
    from migration.schema.source import SourceSchema, Table

Orm = Literal["generic", "typeorm"]

#: Names that TypeORM's DefaultNamingStrategy makes: a prefix and 26 or 27 digits of a SHA-1.
_TYPEORM_NAME = re.compile(r"(?:PK|UQ|FK|DF)_[0-9a-f]{27}|(?:IDX|REL|CHK|XCL)_[0-9a-f]{26}")


def detect(source: SourceSchema, choice: OrmChoice) -> Orm:
    """The library to follow: the user's choice, or what the file gives away."""
    if choice != "auto":
        return choice
    names = [name for table in source.tables for name in _constraint_names(table)]
    migrations = next((table for table in source.tables if table.name == "migrations"), None)
    columns = {column.name for column in migrations.columns} if migrations else set()
    if (
        any(table.name == "typeorm_metadata" for table in source.tables)
        or {"id", "timestamp", "name"} <= columns
        or any(_TYPEORM_NAME.fullmatch(name) for name in names)
    ):
        return "typeorm"
    return "generic"


def _constraint_names(table: Table) -> Iterable[str]:
    yield from (unique.name for unique in table.uniques if unique.name)
    yield from (key.name for key in table.foreign_keys if key.name)
    yield from (check.name for check in table.checks if check.name)
    yield from (index.name for index in table.indexes)


def typeorm_primary_key(table: str, columns: Iterable[str]) -> str:
    """The name of a primary key by DefaultNamingStrategy: PK_ and 27 digits of the SHA-1 of table_columns."""
    key = "_".join((table, *sorted(columns)))
    return "PK_" + hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()[:27]
