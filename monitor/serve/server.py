"""Runs a sidecar: a thread that watches, and an HTTP server that survives slow clients."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, Final, cast

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config, Sockets

from monitor.errors import MonitorError, UsageError
from monitor.serve.api import make_served
from monitor.serve.guard import is_loopback
from monitor.serve.limits import Fence, LimitedListener, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.serve.sidecar import Sidecar

#: A client that has not sent its whole header, or is idle, after so many seconds is cut off.
_IDLE_S: Final = 5
_BACKLOG: Final = 128
#: Bytes of a request's line and headers together.
_MAX_HEADER: Final = 16 * 1024


class BadAddress(MonitorError, UsageError):
    """--listen is not HOST:PORT."""


class CannotListen(MonitorError):
    """The address cannot be listened on, most often because something else does."""


def parse_address(listen: str) -> tuple[str, int]:
    """Split "127.0.0.1:9464" or "[::1]:9464" into host and port.

    Raises:
        BadAddress: it is neither.
    """
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise BadAddress(f"{listen} is not an address to listen on", next_step="write it like 127.0.0.1:9464")
    return host, int(port)


def listen_on(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 takes a free one.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}", why=error.strerror or str(error)) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        in_use = error.errno == errno.EADDRINUSE
        raise CannotListen(
            f"cannot listen on {host}:{port}",
            why="another program listens there already" if in_use else error.strerror or str(error),
            next_step="choose another port with --listen HOST:PORT",
        ) from None
    return listening


def run(
    sidecar: Sidecar,
    listening: socket.socket,
    *,
    token: str | None = None,
    ready: Callable[[str], None],
    limits: Limits | None = None,
) -> None:
    """Watch and serve until SIGINT or SIGTERM.

    Args:
        sidecar: what to serve.
        listening: from `listen_on`; closed at the end.
        token: the bearer token every route asks for, None without one.
        limits: how much one client may take.
        ready: called with the base URL once requests are answered.
    """
    stop = threading.Event()
    watching = threading.Thread(target=sidecar.run, args=(stop,), name="outgrow-watch", daemon=True)
    watching.start()
    try:
        asyncio.run(_serve(sidecar, listening, token, ready, limits or Limits()))
    finally:
        stop.set()
        watching.join(5)


class _Config(Config):
    """Hypercorn's settings, with a listener that keeps count of connections."""

    limits: Limits = Limits()

    def create_sockets(self) -> Sockets:
        """Open the sockets."""
        opened = super().create_sockets()
        limited: list[socket.socket] = [
            LimitedListener.of(listening, self.limits) for listening in opened.insecure_sockets
        ]
        return Sockets(opened.secure_sockets, limited, opened.quic_sockets)


async def _serve(
    sidecar: Sidecar,
    listening: socket.socket,
    token: str | None,
    ready: Callable[[str], None],
    limits: Limits,
) -> None:
    config = _Config()
    host = listening.getsockname()[0]
    config.bind = [f"fd://{listening.detach()}"]
    config.keep_alive_timeout = _IDLE_S
    config.h11_max_incomplete_size = _MAX_HEADER
    config.limits = limits
    config.graceful_timeout = 1
    config.shutdown_timeout = 2
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = None
    url = _url(config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Only the main thread may handle signals; tests run the server in another.
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    loop.call_later(0.01, ready, url)
    served = make_served(sidecar, token)

    async def told_to_stop() -> None:
        await stopped.wait()
        served.pages.streams.close()

    fence = Fence(served.app, limits, loopback=token is None and is_loopback(host))
    api = cast("Any", fence)  # the two packages spell the same ASGI types differently
    await hypercorn_serve(api, config, shutdown_trigger=told_to_stop)


def _url(config: Config) -> str:
    number = int(config.bind[0].removeprefix("fd://"))
    with socket.socket(fileno=socket.dup(number)) as copy:
        host, port = copy.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
