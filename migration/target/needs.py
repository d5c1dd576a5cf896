"""What a plan needs of the server besides room: an extension, or collations of ICU's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from migration.errors import TargetRefusedError
from migration.target.database import scalar

if TYPE_CHECKING:
    from migration.schema.target import TargetPlan
    from migration.target.database import Connection

_INSTALLED = """
SELECT (SELECT n.nspname::text FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
         WHERE e.extname = %s)
"""
_PROBE = b"CREATE COLLATION pg_temp.outgrow_probe (provider = icu, locale = 'und', deterministic = false)"


def refuse_lacking(connection: Connection, plan: TargetPlan) -> None:
    """Refuse a server that cannot give what the plan's first statements ask for; nothing is left changed.

    Raises:
        TargetRefusedError: names what is missing and the way without it.
    """
    for statement in plan.create:
        if statement.kind == "extension":
            _refuse_extension(connection, statement.name, plan.schema)
        elif statement.kind == "collation":
            _refuse_without_icu(connection)


def _refuse_without_icu(connection: Connection) -> None:
    """The catalog lists collations of ICU's on every server; only making one tells. It is taken back."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(_PROBE)
    except psycopg.errors.FeatureNotSupported as error:
        raise TargetRefusedError(
            "the server has no collations of ICU's",
            why=str(error.diag.message_primary),
            next_step="--nocase citext and --nocase lower need none",
        ) from error


def _refuse_extension(connection: Connection, name: str, schema: str) -> None:
    home = scalar(connection, _INSTALLED, [name])
    if home is not None and home != schema:
        raise TargetRefusedError(
            f"the extension {name} is in schema {home}, and not in {schema}",
            why="the type is looked for beside the tables",
            next_step=f"ALTER EXTENSION {name} SET SCHEMA, or --schema {home}, or --nocase lower",
        )
    available = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = %s)"
    if home is None and not scalar(connection, available, [name]):
        raise TargetRefusedError(
            f"the server has no extension {name}",
            why="its files are not installed there",
            next_step="--nocase icu and --nocase lower need no extension",
        )
    trusted = (
        "SELECT bool_or(v.trusted AND has_database_privilege(current_database(), 'CREATE'))"
        " OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
        " FROM pg_available_extension_versions AS v WHERE v.name = %s"
    )
    if home is None and not scalar(connection, trusted, [name]):
        raise TargetRefusedError(
            f"user {connection.info.user} may not create the extension {name}",
            why="the role lacks CREATE on the database",
            next_step=f'as a superuser: CREATE EXTENSION {name} WITH SCHEMA "{schema}"; or --nocase icu',
        )
