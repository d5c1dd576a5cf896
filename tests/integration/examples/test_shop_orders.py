"""Placing orders at the same time: nothing is sold twice, nothing is half done, "not now" is said as such."""

from __future__ import annotations

import collections
import sqlite3
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from examples.applications import PYTHON, Rows, RunningShop, Shop
from migration.promotion.fence import lift_fence, raise_fence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.local_postgres import LocalPostgres

ROWS = Rows(customers=10, products=20, orders=0)
SHOPS = [pytest.param("express", marks=pytest.mark.node), "python"]

in_both_shops = pytest.mark.parametrize("shop", SHOPS, indirect=True)


class Counter(NamedTuple):
    """Where orders are placed: a running shop, and one client for all questions."""

    running: RunningShop
    client: httpx.Client

    def order(self, *lines: tuple[int, int]) -> httpx.Response:
        items = [{"productId": product, "quantity": quantity} for product, quantity in lines]
        return self.client.post("/orders", json={"customerId": 1, "items": items})

    def move(self, order: str, status: str) -> httpx.Response:
        return self.client.patch(f"/orders/{order}/status", json={"status": status})

    def stock(self, product: int) -> int:
        return int(self.client.get(f"/products/{product}").json()["stock"])

    def fingerprint(self) -> dict[str, Any]:
        return dict(self.client.get("/fingerprint").raise_for_status().json())


@contextmanager
def opened(shop: Shop, database_url: str) -> Iterator[Counter]:
    with shop.start(database_url) as running, httpx.Client(base_url=running.url, timeout=30) as client:
        yield Counter(running, client)
        running.check()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("express", "sqlite"), marks=pytest.mark.node, id="express-sqlite"),
        pytest.param(("express", "postgresql"), marks=pytest.mark.node, id="express-postgresql"),
        pytest.param(("python", "sqlite"), id="python-sqlite"),
        pytest.param(("python", "postgresql"), id="python-postgresql"),
    ],
)
def counter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    """Each shop on each database; every test uses products of its own."""
    name, kind = request.param
    shop = request.getfixturevalue("express") if name == "express" else PYTHON
    with ExitStack() as stack:
        database_url = str(tmp_path_factory.mktemp("orders") / "shop.sqlite")
        if kind == "postgresql":
            server = request.getfixturevalue("postgres")
            database_url = server.create_database(f"orders_{name}")
            stack.callback(server.drop_database, f"orders_{name}")
        shop.seed(database_url, ROWS)
        yield stack.enter_context(opened(shop, database_url))


def at_once(calls: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Make all calls as close to each other as threads can."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(collections.Counter(answer.status_code for answer in answers))


def test_orders_at_the_same_time_never_sell_what_is_not_there(counter: Counter) -> None:
    before, rows = counter.stock(1), counter.fingerprint()
    quantity = 100
    fit = before // quantity
    answers = at_once([lambda: counter.order((1, quantity))] * (fit + 12))
    assert statuses(answers) == {201: fit, 409: 12}
    assert {answer.json()["error"] for answer in answers if answer.status_code == 409} == {"out_of_stock"}
    assert counter.stock(1) == before - fit * quantity
    after = counter.fingerprint()
    for table in ("orders", "orderItems"):
        assert after[table]["rows"] - rows[table]["rows"] == fit


def test_orders_for_the_same_products_in_another_order_do_not_block_each_other(counter: Counter) -> None:
    before = counter.stock(2), counter.stock(3)
    one, other = ((2, 1), (3, 1)), ((3, 1), (2, 1))
    answers = at_once([lambda: counter.order(*one), lambda: counter.order(*other)] * 15)
    assert statuses(answers) == {201: 30}
    assert (counter.stock(2), counter.stock(3)) == (before[0] - 30, before[1] - 30)


def test_an_order_that_fails_at_its_last_line_leaves_nothing(counter: Counter) -> None:
    before = counter.fingerprint()
    answers = at_once([lambda: counter.order((4, 1), (999, 1))] * 10)
    assert statuses(answers) == {404: 10}
    assert counter.fingerprint() == before


def test_an_order_cancelled_by_many_gives_its_stock_back_once(counter: Counter) -> None:
    before = counter.stock(5)
    placed = counter.order((5, 7)).json()["id"]
    answers = at_once([lambda: counter.move(placed, "cancelled")] * 10)
    assert statuses(answers) == {200: 1, 409: 9}
    assert counter.stock(5) == before


@in_both_shops
def test_two_processes_on_one_file_never_oversell(shop: Shop, new_database: Callable[[str], str]) -> None:
    file = new_database("sqlite")
    shop.seed(file, ROWS)
    with opened(shop, file) as one, opened(shop, file) as other:
        before = one.stock(6)
        quantity = 100
        answers = at_once([lambda: one.order((6, quantity)), lambda: other.order((6, quantity))] * 10)
        sold = statuses(answers).get(201, 0)
        assert set(statuses(answers)) <= {201, 409, 503}
        assert sold >= 1
        assert one.stock(6) == other.stock(6) == before - sold * quantity


@in_both_shops
def test_a_locked_file_is_not_now_and_works_again_afterwards(
    shop: Shop, new_database: Callable[[str], str]
) -> None:
    file = new_database("sqlite")
    shop.seed(file, ROWS)
    with opened(shop, file) as counter:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            refused = counter.order((7, 1))
            connection.execute("ROLLBACK")
        assert (refused.status_code, refused.json()["error"]) == (503, "busy")
        assert refused.headers["retry-after"] == "1"
        assert counter.order((7, 1)).status_code == 201


@in_both_shops
def test_a_fenced_file_still_answers_reads_and_says_where_writes_have_gone(
    shop: Shop, new_database: Callable[[str], str]
) -> None:
    file = new_database("sqlite")
    shop.seed(file, ROWS)
    promotion = uuid.uuid4().hex
    with opened(shop, file) as counter:
        placed = counter.order((8, 1)).json()["id"]
        raise_fence(Path(file), promotion, timeout=5)
        for answer in (counter.order((8, 1)), counter.move(placed, "paid")):
            assert (answer.status_code, answer.json()["error"]) == (503, "moved"), answer.text
            assert answer.headers["retry-after"] == "1"
        assert counter.client.get(f"/orders/{placed}").json()["status"] == "pending"
        with opened(shop, file) as left_behind:
            assert left_behind.fingerprint() == counter.fingerprint()
        lift_fence(Path(file), promotion, timeout=5)
        assert counter.order((8, 1)).status_code == 201


@in_both_shops
def test_a_database_that_goes_away_is_not_now_and_comes_back(
    shop: Shop, postgres: LocalPostgres, new_database: Callable[[str], str]
) -> None:
    database_url = new_database("postgresql")
    shop.seed(database_url, ROWS)
    with opened(shop, database_url) as counter:
        assert counter.order((9, 1)).status_code == 201
        with psycopg.connect(postgres.dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [conninfo_to_dict(database_url)["dbname"]],
            )
        answers = [counter.order((9, 1)) for _ in range(12)]
        assert set(statuses(answers)) <= {201, 503}
        assert answers[-1].status_code == 201
