"""Request middleware for ASGI applications (FastAPI, Starlette, Django and others).

    app.add_middleware(ScalabilityMiddleware, push_url="http://127.0.0.1:9464/api/metrics/scalability/push")

It counts and times each request and hands the counters to the sidecar. It never raises, never blocks and
never changes an answer; it opens no database file, whose locks a second open in the same process could drop.
"""

from __future__ import annotations

import asyncio
import os
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from monitor.middleware.pusher import DEFAULT_PUSH_URL, Pusher
from monitor.middleware.recorder import UNMATCHED, Recorder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Set to "off" it turns the middleware into a plain pass-through, here as in the Express package.
KILL_SWITCH: Final = "OUTGROW_MONITORING"
#: The monitor's own endpoints, which an application may pass through; they are not its work.
OWN_PATH: Final = "/api/metrics/scalability"
_MAX_TEMPLATE: Final = 200


class ScalabilityMiddleware:
    """Counts and times every HTTP request of an ASGI application.

    Args:
        app: the application.
        push_url: the sidecar's push address.
        token: the sidecar's bearer token, if it asks for one.
        interval_ms: milliseconds between two pushes.
        client_window_s: over how many seconds distinct clients are counted.
        proxy_hops: how many trusted proxies stand before the application; the client's address is then the
            entry of X-Forwarded-For so many places from its right end, which a client cannot forge. 0 uses
            the connection's.
        recorder: the counters, if the application adds to them itself (`Recorder.query`).

    Raises:
        ValueError: the push address is not an http(s) one.
    """

    def __init__(
        self,
        app: App,
        *,
        push_url: str = DEFAULT_PUSH_URL,
        token: str | None = None,
        interval_ms: int = 5000,
        client_window_s: float = 300.0,
        proxy_hops: int = 0,
        recorder: Recorder | None = None,
    ) -> None:
        self._app = app
        self._off = os.environ.get(KILL_SWITCH, "").lower() == "off"
        self._proxy_hops = proxy_hops
        self.recorder = recorder or Recorder(client_window_s=client_window_s)
        self.pusher = Pusher(self.recorder, push_url, interval_s=interval_ms / 1000, token=token)
        #: How many requests could not be counted; they were answered all the same.
        self.failures = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; anything but HTTP passes through untouched."""
        if self._off or scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        self._start_pushing()
        if scope["type"] != "http" or scope["path"].startswith(OWN_PATH):
            await self._app(scope, receive, send)
            return
        await self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path", "")
        status = 0
        streams = gone = counted = False
        self._started()
        began = perf_counter()

        async def receive_watched() -> Message:
            nonlocal gone
            message = await receive()
            if message["type"] == "http.disconnect":
                gone = True
            return message

        async def send_counted(message: Message) -> None:
            nonlocal status, streams, counted, gone
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
                streams = _is_event_stream(message)
            try:
                await send(message)
            except OSError:  # how servers say that the client has gone
                gone = True
                raise
            if not counted and (
                (kind == "http.response.body" and not message.get("more_body"))
                or kind == "http.response.pathsend"
            ):
                counted = True
                if gone:  # the server takes an answer for a client that has left without a word
                    self._aborted()
                else:
                    self._finished(scope, root, status, None if streams else perf_counter() - began)

        try:
            await self._app(scope, receive_watched, send_counted)
        except BaseException as error:
            if not counted:
                counted = True
                if gone or isinstance(error, asyncio.CancelledError):
                    self._aborted()
                else:
                    self._finished(scope, root, 500, perf_counter() - began)
            raise
        finally:
            if not counted:
                if gone:
                    self._aborted()
                else:  # an answer without an end: the server closes the connection on it
                    self._finished(scope, root, 500, perf_counter() - began)

    # --- Counting, which must never fail a request ---

    def _start_pushing(self) -> None:
        try:
            self.pusher.start()
        except Exception:  # noqa: BLE001  # no thread left: count on, push nothing
            self.failures += 1

    def _started(self) -> None:
        try:
            self.recorder.started()
        except Exception:  # noqa: BLE001
            self.failures += 1

    def _aborted(self) -> None:
        try:
            self.recorder.aborted()
        except Exception:  # noqa: BLE001
            self.failures += 1

    def _finished(self, scope: Scope, root: str, status: int, seconds: float | None) -> None:
        try:
            self.recorder.finished(
                scope["method"],
                route_template(scope, root),
                status=status,
                seconds=seconds,
                client=self._client(scope),
            )
        except Exception:  # noqa: BLE001
            self.failures += 1

    def _client(self, scope: Scope) -> tuple[str, str]:
        client = scope.get("client")
        address = client[0] if client else ""
        user_agent = b""
        forwarded = []
        for name, value in scope["headers"]:
            if name == b"user-agent":
                user_agent = value
            elif self._proxy_hops and name == b"x-forwarded-for":
                forwarded += value.split(b",")
        if len(forwarded) >= self._proxy_hops > 0:
            address = forwarded[-self._proxy_hops].strip().decode("latin-1")
        return address, user_agent.decode("latin-1")


def route_template(scope: Scope, root: str) -> str:
    """Return the template of the route that answered ("/orders/{id}"), "<unmatched>" if none did.

    Args:
        scope: after the application has routed the request.
        root: the root path the request came in with; what routing has added to it is where the route is
            mounted.
    """
    path = getattr(scope.get("route"), "path", None)
    if not isinstance(path, str):
        return UNMATCHED
    # FastAPI keeps the prefix of an included router beside the route, not in it.
    effective = getattr((scope.get("fastapi") or {}).get("effective_route_context"), "path", None)
    if isinstance(effective, str) and effective.endswith(path):
        path = effective
    mounted = scope.get("root_path", "").removeprefix(root)
    if mounted and not path.startswith(mounted):
        path = _without_values(mounted, scope.get("path_params") or {}) + path
    return path[:_MAX_TEMPLATE]


def _without_values(mounted: str, parameters: dict[str, Any]) -> str:
    """Put the names of path parameters back where a mount's path shows their values."""
    names = {str(value): name for name, value in parameters.items()}
    return "/".join(f"{{{names[part]}}}" if part in names else part for part in mounted.split("/"))


def _is_event_stream(message: Message) -> bool:
    """Say whether an answer streams events: how long it stays open says nothing about speed."""
    for name, value in message.get("headers", ()):
        if name.lower() == b"content-type":
            return bool(value.startswith(b"text/event-stream"))
    return False
