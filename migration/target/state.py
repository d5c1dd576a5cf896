"""What a half-done migration has done to its target, recorded in the target itself.

Every step writes its row here in the same transaction as its effect, so after kill -9 the two can never
disagree. The records live in a schema of their own, or in the target schema where the role may create none,
and are dropped when the migration is finished: nothing foreign stays for an application's ORM to find.
"""

from __future__ import annotations

import json
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, LiteralString

from psycopg import sql

from migration.source.snapshot import SourceState
from migration.target.database import Connection, execute, may_create_schema, scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Cursor

    from migration.running.steps import Step

SCHEMA = "outgrow"


@dataclass(frozen=True)
class TargetSetup:
    """Whose migration fills a schema: the journal's name, the source's state, the plan it follows.

    `existing` is the schema as the application had made it, where there was one: what the migration sets
    aside is put back by it.
    """

    journal: str
    source: str
    source_state: SourceState
    plan_hash: str
    existing: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Progressed:
    """How far one step has come: `position` is the last rowid whose row is stored (copies only)."""

    state: Literal["started", "done", "left"]
    position: int | None
    outcome: Mapping[str, Any]


class TargetState:
    """The records for one target schema. Methods that write do so in the caller's transaction."""

    def __init__(self, connection: Connection, schema: str, place: str, prefix: str) -> None:
        self._connection = connection
        self._schema = schema
        self._own_schema = place == SCHEMA
        self._migration = sql.Identifier(place, prefix + "migration")
        self._step = sql.Identifier(place, prefix + "step")

    def through(self, connection: Connection) -> TargetState:
        """The same records, written through another connection."""
        other = copy(self)
        other._connection = connection  # noqa: SLF001  # its own kind
        return other

    @classmethod
    def find(cls, connection: Connection, schema: str) -> TargetState | None:
        """The records of a migration into `schema` that is not finished, or None."""
        for place, prefix in _places(schema):
            found = scalar(
                connection,
                "SELECT count(*) FROM pg_class AS c WHERE relnamespace = to_regnamespace(quote_ident(%s))"
                " AND relname = %s AND has_table_privilege(c.oid, 'SELECT')"
                " AND has_schema_privilege(relnamespace, 'USAGE')",
                [place, prefix + "migration"],
            )
            if found:
                state = cls(connection, schema, place, prefix)
                if state._row() is not None:
                    return state
        return None

    @classmethod
    def create(cls, connection: Connection, schema: str, setup: TargetSetup) -> TargetState:
        """Make the records; the target schema exists already."""
        taken = scalar(connection, "SELECT to_regnamespace(%s) IS NOT NULL", [SCHEMA])
        own = not taken and may_create_schema(connection)
        place, prefix = _places(schema)[0 if own else 1]
        if own:
            execute(connection, "CREATE SCHEMA {place}", place=sql.Identifier(place))
        state = cls(connection, schema, place, prefix)
        state._execute(
            "CREATE TABLE {migration} (schema text PRIMARY KEY, journal text NOT NULL, source text NOT NULL,"
            " source_state jsonb NOT NULL, plan_hash text NOT NULL, existing jsonb)"
        )
        state._execute(
            "CREATE TABLE {step} (id text PRIMARY KEY, kind text NOT NULL, name text NOT NULL,"
            " state text NOT NULL, position bigint, outcome jsonb NOT NULL)"
        )
        state._pin(setup)
        return state

    def _execute(self, template: LiteralString, **values: Any) -> Cursor[tuple[Any, ...]]:
        return execute(self._connection, template, migration=self._migration, step=self._step, **values)

    def _row(self) -> tuple[Any, ...] | None:
        return self._execute(
            "SELECT journal, source, source_state, plan_hash, existing FROM {migration}"
            " WHERE schema = {schema}",
            schema=self._schema,
        ).fetchone()

    @property
    def setup(self) -> TargetSetup:
        row = self._row()
        if row is None:
            raise LookupError(self._schema)
        return TargetSetup(row[0], row[1], SourceState.from_json(row[2]), row[3], row[4])

    def steps(self) -> dict[str, Progressed]:
        """Everything recorded, by the steps' ids."""
        rows = self._execute("SELECT id, state, position, outcome FROM {step}")
        return {row[0]: Progressed(*row[1:]) for row in rows}

    def made(self, kind: str) -> tuple[str, ...]:
        """Names of the steps of a kind that were carried out."""
        rows = self._execute(
            "SELECT name FROM {step} WHERE kind = {kind} AND state = 'done' ORDER BY id", kind=kind
        )
        return tuple(row[0] for row in rows)

    def record(
        self,
        step: Step,
        state: Literal["started", "done", "left"],
        outcome: Mapping[str, Any],
        position: int | None = None,
    ) -> None:
        """Write how far a step has come."""
        self._execute(
            "INSERT INTO {step} (id, kind, name, state, position, outcome)"
            " VALUES ({id}, {kind}, {name}, {state}, {position}, {outcome})"
            " ON CONFLICT (id) DO UPDATE SET state = excluded.state, position = excluded.position,"
            " outcome = excluded.outcome",
            id=step.id,
            kind=step.kind,
            name=step.name,
            state=state,
            position=position,
            outcome=json.dumps(dict(outcome)),
        )

    def start_over(self, setup: TargetSetup) -> None:
        """Forget every step and pin a changed source."""
        self._execute("DELETE FROM {step}")
        self._execute("DELETE FROM {migration}")
        self._pin(setup)

    def _pin(self, setup: TargetSetup) -> None:
        self._execute(
            "INSERT INTO {migration} (schema, journal, source, source_state, plan_hash, existing)"
            " VALUES ({schema}, {journal}, {source}, {source_state}, {plan_hash}, {existing})",
            schema=self._schema,
            journal=setup.journal,
            source=setup.source,
            source_state=json.dumps(setup.source_state.to_json()),
            plan_hash=setup.plan_hash,
            existing=None if setup.existing is None else json.dumps(dict(setup.existing)),
        )

    def drop(self) -> None:
        """Remove the records and their schema."""
        self._execute("DROP TABLE {migration}, {step}")
        if self._own_schema:
            execute(self._connection, "DROP SCHEMA {place}", place=sql.Identifier(SCHEMA))


def _places(schema: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Where the records may be: schema and prefix of the table names."""
    return (SCHEMA, ""), (schema, "outgrow_")
