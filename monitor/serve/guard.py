"""Who may talk to the sidecar: loopback by default, a token on every route where there is one.

Programs send it as a bearer token. A browser asks its user for a name and a password: the password is the
token, and the name is whatever the user types.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from typing import TYPE_CHECKING, Final

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_REFUSAL: Final = b'{"error": "a bearer token is needed"}'


class ExposedWithoutToken(MonitorError, UsageError):
    """The sidecar would be reachable from other machines by anyone."""


def check_exposure(host: str, token: str | None, *, insecure: bool) -> None:
    """Refuse to listen beyond this machine without a token.

    Args:
        host: the address to listen on.
        token: the bearer token, None without one.
        insecure: the user's word that somebody else keeps strangers out.

    Raises:
        ExposedWithoutToken: anyone could read, and push, from another machine.
    """
    if token is None and not insecure and not is_loopback(host):
        raise ExposedWithoutToken(
            f"{host} can be reached from other machines and no token is set",
            why="anyone there could read the application's metrics and push false ones",
            next_step="set a token with --token-env NAME, or listen on 127.0.0.1, or add --insecure",
        )


def is_loopback(host: str) -> bool:
    """Say whether an address is this machine's own; of names only "localhost" is."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class TokenGuard:
    """Answers the same 401 to every request, whatever its route, that does not carry the token.

    Args:
        app: the application behind it.
        token: the token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass if its token is right."""
        if scope["type"] == "http" and not self._knows(scope):
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(_REFUSAL)).encode()),
                (b"www-authenticate", b"Bearer"),
                (
                    b"www-authenticate",
                    b'Basic realm="Outgrow monitor: the password is the token", charset="UTF-8"',
                ),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
            ]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSAL})
            return
        await self._app(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        # One header only, compared in a time that does not tell how much of it was right.
        return len(given) == 1 and hmac.compare_digest(_secret_of(given[0]), self._token)


def _secret_of(header: bytes) -> bytes:
    """Return what an Authorization header holds: a bearer token, or a basic password."""
    scheme, _, rest = header.partition(b" ")
    if scheme.lower() == b"bearer":
        return rest
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
