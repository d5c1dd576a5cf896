"""What one worker has counted since it started: requests, latencies, routes, clients, queries.

All counters only ever rise, so that a lost push loses nothing and the sidecar can take differences. Every
method is cheap (a lock held for a few additions) and safe from several threads; a forked child starts from
zero under its own name.
"""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from monitor.middleware.buckets import LAST, bucket_index
from monitor.middleware.clients import REGISTERS, client_hash, merge_registers, register_and_rank

if TYPE_CHECKING:
    from collections.abc import Callable

#: Methods that are counted by name; any other becomes OTHER, so that a client cannot invent series.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "OTHER"
#: Where a request no route of the application matched is counted, whatever its path.
UNMATCHED: Final = "<unmatched>"
#: Where routes beyond the cap are counted.
OVERFLOW: Final = "<overflow>"
#: How many routes a worker counts by name.
ROUTE_CAP: Final = 500
#: Into how many parts the window of clients is cut; it forgets one part at a time.
_PARTS: Final = 10
_CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")


class Recorder:
    """The counters of one worker process.

    Args:
        worker: the worker's name beside its host and process; the process id by default.
        route_cap: how many routes are counted by name.
        client_window_s: over how many seconds distinct clients are counted.
        clock: a monotonic clock in seconds, for the window.
    """

    def __init__(
        self,
        *,
        worker: str | None = None,
        route_cap: int = ROUTE_CAP,
        client_window_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._named = worker
        self._route_cap = route_cap
        self._window_s = client_window_s
        self._clock = clock
        self._start()
        _after_fork(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._instance = f"{socket.gethostname()}:{os.getpid()}"
        self._worker = self._named or str(os.getpid())
        self._start_time = time.time()
        self._seq = 0
        self._classes = dict.fromkeys(_CLASSES, 0)
        self._aborted = 0
        self._in_flight = 0
        self._buckets = [0] * (LAST + 1)
        self._latency_sum = 0.0
        self._routes: dict[str, list[float]] = {}
        self._queries: list[float] | None = None
        self._salt: bytes | None = None
        self._salt_id = ""
        self._parts: deque[tuple[int, bytearray]] = deque()

    # --- Counting ---

    def started(self) -> None:
        """Count a request that has come in."""
        with self._lock:
            self._in_flight += 1

    def finished(
        self, method: str, route: str, *, status: int, seconds: float | None, client: tuple[str, str]
    ) -> None:
        """Count a request that was answered to its end.

        Args:
            method: of the request; beyond the usual ones it counts as OTHER.
            route: the route's template ("/orders/{id}"), never the path itself.
            status: of the answer, 100 to 599.
            seconds: how long it took; None for answers that stream on purpose.
            client: address and user agent; only their keyed hash is used.
        """
        name = f"{method if method in METHODS else OTHER} {route}"
        with self._lock:
            self._in_flight -= 1
            failed = status >= 500
            self._classes["5xx" if failed else _CLASSES[max(status // 100 - 2, 0)]] += 1
            counted = self._routes.get(name) or self._route(name)
            counted[0] += 1
            counted[1] += failed
            if seconds is not None:
                counted[2] += seconds
                self._buckets[bucket_index(seconds)] += 1
                self._latency_sum += seconds
            if self._salt is not None:
                self._client(client_hash(self._salt, *client))

    def aborted(self) -> None:
        """Count a request whose client went away before the answer's end."""
        with self._lock:
            self._in_flight -= 1
            self._aborted += 1

    def query(self, seconds: float, *, slow: bool = False, busy: bool = False) -> None:
        """Count one statement of the application: its seconds, and whether it found the database locked."""
        with self._lock:
            if self._queries is None:
                self._queries = [0, 0.0, 0, 0]
            for place, amount in enumerate((1, seconds, slow, busy)):
                self._queries[place] += amount

    def _route(self, name: str) -> list[float]:
        if len(self._routes) >= self._route_cap:
            name = OVERFLOW
        return self._routes.setdefault(name, [0, 0, 0.0])

    def _client(self, hashed: int) -> None:
        part = int(self._clock() * _PARTS / self._window_s)
        if not self._parts or self._parts[-1][0] != part:
            self._parts.append((part, bytearray(REGISTERS)))
            self._forget(part)
        register, rank = register_and_rank(hashed)
        registers = self._parts[-1][1]
        registers[register] = max(registers[register], rank)

    def _forget(self, part: int) -> None:
        while self._parts and self._parts[0][0] <= part - _PARTS:
            self._parts.popleft()

    # --- Pushing ---

    def use_salt(self, salt: bytes, salt_id: str) -> None:
        """Hash clients with the sidecar's key of the day; a new key starts the count of clients again."""
        with self._lock:
            if salt_id != self._salt_id:
                self._salt, self._salt_id = salt, salt_id
                self._parts.clear()

    def document(self) -> dict[str, Any]:
        """Return everything counted so far, as `vectors.json` pins it, under the next sequence number."""
        with self._lock:
            self._seq += 1
            self._forget(int(self._clock() * _PARTS / self._window_s))
            parts = [bytes(registers) for _, registers in self._parts]
            buckets = self._buckets.copy()
            document: dict[str, Any] = {
                "version": 1,
                "instance": self._instance,
                "worker": self._worker,
                "start_time": self._start_time,
                "seq": self._seq,
                "requests": {
                    "total": sum(self._classes.values()),
                    "by_class": self._classes.copy(),
                    "aborted": self._aborted,
                    "in_flight": self._in_flight,
                },
                "latency": {"sum_seconds": self._latency_sum},
                "routes": {
                    name: {"count": count, "errors": errors, "sum_seconds": seconds}
                    for name, (count, errors, seconds) in self._routes.items()
                },
                "queries": None
                if self._queries is None
                else dict(zip(("count", "sum_seconds", "slow", "busy_errors"), self._queries, strict=True)),
                "event_loop": None,
            }
            salt_id = self._salt_id
        document["latency"]["buckets"] = {str(slot): count for slot, count in enumerate(buckets) if count}
        document["latency"]["count"] = sum(buckets)
        document["clients"] = (
            {
                "window_seconds": self._window_s,
                "salt_id": salt_id,
                "registers": base64.b64encode(merge_registers(parts)).decode(),
            }
            if salt_id
            else None
        )
        return document


def _after_fork(recorder: Recorder) -> None:
    """Let a forked child count from zero; the reference is weak, so that a recorder can still go away."""
    alive = weakref.ref(recorder)

    def restart() -> None:
        child = alive()
        if child is not None:
            child._start()  # noqa: SLF001  # the same class's own state

    os.register_at_fork(after_in_child=restart)
