"""The WSGI middleware: counts what happened, changes nothing, and never gets in the way."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from monitor.middleware.asgi import ScalabilityMiddleware
from monitor.middleware.pusher import KILL_SWITCH, Pusher
from monitor.middleware.recorder import Recorder
from monitor.middleware.wsgi import ScalabilityWsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOWHERE = "http://127.0.0.1:9/push"
TEXT = [("Content-Type", "text/plain")]


def environ(path: str = "/", **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "REMOTE_ADDR": "192.0.2.1",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        **more,
    }
    setup_testing_defaults(given)
    return given


def wrapped(app: Any, **options: Any) -> ScalabilityWsgiMiddleware:
    middleware = ScalabilityWsgiMiddleware(app, push_url=NOWHERE, **options)
    middleware.pusher.start = lambda: None  # type: ignore[method-assign]  # what is counted matters here
    return middleware


def call(app: Any, given: dict[str, Any], pieces: int | None = None) -> tuple[str, bytes]:
    """Answer a request as a server does; with `pieces` the client leaves after so many of them."""
    said: list[str] = []

    def start_response(status: str, _headers: Any, _exc_info: Any = None) -> Callable[[bytes], object]:
        said.append(status)
        return lambda _piece: None

    body = app(given, start_response)
    sent = []
    try:
        for piece in body:
            sent.append(piece)
            if len(sent) == pieces:
                break
    finally:
        if hasattr(body, "close"):
            body.close()
    return said[-1] if said else "", b"".join(sent)


def counted(middleware: ScalabilityWsgiMiddleware) -> dict[str, Any]:
    document = middleware.recorder.document()
    return {**document["requests"], "latencies": document["latency"]["count"], "routes": document["routes"]}


def plain(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", TEXT)
    return [b"x"]


def streaming(_environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", TEXT)
    yield from (b"a", b"b", b"c")


@pytest.mark.parametrize("app", [plain, streaming])
def test_an_answer_passes_unchanged_through_a_validator_on_both_sides_and_is_counted(app: Any) -> None:
    middleware = wrapped(validator(app))
    assert call(validator(middleware), environ()) == call(app, environ())
    found = counted(middleware)
    assert (found["by_class"]["2xx"], found["in_flight"], found["latencies"]) == (1, 0, 1)


def test_a_streamed_answer_lasts_until_its_last_piece() -> None:
    def slow(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        for _ in range(3):
            threading.Event().wait(0.04)
            yield b"x"

    middleware = wrapped(slow)
    call(middleware, environ())
    assert middleware.recorder.document()["latency"]["sum_seconds"] > 0.11


def test_a_client_that_leaves_in_the_middle_is_an_abort_and_the_application_is_told() -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a", b"b"])

        def close(self) -> None:
            closed.append(True)

    def app(_environ: Any, start_response: Any) -> Body:
        start_response("200 OK", TEXT)
        return Body()

    middleware = wrapped(app)
    call(middleware, environ(), pieces=1)
    found = counted(middleware)
    assert (found["aborted"], found["total"], found["in_flight"], closed) == (1, 0, 0, [True])
    call(middleware, environ(REQUEST_METHOD="HEAD"), pieces=1)
    assert counted(middleware)["total"] == 1  # no server sends a body for HEAD


@pytest.mark.parametrize("late", [False, True])
def test_an_exception_is_a_500_and_reaches_the_server(late: bool) -> None:
    def broken(_environ: Any, start_response: Any) -> Any:
        if not late:
            raise KeyError("of the application")
        start_response("200 OK", TEXT)
        return (1 / 0 for _ in range(1))

    middleware = wrapped(broken)
    with pytest.raises((KeyError, ZeroDivisionError)):
        call(middleware, environ())
    found = counted(middleware)
    assert (found["by_class"]["5xx"], found["total"], found["in_flight"]) == (1, 1, 0)


def test_event_streams_are_connections_without_a_latency() -> None:
    def events(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("content-type", "text/event-stream")])
        seen.append(middleware.recorder.document()["connections"]["event_streams"])
        yield b"data: 1\n\n"
        yield b"data: 2\n\n"

    seen: list[int] = []
    middleware = wrapped(events)
    call(middleware, environ(), pieces=1)
    document = middleware.recorder.document()
    assert (seen, document["connections"]["event_streams"]) == ([1], 0)
    assert (document["requests"]["total"], document["requests"]["aborted"]) == (1, 0)
    assert document["latency"]["count"] == 0


def test_a_file_is_handed_to_the_server_as_it_is(tmp_path: Any) -> None:
    (tmp_path / "f").write_bytes(b"content")

    def app(given: Any, start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        return given["wsgi.file_wrapper"]((tmp_path / "f").open("rb"))

    middleware = wrapped(app)
    body: Any = middleware({**environ(), "wsgi.file_wrapper": FileWrapper}, lambda *_: lambda _piece: None)
    assert isinstance(body, FileWrapper)
    body.close()
    assert counted(middleware)["total"] == 1


def test_the_kill_switch_and_the_monitors_own_paths_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    middleware = wrapped(plain)
    call(middleware, environ("/api/metrics/scalability/prometheus"))
    assert counted(middleware)["total"] == 0
    monkeypatch.setenv(KILL_SWITCH, "off")
    off = wrapped(plain)
    assert call(off, environ())[1] == b"x"
    assert counted(off)["total"] == 0


class _Faulty(Recorder):
    """Fails in every hook."""

    def _fail(self, *_arguments: Any) -> Any:
        raise RuntimeError("monitor")

    started = series = record = aborted = event_stream = _fail  # type: ignore[assignment]


@pytest.mark.parametrize("app", [plain, streaming])
def test_a_monitor_that_fails_everywhere_changes_no_answer(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    middleware = wrapped(app, recorder=_Faulty())
    assert call(middleware, environ()) == call(app, environ())
    call(middleware, environ(), pieces=1)
    assert middleware.failures >= 2

    def refuse(_pusher: Pusher) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Pusher, "start", refuse)
    assert call(ScalabilityWsgiMiddleware(app, push_url=NOWHERE), environ()) == call(app, environ())


def test_threads_lose_no_request() -> None:
    middleware = wrapped(streaming)
    threads = [
        threading.Thread(target=lambda: [call(middleware, environ()) for _ in range(300)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = counted(middleware)
    assert (found["total"], found["in_flight"], found["latencies"]) == (1200, 0, 1200)


def test_workers_forked_after_loading_count_and_push_for_themselves() -> None:
    program = (
        "import json, os\n"
        "from monitor.middleware.wsgi import ScalabilityWsgiMiddleware\n"
        "def app(environ, start):\n"
        "    start('200 OK', [])\n"
        "    return [b'x']\n"
        f"middleware = ScalabilityWsgiMiddleware(app, push_url='{NOWHERE}')\n"
        "def ask(): list(middleware({'PATH_INFO': '/', 'REQUEST_METHOD': 'GET'}, lambda *_: None))\n"
        "ask(); ask(); ask()\n"
        "child = os.fork()\n"
        "if child: os.waitpid(child, 0)\n"
        "else: ask()\n"
        "document = middleware.recorder.document()\n"
        "thread = middleware.pusher._thread\n"
        "print(json.dumps([document['worker'] == str(os.getpid()), document['requests']['total'],\n"
        "                  thread.is_alive()]), flush=True)\n"
        "os._exit(0)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=30)
    assert [json.loads(line) for line in run.stdout.splitlines()] == [[True, 1, True], [True, 3, True]]


# --- Route templates ---


def test_flask_routes_are_counted_by_template_with_their_blueprints() -> None:
    flask = pytest.importorskip("flask")
    app, orders = flask.Flask("shop"), flask.Blueprint("orders", "shop", url_prefix="/orders")
    orders.add_url_rule("/<int:order>", view_func=str, endpoint="order")
    app.register_blueprint(orders)
    app.add_url_rule("/stream", view_func=lambda: flask.Response(iter(["a", "b"])), endpoint="stream")
    app.wsgi_app = middleware = wrapped(app.wsgi_app)
    client = app.test_client()
    for path in ("/orders/1", "/orders/2", "/stream", "/nothing/1", "/nothing/2"):
        client.get(path).get_data()
    routes = {name: entry["count"] for name, entry in counted(middleware)["routes"].items()}
    assert routes == {"GET /orders/<int:order>": 2, "GET /stream": 1, "GET <unmatched>": 2}


def test_any_framework_may_name_the_route() -> None:
    def app(given: Any, start_response: Any) -> list[bytes]:
        given["outgrow.route"] = "/things/{id}"
        return plain(given, start_response)

    middleware = wrapped(app)
    call(middleware, environ("/things/7"))
    assert list(counted(middleware)["routes"]) == ["GET /things/{id}"]


DJANGO = """
import asyncio, json, sys
import django
from django.conf import settings
settings.configure(ROOT_URLCONF="__main__", SECRET_KEY="x", ALLOWED_HOSTS=["*"], DEBUG=False,
                   MIDDLEWARE=["monitor.middleware.django.name_route"])
django.setup()
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path, re_path
inner = [path("<int:order>/", lambda request, order: HttpResponse("x"))]
urlpatterns = [path("orders/", include(inner)),
               re_path(r"^tag/(?P<tag>\\w+)$", lambda request, tag: HttpResponse("x"))]
from monitor.middleware.asgi import ScalabilityMiddleware
from monitor.middleware.wsgi import ScalabilityWsgiMiddleware
PATHS = ["/orders/1/", "/orders/2/", "/tag/a", "/nothing"]
found = []
wsgi = ScalabilityWsgiMiddleware(get_wsgi_application(), push_url="http://127.0.0.1:9/")
asgi = ScalabilityMiddleware(get_asgi_application(), push_url="http://127.0.0.1:9/")
from django.test.client import RequestFactory
for one in PATHS:
    body = wsgi(RequestFactory().get(one).environ, lambda *_: None)
    list(body), body.close()
async def ask(one):
    messages = [{"type": "http.request", "body": b""}]
    async def receive():
        return messages.pop() if messages else await asyncio.sleep(60)
    async def send(message):
        pass
    scope = {"type": "http", "method": "GET", "path": one, "headers": [], "query_string": b"",
             "client": None, "server": None}
    await asgi(scope, receive, send)
for one in PATHS:
    asyncio.run(ask(one))
for middleware in (wsgi, asgi):
    routes = middleware.recorder.document()["routes"]
    found.append({name: entry["count"] for name, entry in routes.items()})
print(json.dumps(found))
"""


def test_django_routes_are_counted_by_template_on_both_interfaces() -> None:
    run = subprocess.run(
        [sys.executable, "-c", DJANGO], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    expected = {"GET /orders/<int:order>/": 2, "GET /tag/(?P<tag>\\w+)": 1, "GET <unmatched>": 1}
    assert json.loads(run.stdout) == [expected, expected]


def test_asgi_applications_may_name_the_route_too() -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        scope["outgrow.route"] = "/things/{id}"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    middleware = ScalabilityMiddleware(app, push_url=NOWHERE)
    middleware.pusher.start = lambda: None  # type: ignore[method-assign]

    async def ignore(*_: Any) -> Any:
        return {"type": "http.request"}

    asyncio.run(
        middleware({"type": "http", "method": "GET", "path": "/things/7", "headers": []}, ignore, ignore)
    )
    assert list(middleware.recorder.document()["routes"]) == ["GET /things/{id}"]
