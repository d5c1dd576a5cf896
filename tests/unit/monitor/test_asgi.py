"""The ASGI middleware: counts what happened, changes nothing, and never gets in the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from monitor.middleware.asgi import ScalabilityMiddleware
from monitor.middleware.buckets import quantile
from monitor.middleware.pusher import KILL_SWITCH, Pusher
from monitor.middleware.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

NOWHERE = "http://127.0.0.1:9/push"
OK = [
    {"type": "http.response.start", "status": 200, "headers": []},
    {"type": "http.response.body", "body": b"x"},
]


def scope(path: str = "/", **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": path, "headers": [], "client": ("192.0.2.1", 1), **more}


def answering(messages: Iterable[dict[str, Any]]) -> Callable[..., Awaitable[None]]:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def wrapped(app: Any, **options: Any) -> ScalabilityMiddleware:
    middleware = ScalabilityMiddleware(app, push_url=NOWHERE, **options)
    middleware.pusher.start = lambda: None  # type: ignore[method-assign]  # what is counted matters here
    return middleware


async def nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def call(middleware: ScalabilityMiddleware, given: dict[str, Any], receive: Any = nothing) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await middleware(given, receive, send)
    return sent


def requests(middleware: ScalabilityMiddleware) -> dict[str, Any]:
    counted: dict[str, Any] = middleware.recorder.document()["requests"]
    return counted


def test_an_answer_passes_through_unchanged_and_is_counted() -> None:
    middleware = wrapped(answering(OK))
    assert asyncio.run(call(middleware, scope())) == OK
    assert requests(middleware)["by_class"]["2xx"] == 1
    assert requests(middleware)["in_flight"] == 0


def test_the_time_of_an_answer_is_its_latency() -> None:
    async def slow(_scope: Any, _receive: Any, send: Any) -> None:
        await asyncio.sleep(0.15)
        for message in OK:
            await send(message)

    middleware = wrapped(slow)
    asyncio.run(call(middleware, scope()))
    latency = middleware.recorder.document()["latency"]
    found = quantile({int(slot): count for slot, count in latency["buckets"].items()}, 0.95)
    assert found is not None
    assert 0.148 < found < 0.3


def test_work_after_the_answer_is_not_the_clients_waiting() -> None:
    async def background(_scope: Any, _receive: Any, send: Any) -> None:
        for message in OK:
            await send(message)
        await asyncio.sleep(0.2)

    middleware = wrapped(background)
    asyncio.run(call(middleware, scope()))
    assert middleware.recorder.document()["latency"]["sum_seconds"] < 0.1


def test_an_exception_is_a_500_and_reaches_the_server() -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise KeyError("of the application")

    middleware = wrapped(broken)
    with pytest.raises(KeyError, match="of the application"):
        asyncio.run(call(middleware, scope()))
    assert requests(middleware)["by_class"]["5xx"] == 1


def test_an_answer_that_breaks_off_is_a_500_even_if_it_began_well() -> None:
    async def broken(_scope: Any, _receive: Any, send: Any) -> None:
        await send(OK[0])
        raise RuntimeError("while streaming")

    middleware = wrapped(broken)
    with pytest.raises(RuntimeError, match="while streaming"):
        asyncio.run(call(middleware, scope()))
    assert requests(middleware)["by_class"] == {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 1}


def test_no_answer_at_all_is_a_500() -> None:
    middleware = wrapped(answering([]))
    asyncio.run(call(middleware, scope()))
    assert requests(middleware)["by_class"]["5xx"] == 1


def test_a_client_that_leaves_before_the_end_is_an_abort_not_an_error() -> None:
    async def waits(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()

    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    middleware = wrapped(waits)
    asyncio.run(call(middleware, scope(), left))
    assert (requests(middleware)["aborted"], requests(middleware)["total"]) == (1, 0)


def test_an_answer_for_a_client_that_has_left_is_an_abort() -> None:
    async def notices_and_answers(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for message in OK:
            await send(message)

    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    middleware = wrapped(notices_and_answers)
    asyncio.run(call(middleware, scope(), left))
    assert (requests(middleware)["aborted"], requests(middleware)["total"]) == (1, 0)


def test_a_cancelled_request_is_an_abort() -> None:
    async def waits(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(60)

    middleware = wrapped(waits)

    async def cancelled() -> None:
        task = asyncio.create_task(call(middleware, scope()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert (requests(middleware)["aborted"], requests(middleware)["in_flight"]) == (1, 0)


def test_a_server_that_cannot_send_any_more_means_an_abort() -> None:
    middleware = wrapped(answering(OK))

    async def gone(_message: Any) -> None:
        raise OSError("client disconnected")

    with pytest.raises(OSError, match="client disconnected"):
        asyncio.run(middleware(scope(), nothing, gone))
    assert (requests(middleware)["aborted"], requests(middleware)["total"]) == (1, 0)


def test_leaving_after_the_answer_is_no_abort() -> None:
    async def listens(_scope: Any, receive: Any, send: Any) -> None:
        for message in OK:
            await send(message)
        await receive()

    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    middleware = wrapped(listens)
    asyncio.run(call(middleware, scope(), left))
    assert (requests(middleware)["aborted"], requests(middleware)["total"]) == (0, 1)


def test_event_streams_count_without_a_latency() -> None:
    headers = [(b"Content-Type", b"text/event-stream; charset=utf-8")]
    stream = [{**OK[0], "headers": headers}, OK[1]]
    middleware = wrapped(answering(stream))
    asyncio.run(call(middleware, scope()))
    assert requests(middleware)["total"] == 1
    assert middleware.recorder.document()["latency"]["count"] == 0


def test_an_event_stream_is_a_connection_and_no_request_that_is_being_answered() -> None:
    headers = [(b"content-type", b"text/event-stream")]
    seen = []

    async def streams(_scope: Any, receive: Any, send: Any) -> None:
        await send({**OK[0], "headers": headers})
        document = middleware.recorder.document()
        seen.append((document["requests"]["in_flight"], document["connections"]["event_streams"]))
        await receive()

    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    middleware = wrapped(streams)
    asyncio.run(call(middleware, scope(), left))
    document = middleware.recorder.document()
    assert seen == [(0, 1)]
    assert (document["requests"]["in_flight"], document["connections"]["event_streams"]) == (0, 0)
    # Its reader leaves when it likes: that is no abort.
    assert (document["requests"]["total"], document["requests"]["aborted"]) == (1, 0)


def test_a_websocket_is_a_connection_for_as_long_as_it_is_open() -> None:
    seen = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(middleware.recorder.document()["connections"]["websockets"])
        raise RuntimeError("of the application")

    middleware = wrapped(app)
    with pytest.raises(RuntimeError, match="of the application"):
        asyncio.run(call(middleware, {"type": "websocket"}))
    assert seen == [1]
    assert middleware.recorder.document()["connections"]["websockets"] == 0


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_kinds_of_connections_pass_through(kind: str) -> None:
    seen = []

    async def app(given: Any, _receive: Any, _send: Any) -> None:
        seen.append(given["type"])

    middleware = wrapped(app)
    asyncio.run(call(middleware, {"type": kind}))
    assert seen == [kind]
    assert requests(middleware)["total"] == 0


def test_the_monitors_own_endpoints_are_not_the_applications_work() -> None:
    middleware = wrapped(answering(OK))
    asyncio.run(call(middleware, scope("/api/metrics/scalability/assessment")))
    assert requests(middleware)["total"] == 0


def test_the_kill_switch_makes_it_a_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KILL_SWITCH, "off")
    middleware = wrapped(answering(OK))
    assert asyncio.run(call(middleware, scope())) == OK
    assert requests(middleware)["total"] == 0


class _Broken:
    """Whatever is done with it fails."""

    def __getattr__(self, _name: str) -> Any:
        raise RuntimeError("monitor")


class _Faulty(Recorder):
    """Fails in everything a middleware does with it."""

    def _fail(self, *_args: Any) -> Any:
        raise RuntimeError("monitor")

    adder = fold = know = meet = started = record = series = event_stream = websocket = aborted = _fail

    def _start(self) -> None:
        super()._start()
        broken: Any = _Broken()
        self.running, self.known, self.met = broken, broken, broken


def test_a_monitor_that_fails_everywhere_changes_no_answer() -> None:
    middleware = wrapped(answering(OK), recorder=_Faulty())
    assert asyncio.run(call(middleware, scope())) == OK
    assert middleware.failures == 2


@pytest.mark.parametrize("kind", ["text/event-stream", "text/plain"])
def test_a_monitor_that_fails_everywhere_changes_no_stream_and_no_websocket(kind: str) -> None:
    stream = [{**OK[0], "headers": [(b"content-type", kind.encode())]}, OK[1]]
    assert asyncio.run(call(wrapped(answering(stream), recorder=_Faulty()), scope())) == stream
    accepted = [{"type": "websocket.accept"}]
    socket = wrapped(answering(accepted), recorder=_Faulty())
    assert asyncio.run(call(socket, {"type": "websocket"})) == accepted
    assert socket.failures == 2


def test_a_thread_that_cannot_be_started_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pusher: Pusher) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Pusher, "start", refuse)
    middleware = ScalabilityMiddleware(answering(OK), push_url=NOWHERE)
    assert asyncio.run(call(middleware, scope())) == OK
    assert middleware.failures == 1


def test_an_unusual_scope_changes_no_answer() -> None:
    """No client (a Unix socket), no headers at all."""
    middleware = wrapped(answering(OK))
    given = {"type": "http", "method": "GET", "path": "/", "client": None}
    assert asyncio.run(call(middleware, given)) == OK


@pytest.mark.parametrize("url", ["", "push", "ftp://localhost/push", "http://", "file:///tmp/x"])
def test_an_address_that_is_none_is_refused_at_start(url: str) -> None:
    with pytest.raises(ValueError, match="is not an http address"):
        ScalabilityMiddleware(answering(OK), push_url=url)


# --- Clients behind proxies ---


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, [b"203.0.113.9"], "192.0.2.1"),
        (1, [b"203.0.113.9"], "203.0.113.9"),
        (1, [b"1.2.3.4, 203.0.113.9"], "203.0.113.9"),
        (2, [b"1.2.3.4, 203.0.113.9, 10.0.0.1"], "203.0.113.9"),
        (2, [b"1.2.3.4, 203.0.113.9", b"10.0.0.1"], "203.0.113.9"),
        (2, [b"203.0.113.9"], "192.0.2.1"),
        (1, [], "192.0.2.1"),
    ],
)
def test_a_client_behind_proxies_is_counted_from_the_right_end(
    hops: int, forwarded: list[bytes], address: str
) -> None:
    """The left end of X-Forwarded-For is whatever the client wrote."""
    middleware = wrapped(answering(OK), trusted_proxies=hops)
    headers = [(b"x-forwarded-for", value) for value in forwarded] + [
        (b"user-agent", "Bücher".encode("latin-1"))
    ]
    assert middleware._client(scope(headers=headers)) == (address, "Bücher".encode("latin-1"))


# --- Route templates ---


def routes_after(app: Any, *paths: str) -> set[str]:
    middleware = wrapped(app)

    async def visit() -> None:
        transport = httpx.ASGITransport(middleware, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for path in paths:
                await client.get(path)

    asyncio.run(visit())
    return set(middleware.recorder.document()["routes"])


def fastapi_app() -> FastAPI:
    app, router, inner, mounted = FastAPI(), APIRouter(prefix="/orders"), APIRouter(), FastAPI()

    @app.get("/items/{item}")
    def item(item: int) -> int:
        return item

    @router.get("/{order}")
    def order(order: int) -> int:
        return order

    @inner.get("/lines/{line}")
    def line(line: int) -> int:
        return line

    @mounted.get("/of/{user}")
    def user(user: str) -> str:
        return user

    router.include_router(inner, prefix="/{order}")
    app.include_router(router, prefix="/api")
    app.mount("/tenants/{tenant}", mounted)
    return app


def test_fastapi_routes_are_counted_by_template_however_they_are_nested() -> None:
    paths = ["/items/1", "/items/2", "/api/orders/7", "/api/orders/7/lines/3", "/tenants/acme/of/ann"]
    assert routes_after(fastapi_app(), *paths) == {
        "GET /items/{item}",
        "GET /api/orders/{order}",
        "GET /api/orders/{order}/lines/{line}",
        "GET /tenants/{tenant}/of/{user}",
    }


def test_starlette_routes_are_counted_by_template_with_their_mounts() -> None:
    def answer(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    def stream(_request: Any) -> StreamingResponse:
        return StreamingResponse(pieces())

    inner = [Route("/k/{z}", answer), Route("/stream", stream)]
    app = Starlette(routes=[Route("/p", answer), Mount("/v/{id}", routes=inner)])
    assert routes_after(app, "/p", "/v/9/k/8", "/v/10/k/8", "/v/9/stream") == {
        "GET /p",
        "GET /v/{id}/k/{z}",
        "GET /v/{id}/stream",
    }


def test_p15_unknown_paths_share_one_series() -> None:
    paths = [f"/{number}.php" for number in range(300)]
    assert routes_after(fastapi_app(), *paths) == {"GET <unmatched>"}
