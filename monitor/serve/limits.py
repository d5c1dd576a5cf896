"""What one client may take: connections at the same time, requests a second, none by a foreign name.

Everything here is bounded itself: a flood from many addresses fills no memory.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from monitor.serve.guard import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

#: How many addresses are remembered; the longest quiet are forgotten, and begin with a full bucket again.
_PEERS: Final = 4096
#: Data that a client does not take for so long ends its connection, even where it keeps the window closed.
_STALLED_MS: Final = 15_000


@dataclass(frozen=True)
class Limits:
    """How much is allowed.

    Args:
        connections: at the same time, of all clients.
        connections_per_peer: of one other machine. This machine's own processes, the application's workers
            among them, share all but a reserve.
        rate: requests a second that one client may go on sending.
        burst: how many it may send at once.
    """

    connections: int = 512
    connections_per_peer: int = 64
    rate: float = 200.0
    burst: float = 400.0

    def of_peer(self, peer: str) -> int:
        """Return how many connections an address may have."""
        return (
            self.connections - self.connections_per_peer if is_loopback(peer) else self.connections_per_peer
        )


def peer_key(address: str) -> str:
    """Return what counts as one client: an address of IPv4, a network of 64 bits of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        if not found.is_loopback:
            return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


class Buckets:
    """A token bucket for each client.

    Args:
        limits: rate and burst.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one token; return 0, or how many seconds until there is one."""
        now = self._clock()
        tokens, at = self._filled.pop(key, (self._limits.burst, now))
        tokens = min(tokens + (now - at) * self._limits.rate, self._limits.burst)
        waits = 0.0 if tokens >= 1 else (1 - tokens) / self._limits.rate
        self._filled[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        while len(self._filled) > _PEERS:
            self._filled.popitem(last=False)
        return waits

    def __len__(self) -> int:
        return len(self._filled)


class Fence:
    """Refuses who asks too often, and pages of other sites that make a browser ask.

    Args:
        app: the application behind it.
        limits: how much is allowed.
        loopback: whether it listens on this machine's own address. Then a request that names another host was
            led here by a foreign name server (DNS rebinding), and is refused.
    """

    def __init__(self, app: ASGIApp, limits: Limits, *, loopback: bool = False) -> None:
        self._app = app
        self._loopback = loopback
        self._buckets = Buckets(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            if self._is_foreign(headers):
                await _answer(send, 403, b'{"error": "asked by another site, or by a name that is not ours"}')
                return
            peer = peer_key(scope["client"][0] if scope.get("client") else "")
            # What workers push has a bucket of its own: who reads too much must not silence them.
            waits = self._buckets.take(f"{scope['method'] == 'POST'} {peer}")
            if waits > 0:
                retry = (b"retry-after", str(max(1, round(waits + 0.5))).encode())
                await _answer(send, 429, b'{"error": "too many requests"}', retry)
                return
        await self._app(scope, receive, send)

    def _is_foreign(self, headers: dict[bytes, bytes]) -> bool:
        if headers.get(b"sec-fetch-site") == b"cross-site" and headers.get(b"sec-fetch-mode") != b"navigate":
            return True
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and origin.partition("://")[2] != host:
            return True
        return self._loopback and not _is_own_name(host)


def _is_own_name(host: str) -> bool:
    """Say whether a Host header can name a server on loopback: an address, or a name without dots."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name.rstrip(".") or name.endswith(".localhost")
    return True


async def _answer(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class CountedSocket(socket.socket):
    """A connection that gives its place back when it is closed."""

    gone: Callable[[], None] | None = None

    def close(self) -> None:
        """Close it."""
        super().close()
        gone, self.gone = self.gone, None
        if gone is not None:
            gone()


class LimitedListener(socket.socket):
    """A listening socket that closes a connection at once where its client has too many.

    Before anything of it is read: a client that only opens connections costs one system call each.
    """

    limits: Limits = Limits()

    @classmethod
    def of(cls, listening: socket.socket, limits: Limits) -> LimitedListener:
        """Take a listening socket over.

        Args:
            listening: closed by this; its port stays open.
            limits: how many connections are allowed.
        """
        taken = cls(fileno=listening.detach())
        taken.limits = limits
        taken.open = {}
        return taken

    open: dict[str, int]

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection that is allowed."""
        while True:
            number, address = self._accept()  # type: ignore[attr-defined]  # what the parent's accept calls
            connection = CountedSocket(self.family, self.type, self.proto, fileno=number)
            if socket.getdefaulttimeout() is None and self.gettimeout():
                connection.setblocking(True)
            peer = peer_key(str(address[0])) if isinstance(address, tuple) else ""
            if self._is_full(peer):
                # Closing with a reset leaves nothing behind, not even a connection in TIME_WAIT.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
                continue
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MS)
            self.open[peer] = self.open.get(peer, 0) + 1
            connection.gone = partial(self._release, peer)
            return connection, address

    def _is_full(self, peer: str) -> bool:
        return sum(self.open.values()) >= self.limits.connections or self.open.get(
            peer, 0
        ) >= self.limits.of_peer(peer)

    def _release(self, peer: str) -> None:
        left = self.open.get(peer, 0) - 1
        if left > 0:
            self.open[peer] = left
        else:
            self.open.pop(peer, None)
