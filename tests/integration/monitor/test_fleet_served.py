"""A real Prometheus scrapes a real sidecar under traffic; a second sidecar reads that Prometheus."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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

async def wait(request):
    await asyncio.sleep(int(request.query_params.get("milliseconds", 0)) / 1000)
    return PlainTextResponse("x", int(request.query_params.get("status", 200)))

counting = Middleware(ScalabilityMiddleware, push_url=os.environ["PUSH_URL"], interval_ms=200)
app = Starlette(routes=[Route("/", wait)], middleware=[counting])
"""
#: Seconds of both windows: the traffic lasts longer, so that Prometheus's rate has a whole one.
WINDOW_S = 8


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def prometheus(tmp_path: Path, waiting: Start) -> Iterator[Callable[[str], str]]:
    """Start Debian's Prometheus, scraping one address each second; the label job is "shop"."""
    program = shutil.which("prometheus")
    if program is None:
        if os.environ.get("CI"):
            raise AssertionError("CI installs Debian's prometheus")
        pytest.skip("Debian's prometheus is not installed")
    started: list[subprocess.Popen[bytes]] = []

    def start(scraped: str) -> str:
        port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {
                    "job_name": "shop",
                    "metrics_path": f"{API}/prometheus",
                    "static_configs": [{"targets": [scraped.removeprefix("http://")]}],
                }
            ],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        command = [
            program,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        url = f"http://127.0.0.1:{port}"

        def is_ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
            return False

        waiting(is_ready)
        return url

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextlib.contextmanager
def traffic(url: str, writer: Any) -> Iterator[None]:
    """Send requests until the block ends: a tenth takes 300 ms, a tenth fails; each writes once."""
    stop = threading.Event()

    def send(number: int) -> None:
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
            while not stop.wait(0.04):
                number += 1
                slow, status = (300 if number % 10 == 0 else 20), (500 if number % 10 == 5 else 200)
                client.get(
                    f"/?milliseconds={slow}&status={status}", headers={"User-Agent": f"agent {number % 3}"}
                )

    def write() -> None:
        while not stop.wait(0.05):
            writer.commit(1)

    threads = [threading.Thread(target=send, args=(5 * number,)) for number in range(2)]
    threads.append(threading.Thread(target=write))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_local_and_prometheus_agree_on_the_same_traffic(  # noqa: PLR0917  # fixtures
    sidecar: Start,
    application: Start,
    web_application: Start,
    prometheus: Callable[[str], str],
    waiting: Start,
    tmp_path: Path,
) -> None:
    """P95 within its histogram bucket, rates within a quarter: scrapes cut the window otherwise."""
    writer = application("wal")
    options = ("--interval", "0.5", "--window", str(WINDOW_S))
    local = sidecar("--database", str(tmp_path / "shop.db"), *options)
    shop = web_application(SHOP, PUSH_URL=f"{local.url}{API}/push")
    url = prometheus(local.url)
    fleet = sidecar("--prometheus", url, "--prometheus-label", "job=shop", *options, "--store", ":memory:")
    began = time.monotonic()
    with traffic(shop.url, writer):

        def values() -> tuple[dict[str, Any], dict[str, Any]]:
            here, there = (one.get(API).json()["metrics"] for one in (local, fleet))
            names = [name for name in here if here[name]["value"] is not None]
            return {name: here[name]["value"] for name in names}, {
                name: there[name]["value"] for name in names if name in there
            }

        def agree() -> Any:
            here, there = values()
            if time.monotonic() - began < WINDOW_S + 4 or len(here) < 8 or None in there.values():
                return False
            return (
                200 <= here["p95_ms"] <= 350
                and 200 <= there["p95_ms"] <= 350
                and there["error_rate_percent"] == pytest.approx(here["error_rate_percent"], abs=2.5)
                and there["requests_per_second"] == pytest.approx(here["requests_per_second"], rel=0.25)
                and there["writes_per_second"] == pytest.approx(here["writes_per_second"], rel=0.25)
                and there["concurrent_users"] == here["concurrent_users"]
                and there["database_size_bytes"] == pytest.approx(here["database_size_bytes"], rel=0.1)
                and there["cpu_percent"] == pytest.approx(here["cpu_percent"], abs=15)
                and there["memory_percent"] == pytest.approx(here["memory_percent"], abs=5)
            )

        try:
            waiting(agree, 40)
        except AssertionError:
            raise AssertionError(values()) from None
        both = [one.get(f"{API}/assessment").json() for one in (local, fleet)]
        assert both[0]["light"] == both[1]["light"]
        assert both[0]["decision"] == both[1]["decision"]
        command = [sys.executable, "-m", "outgrow", "assess", "--prometheus", url, "--json"]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        once = {metric["id"]: metric["value"] for metric in json.loads(done.stdout)["metrics"]}
        assert 200 <= once["p95_ms"] <= 350
        # Three agents, and the fixture that asked whether it answers, unless the window has left that behind.
        assert 3 <= once["concurrent_users"] <= 4

    document = fleet.get(API).json()
    assert document["fleet"]["problem"] == ""
    assert document["fleet"]["queries"] <= 20
    assert document["system"] is None
    # Scraped too, the second sidecar must not be read as one more instance.
    exposed = fleet.get(f"{API}/prometheus").text
    assert "scalability_score" in exposed
    for name in ("scalability_concurrent_users", "scalability_cpu_usage_ratio", "http_requests_total{"):
        assert name not in exposed
    elsewhere = sidecar("--prometheus", url, "--prometheus-label", "job=another", *options)
    nothing = elsewhere.get(API).json()["metrics"]
    assert {metric["value"] for metric in nothing.values()} == {None}
    assert "labels match" in nothing["database_size_bytes"]["note"]
