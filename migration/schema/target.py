"""The PostgreSQL schema that a migration will make, as values.

Built by reading only; `ddl` writes it, `run` and `script` carry it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

from migration.schema.options import PlanOptions

if TYPE_CHECKING:
    from migration.rules.values import Transform
    from migration.schema.options import NulPolicy, Utf8Policy
    from migration.schema.source import Column, SourceSchema, Table
    from migration.target_first.existing import ExistingSchema
    from migration.values.epoch import EpochUnit


class Conversion(Enum):
    """How a stored SQLite value becomes one of the target's type; `values.convert` has a function each."""

    INTEGER = "integer"
    REAL = "real"
    NUMERIC = "numeric"
    TEXT = "text"
    BYTES = "bytes"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    DATE = "date"
    TIME = "time"
    UUID = "uuid"
    JSON = "json"
    ANY_AS_TEXT = "any as text"
    CAST = "cast"  # to a type that the application chose: see `values.cast`


@dataclass(frozen=True)
class PostgresType:
    """A type that exists in the target, without its domain.

    `name` is pg_type's, `modifier` the type modifier (-1: none), `labels` those of an enum, `element` the
    type of an array's elements.
    """

    name: str
    modifier: int = -1
    labels: tuple[str, ...] = ()
    element: PostgresType | None = None


@dataclass(frozen=True)
class Reading:
    """How the user's rules read a column's stored values before they are converted (see `values.reading`).

    First `transform` makes another value of the stored one, then `format` reads a date or time, then
    `time_zone` says where its clock is. With `blanks`, a text of nothing or of blanks is NULL.
    """

    format: str | None = None
    time_zone: str | None = None
    transform: Transform | None = None
    blanks: bool = False


@dataclass(frozen=True)
class Note:
    """Something the migration does that its user should know, about one object.

    `info` is worth knowing; `widened` changed a type so that every value fits; `changed` behaves differently
    afterwards; `rejected` values do not fit, and their rows are kept aside; `left` was not migrated and needs
    a hand. Of what was left, `kind` says what it is, `table` on which table, and `sql` how SQLite declares
    it.
    """

    level: Literal["info", "widened", "changed", "rejected", "left"]
    object: str
    text: str
    kind: str = ""
    table: str = ""
    sql: str = ""


@dataclass(frozen=True)
class Advice:
    """What an application meets on PostgreSQL, whatever its code says: nothing was left or changed by that.

    `columns` are some of those it is about (or tables and views), and `more` how many are not named.
    """

    theme: str
    text: str
    columns: tuple[str, ...] = ()
    more: int = 0

    def __str__(self) -> str:
        rest = f" and {self.more:,} more" if self.more else ""
        return f"{self.text}; here: {', '.join(self.columns)}{rest}" if self.columns else self.text


@dataclass(frozen=True)
class NewName:
    """Something whose name on the target differs from the source's.

    `table` is the source's name of the table it belongs to ('' for tables and views); `why` is `rule` (the
    user's rules), `library` (it calls it so), `policy` (--names), `long` (more than 63 bytes) or `taken`
    (another object has the name).
    """

    kind: str
    table: str
    old: str
    new: str
    why: Literal["rule", "library", "policy", "long", "taken"]


@dataclass(frozen=True)
class TargetColumn:
    """One column of the target.

    `type` and `default` are PostgreSQL SQL; `identity` columns get their sequence set after the load.

    A `filled` column is about the database itself: a statement fills it with this expression after the load,
    whatever the source had there.

    A `generated` column is computed by PostgreSQL and takes no part in the copy; nor does an `unreadable`
    one, whose expression SQLite fails to compute. A `serial` column is an identity column of PostgreSQL's
    older kind: an integer whose default takes from a sequence that it owns. `sequence` is that sequence's
    name where the usual one is taken. `epoch` is the unit that integers of a timestamp column count in,
    `scale` the digits behind the point of a numeric, `labels` the values of an enumeration, `raw_codec` the
    encoding of texts that are read as bytes because some of them are no valid text, and `why` says in one
    sentence what decided the type. `cast` is what a conversion CAST makes values of. `blanks` says what
    becomes of '', a date of zeros, and 0 as a date. `rejects` values do not fit the type: their rows are not
    stored. Where the application made the column, `sequence` is the quoted name of what numbers it. `folding`
    is how a text column ignores case by itself: as the type citext instead of its own, or by a collation of
    ICU's.
    `reading` says how values are read first, `nul` and `utf8` are the policies of this column alone, and a
    `tried` column's values are converted once before anything is written.
    """

    name: str
    source: Column
    type: str
    conversion: Conversion
    not_null: bool
    default: str | None = None
    identity: bool = False
    generated: str | None = None
    serial: bool = False
    sequence: str | None = None
    epoch: EpochUnit | None = None
    scale: int | None = None
    raw_codec: str | None = None
    unreadable: bool = False
    labels: tuple[str, ...] = ()
    filled: str | None = None
    why: str = ""
    cast: PostgresType | None = None
    blanks: Literal["null", "reject"] | None = None
    rejects: int = 0
    folding: Literal["", "citext", "icu"] = ""
    reading: Reading | None = None
    nul: NulPolicy | None = None
    utf8: Utf8Policy | None = None
    tried: bool = False


@dataclass(frozen=True)
class TargetTable:
    """One table of the target.

    `sequence_floor` is the greatest value in use or given out by SQLite (0: none), or None where the table
    has no identity column; `rows` is how many there were when the plan was made, and `orphans` how many of
    them refer to nothing, for each foreign key (None: unknown).
    """

    name: str
    source: Table
    columns: tuple[TargetColumn, ...]
    sequence_floor: int | None = None
    rows: int = 0
    orphans: tuple[int | None, ...] = ()

    @property
    def copied(self) -> tuple[TargetColumn, ...]:
        """The columns that the copy fills, in order."""
        return tuple(
            column
            for column in self.columns
            if column.generated is None and column.filled is None and not column.unreadable
        )

    @property
    def rejects(self) -> int:
        """The most rows that may be rejected: a row counts once for each value that does not fit."""
        return sum(column.rejects for column in self.columns)


@dataclass(frozen=True)
class Statement:
    """One piece of DDL: the kind and name of what it makes, and its SQL without a final semicolon.

    `optional` statements may fail on PostgreSQL (a translated expression it refuses); the object is then
    reported as left. `otherwise` is what to do instead where PostgreSQL refuses the rows for it. `parent` is
    the table that a foreign key refers to ('' where it is not known). `columns` are those of a key, or those
    of the parent that a foreign key refers to. `in_two` is another way to the same, whose locks leave more
    to others: for a key a unique index, and the statement that makes a key of it; for a foreign key one that
    is NOT VALID, and the statement that validates it.
    """

    kind: Literal[
        "type",
        "rows",
        "table",
        "primary key",
        "unique",
        "index",
        "check",
        "foreign key",
        "view",
        "function",
        "trigger",
        "comment",
        "extension",
        "collation",
        "hook",
        "set aside",
    ]
    name: str
    table: str
    sql: str
    optional: bool = False
    otherwise: str | None = None
    parent: str = ""
    columns: tuple[str, ...] = ()
    in_two: tuple[str, str] | None = None


@dataclass(frozen=True)
class Obstacle:
    """Something stored that PostgreSQL cannot hold: nothing is migrated before the options settle it.

    `object` is table.column, `count` how many values; `next_step` says what settles it.
    """

    object: str
    count: int
    what: str
    next_step: str


@dataclass(frozen=True)
class TargetPlan:
    """The whole migration of a schema: tables first, then rows, then `after_load` in order, then sequences.

    `schema` is the PostgreSQL schema everything is made in; `options` are those the plan was made with.
    `existing` is the schema that the application had made there (None: the migration makes it). `names` is
    everything that is named otherwise than in the source, `application` what its users' code meets.
    """

    source: SourceSchema
    schema: str
    tables: tuple[TargetTable, ...]
    create: tuple[Statement, ...]
    after_load: tuple[Statement, ...]
    notes: tuple[Note, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    options: PlanOptions = field(default_factory=PlanOptions)
    existing: ExistingSchema | None = None
    names: tuple[NewName, ...] = ()
    application: tuple[Advice, ...] = ()

    def name_of(self, kind: str, table: str, old: str) -> str:
        """What an object of the source is called on the target; `table` as in `NewName`."""
        for name in self.names:
            if name.old == old and name.kind == kind and name.table == table:
                return name.new
        return old
