"""Real processes: an application told line by line what to do with SQLite, web servers, sidecars."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
