"""The rows that an application's schema holds before the load, and after an interrupted one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from migration.errors import TargetRefusedError
from migration.target.database import execute
from migration.target_first.existing import ExistingSchema
from migration.target_first.read import occupied, read_existing, schemas_with_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.schema.options import PlanOptions
    from migration.schema.target import TargetPlan
    from migration.target.database import Connection


def find_existing(
    connection: Connection, options: PlanOptions, recorded: Mapping[str, Any] | None
) -> ExistingSchema | None:
    """The schema to load into: as an interrupted load has recorded it, or as it is. None: none is asked for.

    Raises:
        TargetRefusedError: there are no tables.
    """
    if not options.target_first:
        return None
    if recorded is not None:
        return ExistingSchema.from_json(recorded)
    existing = read_existing(connection, options.schema)
    if existing.tables:
        return existing
    others = schemas_with_tables(connection)
    named = f"there are tables in {', '.join(others)}: --schema NAME" if others else ""
    raise TargetRefusedError(
        f"schema {options.schema} of database {connection.info.dbname} has no tables",
        why="--target-first loads into the tables that the application has made",
        next_step=named or "let the application make its schema first: its migrations, or synchronize",
    )


def refuse_new_rows(connection: Connection, plan: TargetPlan, existing: ExistingSchema) -> None:
    """Refuse rows that were not there when the plan was made.

    Raises:
        TargetRefusedError: names the tables.
    """
    known = {table.name for table in existing.tables if table.occupied}
    there = {table.name for table in existing.tables} - known
    found = [
        table.name
        for table in plan.tables
        if table.name in there and occupied(connection, plan.schema, table.name)
    ]
    if found:
        raise TargetRefusedError(
            f"somebody writes into schema {plan.schema}; nothing was changed",
            why=f"these tables were empty a moment ago: {', '.join(found)}",
            next_step="stop the application on the target, then run the same command again",
        )


def empty_loaded(connection: Connection, plan: TargetPlan, existing: ExistingSchema) -> None:
    """Delete what an interrupted load has stored; the application's tables stay.

    TRUNCATE is quick, but refused where a table that is not loaded refers to one that is.
    """
    there = {table.name for table in existing.tables}
    names = [sql.Identifier(plan.schema, table.name) for table in plan.tables if table.name in there]
    if not names:
        return
    try:
        with connection.transaction():
            execute(connection, "TRUNCATE {names}", names=sql.SQL(", ").join(names))
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.InsufficientPrivilege):
        for name in reversed(names):
            execute(connection, "DELETE FROM {name}", name=name)
