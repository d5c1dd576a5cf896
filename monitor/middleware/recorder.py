"""What one worker has counted since it started: requests, latencies, routes, clients, queries.

All counters only ever rise, so that a lost push loses nothing and the sidecar can take differences. Every
method is safe from several threads; a forked child starts from zero under its own name.

A request pays for as little as possible: it appends its latency to those of its series, which is one
operation without a lock, and they are folded into the counters together, at the next request after a tenth of
a second or with the next document, whichever is first. A batch touches the counters' memory once, where each
request would find it gone from the processor's caches.
"""

from __future__ import annotations

import base64
import os
import random
import socket
import threading
import time
import weakref
from array import array
from collections import deque
from math import ceil, log2
from typing import TYPE_CHECKING, Any, Final

from monitor.middleware.buckets import LAST, PER_OCTAVE, bucket_index
from monitor.middleware.clients import REGISTERS, client_hash, merge_registers, register_and_rank
from monitor.middleware.series import Series, class_of

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
#: How many slow statements a worker counts by their SQL.
STATEMENT_CAP: Final = 100
#: The longest route template.
MAX_TEMPLATE: Final = 200
#: Routes whose series is remembered.
_MAX_KNOWN: Final = 2_000
#: Clients of whom is remembered that the present part of the window has them.
_MAX_MET: Final = 10_000
#: Seconds after which latencies are folded into the counters; 1,000 requests/s make batches of 100.
_FOLD_S: Final = 0.1
#: Into how many parts the window of clients is cut; it forgets one part at a time.
_PARTS: Final = 10
_CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")


class Recorder:
    """The counters of one worker process.

    Args:
        worker: the worker's name beside its host and process; the process id by default.
        route_cap: how many routes are counted by name.
        client_window_s: over how many seconds distinct clients are counted.
        clock: a monotonic clock in seconds, for latencies and the window.
    """

    def __init__(
        self,
        *,
        worker: str | None = None,
        route_cap: int = ROUTE_CAP,
        client_window_s: float = 300.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._named = worker
        self._route_cap = route_cap
        self._window_s = client_window_s
        self.clock = clock
        self._start()
        _after_fork(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._instance = f"{socket.gethostname()}:{os.getpid()}"
        self._worker = self._named or str(os.getpid())
        self._start_time = time.time()
        self._seq = 0
        self._aborted = 0
        self._websockets = 0
        self._event_streams = 0
        self._buckets = [0] * (LAST + 1)
        self._routes: dict[str, Series] = {}
        self._latencies: list[tuple[Series, int, array[float]]] = []
        self._queries: list[float] | None = None
        self._query_buckets: dict[int, int] = {}
        self._statements: dict[str, list[float]] = {}
        self._salt: bytes | None = None
        self._salt_id = ""
        self._parts: deque[tuple[int, bytearray]] = deque()
        self._part = 0
        # What follows is for the middleware, which looks here before it pays for a call.
        #: One item for each request that is being answered: a list's append and pop need no lock.
        self.running: list[None] = []
        #: By what a middleware tells requests apart, what adds the latency of such a one, beside the route,
        #: whose identity lasts so long; emptied with the counters.
        self.known: dict[Any, tuple[Callable[[float], None], object]] = {}
        #: From when on, by the clock, `fold` is to be called.
        self.due = 0.0
        #: Clients that the present part of the window has, by the hash of seed, address and user agent.
        self.met: set[int] = set()
        self.seed = random.SystemRandom().getrandbits(60)

    # --- Counting requests ---

    def started(self) -> None:
        """Count a request that has come in."""
        self.running.append(None)

    def series(self, method: str, route: str) -> Series:
        """Return the counts of a method and a route's template; beyond the cap those of all others together.

        Args:
            method: of the request; beyond the usual ones it counts as OTHER.
            route: the route's template ("/orders/{id}"), never the path itself.
        """
        name = f"{method if method in METHODS else OTHER} {route[:MAX_TEMPLATE]}"
        found = self._routes.get(name)
        if found is None:
            with self._lock:
                found = self._route(name)
        return found

    def adder(self, series: Series, status: int) -> Callable[[float], None]:
        """Return what adds the latency of a request, in seconds, that was answered with such a status."""
        kind = class_of(status)
        with self._lock:
            add = series.adders[kind]
            if add is None:
                latencies = array("d")
                self._latencies.append((series, kind, latencies))
                add = series.adders[kind] = latencies.append
        return add

    def know(self, key: Any, route: object, add: Callable[[float], None]) -> None:
        """Remember in `known`, which stays bounded, what adds a route's latencies."""
        if len(self.known) >= _MAX_KNOWN:
            self.known.clear()
        self.known[key] = (add, route)

    def fold(self, now: float) -> None:
        """Put the latencies into the counters, and begin another part of the window if it is time.

        Args:
            now: by the recorder's clock.
        """
        with self._lock:
            self._fold(now)

    def record(
        self, series: Series, status: int, seconds: float | None, address: str, user_agent: bytes
    ) -> None:
        """Count a request that was answered to its end.

        Args:
            series: of its route, from `series`.
            status: of the answer, 100 to 599.
            seconds: how long it took; None for answers that stream on purpose.
            address: of the client; only a keyed hash is used.
            user_agent: its header, as it came.
        """
        self._over()
        if seconds is None:
            with self._lock:
                series.counts[class_of(status)] += 1
        else:
            (series.adders[class_of(status)] or self.adder(series, status))(seconds)
        now = self.clock()
        if now >= self.due:
            self.fold(now)
        client = hash((self.seed, address, user_agent))
        if client not in self.met:
            self.meet(client, address, user_agent)

    def finished(
        self, method: str, route: str, *, status: int, seconds: float | None, client: tuple[str, str]
    ) -> None:
        """Count a request that was answered to its end: `series` and `record` in one.

        Args:
            method: of the request.
            route: the route's template, never the path itself.
            status: of the answer, 100 to 599.
            seconds: how long it took; None for answers that stream on purpose.
            client: address and user agent; only their keyed hash is used.
        """
        address, user_agent = client
        self.record(
            self.series(method, route), status, seconds, address, user_agent.encode("latin-1", "replace")
        )

    def aborted(self) -> None:
        """Count a request whose client went away before the answer's end."""
        self._over()
        with self._lock:
            self._aborted += 1

    def websocket(self, change: int) -> None:
        """Count a WebSocket that was opened (1) or closed (-1)."""
        with self._lock:
            self._websockets += change

    def event_stream(self, change: int) -> None:
        """Count a request that turned out to stream events (1), or that no longer does and will be recorded.

        While it does it is a connection, not a request that is being answered.
        """
        with self._lock:
            self._event_streams += change
        if change > 0:
            self._over()
        else:
            self.running.append(None)

    def _over(self) -> None:
        if self.running:  # a forked child knows nothing of what its parent had begun
            self.running.pop()

    def _route(self, name: str) -> Series:
        if name not in self._routes and len(self._routes) >= self._route_cap:
            name = OVERFLOW
        return self._routes.setdefault(name, Series())

    def _fold(self, now: float) -> None:
        buckets = self._buckets
        for series, kind, latencies in self._latencies:
            count = len(latencies)
            if not count:
                continue
            batch = latencies[:count]
            del latencies[:count]  # what another thread has appended since stays
            series.counts[kind] += count
            series.seconds += sum(batch)
            for seconds in batch:
                microseconds = seconds * 1e6  # `buckets.bucket_index`, without the call
                slot = ceil(PER_OCTAVE * log2(microseconds)) if microseconds > 1 else 0
                buckets[slot if slot < LAST else LAST] += 1  # noqa: FURB136  # half the time of min()
        self.due = now + _FOLD_S
        part = int(now * _PARTS / self._window_s)
        if part != self._part:
            self._part = part
            self.met.clear()

    # --- Counting statements ---

    def query(
        self, seconds: float, *, slow: bool = False, busy: bool = False, statement: str | None = None
    ) -> None:
        """Count one statement of the application.

        Args:
            seconds: how long it took.
            slow: whether that is more than it should.
            busy: whether it found the database locked.
            statement: of a slow one, its SQL after `statements.without_literals`; nothing else may be given.
        """
        slot = bucket_index(seconds)
        with self._lock:
            if self._queries is None:
                self._queries = [0, 0.0, 0, 0]
            for place, amount in enumerate((1, seconds, slow, busy)):
                self._queries[place] += amount
            self._query_buckets[slot] = self._query_buckets.get(slot, 0) + 1
            if slow and statement:
                self._slow(statement, seconds)

    def _slow(self, statement: str, seconds: float) -> None:
        if statement not in self._statements and len(self._statements) >= STATEMENT_CAP:
            statement = OVERFLOW
        counted = self._statements.setdefault(statement, [0, 0.0, 0.0])
        counted[0] += 1
        counted[1] += seconds
        counted[2] = max(counted[2], seconds)

    # --- Counting clients ---

    def meet(self, client: int, address: str, user_agent: bytes) -> None:
        """Count a client that is not in `met`, once there is a key for it.

        Args:
            client: the hash by which it is in `met` from then on.
            address: of the client; only a keyed hash is used.
            user_agent: its header, as it came.
        """
        with self._lock:
            if self._salt is None:
                return
            if not self._parts or self._parts[-1][0] != self._part:
                self._parts.append((self._part, bytearray(REGISTERS)))
                self._forget(self._part)
            hashed = client_hash(self._salt, address, user_agent.decode("latin-1"))
            register, rank = register_and_rank(hashed)
            registers = self._parts[-1][1]
            registers[register] = max(registers[register], rank)
            if len(self.met) >= _MAX_MET:
                self.met.clear()
            self.met.add(client)

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
                self.met.clear()

    def document(self) -> dict[str, Any]:
        """Return everything counted so far, as `vectors.json` pins it, under the next sequence number."""
        with self._lock:
            self._seq += 1
            self._fold(self.clock())
            self._forget(self._part)
            parts = [bytes(registers) for _, registers in self._parts]
            buckets = self._buckets.copy()
            counts = [
                sum(kind) for kind in zip([0] * 6, *(s.counts for s in self._routes.values()), strict=True)
            ]
            # 1xx is no final answer: an application that ends with one counts as having answered.
            by_class = dict(zip(_CLASSES, counts[2:], strict=True))
            by_class["2xx"] += counts[0] + counts[1]
            document: dict[str, Any] = {
                "version": 1,
                "instance": self._instance,
                "worker": self._worker,
                "start_time": self._start_time,
                "seq": self._seq,
                "requests": {
                    "total": sum(by_class.values()),
                    "by_class": by_class,
                    "aborted": self._aborted,
                    "in_flight": len(self.running),
                },
                "latency": {"sum_seconds": sum(series.seconds for series in self._routes.values())},
                "routes": {
                    name: {"count": count, "errors": series.counts[5], "sum_seconds": series.seconds}
                    for name, series in self._routes.items()
                    if (count := sum(series.counts))
                },
                "queries": self._counted_queries(),
                "slow_statements": {
                    sql: {"count": count, "sum_seconds": seconds, "max_seconds": longest}
                    for sql, (count, seconds, longest) in self._statements.items()
                },
                # Sockets belong to the server, which a middleware cannot see.
                "connections": {
                    "open": None,
                    "websockets": self._websockets,
                    "event_streams": self._event_streams,
                },
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

    def _counted_queries(self) -> dict[str, Any] | None:
        if self._queries is None:
            return None
        counted: dict[str, Any] = dict(
            zip(("count", "sum_seconds", "slow", "busy_errors"), self._queries, strict=True)
        )
        counted["buckets"] = {str(slot): count for slot, count in sorted(self._query_buckets.items())}
        return counted


def _after_fork(recorder: Recorder) -> None:
    """Let a forked child count from zero; the reference is weak, so that a recorder can still go away."""
    alive = weakref.ref(recorder)

    def restart() -> None:
        child = alive()
        if child is not None:
            child._start()  # noqa: SLF001  # the same class's own state

    os.register_at_fork(after_in_child=restart)
