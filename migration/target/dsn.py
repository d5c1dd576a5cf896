"""The connection string of the target: read without connecting, and shown without its secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from migration.errors import DsnError
from migration.target.iam import without_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

#: libpq parameters that hold a secret (https://www.postgresql.org/docs/current/libpq-connect.html, 32.1.2).
SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
#: Shorter secrets are no words that a message could repeat; replacing single letters would only garble it.
SCRUBBED_FROM = 4
FORMS = "write postgresql://USER@HOST:5432/DATABASE or 'host=HOST user=USER dbname=DATABASE'"
ENCODE = "write @ / : % in a password as %40 %2F %3A %25, or leave it out and set PGPASSWORD or ~/.pgpass"


@dataclass(frozen=True)
class Dsn:
    """A connection string that libpq understands.

    `parameters` hold no secret; `secrets` are never shown, not even by repr. What is not given comes from
    the PG* variables, the service file and the password file when libpq connects. `iam_token` asks for a
    token of AWS in place of a password (see `iam`).
    """

    parameters: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    iam_token: bool = False

    def __str__(self) -> str:
        """The string for people: without secrets, and only with what was given."""
        given = self.parameters
        if "service" in given:
            return f"service={given['service']}"
        user = f"{quote(given['user'])}@" if "user" in given else ""
        database = quote(given.get("dbname", ""))
        hosts = given.get("host", given.get("hostaddr", "")).split(",")
        if any(host.startswith("/") for host in hosts):
            port = f"&port={given['port']}" if "port" in given else ""
            return f"postgresql://{user}/{database}?host={','.join(hosts)}{port}"
        ports = given.get("port", "").split(",")
        places = []
        for position, host in enumerate(hosts):
            name = f"[{host}]" if ":" in host else host
            port = ports[min(position, len(ports) - 1)]
            places.append(f"{name}:{port}" if port else name)
        return f"postgresql://{user}{','.join(places)}/{database}"

    def scrub(self, text: str) -> str:
        """Take every secret out of a text of libpq's or the server's."""
        for secret in self.secrets.values():
            if len(secret) >= SCRUBBED_FROM:
                text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text


def parse_dsn(text: str) -> Dsn:
    """Read a connection string, URL or key=value form.

    Raises:
        DsnError: it is neither; the message never repeats the text, because a password may be anywhere in it.
    """
    from psycopg import ProgrammingError  # noqa: PLC0415  # a driver is loaded only by commands that connect
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    text, iam_token = without_parameter(text)
    scheme = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if scheme and scheme[1].lower() not in {"postgresql", "postgres"}:
        raise DsnError(
            "the target is no PostgreSQL connection string",
            why=f"it begins with {scheme[1]}://",
            next_step=FORMS,
        )
    if scheme:
        _refuse_ambiguous_url(text.strip()[len(scheme[0].strip()) :])
    if not scheme and "=" not in text:
        raise DsnError(
            "the target is no PostgreSQL connection string",
            why="it is neither a URL nor a list of key=value",
            next_step=FORMS,
        )
    try:
        values = {key: str(value) for key, value in conninfo_to_dict(text).items() if value is not None}
    except ProgrammingError:
        raise DsnError(
            "the connection string of the target cannot be read",
            why="libpq cannot take it apart, or does not know one of its options",
            next_step=f"{FORMS}; {ENCODE}",
        ) from None
    return Dsn(
        {key: value for key, value in values.items() if key not in SECRETS},
        {key: value for key, value in values.items() if key in SECRETS},
        iam_token,
    )


def _refuse_ambiguous_url(rest: str) -> None:
    """Refuse what libpq would misread: an unencoded / or @ moves part of a password into host, port or path.

    libpq takes everything before the first @ as user and password, unless a / comes earlier.
    """
    user, separator, after = rest.partition("@")
    if not separator or "/" in user:
        after = rest
    if "@" in after.split("?", maxsplit=1)[0]:
        raise DsnError(
            "the connection string of the target is ambiguous",
            why="a / or @ stands unencoded in its user, password or database name",
            next_step=ENCODE,
        )
