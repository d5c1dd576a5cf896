"""TypeORM (typeorm.io): 4-byte integers, serials, and names made of SHA-1 digits."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.orm.profile import Evidence, OrmProfile, Strength
from migration.orm.signs import constraint_names, find_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.source import PrimaryKey, SourceSchema, Table

#: Names that TypeORM's DefaultNamingStrategy makes: a prefix and 26 or 27 digits of a SHA-1.
_NAME = re.compile(r"(?:PK|UQ|FK|DF)_[0-9a-f]{27}|(?:IDX|REL|CHK|XCL)_[0-9a-f]{26}")


@dataclass(frozen=True)
class TypeOrm(OrmProfile):
    """TypeORM's answers."""

    name: str = "typeorm"
    title: str = "TypeORM"
    compact_integers: bool = True
    serial_keys: bool = True
    session_clock: bool = True
    bookkeeping: frozenset[str] = frozenset({"migrations", "typeorm_metadata"})

    def detect(self, source: SourceSchema) -> Evidence | None:
        if find_table(source, "typeorm_metadata"):
            return Evidence("has the table typeorm_metadata", Strength.TABLE)
        if find_table(source, "migrations", {"id", "timestamp", "name"}):
            return Evidence("has a table migrations with id, timestamp and name", Strength.TABLE)
        named = next((name for name in constraint_names(source) if _NAME.fullmatch(name)), None)
        return Evidence(f"has names like {named}", Strength.NAMES) if named is not None else None

    def gives_out(self, table: Table, key: PrimaryKey) -> bool:
        """@PrimaryGeneratedColumn has AUTOINCREMENT; a plain primary key is filled by the application."""
        del table
        return key.autoincrement

    def primary_key_name(self, table: Table, key: PrimaryKey) -> str | None:
        return primary_key(table.name, key.columns)


def primary_key(table: str, columns: Iterable[str]) -> str:
    """The name of a primary key by DefaultNamingStrategy: PK_ and 27 digits of the SHA-1 of table_columns."""
    key = "_".join((table, *sorted(columns)))
    return "PK_" + hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()[:27]


TYPEORM = TypeOrm()
