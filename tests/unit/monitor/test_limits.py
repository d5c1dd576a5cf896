"""What one client may take, and what a flood of them: bounded, whatever they send."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from monitor.middleware import buckets
from monitor.phases import load_phase
from monitor.serve.api import PREFIX, make_api
from monitor.serve.documents import MetricsDocument
from monitor.serve.exposition import Names, expose
from monitor.serve.limits import Buckets, Fence, LimitedListener, Limits, peer_key
from monitor.serve.published import metrics_document
from monitor.serve.push import PushDocument
from monitor.serve.sidecar import Sidecar, Watch
from monitor.serve.workers import DEAD_AFTER_S, TooManyWorkers, Workers

DOCUMENT: Any = json.loads((Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"))[
    "push"
]["document"]
SIDECAR = Sidecar(Watch(load_phase("phase-1"), "phase-2"), None)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_a_burst_pass_and_then_the_rate() -> None:
    clock = Clock()
    taken = Buckets(Limits(rate=10, burst=5), clock)
    assert [taken.take("a") for _ in range(6)] == [0, 0, 0, 0, 0, pytest.approx(0.1)]
    assert taken.take("b") == 0
    clock.now = 0.1
    assert taken.take("a") == 0
    assert taken.take("a") > 0


def test_a_flood_of_addresses_fills_no_memory() -> None:
    taken = Buckets(Limits())
    for number in range(6_000):
        taken.take(f"192.0.2.{number}")
    assert len(taken) == 4096


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_one_client_is_an_address_or_a_network_of_ipv6(address: str, key: str) -> None:
    assert peer_key(address) == key


def ask(headers: dict[str, str], *, loopback: bool, count: int = 1, method: str = "GET") -> list[int]:
    async def run() -> list[int]:
        app = Fence(make_api(SIDECAR), Limits(rate=1, burst=3), loopback=loopback)
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [
                (await client.request(method, "/api/alerts", headers=headers)).status_code
                for _ in range(count)
            ]

    return asyncio.run(run())


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    assert ask({}, loopback=False, count=5) == [200, 200, 200, 429, 429]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9464", 200),
        ("localhost:9464", 200),
        ("[::1]:9464", 200),
        ("[::1]", 200),
        ("monitor", 200),
        ("evil.example.org", 403),
        ("127.0.0.1.evil.example.org:9464", 403),
        ("localhost.evil.example.org", 403),
    ],
)
def test_a_foreign_name_for_this_machine_is_refused(host: str, status: int) -> None:
    assert ask({"Host": host}, loopback=True) == [status]
    assert ask({"Host": host}, loopback=False) == [200]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://127.0.0.1"}, 200),
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_pages_of_other_sites_ask_in_vain(headers: dict[str, str], status: int) -> None:
    assert ask(headers, loopback=True) == [status]


def test_a_client_with_too_many_connections_is_cut_off_and_gets_its_places_back() -> None:
    plain = socket.create_server(("127.0.0.1", 0))
    listener = LimitedListener.of(plain, Limits(connections=5, connections_per_peer=2))
    listener.settimeout(0.2)
    clients = [socket.create_connection(listener.getsockname()) for _ in range(5)]
    accepted = [listener.accept()[0] for _ in range(3)]
    with pytest.raises(TimeoutError):
        listener.accept()
    assert listener.open == {"127.0.0.1": 3}
    clients[4].settimeout(2)
    with pytest.raises(ConnectionResetError):
        clients[4].recv(1)
    for connection in accepted:
        connection.close()
        connection.close()  # closing twice gives one place back
    assert listener.open == {}
    again = socket.create_connection(listener.getsockname())
    listener.accept()[0].close()
    for client in (*clients, again):
        client.close()
    listener.close()


# --- Pushes ---


def pushed(**changes: Any) -> PushDocument:
    return PushDocument.model_validate({**DOCUMENT, "start_time": time.time(), **changes})


def test_invented_workers_neither_fill_the_memory_nor_drive_the_real_ones_out() -> None:
    clock = Clock()
    workers = Workers(60, clock=clock)
    workers.push(pushed(worker="real"))
    refused = 0
    for number in range(600):
        clock.now += 0.001
        workers.push(pushed(worker="real", seq=DOCUMENT["seq"] + number + 1))
        try:
            workers.push(pushed(worker=f"invented-{number}"))
        except TooManyWorkers:
            refused += 1
    assert len(workers.live()) == 512
    assert refused == 600 - 511
    assert any(worker.document.worker == "real" for worker in workers.live())
    clock.now += DEAD_AFTER_S + 1
    workers.push(pushed(worker="another"))
    assert len(workers.live()) == 1


def test_names_of_many_large_workers_are_bounded() -> None:
    workers = Workers(60)
    routes = {f"GET /{number}{'x' * 290}": DOCUMENT["routes"]["POST /orders"] for number in range(1000)}
    refused = 0
    for number in range(70):
        try:
            workers.push(pushed(worker=f"large-{number}", routes=routes))
        except TooManyWorkers:
            refused += 1
    assert refused > 10
    assert sum(len(route) for worker in workers.live() for route in worker.counters.routes) < 17e6
    assert len(workers.total().routes) <= 501


@pytest.mark.parametrize(
    "part",
    [
        {"latency": {"buckets": {"5": -1}, "sum_seconds": 1, "count": 1}},
        {"latency": {"buckets": {"99999": 1}, "sum_seconds": 1, "count": 1}},
        {"latency": {"buckets": {}, "sum_seconds": float("nan"), "count": 1}},
        {"latency": {"buckets": {}, "sum_seconds": float("inf"), "count": 1}},
        {"latency": {"buckets": {}, "sum_seconds": 1, "count": 1 << 60}},
        {"worker": "x" * 201},
        {"seq": -1},
        {"routes": {f"GET /{number}": DOCUMENT["routes"]["POST /orders"] for number in range(1001)}},
        {"clients": {"window_seconds": 300, "registers": "AAAA"}},
    ],
)
def test_a_push_that_cannot_be_is_refused_and_changes_nothing(part: dict[str, Any]) -> None:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(make_api(SIDECAR))
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
            return await client.post(f"{PREFIX}/push", content=json.dumps({**DOCUMENT, **part}))

    before = SIDECAR._workers.total()
    answer = asyncio.run(run())
    assert answer.status_code == 400
    assert len(answer.json()["error"]) < 300
    assert SIDECAR._workers.total() == before


def test_random_routes_add_no_series_beyond_the_cap() -> None:
    sidecar = Sidecar(Watch(load_phase("phase-1"), "phase-2"), None)
    for worker in range(4):
        routes = {f"GET /{worker}/{number}": DOCUMENT["routes"]["POST /orders"] for number in range(500)}
        sidecar.push(pushed(worker=str(worker), routes=routes))
    body, _ = expose(sidecar.evaluate(), Names.BOTH, "")
    assert body.count(b"\nhttp_route_requests_total{") <= 501
    assert len(body.splitlines()) < 2200


def test_what_a_careless_worker_sends_of_people_is_not_kept() -> None:
    sidecar = Sidecar(Watch(load_phase("phase-1"), "phase-2"), None)
    route = DOCUMENT["routes"]["POST /orders"]
    statement = {"count": 1, "sum_seconds": 1.0, "max_seconds": 1.0}
    document = pushed(
        routes={
            "GET /me?email=ann@example.org": route,
            "GET /me?email=bob@example.org": route,
            "GET /x/:id?": route,
        },
        slow_statements={"select * from users where email = 'ann@example.org'": statement},
    )
    sidecar.push(document)
    published = sidecar.evaluate()
    body, _ = expose(published, Names.BOTH, "")
    shown = body.decode() + json.dumps(metrics_document(published))
    assert "example.org" not in shown
    assert published.total.routes["GET /me"].count == 2 * route["count"]
    assert "GET /x/:id?" in published.total.routes


# --- The description ---


def test_the_described_shape_is_the_real_one() -> None:
    async def run() -> Any:
        transport = httpx.ASGITransport(make_api(SIDECAR))
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
            return (await client.get(PREFIX)).json(), (await client.get("/openapi.json")).json()

    document, described = asyncio.run(run())
    assert MetricsDocument.model_validate(document).metrics.keys() == document["metrics"].keys()
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            assert {"401", "429"} <= set(operation["responses"]), path


schema = schemathesis.openapi.from_asgi("/openapi.json", make_api(SIDECAR))


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
)
def test_the_endpoints_keep_to_their_description(case: Any) -> None:
    response = case.call()
    assert response.status_code < 500 or response.status_code == 503
    case.validate_response(
        response,
        checks=[
            schemathesis.checks.not_a_server_error
            if response.status_code != 503
            else schemathesis.checks.CHECKS.get_one("response_schema_conformance"),
            schemathesis.checks.CHECKS.get_one("status_code_conformance"),
            schemathesis.checks.CHECKS.get_one("content_type_conformance"),
            schemathesis.checks.CHECKS.get_one("response_schema_conformance"),
        ],
    )
