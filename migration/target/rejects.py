"""The rows that could not be stored, kept with their original bytes in the target beside what could.

They lie in a schema of their own, or in the target schema where the role may create none; written in the same
transaction as the rows around them, and left there after the migration for as long as there are any.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from migration.target.database import Connection, execute, may_create_schema, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Cursor

SCHEMA = "outgrow_rejects"
TABLE = "rejects"
#: Its name in the target schema itself.
TABLE_INSIDE = "_outgrow_rejects"

#: What the table is made of, for `run` and for the scripts alike. Source names are those in the file.
COLUMNS = """
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  target_schema text NOT NULL,
  target_table text NOT NULL,
  source_table text NOT NULL,
  source_rowid bigint,
  source_column text,
  reason text NOT NULL,
  original json NOT NULL
"""
#: The columns that are filled, in order.
FILLED = (
    "target_schema",
    "target_table",
    "source_table",
    "source_rowid",
    "source_column",
    "reason",
    "original",
)


@dataclass(frozen=True)
class Reject:
    """One row that was not stored.

    `column` is the source's column that did not fit, None where PostgreSQL refused the row as a whole;
    `original` holds every stored value (see `migration.source.original`), `rowid` is None in tables without.
    """

    table: str
    target_table: str
    rowid: int | None
    column: str | None
    reason: str
    original: Mapping[str, Any]

    def fields(self, schema: str) -> tuple[Any, ...]:
        """The row of the rejects table, as `FILLED` names it."""
        kept = json.dumps(dict(self.original), ensure_ascii=False)
        return (schema, self.target_table, self.table, self.rowid, self.column, self.reason, kept)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class RejectCount:
    """How many rows of one table were rejected for one column, with the first one's reason."""

    table: str
    column: str | None
    rows: int
    example: str


class RejectTable:
    """The rejects of one target schema. Methods that write do so in the caller's transaction."""

    def __init__(self, connection: Connection, schema: str, place: str) -> None:
        self._connection = connection
        self._schema = schema
        self.place = place
        self._name = sql.Identifier(place, TABLE if place == SCHEMA else TABLE_INSIDE)

    def through(self, connection: Connection) -> RejectTable:
        """The same table through another connection."""
        return RejectTable(connection, self._schema, self.place)

    @property
    def shown(self) -> str:
        """Its name, to be typed in psql."""
        return self._name.as_string(self._connection)

    @classmethod
    def find(cls, connection: Connection, schema: str) -> RejectTable | None:
        """The table for rejects of this schema, if there is one that the role may read."""
        for place, name in ((SCHEMA, TABLE), (schema, TABLE_INSIDE)):
            found = scalar(
                connection,
                "SELECT count(*) FROM pg_class AS c WHERE relnamespace = to_regnamespace(quote_ident(%s))"
                " AND relname = %s AND has_schema_privilege(relnamespace, 'USAGE')"
                " AND has_table_privilege(c.oid, 'SELECT')",
                [place, name],
            )
            if found:
                return cls(connection, schema, place)
        return None

    @classmethod
    def provide(cls, connection: Connection, schema: str) -> RejectTable:
        """Find the table or make it; the target schema exists already."""
        found = cls.find(connection, schema)
        if found is not None:
            return found
        taken = scalar(connection, "SELECT to_regnamespace(%s) IS NOT NULL", [SCHEMA])
        own = not taken and may_create_schema(connection)
        if own:
            execute(connection, "CREATE SCHEMA {place}", place=sql.Identifier(SCHEMA))
        made = cls(connection, schema, SCHEMA if own else schema)
        made._create(connection)
        return made

    def _create(self, connection: Connection) -> None:
        template: LiteralString = "CREATE TABLE IF NOT EXISTS {rejects} ({columns})"
        execute(connection, template, rejects=self._name, columns=sql.SQL(COLUMNS))

    def _missing(self, connection: Connection) -> bool:
        name = self._name.as_string(connection)
        return bool(scalar(connection, "SELECT to_regclass(%s) IS NULL", [name]))

    def _execute(self, template: LiteralString, **parts: Any) -> Cursor[tuple[Any, ...]]:
        return execute(self._connection, template, rejects=self._name, schema=self._schema, **parts)

    def write(self, rejects: Sequence[Reject], *, connection: Connection | None = None) -> None:
        """Keep some rows; through another connection where a worker has its own."""
        if not rejects:
            return
        target = connection or self._connection
        if self._missing(target):  # another migration into this database found it empty when it finished
            if self.place == SCHEMA:
                execute(target, "CREATE SCHEMA IF NOT EXISTS {place}", place=sql.Identifier(SCHEMA))
            self._create(target)
        names = sql.SQL(", ").join(map(sql.Identifier, FILLED))
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(self._name, names)
        with target.cursor() as cursor, cursor.copy(copy) as stream:
            for reject in rejects:
                stream.write_row(reject.fields(self._schema))

    def forget(self) -> None:
        """Remove the rejects of this schema: its tables are made anew."""
        self._execute("DELETE FROM {rejects} WHERE target_schema = {schema}")

    def counts(self) -> tuple[RejectCount, ...]:
        """The rejects of this schema, by table and column."""
        rows = self._execute(
            "SELECT source_table, source_column, count(*), (array_agg(reason ORDER BY id))[1] FROM {rejects}"
            " WHERE target_schema = {schema} GROUP BY 1, 2 ORDER BY min(id)"
        )
        return tuple(RejectCount(*row) for row in rows)

    def rejects(self) -> Iterator[Reject]:
        """Every reject of this schema, in order, a hundred at a time in memory."""
        last = 0
        while True:
            rows = self._execute(
                "SELECT id, source_table, target_table, source_rowid, source_column, reason, original"
                " FROM {rejects} WHERE target_schema = {schema} AND id > {last} ORDER BY id LIMIT 100",
                last=last,
            ).fetchall()
            if not rows:
                return
            yield from (Reject(*row[1:]) for row in rows)
            last = rows[-1][0]

    def drop_if_empty(self) -> None:
        """Leave nothing behind where nothing was rejected."""
        if self._missing(self._connection):
            return
        if self._execute("SELECT EXISTS (SELECT FROM {rejects})").fetchone() == (True,):
            return
        self._execute("DROP TABLE {rejects}")
        if self.place == SCHEMA:
            rest = "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(%s)"
            if scalar(self._connection, rest, [SCHEMA]) == 0:
                execute(self._connection, "DROP SCHEMA {place}", place=sql.Identifier(SCHEMA))
