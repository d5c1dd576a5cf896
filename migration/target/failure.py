"""Why a connection attempt failed, in words a user can act on; matched are the English messages of libpq."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.errors import TargetUnreachableError

if TYPE_CHECKING:
    from migration.target.dsn import Dsn

#: Pattern, what failed, next step. The first that matches says it; the last one matches every other language.
CAUSES = (
    (
        r"password authentication failed|no password supplied|empty password|SCRAM|authentication failed",
        "PostgreSQL does not accept the user or password of {dsn}",
        "check the user, and give the password in PGPASSWORD, ~/.pgpass or the connection string",
    ),
    (
        r'role ".*" does not exist|role ".*" is not permitted to log in',
        "PostgreSQL knows no such user: {dsn}",
        "check the user name, or create it on the server: createuser NAME",
    ),
    (
        r'database ".*" does not exist',
        "the database of {dsn} does not exist",
        "create it on the server: createdb --encoding UTF8 NAME",
    ),
    (
        r"no pg_hba\.conf entry",
        "PostgreSQL does not let this user connect from here: {dsn}",
        "add a line for it to pg_hba.conf, or sslmode=require where only encrypted connections are let in",
    ),
    (
        r"SSL|certificate|TLS",
        "no encrypted connection to {dsn} could be made",
        "check sslmode and sslrootcert of the connection string (sslmode=disable: the server has no TLS)",
    ),
    (
        r"too many (clients|connections)|remaining connection slots",
        "PostgreSQL has no connection left for {dsn}",
        "close other connections, or raise max_connections on the server",
    ),
    (
        r"starting up|shutting down|not yet accepting|in recovery mode",
        "PostgreSQL at {dsn} is starting or stopping",
        "run the same command again in a moment",
    ),
    (
        r"definition of service|service file",
        "the service of {dsn} is not defined",
        "add it to ~/.pg_service.conf, or name host, user and database",
    ),
    (
        r"refused|No such file|time(out|d out)|resolve|translate host|route|unreachable|closed|reset",
        "PostgreSQL does not answer at {dsn}",
        "check host and port, and that the server runs: pg_isready -h HOST -p PORT",
    ),
    (r"", "no connection to {dsn} could be made", "try it with: psql 'the same connection string'"),
)


def unreachable(dsn: Dsn, error: Exception) -> TargetUnreachableError:
    """Explain a failed connection attempt; nothing secret is in the result."""
    text = " ".join(dsn.scrub(str(error)).split())
    for pattern, what, next_step in CAUSES:
        if re.search(pattern, text):
            return TargetUnreachableError(
                what.format(dsn=dsn), why=text or type(error).__name__, next_step=next_step
            )
    raise AssertionError("the last cause matches every text")
