"""The PostgreSQL database to fill: connecting to it, who it is, and whether it can take the migration."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, LiteralString, TypeAlias

import psycopg
from psycopg import sql

from migration.errors import TargetLostError, TargetRefusedError
from migration.target.dsn import parse_dsn
from migration.target.failure import unreachable
from migration.target.iam import token_parameters
from migration.target.pooler import refuse_shared_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migration.target.dsn import Dsn

#: The driver tells of lost connections through its logger too, which without a handler means standard error.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

#: The oldest server the generated SQL is made for, as `server_version_num`.
OLDEST_SERVER = 130000
#: Seconds to wait for an answer to a connection attempt, unless the DSN or PGCONNECT_TIMEOUT says otherwise.
CONNECT_TIMEOUT_S = 10
#: Every session of ours, whatever the role's or database's own settings are.
SESSION = {
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "search_path": "pg_catalog",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "synchronous_commit": "on",
}
#: Lets the server notice within a second that its client was killed; servers before 14 do not know it.
NOTICE_DEAD_CLIENT = "SET client_connection_check_interval = '1s'"
#: TCP probes that find a dead server after about 80 seconds, unless the DSN sets its own.
KEEPALIVES = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "5"}


@dataclass(frozen=True)
class TargetIdentity:
    """Which database a connection has reached; holds no secret.

    `system` is the cluster's own identifier, the same however the server is addressed (None where the server
    hides it). `version` is `server_version_num`, for example 180000.
    """

    host: str
    port: int
    database: str
    user: str
    version: int
    system: str | None
    database_oid: int

    def same_database(self, other: TargetIdentity) -> bool:
        """Whether both are one database, even if it was reached by another name or restarted elsewhere."""
        if self.system is not None and other.system is not None:
            return (self.system, self.database_oid) == (other.system, other.database_oid)
        return (self.host, self.port, self.database) == (other.host, other.port, other.database)

    def __str__(self) -> str:
        return f"database {self.database} on {self.host}:{self.port}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TargetIdentity:
        return cls(**value)


@contextlib.contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    """A connection for as long as the block runs; inside, a lost server becomes one clear error.

    Raises:
        DsnError: the connection string cannot be read.
        TargetUnreachableError: PostgreSQL does not answer or does not let the user in.
        TargetLostError: PostgreSQL went away inside the block.
    """
    parsed = parse_dsn(dsn)
    connection = connect(parsed)
    try:
        with lost_server_named(connection, parsed):
            refuse_shared_sessions(connection, parsed, connection_parameters(parsed))
            yield connection
    finally:
        with contextlib.suppress(psycopg.Error):
            connection.close()


def connect(dsn: Dsn) -> Connection:
    """Open one session in autocommit mode with the settings of `SESSION`."""
    parameters = connection_parameters(dsn)
    try:
        connection = psycopg.connect("", autocommit=True, **parameters)
    except psycopg.Error as error:
        raise unreachable(dsn, error) from None  # the driver's own text may hold more of the DSN than we show
    for name, value in SESSION.items():
        connection.execute(f"SET {name} = '{value}'")
    if connection.info.server_version >= 140000:
        with contextlib.suppress(psycopg.Error):  # refused where the server's platform cannot watch sockets
            connection.execute(NOTICE_DEAD_CLIENT)
    return connection


def connection_parameters(dsn: Dsn) -> dict[str, Any]:
    """What libpq is told: the connection string, a token where one is asked for, and our own settings."""
    extra: dict[str, Any] = {key: value for key, value in KEEPALIVES.items() if key not in dsn.parameters}
    if "connect_timeout" not in dsn.parameters and "PGCONNECT_TIMEOUT" not in os.environ:
        extra["connect_timeout"] = CONNECT_TIMEOUT_S
    extra["application_name"] = session_name()
    token = token_parameters(dsn) if dsn.iam_token else {}
    return {**dsn.parameters, **dsn.secrets, **extra, **token}


def unencrypted(connection: Connection) -> str | None:
    """Advice where rows and password cross a network without encryption; None where they do not."""
    host = connection.info.host
    if connection.pgconn.ssl_in_use or host.startswith("/") or host in ("", "localhost", "127.0.0.1", "::1"):
        return None
    return (
        f"the connection to {host} is not encrypted: add sslmode=require to the connection string, or "
        "sslmode=verify-full with sslrootcert, which also proves that it is the right server"
    )


def session_name() -> str:
    """What pg_stat_activity shows of a session: where its process runs (63 bytes at most)."""
    return f"outgrow {socket.gethostname()[:40]} {os.getpid()}"


@contextlib.contextmanager
def lost_server_named(connection: Connection, dsn: Dsn) -> Iterator[None]:
    """Turn the many ways in which a server goes away or gives up into one error with a next step."""
    try:
        yield
    except psycopg.Error as error:
        message = " ".join(dsn.scrub(str(error)).split())
        if isinstance(error, psycopg.errors.DiskFull):
            what, next_step = "PostgreSQL has no disk space left", "make room on the server"
        elif connection.broken or connection.closed or _server_gave_up(error):
            what, next_step = f"the connection to {dsn} was lost", "see to it that PostgreSQL runs"
        else:
            raise TargetRefusedError(
                "PostgreSQL refuses to go on",
                why=message,
                next_step="what was committed is kept: settle the cause, then run the same command again",
            ) from error
        raise TargetLostError(
            what,
            why=message,
            next_step=f"{next_step}, then run the same command again: it continues from the last commit",
        ) from None


def _server_gave_up(error: psycopg.Error) -> bool:
    """Classes 08 (connection), 53 (resources), 57P (shutdown, crash) and 58 (system) of the SQLSTATE list."""
    state = error.sqlstate or ""
    return state.startswith(("08", "53", "57P", "58"))


def identify(connection: Connection) -> TargetIdentity:
    """Say which database this connection has reached."""
    info = connection.info
    try:
        row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        system = str(row[0]) if row else None
    except psycopg.errors.InsufficientPrivilege:
        system = None
    oid = scalar(connection, "SELECT oid::int8 FROM pg_database WHERE datname = current_database()")
    return TargetIdentity(info.host, info.port, info.dbname, info.user, info.server_version, system, int(oid))


def execute(connection: Connection, template: LiteralString, **parts: Any) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run a statement with names and values put in place, each quoted by its kind.

    Values go in as literals: psycopg reads a % in a name as a placeholder as soon as a statement has
    parameters.
    """
    placed = {
        name: part if isinstance(part, sql.Composable) else sql.Literal(part) for name, part in parts.items()
    }
    return connection.execute(sql.SQL(template).format(**placed))


def scalar(connection: Connection, query: Any, parameters: Any = None) -> Any:
    """The first column of a query's first row. A query that may give no row does not belong here."""
    row = connection.execute(query, parameters).fetchone()
    if row is None:
        raise LookupError(f"no row: {query}")
    return row[0]


def check_target(connection: Connection, schema: str) -> None:
    """Refuse a server or role that cannot take the migration; reads only.

    Raises:
        TargetRefusedError: too old, read-only, another encoding than UTF-8, or no right to create.
    """
    info = connection.info
    where = f"database {info.dbname}"
    if info.server_version < OLDEST_SERVER:
        raise TargetRefusedError(
            f"PostgreSQL {info.server_version // 10000} is too old",
            why=f"the migration needs PostgreSQL {OLDEST_SERVER // 10000} or newer",
            next_step="name a newer server",
        )
    if scalar(connection, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"):
        raise TargetRefusedError(
            f"{where} cannot be written",
            why="the server is a replica, or its transactions are read-only by default",
            next_step="name the primary server, or lift default_transaction_read_only for this role",
        )
    encoding = scalar(connection, "SELECT current_setting('server_encoding')")
    if encoding != "UTF8":
        raise TargetRefusedError(
            f"{where} has the encoding {encoding}",
            why="only UTF8 can hold every text of a SQLite file",
            next_step="make one that can: createdb --encoding UTF8 --template template0 NAME",
        )
    if schema_exists(connection, schema):
        allowed = "SELECT has_schema_privilege(%s, 'CREATE') AND has_schema_privilege(%s, 'USAGE')"
        if not scalar(connection, allowed, [schema, schema]):
            raise TargetRefusedError(
                f"user {info.user} may not create tables in schema {schema} of {where}",
                why="the role lacks CREATE or USAGE on the schema",
                next_step=f'as its owner: GRANT CREATE, USAGE ON SCHEMA "{schema}" TO "{info.user}"',
            )
    elif not may_create_schema(connection):
        raise TargetRefusedError(
            f"user {info.user} may not create schema {schema} in {where}",
            why="the schema does not exist and the role lacks CREATE on the database",
            next_step=f'as the owner of the database: CREATE SCHEMA "{schema}" AUTHORIZATION "{info.user}"',
        )


def schema_exists(connection: Connection, schema: str) -> bool:
    """Whether the database has this schema."""
    return bool(scalar(connection, "SELECT to_regnamespace(quote_ident(%s)) IS NOT NULL", [schema]))


def may_create_schema(connection: Connection) -> bool:
    """Whether the role may create schemas in this database."""
    return bool(scalar(connection, "SELECT has_database_privilege(current_database(), 'CREATE')"))


def occupants(connection: Connection, schema: str) -> tuple[str, ...]:
    """Kinds and names of everything in a schema, except what extensions and columns brought along."""
    rows = connection.execute(
        """
        SELECT CASE relkind WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
                            WHEN 'c' THEN 'type ' ELSE 'table ' END || relname
          FROM pg_class AS c
         WHERE relnamespace = to_regnamespace(quote_ident(%(schema)s))
           AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
                           AND deptype IN ('e', 'i', 'a'))
        UNION ALL
        SELECT 'type ' || typname FROM pg_type AS t
         WHERE typnamespace = to_regnamespace(quote_ident(%(schema)s)) AND typtype IN ('e', 'd', 'r')
           AND NOT EXISTS (SELECT FROM pg_depend
                           WHERE classid = 'pg_type'::regclass AND objid = t.oid AND deptype = 'e')
         ORDER BY 1
        """,
        {"schema": schema},
    )
    return tuple(str(name) for (name,) in rows)


def refuse_occupied(connection: Connection, schema: str) -> None:
    """Refuse a schema that already holds something.

    Raises:
        TargetRefusedError: names what is there and what to type instead.
    """
    found = occupants(connection, schema)
    if found:
        shown = ", ".join(found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
        raise TargetRefusedError(
            f"schema {schema} of database {connection.info.dbname} is not empty; nothing was changed",
            why=f"it has {shown}",
            next_step="name an empty database, or a schema of its own for this migration: --schema NAME",
        )
