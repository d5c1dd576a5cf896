"""Shops as processes: they say when they are ready or why not, leave in good order, and outlive nobody."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from examples.applications import PYTHON, Rows, Shop
from examples.errors import ShopDied, ShopRefused
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = Rows(customers=10, products=20, orders=20)
SHOPS = [pytest.param("express", marks=pytest.mark.node), "python"]
PASSWORD = "sesame-4711"

in_both_shops = pytest.mark.parametrize("shop", SHOPS, indirect=True)

#: Starts a shop and says which process it is; is then killed without a chance to stop it.
STARTER = """
import sys, time
from examples import applications
running = getattr(applications, sys.argv[1]).start(sys.argv[2])
print(running.process.pid, flush=True)
time.sleep(60)
"""


@in_both_shops
def test_a_stopped_shop_ends_with_status_0_and_has_printed_one_line(shop: Shop, tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    for _ in range(2):
        running = shop.start(str(tmp_path / "shop.sqlite"), log=log)
        health = httpx.get(f"{running.url}/health").json()
        assert health == {"status": "ok", "database": "sqlite"}
        assert running.stop() == 0
        assert not running.alive
        assert running.output() == json.dumps({"listening": running.url}, separators=(",", ":")) + "\n"
    assert len(log.read_text().splitlines()) == 2


@in_both_shops
def test_a_shop_that_leaves_under_load_keeps_every_order_it_confirmed(shop: Shop, tmp_path: Path) -> None:
    file = str(tmp_path / "shop.sqlite")
    shop.seed(file, ROWS)
    confirmed: list[str] = []
    running = shop.start(file)
    leaving = threading.Event()

    def buy() -> None:
        with httpx.Client(base_url=running.url, timeout=30) as client:
            while not leaving.is_set():
                try:
                    answer = client.post(
                        "/orders", json={"customerId": 1, "items": [{"productId": 2, "quantity": 1}]}
                    )
                except httpx.HTTPError:
                    return
                if answer.status_code == 201:
                    confirmed.append(answer.json()["id"])

    buyers = [threading.Thread(target=buy) for _ in range(4)]
    for buyer in buyers:
        buyer.start()
    deadline = time.monotonic() + 60
    while len(confirmed) <= 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    start = time.monotonic()
    status = running.stop()
    seconds = time.monotonic() - start
    leaving.set()
    for buyer in buyers:
        buyer.join()
    assert status == 0, running.output()
    assert seconds < 4
    assert len(confirmed) > 5
    with shop.start(file) as again, httpx.Client(base_url=again.url) as client:
        assert [client.get(f"/orders/{order}").status_code for order in confirmed] == [200] * len(confirmed)


@in_both_shops
def test_a_port_in_use_is_refused_in_one_line(shop: Shop, tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ShopRefused, match=f"port {port} is in use") as caught:
            shop.start(str(tmp_path / "shop.sqlite"), port=port)
    assert caught.value.exit_code == ExitCode.WRONG_USAGE


@in_both_shops
def test_unusable_databases_are_told_apart_and_passwords_stay_out(
    shop: Shop, tmp_path: Path, database: str
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are no tables. " * 500)
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (x)")
    refused = {
        "": "DATABASE_URL is not set",
        "mysql://root@127.0.0.1/shop": "begins with mysql:",
        str(other): "lacks the shop's tables",
        database: "outgrow migrate run",
    }
    for database_url, reason in refused.items():
        with pytest.raises(ShopRefused, match=reason):
            shop.start(database_url)
    unanswered = f"postgresql://shop:{PASSWORD}@127.0.0.1:9/shop"
    for database_url in (str(text), unanswered):
        with pytest.raises(ShopDied) as caught:
            shop.start(database_url)
        assert PASSWORD not in str(caught.value)
        assert "Traceback" not in str(caught.value)


@in_both_shops
def test_a_shop_with_rows_is_not_seeded_again(shop: Shop, new_database: Callable[[str], str]) -> None:
    for kind in ("sqlite", "postgresql"):
        database_url = new_database(kind)
        shop.seed(database_url, ROWS)
        with pytest.raises(ShopRefused, match="the shop is not empty"):
            shop.seed(database_url, ROWS)


@in_both_shops
def test_a_shop_that_dies_is_reported_with_how_it_ended(shop: Shop, tmp_path: Path) -> None:
    with shop.start(str(tmp_path / "shop.sqlite")) as running:
        running.check()
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        with pytest.raises(ShopDied, match="ended by signal SIGKILL"):
            running.check()


@in_both_shops
def test_a_shop_does_not_outlive_who_started_it(shop: Shop, tmp_path: Path) -> None:
    name = {"express": "EXPRESS", "python": "PYTHON"}[shop.name]
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, name, str(tmp_path / "shop.sqlite")],
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        started = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
        started.wait(timeout=10)
    assert not started.is_running()


@in_both_shops
def test_a_shop_listens_on_this_machine_only(shop: Shop, tmp_path: Path) -> None:
    with shop.start(str(tmp_path / "shop.sqlite")) as running:
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(running.process.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
    assert listening == ["127.0.0.1"]


@pytest.mark.parametrize("shop", SHOPS, indirect=True)
def test_a_shop_works_as_ever_while_its_sidecar_is_gone(shop: Shop, tmp_path: Path) -> None:
    file = str(tmp_path / "shop.sqlite")
    shop.seed(file, ROWS)
    with (
        shop.start(file, sidecar_url="http://127.0.0.1:9", push_interval_ms=100) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        for product in range(1, 21):
            assert client.get(f"/products/{product}").status_code == 200
        for path in ("", "/assessment", "/prometheus"):
            answer = client.get(f"/api/metrics/scalability{path}")
            assert (answer.status_code, answer.json()) == (503, {"status": "unknown"})
        time.sleep(0.3)
        assert running.stop() == 0


def test_settings_of_another_shop_do_not_leak_into_a_started_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/shop")
    monkeypatch.setenv("OUTGROW_SIDECAR_URL", "nonsense")
    with PYTHON.start(str(tmp_path / "shop.sqlite")) as running:
        assert httpx.get(f"{running.url}/health").json()["database"] == "sqlite"
