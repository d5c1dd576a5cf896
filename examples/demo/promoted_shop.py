"""The shop as something a promotion can stop, switch and restore."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from examples.demo.sidecar import INTERVAL, WINDOW, Sidecar, Watch

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from examples.applications import RunningShop, Shop
    from examples.demo.artefacts import Artefacts
    from examples.demo.load import Load

#: Seconds for one of our own questions to a shop.
_TIMEOUT = 30.0


def start_watched(shop: Shop, database_url: str, sidecar_url: str, log: Path) -> RunningShop:
    """Start the shop with its middleware pushing as often, and looking back as far, as the sidecar does."""
    return shop.start(
        database_url,
        sidecar_url=sidecar_url,
        push_interval_ms=INTERVAL * 1000,
        client_window_s=WINDOW,
        log=log,
    )


def fingerprint(url: str) -> dict[str, Any]:
    """What the shop says about all its rows: counts, and checksums that do not depend on order."""
    answer = httpx.get(f"{url}/fingerprint", timeout=_TIMEOUT).raise_for_status()
    return answer.json()  # type: ignore[no-any-return]


@dataclass
class PromotedShop:
    """A `migration.promotion.application.Application`: a real shop, with the load that presses on it.

    `switch` starts the shop on PostgreSQL with a sidecar of its own, asks for its fingerprint while nobody
    else can reach it, and only then aims the load at it.
    """

    shop: Shop
    running: RunningShop
    load: Load
    sidecar_url: str
    next_sidecar_port: int
    watch_after: Watch
    artefacts: Artefacts
    stack: ExitStack
    stopped_at: float | None = None
    back_at: float | None = None
    arrived: dict[str, Any] = field(default_factory=dict)
    sidecar_after: Sidecar | None = None

    def stop(self) -> None:
        """End the shop; every request from here on fails until it is back."""
        if self.running.alive:
            self.stopped_at = time.monotonic()
            self.running.stop()

    def switch(self, dsn: str) -> None:
        """Start the shop on PostgreSQL, watched as phase-2."""
        if self.sidecar_after is None:
            self.sidecar_after = self.stack.enter_context(
                Sidecar(
                    self.watch_after, port=self.next_sidecar_port, log=self.artefacts.log("sidecar-phase-2")
                )
            )
        if not self.running.alive:
            self._start(dsn, self.sidecar_after.url, "shop-postgresql")
            self.arrived = fingerprint(self.running.url)
            self._aim()

    def restore(self) -> None:
        """Start the shop on its SQLite file again."""
        if not self.running.alive:
            self._start(str(self.artefacts.database), self.sidecar_url, "shop-sqlite")
            self._aim()

    def healthy(self) -> bool:
        """Whether the shop answers."""
        try:
            return self.running.alive and httpx.get(f"{self.running.url}/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    @property
    def seconds_away(self) -> float | None:
        """How long the shop could not be reached, in seconds."""
        return None if self.stopped_at is None or self.back_at is None else self.back_at - self.stopped_at

    def _start(self, database_url: str, sidecar_url: str, log: str) -> None:
        self.running = self.stack.enter_context(
            start_watched(self.shop, database_url, sidecar_url, self.artefacts.log(log))
        )

    def _aim(self) -> None:
        self.load.aim(self.running.url)
        self.back_at = time.monotonic()


def fingerprint_of(shop: Shop, database_url: str, artefacts: Artefacts) -> dict[str, Any]:
    """Ask a shop started for this question only; a fenced SQLite file still answers reads."""
    with shop.start(database_url, log=artefacts.log("shop-asked-once")) as running:
        return fingerprint(running.url)
