"""Real processes: an application told line by line what to do with SQLite, web servers, sidecars."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from monitor.collect.reading import DatabaseReading
from monitor.middleware import buckets
from monitor.phases import load_phase
from monitor.serve.push import PushDocument
from monitor.serve.sidecar import Sidecar, Watch
from monitor.store.history import History, Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Answers each JSON line [operation, argument] with a JSON line: the result, or {"error": text}.
_APPLICATION = """
import json, os, sqlite3, sys
path = sys.argv[1]
connection = None
for line in sys.stdin:
    operation, argument = json.loads(line)
    try:
        result = None
        if operation == "open":
            connection = sqlite3.connect(path, isolation_level=None, timeout=argument)
        elif operation == "close":
            connection.close()
        elif operation == "sql":
            result = connection.execute(argument).fetchall()
        elif operation == "commit":  # so many write transactions of one row each
            for number in range(argument):
                connection.execute("insert into t values (?)", (number,))
        elif operation == "open and close the file":
            os.close(os.open(path + argument, os.O_RDONLY))
        print(json.dumps(result), flush=True)
    except sqlite3.Error as error:
        print(json.dumps({"error": str(error)}), flush=True)
"""


class Application:
    """A process with a connection to a SQLite database; the test itself must not open the file."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _APPLICATION, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.open()

    @property
    def process(self) -> int:
        """Its process id."""
        return self._process.pid

    def _do(self, operation: str, argument: Any = None) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([operation, argument]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def open(self, timeout: float = 5) -> None:
        """Connect; statements wait so many seconds for a lock."""
        self._do("open", timeout)

    def close(self) -> None:
        """Close the connection."""
        self._do("close")

    def sql(self, statement: str) -> Any:
        """Run one statement; answer its rows, or {"error": ...}."""
        return self._do("sql", statement)

    def commit(self, count: int) -> None:
        """Commit so many write transactions."""
        assert self._do("commit", count) is None

    def open_and_close_the_file(self, suffix: str = "") -> None:
        """What no process that uses SQLite may do."""
        assert self._do("open and close the file", suffix) is None

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Callable[..., Application]]:
    """Start applications on one database file; the first makes its table, in the journal mode asked for."""
    started: list[Application] = []

    def start(journal_mode: str | None = None) -> Application:
        one = Application(tmp_path / "shop.db")
        started.append(one)
        if journal_mode:
            assert one.sql(f"pragma journal_mode={journal_mode}") == [[journal_mode]]
            one.sql("create table t (x)")
        return one

    yield start
    for one in started:
        one.end()


# --- Real servers ---


class Server:
    """A child process that serves HTTP, and what it printed."""

    def __init__(self, arguments: list[str], url: str, log: Path, **environment: str) -> None:
        self.url = url
        self._log = log
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=20)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *arguments], stdout=output, stderr=output, env={**os.environ, **environment}
            )

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask it, over a connection that is kept."""
        return self._client.get(path, **options)

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(encoding="utf-8")

    def wait_until_it_answers(self, path: str) -> None:
        """Wait for the first answer of whatever status; fail when the process ends before."""

        def answers() -> bool:
            assert self.process.poll() is None, self.printed
            with contextlib.suppress(httpx.TransportError):
                return self.get(path).status_code > 0
            return False

        wait_for(answers)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit status."""
        self._client.close()
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(20)


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Return the first true value of a condition; fail if none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{condition} did not become true in {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def waiting() -> Callable[..., Any]:
    """The function that waits for a condition."""
    return wait_for


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start `outgrow monitor serve` with these options; the address is a free one unless given."""
    started: list[Server] = []

    def start(*options: str, port: int | None = None, answers: bool = True, **environment: str) -> Server:
        port = port or free_port()
        command = ["-m", "outgrow", "monitor", "serve", "--listen", f"127.0.0.1:{port}", *options]
        log = tmp_path / f"sidecar-{len(started)}.log"
        server = Server(command, f"http://127.0.0.1:{port}", log, COLUMNS="200", **environment)
        started.append(server)
        if answers:
            server.wait_until_it_answers("/healthz")
        return server

    yield start
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture
def web_application(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start an ASGI application, given as source, on hypercorn with so many workers."""
    started: list[Server] = []

    def start(source: str, workers: int = 1, **environment: str) -> Server:
        (tmp_path / "shop.py").write_text(source, encoding="utf-8")
        port = free_port()
        command = ["-m", "hypercorn", "shop:app", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
        log = tmp_path / f"application-{len(started)}.log"
        path = os.pathsep.join([str(tmp_path), os.getcwd()])  # noqa: PTH109  # what Python's own path holds
        server = Server(command, f"http://127.0.0.1:{port}", log, PYTHONPATH=path, **environment)
        started.append(server)
        server.wait_until_it_answers("/")
        return server

    yield start
    for server in started:
        server.stop(signal.SIGTERM)


# --- Sidecars in a chosen state, without a process ---

_DOCUMENT: Any = json.loads((Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"))[
    "push"
]["document"]
#: Response time in seconds and share of failed requests that make each light.
_STATES = {"green": (0.04, 0.0), "yellow": (0.3, 0.02), "red": (0.9, 0.2)}


class WatchedShop:
    """A database whose readings never change."""

    folder = None

    def read(self) -> DatabaseReading:
        return DatabaseReading(
            database="sqlite",
            name="shop.db",
            size_bytes=52_428_800.0,
            files={"main": 50_000_000, "wal": 2_428_800},
            journal_mode="wal",
            writes=100,
            details={"free_pages": 3.0, "writer_occupancy_ratio": 0.12},
        )

    def close(self) -> None:
        pass


def _past(now: float) -> History:
    """Thirty days of a growing shop."""
    history = History()
    for ago in [*range(30 * 86_400, 3600, -3600), *range(3600, 0, -20)]:
        grown = 1 - ago / (30 * 86_400)
        wave = (1 + math.sin(ago / 86_400 * 2 * math.pi)) / 2
        p95 = 90 + 60 * grown + 20 * wave
        values = {
            "score": 95 - 8 * grown,
            "health_index": 92 - 5 * grown,
            "concurrent_users": 120 + 200 * grown,
            "p50_ms": p95 / 3,
            "p95_ms": p95,
            "p99_ms": 1.7 * p95,
            "average_response_ms": p95 / 2,
            "database_size_bytes": 2e8 + 6e8 * grown,
            "error_rate_percent": 0.2 + 0.1 * wave,
            "cpu_percent": 25 + 30 * wave,
            "memory_percent": 45.0,
            "writes_per_second": 8 + 10 * wave,
            "requests_per_second": 30 + 60 * wave,
            "uptime_percent": 100.0,
        }
        history.append(now - ago, values)
    history.note(
        Transition(now - 7200, "light", "green", "yellow", "Response time P95 is past its stay limit")
    )
    history.flush()
    return history


def _document(start: float, seq: int, state: str, names: dict[str, Any]) -> PushDocument:
    seconds, failing = _STATES[state]
    count = 500 * seq
    failed = round(failing * count)
    document = {
        **_DOCUMENT,
        "start_time": start,
        "seq": seq,
        "requests": {
            "total": count,
            "by_class": {"2xx": count - failed, "5xx": failed},
            "aborted": 0,
            "in_flight": 3,
        },
        "latency": {
            "buckets": {str(buckets.bucket_index(seconds)): count},
            "sum_seconds": count * seconds,
            "count": count,
        },
        "routes": {"GET /products/:id": {"count": count, "errors": failed, "sum_seconds": count * seconds}},
        "event_loop": {"delay_p99_ms": 12.5, "utilization": 0.31},
        **names,
    }
    return PushDocument.model_validate(document)


@pytest.fixture(scope="session")
def shop() -> Callable[..., Sidecar]:
    """Make a sidecar whose light is green, yellow or red, or that is unknown, empty or stale.

    Machine metrics are left out: what the machine does while tests run would change the light. `names`
    replaces parts of what the worker pushes.
    """
    pasts: list[History] = []

    def make(state: str = "green", **names: Any) -> Sidecar:
        if state != "empty" and not pasts:
            pasts.append(_past(time.time()))
        watch = Watch(load_phase("phase-1"), "phase-2", without=frozenset({"cpu_percent", "memory_percent"}))
        sidecar = Sidecar(watch, WatchedShop(), None if state == "empty" else pasts[0])
        if state not in ("empty", "unknown"):
            lit = "green" if state == "stale" else state
            start = time.time() - 20
            sidecar._workers._began -= 60  # it has been there since before the worker
            for seq in (1, 2):
                document = _document(start, seq, lit, names)
                answer = sidecar.push(document)
                if document.clients is not None:
                    known = document.clients.model_copy(update={"salt_id": answer.salt_id})
                    sidecar.push(document.model_copy(update={"seq": seq + 2, "clients": known}))
            time.sleep(0.02)
            sidecar._observer.look()
            sidecar.published = sidecar.evaluate()
        if state == "stale":
            sidecar.published = replace(sidecar.published, clock=sidecar.published.clock - 90)
        return sidecar

    return make
