"""The ASGI middleware in a real server, pushing to a real sidecar, against known delays and errors."""

from __future__ import annotations

import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Start = Callable[..., Any]

API = "/api/metrics/scalability"
SHOP = """
import asyncio, os
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from monitor.middleware.asgi import ScalabilityMiddleware

async def home(request):
    return PlainTextResponse("ok")

async def wait(request):
    await asyncio.sleep(request.path_params["milliseconds"] / 1000)
    return PlainTextResponse("x", int(request.query_params.get("status", 200)))

async def broken(request):
    raise RuntimeError("on purpose")

async def patient(request):
    while not await request.is_disconnected():
        await asyncio.sleep(0.02)
    return PlainTextResponse("too late")

routes = [
    Route("/", home),
    Route("/wait/{milliseconds:int}", wait),
    Route("/broken", broken),
    Route("/patient", patient),
]
counting = Middleware(ScalabilityMiddleware, push_url=os.environ["PUSH_URL"], interval_ms=200)
app = Starlette(routes=routes, middleware=[counting])
"""


@pytest.fixture
def running(sidecar: Start, application: Start, tmp_path: Path) -> Any:
    application("wal")
    options = ("--interval", "0.3", "--window", "60", "--without", "cpu_percent")
    return sidecar("--database", str(tmp_path / "shop.db"), *options)


def metrics(running: Any) -> Any:
    return running.get(API).json()


def finished(running: Any) -> int:
    return int(metrics(running)["http"]["requests"]["total"])


def load(url: str, paths: list[str], agents: int = 1, at_once: int = 10) -> list[tuple[int, float]]:
    """Request every path, so many at once, as so many clients; return each status and its milliseconds."""
    with (
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
        ThreadPoolExecutor(at_once) as pool,
    ):

        def one(numbered: tuple[int, str]) -> tuple[int, float]:
            agent = {"User-Agent": f"agent-{numbered[0] % agents}"}
            began = time.perf_counter()
            status = client.get(numbered[1], headers=agent).status_code
            return status, 1000 * (time.perf_counter() - began)

        return list(pool.map(one, enumerate(paths)))


def quantile(answers: list[tuple[int, float]], fraction: float) -> float:
    return sorted(milliseconds for _, milliseconds in answers)[math.ceil(fraction * len(answers)) - 1]


def test_reported_response_times_errors_and_users_are_the_true_ones(
    running: Any, web_application: Start, waiting: Start
) -> None:
    """The truth lies between what the server slept and what the client waited, which contains it."""
    shop = web_application(SHOP, PUSH_URL=f"{running.url}{API}/push")
    waiting(lambda: finished(running) >= 1)
    first = finished(running)
    paths = ["/wait/20"] * 170 + ["/wait/20?status=500"] * 8 + ["/wait/300"] * 20 + ["/broken"] * 2
    answers = load(shop.url, paths, agents=25)
    assert [status for status, _ in answers].count(500) == 10
    total = first + len(paths)
    waiting(lambda: finished(running) == total)
    measured = waiting(lambda: (found := metrics(running))["metrics"]["p95_ms"]["samples"] == total and found)
    assert 300 / 1.011 <= measured["metrics"]["p95_ms"]["value"] <= quantile(answers, 0.95) * 1.011
    assert 20 / 1.011 <= measured["http"]["response_time"]["p50_ms"] <= quantile(answers, 0.5) * 1.011
    assert measured["metrics"]["error_rate_percent"]["value"] == pytest.approx(100 * 10 / total)
    # 26, give or take what a sketch is off; on a slow machine the first have left the users' window already.
    assert 15 <= measured["metrics"]["concurrent_users"]["value"] <= 28
    assert measured["http"]["requests"]["by_class"]["5xx"] == 10
    routes = {route["route"]: route for route in measured["http"]["routes"]}
    assert routes["GET /wait/{milliseconds:int}"]["count"] == 198
    assert routes["GET /broken"]["errors"] == 2
    assert "agent-7" not in str(measured)


def test_the_workers_of_one_server_are_merged(running: Any, web_application: Start, waiting: Start) -> None:
    """Three workers at 110 ms: a summary's quantiles added up would say 330 ms."""
    shop = web_application(SHOP, workers=3, PUSH_URL=f"{running.url}{API}/push")
    waiting(lambda: finished(running) >= 1)
    first = finished(running)
    answers = []
    for _ in range(4):  # new connections, so that every worker gets some
        answers += load(shop.url, ["/wait/110"] * 30)
    waiting(lambda: finished(running) == first + 120)
    measured = metrics(running)
    assert 110 / 1.011 <= measured["metrics"]["p95_ms"]["value"] <= quantile(answers, 0.95) * 1.011
    assert len(measured["http"]["workers"]) > 1


def test_clients_that_give_up_are_counted_apart(running: Any, web_application: Start, waiting: Start) -> None:
    shop = web_application(SHOP, PUSH_URL=f"{running.url}{API}/push")
    for _ in range(5):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{shop.url}/patient", timeout=0.1, trust_env=False)
    waiting(lambda: metrics(running)["http"]["aborted"] == 5)
    assert metrics(running)["http"]["requests"]["by_class"]["5xx"] == 0


def test_a_sidecar_that_dies_or_hangs_costs_the_application_nothing(
    running: Any, web_application: Start, waiting: Start
) -> None:
    shop = web_application(SHOP, PUSH_URL=f"{running.url}{API}/push")
    waiting(lambda: finished(running) >= 1)

    def slowest() -> float:
        took = []
        for _ in range(30):
            began = time.monotonic()
            assert shop.get("/").status_code == 200
            took.append(time.monotonic() - began)
        return max(took)

    running.process.send_signal(signal.SIGSTOP)
    assert slowest() < 0.9  # a push that were waited for would take its whole second
    running.process.send_signal(signal.SIGCONT)
    running.stop(signal.SIGKILL)
    assert slowest() < 0.9
    assert "Traceback" not in shop.printed


def test_a_restarted_sidecar_hears_of_everything_but_sees_no_peak(
    running: Any, web_application: Start, waiting: Start, sidecar: Start, tmp_path: Path
) -> None:
    shop = web_application(SHOP, PUSH_URL=f"{running.url}{API}/push")
    load(shop.url, ["/"] * 100)
    waiting(lambda: finished(running) >= 101)
    counted = finished(running)
    running.stop(signal.SIGKILL)
    port = int(running.url.rpartition(":")[2])
    again = sidecar("--database", str(tmp_path / "shop.db"), "--interval", "0.3", port=port)
    waiting(lambda: finished(again) >= counted)
    assert finished(again) == counted
    assert metrics(again)["http"]["response_time"]["samples"] == 0


def test_the_light_turns_under_load_and_the_reasons_say_why(
    running: Any, web_application: Start, waiting: Start
) -> None:
    shop = web_application(SHOP, PUSH_URL=f"{running.url}{API}/push")
    load(shop.url, ["/wait/5"] * 60)

    def judged() -> Any:
        return running.get(f"{API}/assessment").json()

    assert waiting(lambda: judged()["light"] == "green")
    ended = threading.Event()

    def slow_down() -> None:
        while not ended.is_set():
            load(shop.url, ["/wait/600"] * 10)

    slow = threading.Thread(target=slow_down)
    slow.start()
    try:
        found = waiting(lambda: (now := judged())["light"] == "red" and now)
    finally:
        ended.set()
        slow.join()
    assert (found["decision"], found["bottleneck"]) == ("urgent", "p95_ms")
    assert found["reasons"][0].startswith("Response time P95 is ")
    assert found["recommendations"][0]["rule_id"] == "migrate-to-postgresql"
