"""Runs the shop: connect, listen on this machine only, say so, and leave in good order on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, cast

import hypercorn.asyncio
from hypercorn.config import Config

from monitor.middleware.asgi import ScalabilityMiddleware
from monitor.middleware.recorder import Recorder
from shop.app import shop_app
from shop.database import open_database
from shop.errors import WrongUsage
from shop.schema import create_tables_if_empty, require_tables

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework
    from starlette.applications import Starlette

    from shop.settings import Settings

HOST = "127.0.0.1"
#: Requests that still run after so many seconds are cut off.
DRAIN_SECONDS = 5
_PUSH_PATH = "/api/metrics/scalability/push"


def serve(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT or, if asked for, the end of standard input."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    measuring = settings.measuring
    recorder = Recorder(client_window_s=measuring.client_window_seconds) if measuring else None
    database = open_database(settings.database, recorder)
    try:
        if database.kind == "sqlite":
            create_tables_if_empty(database)
        require_tables(database)
        app = shop_app(database, measuring.sidecar_url if measuring else None)
        if measuring:
            app.add_middleware(
                ScalabilityMiddleware,
                push_url=f"{measuring.sidecar_url}{_PUSH_PATH}",
                interval_ms=measuring.interval_ms,
                recorder=recorder,
            )
        asyncio.run(_run(app, _listening_socket(settings.port), exit_with_stdin=settings.exit_with_stdin))
    finally:
        database.close()


def _listening_socket(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise WrongUsage(f"port {port} is in use; set PORT to another one, or 0") from None
    listener.listen(1024)
    return listener


async def _run(app: Starlette, listener: socket.socket, *, exit_with_stdin: bool) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, leave.set)
    if exit_with_stdin:
        threading.Thread(target=_wait_for_end_of_input, args=(loop, leave), daemon=True).start()
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # the server's from here on, to close too
    config.graceful_timeout = DRAIN_SECONDS
    config.errorlog = logging.getLogger("shop.server")
    # The socket listens already: who reads this line can connect.
    print(json.dumps({"listening": url}, separators=(",", ":")), flush=True)
    await hypercorn.asyncio.serve(cast("ASGIFramework", app), config, shutdown_trigger=leave.wait)


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, leave: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # unbuffered: this thread may still wait when Python ends
        pass
    loop.call_soon_threadsafe(leave.set)
