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
like the package); the ASGI part alone: python -P bench/monitor.py ROUNDS asgi. npm installs the others into
bench/express from its lock files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_fastapi_instrumentator import Instrumentator
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette_exporter import PrometheusMiddleware

sys.path.append(str(Path(__file__).resolve().parents[1]))  # -P leaves it out

from bench.measuring.figures import Truth, of_exposition, report, told
from bench.measuring.servers import API, Server, push, sidecar
from examples.errors import NodeUnusable
from examples.node_packages import NodePackage, find_node, prepare
from monitor.middleware.asgi import ScalabilityMiddleware
from monitor.middleware.buckets import quantile
from monitor.middleware.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

BENCH = Path(__file__).resolve().parent / "express"
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


def starlette_app() -> Starlette:
    async def item(request: Request) -> Response:
        return Response(request.path_params["item"])

    return Starlette(routes=[Route("/items/{item}", item)])


@dataclass
class Asgi:
    """An application with a monitor, and how to read what it reports."""

    app: Any
    expose: Callable[[], str] | None = None
    recorder: Recorder | None = None


def asgi_variants(prefix: str, make: Callable[[], Starlette] = fastapi_app) -> dict[str, Asgi]:
    """Each with counters of its own."""
    ours = ScalabilityMiddleware(make(), push_url="http://127.0.0.1:9/")
    ours.pusher.running = True  # what pushing costs is measured with the real servers below
    ours.recorder.use_salt(b"0" * 32, "bench")
    instrumented, registry = make(), CollectorRegistry()
    Instrumentator(registry=registry).instrument(instrumented)
    exported = make()
    exported.add_middleware(PrometheusMiddleware, prefix=prefix)
    from prometheus_client import REGISTRY  # noqa: PLC0415  # starlette_exporter takes no other

    return {
        "no monitor": Asgi(make()),
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


async def asgi_cost(
    prefix: str, make: Callable[[], Starlette], rounds: int, requests: int = 200
) -> dict[str, list[float]]:
    """Microseconds of this thread's processor time a request, by variant, in rounds that take turns.

    Rounds are short, so that some meet no disturbance; which variant comes first changes from round to round.
    What our recorder folds later it folds within the rounds, ten times a second as in a server.
    """
    variants = asgi_variants(prefix, make)
    took: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for turn in range(rounds + 1):
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            app = variants[name].app
            began = time.thread_time_ns()
            for _ in range(requests):
                await ask_asgi(app, "/items/7")
            if turn:  # the first round warms up
                took[name].append((time.thread_time_ns() - began) / requests / 1000)
    return took


async def asgi_truth(variant: Asgi) -> Truth:
    truth = Truth(left=LEAVING)

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
    for title, make in (("FastAPI", fastapi_app), ("Starlette", starlette_app)):
        took = asyncio.run(asgi_cost(title.lower(), make, 10 * rounds))
        report(f"ASGI ({title}), in process", took, "outgrow")
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


METRICS = {
    "outgrow": f"{API}/prometheus",
    "express-prom-bundle": "/metrics",
    "swagger-stats": "/swagger-stats/metrics",
}


def express_truth(name: str, server: Server, watch: Server) -> None:
    truth = Truth(left=LEAVING)

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


def main(rounds: int = 14, only: str = "") -> None:
    """Measure and print."""
    asgi_bench(rounds)
    if only == "asgi":
        return
    express_bench(rounds) if shutil.which("node") else print("\nExpress is not measured: node is missing")
    sidecar_bench()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 14, *sys.argv[2:3])
