r"""What measuring costs, and how true it is, beside what others would use, all in one run.

- *Cost*: processor time added to a request by our ASGI middleware, prometheus-fastapi-instrumentator and
  starlette_exporter (in process), and by our Express middleware, express-prom-bundle and swagger-stats (real
  servers; their own processor time). Variants take turns in short rounds; minimum, lower quartile and median,
  and a bootstrap interval of the median's difference to no monitor at all.
- *Truth*: reported P95 and error rate against what the clients saw, of a server with delays of 0, 150, 450
  and 2,300 ms, failures, streamed answers and clients that leave.
- *Cardinality*: size of the exposition and time of a scrape after 10,000 random paths.
- *Sidecar*: memory and processor time, idle and while four workers push 5,000 requests/s.

`make bench` runs it; with fewer rounds: python -P bench/monitor.py ROUNDS (-P, because this file is named
like the package). npm installs the others into bench/express from its lock files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_fastapi_instrumentator import Instrumentator
from starlette.responses import Response
from starlette_exporter import PrometheusMiddleware

from examples.errors import NodeUnusable
from examples.node_packages import NodePackage, find_node, prepare
from monitor.middleware.asgi import ScalabilityMiddleware
from monitor.middleware.buckets import quantile
from monitor.middleware.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BENCH = Path(__file__).resolve().parent / "express"
API = "/api/metrics/scalability"
#: The truth's requests: path, how many of them.
PLAN = (
    ("/wait/0", 120),
    ("/wait/150", 40),
    ("/wait/450", 20),
    ("/stream", 10),
    ("/wait/2300", 6),
    ("/broken", 6),
)
LEAVING = 8
PATHS = 10_000


#: No proxy of the environment stands between two processes of this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# --- Figures ---


def interval(values: list[float], base: list[float]) -> tuple[float, float]:
    """The 90 % bootstrap interval of the difference of two medians."""
    chance = random.Random(1)
    drawn = sorted(
        statistics.median(chance.choices(values, k=len(values)))
        - statistics.median(chance.choices(base, k=len(base)))
        for _ in range(2000)
    )
    return drawn[100], drawn[1899]


def report(title: str, took: dict[str, list[float]], ours: str) -> None:
    """Print what each variant adds to the first one, and the others' ratios to ours."""
    base = next(iter(took.values()))
    print(f"\n{title}: processor time, us/request ({len(base)} rounds)")
    added = {}
    for name, values in took.items():
        quartile = statistics.quantiles(values, n=4)[0]
        median = statistics.median(values)
        line = f"  {name:<36} min {min(values):7.1f}  p25 {quartile:7.1f}  median {median:7.1f}"
        if values is not base:
            added[name] = median - statistics.median(base)
            low, high = interval(values, base)
            line += f"  added: {added[name]:+7.1f} ({low:+.1f} to {high:+.1f})"
            line += f"; by minimum {min(values) - min(base):+.1f}"
        print(line)
    for name, extra in added.items():
        if name != ours and added[ours] > 0:
            print(f"  {name} / {ours}: {extra / added[ours]:.1f}")


def bucket_quantile(bounds: dict[float, float], fraction: float) -> float | None:
    """What PromQL's histogram_quantile makes of cumulative buckets."""
    below, lower = 0.0, 0.0
    total = bounds.get(math.inf, 0.0)
    for bound, count in sorted(bounds.items()):
        if total and count >= fraction * total:
            if bound == math.inf:
                return lower
            return lower + (bound - lower) * (fraction * total - below) / (count - below)
        below, lower = count, bound
    return None


def of_exposition(text: str, histogram: str, counter: str, status: str) -> tuple[float | None, float | None]:
    """P95 in the histogram's unit and the share of 5xx in percent, of all series together."""
    bounds: dict[float, float] = {}
    answers: dict[bool, float] = {True: 0.0, False: 0.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == f"{histogram}_bucket":
                bound = float(sample.labels["le"])
                bounds[bound] = bounds.get(bound, 0.0) + sample.value
            elif sample.name == counter:
                answers[str(sample.labels[status]).startswith("5")] += sample.value
    total = sum(answers.values())
    return bucket_quantile(bounds, 0.95), 100 * answers[True] / total if total else None


@dataclass
class Truth:
    """What the clients saw: milliseconds of every answer, and whether it was a failure."""

    milliseconds: list[float] = field(default_factory=list)
    failed: int = 0

    def print(self, title: str) -> None:
        p95 = sorted(self.milliseconds)[math.ceil(0.95 * len(self.milliseconds)) - 1]
        error = 100 * self.failed / len(self.milliseconds)
        print(
            f"\n{title}\n  {'the clients saw':<36} P95 {p95:7.1f} ms  errors {error:5.2f} %  ({LEAVING} left)"
        )


def told(name: str, p95_ms: float | None, errors: float | None) -> None:
    shown = "   none" if p95_ms is None else f"{p95_ms:7.1f}"
    print(f"  {name:<36} P95 {shown} ms  errors {'none' if errors is None else f'{errors:5.2f} %'}")


# --- ASGI, in this process ---


def fastapi_app() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{item}")
    async def item(item: str) -> Response:
        return Response(item)

    @app.get("/wait/{milliseconds}")
    async def wait(milliseconds: int) -> Response:
        await asyncio.sleep(milliseconds / 1000)
        return Response("x")

    @app.get("/stream")
    async def stream() -> Response:
        await asyncio.sleep(0.45)
        return Response("ab")

    @app.get("/broken")
    async def broken() -> Response:
        return Response("x", 500)

    return app


@dataclass
class Asgi:
    """An application with a monitor, and how to read what it reports."""

    app: Any
    expose: Callable[[], str] | None = None
    recorder: Recorder | None = None


def asgi_variants(prefix: str) -> dict[str, Asgi]:
    """Each with counters of its own."""
    ours = ScalabilityMiddleware(fastapi_app(), push_url="http://127.0.0.1:9/")
    ours.pusher.running = True  # what pushing costs is measured with the real servers below
    ours.recorder.use_salt(b"0" * 32, "bench")
    instrumented, registry = fastapi_app(), CollectorRegistry()
    Instrumentator(registry=registry).instrument(instrumented)
    exported = fastapi_app()
    exported.add_middleware(PrometheusMiddleware, prefix=prefix)
    from prometheus_client import REGISTRY  # noqa: PLC0415  # starlette_exporter takes no other

    return {
        "no monitor": Asgi(fastapi_app()),
        "outgrow": Asgi(ours, recorder=ours.recorder),
        "prometheus-fastapi-instrumentator": Asgi(instrumented, lambda: generate_latest(registry).decode()),
        "starlette_exporter": Asgi(exported, lambda: generate_latest(REGISTRY).decode()),
    }


async def ask_asgi(app: Any, path: str, sent: list[Any] | None = None) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if sent is not None:
            sent.append(message)

    headers = [(b"host", b"bench"), (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64)"), (b"accept", b"*/*")]
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": headers, "client": ("192.0.2.1", 1), "root_path": ""}
    await app({**scope, "server": ("bench", 80), "scheme": "http"}, receive, send)


async def asgi_cost(rounds: int, requests: int = 500) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {}
    variants = asgi_variants("cost")
    for turn in range(rounds + 1):
        for name, variant in variants.items():
            began = time.process_time_ns()
            for _ in range(requests):
                await ask_asgi(variant.app, "/items/7")
            if turn:  # the first round warms up
                took.setdefault(name, []).append((time.process_time_ns() - began) / requests / 1000)
    return took


async def asgi_truth(variant: Asgi) -> Truth:
    truth = Truth()

    async def one(path: str) -> None:
        began, sent = time.perf_counter(), list[Any]()
        await ask_asgi(variant.app, path, sent)
        truth.milliseconds.append(1000 * (time.perf_counter() - began))
        truth.failed += sent[0]["status"] >= 500

    async def leaves() -> None:
        task = asyncio.create_task(ask_asgi(variant.app, "/wait/2300"))
        await asyncio.sleep(0.1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    await asyncio.gather(
        *(one(path) for path, count in PLAN for _ in range(count)), *(leaves() for _ in range(LEAVING))
    )
    return truth


def asgi_bench(rounds: int) -> None:
    report("ASGI (FastAPI)", asyncio.run(asgi_cost(rounds)), "outgrow")
    for name, variant in asgi_variants("truth").items():
        if name == "no monitor":
            continue
        asyncio.run(asgi_truth(variant)).print(f"Truth, ASGI, {name}")
        if variant.recorder is not None:
            document = variant.recorder.document()
            slots = {int(slot): count for slot, count in document["latency"]["buckets"].items()}
            requests = document["requests"]
            told(
                name,
                1000 * (quantile(slots, 0.95) or 0),
                100 * requests["by_class"]["5xx"] / requests["total"],
            )
        elif variant.expose is not None:
            instrumentator = "instrumentator" in name
            histogram = (
                "http_request_duration_highr_seconds" if instrumentator else "truth_request_duration_seconds"
            )
            counter = "http_requests_total" if instrumentator else "truth_requests_total"
            p95, errors = of_exposition(
                variant.expose(), histogram, counter, "status" if instrumentator else "status_code"
            )
            told(name, None if p95 is None else 1000 * p95, errors)


# --- Express, in processes of their own ---


class Server:
    """A process that prints its port, and one kept connection to it."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(re.findall(r"(\d+)\D*$", self.process.stdout.readline())[0])
        self._socket = socket.create_connection(("127.0.0.1", self.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def burst(self, path: str, count: int) -> None:
        """Ask so often, one after the other, over one connection."""
        request = (
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n\r\n".encode()
        )
        for _ in range(count):
            self._socket.sendall(request)
            self._socket.recv(65536)

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask once, over a connection of its own."""
        try:
            with _DIRECT.open(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def cpu(self) -> float:
        """Microseconds of processor time so far."""
        return float(json.loads(self.get("/bench/cpu")[1])["microseconds"])

    def leave(self, path: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            time.sleep(0.1)

    def stop(self) -> None:
        self._socket.close()
        self.process.terminate()
        self.process.wait(10)


@contextmanager
def sidecar(folder: Path) -> Iterator[Server]:
    """`outgrow monitor serve` on an empty shop."""
    database = folder / "shop.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
    command = [sys.executable, "-m", "outgrow", "monitor", "serve", "--database", str(database)]
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", "--interval", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
    )
    assert process.stdout is not None
    port = next(int(found[1]) for line in process.stdout if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
    server = object.__new__(Server)
    server.process, server.port = process, port
    try:
        yield server
    finally:
        process.terminate()
        process.wait(10)


METRICS = {
    "outgrow": f"{API}/prometheus",
    "express-prom-bundle": "/metrics",
    "swagger-stats": "/swagger-stats/metrics",
}


def express_truth(name: str, server: Server, watch: Server) -> None:
    truth = Truth()

    def one(path: str) -> None:
        began = time.perf_counter()
        status, _ = server.get(path)
        truth.milliseconds.append(1000 * (time.perf_counter() - began))
        truth.failed += status >= 500

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(one, [path for path, count in PLAN for _ in range(count)]))
        list(pool.map(server.leave, ["/wait/2300"] * LEAVING))
    truth.print(f"Truth, Express, {name}")
    if name == "outgrow":
        time.sleep(2.5)  # the next push, and the next evaluation
        found = json.loads(watch.get(API)[1])["http"]
        told(
            name,
            found["response_time"]["p95_ms"],
            100 * found["requests"]["by_class"]["5xx"] / found["requests"]["total"],
        )
        return
    time.sleep(2.5)  # those that left are over, too
    text = server.get(METRICS[name])[1].decode()
    if name == "express-prom-bundle":
        p95, errors = of_exposition(
            text, "http_request_duration_seconds", "http_request_duration_seconds_count", "status_code"
        )
        told(name, None if p95 is None else 1000 * p95, errors)
    else:
        told(name, *of_exposition(text, "api_request_duration_milliseconds", "api_request_total", "code"))


def express_bench(rounds: int, requests: int = 1000) -> None:
    try:
        node = find_node().node
        for part in (BENCH, BENCH / "swagger-stats"):
            prepare(NodePackage(part))
    except NodeUnusable as problem:
        print(f"\nExpress is not measured: {problem}")
        return
    took: dict[str, list[float]] = {}
    with ExitStack() as stack:
        watch = stack.enter_context(sidecar(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        servers = {}
        for name in ("no monitor", *METRICS):
            folder = BENCH / "swagger-stats" if name == "swagger-stats" else BENCH
            command = [node, str(BENCH / "server.js"), name, str(folder), f"http://127.0.0.1:{watch.port}"]
            servers[name] = Server(command)
            stack.callback(servers[name].stop)
            servers[name].burst("/items/7", 3 * requests)
        for _ in range(rounds):
            for name, server in servers.items():
                before = server.cpu()
                server.burst("/items/7", requests)
                took.setdefault(name, []).append((server.cpu() - before) / requests)
        report("Express 5", took, "outgrow")
        for server in servers.values():
            server.stop()
        for name in METRICS:  # new processes: nothing but the truth's requests
            folder = BENCH / "swagger-stats" if name == "swagger-stats" else BENCH
            with tempfile.TemporaryDirectory() as place, sidecar(Path(place)) as own:
                command = [node, str(BENCH / "server.js"), name, str(folder), f"http://127.0.0.1:{own.port}"]
                server = Server(command)
                express_truth(name, server, own)
                for number in range(0, PATHS, 100):
                    for more in range(100):
                        server.burst(f"/{random.Random(number + more).getrandbits(64):x}/{more}", 1)
                time.sleep(2.5)
                source = own if name == "outgrow" else server
                began = time.perf_counter()
                size = len(source.get(METRICS[name])[1])
                print(
                    f"  {name:<36} after {PATHS:,} random paths: {size:,} bytes, "
                    f"scraped in {1000 * (time.perf_counter() - began):.1f} ms"
                )
                server.stop()


# --- The sidecar ---


def push(port: int, document: dict[str, Any]) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{API}/push", json.dumps(document).encode())
    _DIRECT.open(request, timeout=5).read()


def sidecar_bench(seconds: int = 10) -> None:
    """Four workers of 100 routes each push every five seconds what 5,000 requests/s make."""
    with tempfile.TemporaryDirectory() as place, sidecar(Path(place)) as watch:
        process = psutil.Process(watch.process.pid)
        chance = random.Random(1)
        workers = [Recorder(worker=str(number)) for number in range(4)]
        for worker in workers:
            worker.use_salt(b"0" * 32, "bench")
        print(f"\nSidecar ({seconds} s each)")
        for load in ("idle", "5,000 requests/s"):
            time.sleep(2)
            used = sum(process.cpu_times()[:2])
            for second in range(seconds):
                began = time.perf_counter()
                worker = workers[second % 4]
                if load != "idle":
                    for _ in range(5000):
                        worker.started()
                        client = (f"192.0.2.{chance.randrange(250)}", "bench")
                        worker.finished(
                            "GET",
                            f"/r{chance.randrange(100)}/:id",
                            status=200,
                            seconds=chance.expovariate(20),
                            client=client,
                        )
                    push(watch.port, worker.document())
                time.sleep(max(0.0, 1 - (time.perf_counter() - began)))
            cpu = 100 * (sum(process.cpu_times()[:2]) - used) / seconds
            print(f"  {load:<36} {process.memory_info().rss / 1e6:.0f} MB, {cpu:.1f} % of one processor")


def main(rounds: int = 14) -> None:
    """Measure and print."""
    asgi_bench(rounds)
    express_bench(rounds) if shutil.which("node") else print("\nExpress is not measured: node is missing")
    sidecar_bench()


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
