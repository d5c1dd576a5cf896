"""Both shops give the same answers on both databases, byte for byte: those of the Python shop on SQLite."""

from __future__ import annotations

import contextlib
import itertools
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.applications import PYTHON, Rows, RunningShop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

ROWS = Rows(customers=40, products=25, orders=120)

EVERYWHERE = [
    pytest.param(("express", "sqlite"), marks=pytest.mark.node, id="express-sqlite"),
    pytest.param(("express", "postgresql"), marks=pytest.mark.node, id="express-postgresql"),
    pytest.param(("python", "postgresql"), id="python-postgresql"),
]

_numbers = itertools.count(1)

UNKNOWN_ORDER = "00000000-0000-4000-8000-000000000000"

READS = [
    "/products",
    "/products?page=2",
    "/products?page=99",
    "/products/1",
    "/products/25",
    "/customers/1",
    "/customers/2",
    "/customers/40",
    "/customers/3/orders",
    "/customers/17/orders",
    "/reports/sales",
    "/fingerprint",
]

REFUSED_READS = {
    "/": 404,
    "/nothing?x=1": 404,
    "/products/26": 404,
    "/products/0": 400,
    "/products/1.5": 400,
    "/products/ten": 400,
    "/products/99999999999": 400,
    "/products?page=0": 400,
    "/products?page=-1": 400,
    "/products?page=one": 400,
    "/products?page=1&page=2": 400,
    "/customers/41": 404,
    "/customers/41/orders": 404,
    f"/orders/{UNKNOWN_ORDER}": 404,
    "/orders/7": 400,
    f"/orders/{UNKNOWN_ORDER.upper().replace('8', 'A')}": 400,
    "/orders": 404,
}

GOOD_LINE = {"productId": 1, "quantity": 1}

REFUSED_ORDERS: list[tuple[Any, int]] = [
    ({}, 400),
    ([], 400),
    ("text", 400),
    (7, 400),
    (None, 400),
    ({"customerId": 1}, 400),
    ({"customerId": 1, "items": []}, 400),
    ({"customerId": 1, "items": {}}, 400),
    ({"customerId": "1", "items": [GOOD_LINE]}, 400),
    ({"customerId": True, "items": [GOOD_LINE]}, 400),
    ({"customerId": 1.5, "items": [GOOD_LINE]}, 400),
    ({"customerId": 3_000_000_000, "items": [GOOD_LINE]}, 400),
    ({"customerId": 1, "items": [{"productId": 1}]}, 400),
    ({"customerId": 1, "items": [{"productId": 1, "quantity": 0}]}, 400),
    ({"customerId": 1, "items": [{"productId": 1, "quantity": 101}]}, 400),
    ({"customerId": 1, "items": [{"productId": 1, "quantity": -1}]}, 400),
    ({"customerId": 1, "items": [GOOD_LINE, GOOD_LINE]}, 400),
    ({"customerId": 1, "items": [{"productId": i, "quantity": 1} for i in range(1, 52)]}, 400),
    ({"customerId": 1, "items": [GOOD_LINE], "note": 5}, 400),
    ({"customerId": 1, "items": [GOOD_LINE], "note": "x" * 501}, 400),
    ({"customerId": 1, "items": [GOOD_LINE], "note": "a\0b"}, 400),
    ({"customerId": 41, "items": [GOOD_LINE]}, 404),
    ({"customerId": 1, "items": [{"productId": 26, "quantity": 1}]}, 404),
]


class Asked:
    """One shop, started on a database of its own, and how it answers."""

    def __init__(self, running: RunningShop) -> None:
        self.client = httpx.Client(base_url=running.url, timeout=30)

    def ask(self, method: str, path: str, **request: Any) -> tuple[int, str, dict[str, str]]:
        answer = self.client.request(method, path, **request)
        kept = {name: answer.headers.get(name, "") for name in ("content-type", "location", "retry-after")}
        kept["content-type"] = kept["content-type"].split(";")[0]
        return answer.status_code, answer.text, kept


@contextlib.contextmanager
def asked(place: tuple[str, str], request: pytest.FixtureRequest, folder: Path) -> Iterator[Asked]:
    name, kind = place
    shop = request.getfixturevalue("express") if name == "express" else PYTHON
    with contextlib.ExitStack() as stack:
        url = str(folder / f"{name}.sqlite")
        if kind == "postgresql":
            server: LocalPostgres = request.getfixturevalue("postgres")
            database = f"contract_{next(_numbers)}"
            url = server.create_database(database)
            stack.callback(server.drop_database, database)
        shop.seed(url, ROWS)
        one = Asked(stack.enter_context(shop.start(url)))
        stack.enter_context(one.client)
        yield one


@pytest.fixture(scope="module")
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(("python", "sqlite"), request, tmp_path_factory.mktemp("reference")) as one:
        yield one


@pytest.fixture(scope="module", params=EVERYWHERE)
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(request.param, request, tmp_path_factory.mktemp("other")) as one:
        yield one


@pytest.mark.parametrize("path", READS)
def test_every_read_is_answered_with_the_same_bytes(reference: Asked, other: Asked, path: str) -> None:
    expected = reference.ask("GET", path)
    assert expected[0] == 200
    assert other.ask("GET", path) == expected


@pytest.mark.parametrize("path", REFUSED_READS)
def test_every_unusable_read_is_refused_alike(reference: Asked, other: Asked, path: str) -> None:
    expected = reference.ask("GET", path)
    assert expected[0] == REFUSED_READS[path]
    assert other.ask("GET", path) == expected


@pytest.mark.parametrize(("body", "status"), REFUSED_ORDERS)
def test_every_unusable_order_is_refused_alike(
    reference: Asked, other: Asked, body: Any, status: int
) -> None:
    before = reference.ask("GET", "/fingerprint"), other.ask("GET", "/fingerprint")
    expected = reference.ask("POST", "/orders", json=body)
    assert expected[0] == status
    assert other.ask("POST", "/orders", json=body) == expected
    assert (reference.ask("GET", "/fingerprint"), other.ask("GET", "/fingerprint")) == before


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"customerId": NaN}', "application/json", 400),
        (b"", "application/json", 400),
        (b'{"customerId": 1, "items": [{"productId": 1, "quantity": 1}]}', "text/plain", 400),
        (b'"' + b"x" * 200_000 + b'"', "application/json", 413),
    ],
)
def test_every_unreadable_body_is_refused_alike(
    reference: Asked, other: Asked, content: bytes, content_type: str, status: int
) -> None:
    request = {"content": content, "headers": {"content-type": content_type}}
    expected = reference.ask("POST", "/orders", **request)
    assert expected[0] == status
    assert other.ask("POST", "/orders", **request) == expected


@pytest.fixture(scope="module")
def expected_history(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[int, str, dict[str, str]]]:
    with asked(("python", "sqlite"), request, tmp_path_factory.mktemp("history")) as one:
        return history(one)


@pytest.mark.parametrize("place", EVERYWHERE)
def test_an_order_goes_the_same_way_everywhere(
    place: tuple[str, str],
    expected_history: list[tuple[int, str, dict[str, str]]],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    with asked(place, request, tmp_path) as one:
        assert history(one) == expected_history


def history(shop: Asked) -> list[tuple[int, str, dict[str, str]]]:
    """Every answer on an order's way, without what must differ: its id, and the time."""
    wanted = {
        "customerId": 1,
        "items": [{"productId": 4, "quantity": 2}, {"productId": 2, "quantity": 1.0}],
        "note": "Grüße, 🪑",
    }
    answers = [shop.ask("POST", "/orders", json=wanted), shop.ask("POST", "/orders", json=wanted)]
    first, second = (re.findall('"id":"([^"]+)"', answer[1])[0] for answer in answers)
    for order, statuses in (
        (first, ("shipped", "paid", "shipped", "cancelled")),
        (second, ("cancelled", "paid")),
    ):
        path = f"/orders/{order}/status"
        answers += [shop.ask("PATCH", path, json={"status": to}) for to in (*statuses, "lost", None, 5)]
        answers.append(shop.ask("GET", f"/orders/{order}"))
    answers.append(shop.ask("PATCH", f"/orders/{UNKNOWN_ORDER}/status", json={"status": "paid"}))
    answers += [shop.ask("GET", path) for path in ("/products/4", "/products/2", "/reports/sales")]
    return [
        (status, neutral(text), {**headers, "location": neutral(headers["location"])})
        for status, text, headers in answers
    ]


def neutral(text: str) -> str:
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "<id>", text)
    return re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ", "<time>", text)
