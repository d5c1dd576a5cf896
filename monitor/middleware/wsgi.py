"""Request middleware for WSGI applications (Flask, Django, Bottle and others).

    app.wsgi_app = ScalabilityWsgiMiddleware(app.wsgi_app)           # Flask
    application = ScalabilityWsgiMiddleware(get_wsgi_application())  # Django: see `monitor.middleware.django`

It counts and times each request, streamed answers to their last piece, and hands the counters to the sidecar.
It never raises, never blocks and never changes an answer. Servers with threads and servers that load the
application before they fork are both fine. Which route answered is in the environment: `outgrow.route`, which
anybody may set, or what Flask and Bottle leave there.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from monitor.middleware.asgi import OWN_PATH
from monitor.middleware.proxies import TrustedProxies
from monitor.middleware.pusher import Pusher, monitoring_is_off
from monitor.middleware.recorder import UNMATCHED, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Environ = dict[str, Any]
    StartResponse = Callable[..., Callable[[bytes], object]]
    App = Callable[[Environ, StartResponse], Iterable[bytes]]

#: Where an application may name the template of the route that answers ("/orders/<id>").
ROUTE: Final = "outgrow.route"


class ScalabilityWsgiMiddleware:
    """Counts and times every request of a WSGI application.

    Args:
        app: the application.
        push_url: the sidecar's push address, http, https or "unix:/path/of/its.sock"; None takes the sidecar
            of the environment's OUTGROW_SIDECAR_URL, else port 9464 of this machine.
        token: the sidecar's bearer token, if it asks for one; None takes OUTGROW_MONITOR_TOKEN.
        interval_ms: milliseconds between two pushes.
        client_window_s: over how many seconds distinct clients are counted.
        trusted_proxies: how many proxies of your own stand before the application, or their addresses and
            networks. 0 uses the connection's address.
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
        self.recorder = recorder or Recorder(client_window_s=client_window_s)
        self.pusher = Pusher(self.recorder, push_url, interval_s=interval_ms / 1000, token=token)
        #: How many requests could not be counted; they were answered all the same.
        self.failures = 0

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if self._off or environ.get("PATH_INFO", "").startswith(OWN_PATH):
            return self._app(environ, start_response)
        request = _Request(self, environ)

        def start_counted(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            request.begun(status, headers)
            return start_response(status, headers, *more)

        try:
            body = self._app(environ, start_counted)
        except BaseException:
            request.ended(failed=True)
            raise
        # A server may send these in ways of its own (by length, sendfile); they are there as a whole.
        if type(body) in (list, tuple) or isinstance(body, environ.get("wsgi.file_wrapper", ())):
            request.ended()
            return body
        return _Body(body, request)

    def do(self, act: Callable[..., Any], *arguments: Any) -> None:
        """Count something, which must never fail a request."""
        try:
            act(*arguments)
        except Exception:  # noqa: BLE001
            self.failures += 1

    def count(
        self, environ: Environ, route: str, status: int, seconds: float | None, *, aborted: bool
    ) -> None:
        """Count a request that is over."""
        if aborted:
            self.recorder.aborted()
            return
        address = environ.get("REMOTE_ADDR", "")
        if self._proxies and (forwarded := environ.get("HTTP_X_FORWARDED_FOR")):
            address = self._proxies.client(address, forwarded)
        agent = environ.get("HTTP_USER_AGENT", "").encode("latin-1", "replace")
        series = self.recorder.series(environ.get("REQUEST_METHOD", ""), route)
        self.recorder.record(series, status, seconds, address, agent)


class _Request:
    """What is known of one request."""

    __slots__ = ("_began", "_environ", "_middleware", "_over", "_route", "_script", "_status", "_streams")

    def __init__(self, middleware: ScalabilityWsgiMiddleware, environ: Environ) -> None:
        self._middleware = middleware
        self._environ = environ
        self._script = environ.get("SCRIPT_NAME", "")
        self._status = 0
        self._route = UNMATCHED
        self._streams = self._over = False
        self._began = perf_counter()
        if not middleware.pusher.running:
            middleware.do(middleware.pusher.start)
        middleware.do(middleware.recorder.started)

    def begun(self, status: str, headers: list[tuple[str, str]]) -> None:
        """The application has said how it answers; it may say so again until the first piece."""
        self._middleware.do(self._note, status, headers)

    def _note(self, status: str, headers: list[tuple[str, str]]) -> None:
        self._status = int(status.split(" ", 1)[0])
        self._route = route_template(self._environ, self._script)  # Flask takes its request away afterwards
        if not self._streams and any(
            name.lower() == "content-type" and value.startswith("text/event-stream")
            for name, value in headers
        ):
            self._streams = True
            self._middleware.recorder.event_stream(1)

    def ended(self, *, failed: bool = False, cut: bool = False) -> None:
        """The answer is over: to its end, by a failure, or because its client left (cut)."""
        if self._over:
            return
        self._over = True
        seconds = perf_counter() - self._began
        middleware = self._middleware
        if self._streams:
            middleware.do(middleware.recorder.event_stream, -1)
        status = 500 if failed or self._status == 0 else self._status
        aborted = cut and not self._streams and self._environ.get("REQUEST_METHOD") != "HEAD"
        try:
            if self._route == UNMATCHED:
                self._route = route_template(self._environ, self._script)
            middleware.count(
                self._environ, self._route, status, None if self._streams else seconds, aborted=aborted
            )
        except Exception:  # noqa: BLE001
            middleware.failures += 1


class _Body:
    """An answer in pieces; the request is over with the last one, or when the server closes it before."""

    __slots__ = ("_body", "_pieces", "_request")

    def __init__(self, body: Iterable[bytes], request: _Request) -> None:
        self._body = body
        self._request = request
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._pieces is None:
                self._pieces = iter(self._body)
            return next(self._pieces)
        except StopIteration:
            self._request.ended()
            raise
        except BaseException:
            self._request.ended(failed=True)
            raise

    def close(self) -> None:
        """Close the application's answer, as servers do in any case."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._request.ended(cut=True)


def route_template(environ: Environ, script: str) -> str:
    """Return the template of the route that answered, "<unmatched>" if none did.

    Args:
        environ: after the application has answered.
        script: SCRIPT_NAME as the request came in; what has been added to it is where the route is mounted.
    """
    named = environ.get(ROUTE)
    if isinstance(named, str):
        return named
    rule = getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
    if rule is None:
        rule = getattr(environ.get("bottle.route"), "rule", None)
    if not isinstance(rule, str):
        return UNMATCHED
    return str(environ.get("SCRIPT_NAME", "")).removeprefix(script) + rule
