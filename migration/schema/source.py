"""A SQLite schema as values, exactly as the file declares it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from migration.schema.selection import LeftOut

#: The names of the triggers that fence a moved database begin so. They belong to Outgrow and not to the
#: application's schema: `read` leaves them out, so that a file reads the same before and after it was fenced.
FENCE_PREFIX = "_outgrow_fence_"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `declared_type` is the type's text as written ('' where there is none); `default` is the SQL expression as
    written; `collation` is None for BINARY. `meaning` is the type that the library which
    made the file meant, where it declared less (see `migration.orm`). `shown` is its name for its users,
    where that is another one; `comment` is what stands beside it in a comment.
    """

    name: str
    declared_type: str
    not_null: bool
    default: str | None = None
    collation: str | None = None
    generated: Literal["virtual", "stored"] | None = None
    generation_expression: str | None = None
    meaning: str | None = None
    shown: str = ""
    comment: str = ""


@dataclass(frozen=True)
class PrimaryKey:
    """A table's primary key. `rowid_alias` is true for INTEGER PRIMARY KEY, whose values SQLite assigns.

    `collations` has the collation of each column (None: BINARY), or is empty where there is no index;
    `on_conflict` is the declared conflict algorithm (REPLACE, IGNORE, ...), if any.
    """

    columns: tuple[str, ...]
    name: str | None = None
    autoincrement: bool = False
    rowid_alias: bool = False
    collations: tuple[str | None, ...] = ()
    on_conflict: str | None = None


@dataclass(frozen=True)
class UniqueConstraint:
    """UNIQUE as part of the table's declaration (an index made by CREATE UNIQUE INDEX is an `Index`).

    `collations` and `on_conflict` mean what they mean for a primary key.
    """

    columns: tuple[str, ...]
    name: str | None = None
    collations: tuple[str | None, ...] = ()
    on_conflict: str | None = None


@dataclass(frozen=True)
class ForeignKey:
    """A reference to a parent table; an implicit target is already resolved to the parent's primary key."""

    columns: tuple[str, ...]
    parent_table: str
    parent_columns: tuple[str, ...]
    name: str | None = None
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    deferrable: bool = False
    initially_deferred: bool = False


@dataclass(frozen=True)
class Check:
    """A CHECK of a table or column, as written."""

    expression: str
    name: str | None = None


@dataclass(frozen=True)
class IndexTerm:
    """One column or expression of an index; exactly one of `column` and `expression` is set."""

    column: str | None = None
    expression: str | None = None
    descending: bool = False
    collation: str | None = None


@dataclass(frozen=True)
class Index:
    """An index made by CREATE INDEX."""

    name: str
    table: str
    terms: tuple[IndexTerm, ...]
    unique: bool = False
    where: str | None = None
    sql: str = ""


@dataclass(frozen=True)
class Table:
    """A table with everything its declaration says.

    `virtual` is true for one that a virtual table shows; `shown` is its name for its users, where that is
    another one. `comment` is the comment before its columns. `skipped` names
    the columns that the user leaves out; they are in none of the other fields.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: PrimaryKey | None = None
    uniques: tuple[UniqueConstraint, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    without_rowid: bool = False
    strict: bool = False
    sql: str = ""
    skipped: tuple[str, ...] = ()
    virtual: bool = False
    shown: str = ""
    comment: str = ""


@dataclass(frozen=True)
class OtherObject:
    """A view, trigger, virtual or shadow table: known, named in every report, moved where it can be."""

    kind: Literal["view", "trigger", "virtual table", "shadow table"]
    name: str
    table: str = ""
    sql: str = ""


@dataclass(frozen=True)
class SourceSchema:
    """Everything a SQLite file declares; `sequences` is sqlite_sequence: table -> last value given out.

    `excluded` names the tables and views that the user leaves out (see `selection`), and `left_out` says so;
    `whole` is then the schema with them.
    """

    path: Path
    tables: tuple[Table, ...]
    others: tuple[OtherObject, ...] = ()
    sequences: Mapping[str, int] = field(default_factory=dict)
    encoding: str = "UTF-8"
    page_count: int = 0
    page_size: int = 0
    journal_mode: str = ""
    excluded: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    whole: SourceSchema | None = None

    @property
    def file(self) -> SourceSchema:
        """The schema of the whole file, whatever the user leaves out."""
        return self.whole or self
