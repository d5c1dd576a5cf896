"""Real HTTP load on a shop: many clients, paced reads and writes, and every acknowledged write remembered."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Share of requests that place an order: the mission's write-heavy end is 50 %, its read-heavy end 20 %.
WRITE_SHARE = 0.35
#: How long a client waits for one answer before it counts as failed, in seconds.
TIMEOUT = 5.0


@dataclass(frozen=True)
class Level:
    """How hard to press: distinct clients, and requests a second over all of them."""

    users: int
    requests_per_second: float


@dataclass(frozen=True)
class Tally:
    """What the clients saw so far: `refused` said "not now" (503), `failed` got no answer or an error."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    failed: int = 0
    acknowledged_orders: int = 0


@dataclass
class _Counts:
    sent: int = 0
    answered: int = 0
    refused: int = 0
    failed: int = 0
    orders: list[int | str] = field(default_factory=list)


class Load:
    """Clients in a thread of their own, pressing on `url` at the current `Level` until closed.

    Args:
        url: the shop's base URL.
        customers: number of customers in the shop; their ids are 1..customers.
        products: number of products; their ids are 1..products.
        seed: makes the sequence of requests repeatable.
    """

    def __init__(self, url: str, *, customers: int, products: int, seed: int = 7) -> None:
        self._url = url
        self._customers = customers
        self._products = products
        self._random = random.Random(seed)  # noqa: S311  # repeatable load, no secret
        self._level = Level(users=1, requests_per_second=1)
        self._counts = _Counts()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._press()), name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send nothing more and return when the last answer is in; twice is no harm."""
        self._stop.set()
        self._thread.join(timeout=TIMEOUT * 2)

    def press(self, level: Level) -> None:
        """Go on at `level` from the next request."""
        self._level = level

    def aim(self, url: str) -> None:
        """Go on against another address: the shop came back somewhere else."""
        self._url = url

    @property
    def tally(self) -> Tally:
        """What the clients saw so far."""
        counts = self._counts
        return Tally(counts.sent, counts.answered, counts.refused, counts.failed, len(counts.orders))

    def acknowledged_orders(self) -> tuple[int | str, ...]:
        """The ids of every order the shop answered with 201, in the order of the answers."""
        return tuple(self._counts.orders)

    async def _press(self) -> None:
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=50)
        running: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(limits=limits, timeout=TIMEOUT) as client:
            due = time.monotonic()
            while not self._stop.is_set():
                level = self._level
                # Paced by the clock, not by the answers: a slow shop gets no lighter load.
                due = max(due + 1 / level.requests_per_second, time.monotonic() - 1)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if len(running) >= 200:  # a shop that stopped answering must not exhaust this machine
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                task = asyncio.create_task(self._request(client, level))
                running.add(task)
                task.add_done_callback(running.discard)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _request(self, client: httpx.AsyncClient, level: Level) -> None:
        pick = self._random
        user = {"user-agent": f"shopper/{pick.randrange(level.users)}"}
        counts = self._counts
        counts.sent += 1
        try:
            if pick.random() < WRITE_SHARE:
                answer = await client.post(f"{self._url}/orders", json=self._order(), headers=user)
                if answer.status_code == httpx.codes.CREATED:
                    counts.orders.append(answer.json()["id"])
            else:
                answer = await client.get(f"{self._url}{self._page()}", headers=user)
        except (httpx.HTTPError, ValueError, KeyError):
            counts.failed += 1
            return
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            counts.refused += 1
        elif answer.is_server_error:
            counts.failed += 1
        else:
            counts.answered += 1

    def _order(self) -> dict[str, object]:
        pick = self._random
        lines = [
            {"productId": product, "quantity": 1}
            for product in pick.sample(range(1, self._products + 1), pick.randint(1, 3))
        ]
        return {"customerId": pick.randint(1, self._customers), "items": lines}

    def _page(self) -> str:
        pick = self._random
        return pick.choice(
            (
                f"/products?page={pick.randint(1, 5)}",
                f"/products/{pick.randint(1, self._products)}",
                f"/customers/{pick.randint(1, self._customers)}",
                f"/customers/{pick.randint(1, self._customers)}/orders",
            )
        )


@contextlib.contextmanager
def pressing(url: str, level: Level, *, customers: int, products: int) -> Iterator[Load]:
    """Press on `url` at `level` inside the block."""
    with Load(url, customers=customers, products=products) as load:
        load.press(level)
        yield load
