"""Tokens of AWS IAM in place of a password, for a database of RDS or Aurora that lets its users in by them.

A token is signed here with the caller's AWS credentials, without asking anybody, and opens connections for
fifteen minutes: each connection gets a new one. RDS takes tokens over encrypted connections only.
"""

from __future__ import annotations

import importlib
import os
import re
from typing import TYPE_CHECKING, Any

from migration.errors import DsnError, TargetUnreachableError

if TYPE_CHECKING:
    from migration.target.dsn import Dsn

#: The parameter of a connection string that asks for a token; libpq does not know it.
PARAMETER = "iam_token"
_IN_URL = re.compile(rf"([?&]){PARAMETER}=([^&#]*)(&?)")
_IN_PAIRS = re.compile(rf"(?:^|(?<=\s)){PARAMETER}\s*=\s*(\S+)\s*")
#: NAME.ID.REGION.rds.amazonaws.com, and proxies and clusters, which have one part more.
_HOST = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(?:\.cn)?$")


def without_parameter(text: str) -> tuple[str, bool]:
    """A connection string without our parameter, and whether it asks for a token."""
    if "://" in text:
        found = _IN_URL.search(text)
        rest = _IN_URL.sub(lambda match: match[1] if match[3] else "", text, count=1)
        asked = found[2] if found else None
    else:
        found = _IN_PAIRS.search(text)
        rest = _IN_PAIRS.sub("", text, count=1)
        asked = found[1] if found else None
    if asked is None:
        return text, False
    if asked not in ("true", "false"):
        raise DsnError(
            f"{PARAMETER} of the connection string is neither true nor false",
            next_step=f"write {PARAMETER}=true",
        )
    return rest, asked == "true"


def with_parameter(text: str) -> str:
    """The same connection string, asking for a token."""
    if without_parameter(text)[1]:
        return text
    if "://" not in text:
        return f"{text} {PARAMETER}=true"
    return f"{text}{'&' if '?' in text else '?'}{PARAMETER}=true"


def token_parameters(dsn: Dsn) -> dict[str, Any]:
    """What libpq needs to connect with a token, beside what the connection string says.

    Raises:
        DsnError: no host, user or region, or an unencrypted connection.
        TargetUnreachableError: boto3 or the credentials are missing.
    """
    host, user = dsn.parameters.get("host", ""), dsn.parameters.get("user") or os.environ.get("PGUSER")
    if not host or host.startswith("/") or not user:
        raise DsnError(
            "a token of IAM needs the host and the user in the connection string",
            why="it is signed for one user on one host",
            next_step="write postgresql://USER@NAME.ID.REGION.rds.amazonaws.com:5432/DATABASE",
        )
    encryption = dsn.parameters.get("sslmode") or os.environ.get("PGSSLMODE")
    if encryption in ("disable", "allow", "prefer"):
        raise DsnError(
            f"a token of IAM cannot be sent with sslmode={encryption}",
            why="RDS takes tokens over encrypted connections only",
            next_step="leave sslmode out, or write sslmode=verify-full with the sslrootcert of RDS",
        )
    port = int(dsn.parameters.get("port") or os.environ.get("PGPORT") or 5432)
    secret = _token(host, port, user)
    return {"password": secret} | ({} if encryption else {"sslmode": "require"})


def region_of(host: str) -> str | None:
    """The region that the name of a host of RDS holds."""
    found = _HOST.search(host)
    return found[1] if found else None


def _token(host: str, port: int, user: str) -> str:
    try:
        boto3 = importlib.import_module("boto3")
    except ImportError:
        raise TargetUnreachableError(
            "a token of IAM cannot be made",
            why="the Python package boto3 is not installed",
            next_step="pip install boto3, or give a password in PGPASSWORD or ~/.pgpass",
        ) from None
    region = region_of(host) or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    try:
        client = boto3.client("rds", region_name=region)
        token = client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
    except Exception as error:  # noqa: BLE001  # boto3's errors come from three libraries
        raise TargetUnreachableError(
            "a token of IAM cannot be made",
            why=" ".join(str(error).split()),
            next_step="check the credentials and the region: aws sts get-caller-identity, AWS_REGION",
        ) from None
    return str(token)
