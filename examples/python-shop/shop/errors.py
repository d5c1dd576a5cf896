"""What went wrong, as the client may know it: a status, a word for programs, a sentence for people."""

from __future__ import annotations

import sqlite3

import psycopg

#: What passes by itself: serialisation, deadlock, lock timeout, connections used up, PostgreSQL's restart.
PASSING_SQLSTATES = frozenset({"40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03"})


class ClientError(Exception):
    """An answer that is an error: `{error: code, message}` with `status`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class WrongUsage(Exception):
    """The shop was started with something it cannot use: one line, status 2. Never holds a password."""


def not_found(what: str) -> ClientError:
    return ClientError(404, "not_found", f"there is no {what}")


def database_refusal(error: Exception) -> ClientError | None:
    """Return an error of a database as the client should see it, None if it is a fault of the shop."""
    if "moved to PostgreSQL" in str(error):
        return ClientError(
            503, "moved", "this database has moved to PostgreSQL; the shop is being switched over"
        )
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return ClientError(503, "busy", "the database is busy")
        if name.startswith("SQLITE_READONLY"):
            return ClientError(503, "read_only", "the database takes no writes at the moment")
    if isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate in PASSING_SQLSTATES
    ):
        return ClientError(503, "busy", "the database is not available at the moment")
    return None
