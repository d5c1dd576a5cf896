"""Request middleware for ASGI applications (FastAPI, Starlette, Django and others).

    app.add_middleware(ScalabilityMiddleware, push_url="http://127.0.0.1:9464/api/metrics/scalability/push")

It counts and times each request and hands the counters to the sidecar. It never raises, never blocks and
never changes an answer; it opens no database file, whose locks a second open in the same process could drop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from monitor.middleware.proxies import TrustedProxies
from monitor.middleware.pusher import Pusher, monitoring_is_off
from monitor.middleware.recorder import MAX_TEMPLATE, UNMATCHED, Recorder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The monitor's own endpoints, which an application may pass through; they are not its work.
OWN_PATH: Final = "/api/metrics/scalability"
# What becomes of a request.
_ANSWERED: Final = 0
_GONE: Final = 1
_STREAMS: Final = 2
# In place of a status: there is no answer yet, or its end has been counted.
_NOT_YET: Final = 0
_OVER: Final = -1


class ScalabilityMiddleware:
    """Counts and times every HTTP request of an ASGI application.

    Args:
        app: the application.
        push_url: the sidecar's push address, http, https or "unix:/path/of/its.sock"; None takes the sidecar
            of the environment's OUTGROW_SIDECAR_URL, else port 9464 of this machine.
        token: the sidecar's bearer token, if it asks for one; None takes OUTGROW_MONITOR_TOKEN.
        interval_ms: milliseconds between two pushes.
        client_window_s: over how many seconds distinct clients are counted.
        trusted_proxies: how many proxies of your own stand before the application, or their addresses and
            networks; the client's address is then read from X-Forwarded-For's right end, which a client
            cannot forge. 0 uses the connection's.
        recorder: the counters, if the application adds to them itself (`Recorder.query`).

    Raises:
        ValueError: the push address or a proxy's is none.
    """

    def __init__(
        self,
        app: App,
        *,
        push_url: str | None = None,
        token: str | None = None,
        interval_ms: int = 5000,
        client_window_s: float = 300.0,
        trusted_proxies: int | Sequence[str] = 0,
        recorder: Recorder | None = None,
    ) -> None:
        self._app = app
        self._off = monitoring_is_off()
        self._proxies = TrustedProxies(trusted_proxies)
        self._behind_proxies = bool(self._proxies)
        self.recorder = recorder or Recorder(client_window_s=client_window_s)
        self.pusher = Pusher(self.recorder, push_url, interval_s=interval_ms / 1000, token=token)
        #: How many requests could not be counted; they were answered all the same.
        self.failures = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; what is neither HTTP nor a WebSocket passes through untouched."""
        if scope["type"] != "http" or self._off or scope["path"].startswith(OWN_PATH):
            await self._serve_other(scope, receive, send)
            return
        if not self.pusher.running:
            self._start_pushing()
        recorder = self.recorder
        root = scope.get("root_path", "")
        status = _NOT_YET
        fate = _ANSWERED
        began = recorder.clock()
        try:
            recorder.running.append(None)
        except Exception:  # noqa: BLE001
            self.failures += 1

        async def receive_watched() -> Message:
            nonlocal fate
            message = await receive()
            if message["type"] == "http.disconnect" and fate == _ANSWERED:
                fate = _GONE
            return message

        async def send_counted(message: Message) -> None:
            nonlocal status, fate
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
                # How long a stream of events stays open says nothing about speed.
                for name, value in message.get("headers", ()):
                    if len(name) == 12 and name.lower() == b"content-type":
                        if value.startswith(b"text/event-stream"):
                            fate = _STREAMS
                            self._do(recorder.event_stream, 1)
                        break
            try:
                await send(message)
            except OSError:  # how servers say that the client has gone
                if fate == _ANSWERED:
                    fate = _GONE
                raise
            if kind == "http.response.body":
                last = not message.get("more_body")
            else:
                last = kind == "http.response.pathsend"
            if last and status != _OVER:
                answered, status = status, _OVER
                self._ended(scope, root, answered, began, fate)

        try:
            await self._app(scope, receive_watched, send_counted)
        except BaseException as error:
            # A server takes an answer for a client that has left without a word.
            if fate == _ANSWERED and isinstance(error, asyncio.CancelledError):
                fate = _GONE
            raise
        finally:
            if (
                status != _OVER
            ):  # it failed, or gave an answer without an end: the server closes the connection
                status = _OVER
                self._ended(scope, root, 500, began, fate)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if self._off or kind == "http":
            await self._app(scope, receive, send)
            return
        if not self.pusher.running:
            self._start_pushing()
        if kind == "websocket":
            await self._hold(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._do(self.recorder.websocket, 1)
        try:
            await self._app(scope, receive, send)
        finally:
            self._do(self.recorder.websocket, -1)

    # --- Counting, which must never fail a request ---

    def _start_pushing(self) -> None:
        self._do(self.pusher.start)  # without a thread left: count on, push nothing

    def _do(self, act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception:  # noqa: BLE001
            self.failures += 1

    def _ended(self, scope: Scope, root: str, status: int, began: float, fate: int) -> None:
        recorder = self.recorder
        try:
            now = recorder.clock()
            if fate == _GONE:
                recorder.aborted()
                return
            route = scope.get("route")
            if "fastapi" in scope:  # one route may be included under several prefixes
                route = scope["fastapi"].get("effective_route_context", route)
            if fate == _STREAMS:
                recorder.event_stream(-1)
                series = recorder.series(scope["method"], route_template(scope, root))
                recorder.record(series, status, None, *self._client(scope))
                return
            key = (
                id(route),
                scope["method"],
                scope.get("root_path"),
                scope.get("outgrow.route"),
                status,
            )
            known = recorder.known.get(key)
            if known is None:
                add = recorder.adder(recorder.series(scope["method"], route_template(scope, root)), status)
                recorder.know(key, route, add)
            else:
                add = known[0]
            if recorder.running:  # else this process was forked since
                recorder.running.pop()
            add(now - began)
            if now >= recorder.due:
                recorder.fold(now)
            address, user_agent = self._client(scope)
            client = hash((recorder.seed, address, user_agent))
            if client not in recorder.met:
                recorder.meet(client, address, user_agent)
        except Exception:  # noqa: BLE001
            self.failures += 1

    def _client(self, scope: Scope) -> tuple[str, bytes]:
        client = scope.get("client")
        address = client[0] if client else ""
        user_agent = b""
        for name, value in scope["headers"]:
            if name == b"user-agent":
                user_agent = value
                break
        if self._behind_proxies:
            forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            if forwarded:
                address = self._proxies.client(address, b",".join(forwarded).decode("latin-1"))
        return address, user_agent


def route_template(scope: Scope, root: str) -> str:
    """Return the template of the route that answered ("/orders/{id}"), "<unmatched>" if none did.

    Args:
        scope: after the application has routed the request.
        root: the root path the request came in with; what routing has added to it is where the route is
            mounted.
    """
    named = scope.get("outgrow.route")  # as in WSGI's environment, for frameworks that keep it elsewhere
    if isinstance(named, str):
        return named
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
    return path[:MAX_TEMPLATE]


def _without_values(mounted: str, parameters: dict[str, Any]) -> str:
    """Put the names of path parameters back where a mount's path shows their values."""
    names = {str(value): name for name, value in parameters.items()}
    return "/".join(f"{{{names[part]}}}" if part in names else part for part in mounted.split("/"))
