"""A shop under the real sidecar: what the monitor says happened is what happened."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.applications import Rows, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = Rows(customers=10, products=20, orders=20)
SHOPS = [pytest.param("express", marks=pytest.mark.node), "python"]
METRICS = "/api/metrics/scalability"


@contextmanager
def sidecar(file: str) -> Iterator[str]:
    command = [sys.executable, "-m", "outgrow", "monitor", "serve", "--database", file]
    command += ["--listen", "127.0.0.1:0", "--interval", "0.3", "--window", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield announced(process)
        finally:
            process.terminate()
            process.communicate(timeout=15)


def announced(process: subprocess.Popen[str]) -> str:
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError("".join(said))


def settled(client: httpx.Client, requests: int) -> dict[str, Any]:
    """The metrics once the monitor has heard of all requests."""
    deadline = time.monotonic() + 15
    metrics: dict[str, Any] = {}
    while time.monotonic() < deadline:
        answer = client.get(METRICS)
        metrics = answer.json()
        if answer.status_code == 200 and metrics["http"]["requests"]["total"] >= requests:
            return metrics
        time.sleep(0.1)
    raise AssertionError(metrics)


@pytest.mark.parametrize("shop", SHOPS, indirect=True)
def test_the_monitor_counts_what_happened(shop: Shop, tmp_path: Path) -> None:
    file = str(tmp_path / "shop.sqlite")
    shop.seed(file, ROWS)
    with (
        sidecar(file) as url,
        shop.start(file, sidecar_url=url, push_interval_ms=100) as running,
        httpx.Client(base_url=running.url, timeout=30) as client,
    ):
        settled(client, 0)
        time.sleep(0.5)  # the key for counting clients has arrived with the first push
        for number in range(60):
            shopper = {"user-agent": f"shopper/{number % 20}"}
            assert client.get(f"/products/{number % 20 + 1}", headers=shopper).status_code == 200
            assert client.get(f"/nothing/{number}", headers=shopper).status_code == 404
            line = {"productId": number % 20 + 1, "quantity": 1}
            answer = client.post("/orders", json={"customerId": 1, "items": [line]}, headers=shopper)
            assert answer.status_code in (201, 409)
        metrics = settled(client, 180)
    http = metrics["http"]
    assert http["requests"]["total"] == 180
    assert http["requests"]["by_class"]["4xx"] >= 60
    assert http["requests"]["by_class"]["5xx"] == 0
    assert http["aborted"] == 0
    counted = {re.sub(r"{(\w+)}", r":\1", route["route"]): route["count"] for route in http["routes"]}
    assert counted == {"GET /products/:id": 60, "POST /orders": 60, "GET <unmatched>": 60}
    assert http["queries"]["count"] >= 60 + 60 * 5
    assert http["queries"]["busy"] == 0
    assert metrics["metrics"]["concurrent_users"]["value"] == pytest.approx(20, abs=1)
    assert 0 < metrics["metrics"]["average_query_ms"]["value"] < 1000
