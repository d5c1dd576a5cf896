"""The sidecar as its command starts it, over real HTTP."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from monitor.client import TokenNeeded, fetch_assessment
from monitor.middleware import buckets

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

API = "/api/metrics/scalability"
DOCUMENT: Any = json.loads((Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"))[
    "push"
]["document"]


@pytest.fixture
def database(application: Start, tmp_path: Path) -> str:
    application("wal").commit(3)
    return str(tmp_path / "shop.db")


def test_the_endpoints_answer_with_one_evaluation(sidecar: Start, database: str) -> None:
    running = sidecar("--database", database, "--interval", "0.5")
    assert running.get("/healthz").json()["status"] == "ok"
    assessment = running.get(f"{API}/assessment").json()
    assert assessment["phase"] == "phase-1"
    assert assessment["decision"] == "unknown"
    metrics = running.get(API).json()
    assert metrics["database"]["journal_mode"] == "wal"
    assert metrics["metrics"]["database_size_bytes"]["value"] == sum(
        size for name, size in metrics["database"]["files"].items() if name != "shm"
    )
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    exposed = running.get(f"{API}/prometheus", headers=accept)
    assert exposed.headers["content-type"].startswith("application/openmetrics-text")
    assert "database_size_bytes" in {family.name for family in text_string_to_metric_families(exposed.text)}
    assert f"serving {running.url}{API}" in running.printed
    assert "watching shop.db by the limits of phase-1" in running.printed


def test_writes_of_a_running_application_show_as_a_rate(
    sidecar: Start, application: Start, waiting: Start, tmp_path: Path
) -> None:
    writer = application("wal")
    running = sidecar("--database", str(tmp_path / "shop.db"), "--interval", "0.3", "--window", "10")

    def written() -> Any:
        return running.get(API).json()["database"]["writes"]

    writer.commit(200)
    assert waiting(lambda: written() == 200)
    measured = running.get(API).json()["metrics"]["writes_per_second"]
    assert measured["samples"] == 200
    assert measured["value"] == pytest.approx(200 / measured["window_s"], rel=0.01)


def test_a_decision_holds_from_evaluation_to_evaluation(
    sidecar: Start, database: str, waiting: Start
) -> None:
    running = sidecar("--database", database, "--interval", "0.2")
    document = {**DOCUMENT, "start_time": time.time()}
    httpx.post(f"{running.url}{API}/push", json=document, trust_env=False).raise_for_status()

    def held() -> Any:
        found = fetch_assessment(running.url)
        return found.held if found.decision == "urgent" and found.held.evaluations >= 5 else None

    first = waiting(held)
    time.sleep(0.5)
    later = fetch_assessment(running.url).held
    assert later.since == first.since
    assert later.evaluations > first.evaluations
    assert later.seconds == pytest.approx(later.evaluations * 0.2, rel=0.5)


def test_a_token_from_the_environment_guards_every_route(sidecar: Start, database: str) -> None:
    running = sidecar("--database", database, "--token-env", "SECRET", SECRET="open-sesame")
    for path in ("/healthz", API, f"{API}/assessment", f"{API}/prometheus", "/openapi.json", "/nowhere"):
        assert running.get(path).status_code == 401
    assert fetch_assessment(running.url, token="open-sesame").phase == "phase-1"
    with pytest.raises(TokenNeeded):
        fetch_assessment(running.url, token="wrong")
    assert "open-sesame" not in running.printed
    assert "open-sesame" not in Path(f"/proc/{running.process.pid}/cmdline").read_text(encoding="utf-8")


def test_a_port_in_use_is_one_line_and_exit_status_1(sidecar: Start, database: str) -> None:
    running = sidecar("--database", database)
    port = int(running.url.rpartition(":")[2])
    second = sidecar("--database", database, port=port, answers=False)
    assert second.process.wait(20) == 1
    assert "another program listens there already" in second.printed
    assert "Traceback" not in second.printed
    assert running.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--database", "missing.db"), "missing.db does not exist"),
        (("--database", "pyproject.toml"), "is not a SQLite database"),
    ],
)
def test_wrong_input_is_one_error_and_exit_status_2(
    sidecar: Start, options: tuple[str, ...], said: str
) -> None:
    refused = sidecar(*options, answers=False)
    assert refused.process.wait(20) == 2
    assert said in refused.printed
    assert "next:" in refused.printed
    assert "Traceback" not in refused.printed


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_told_to(sidecar: Start, database: str, with_signal: signal.Signals) -> None:
    running = sidecar("--database", database)
    began = time.monotonic()
    assert running.stop(with_signal) == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in running.printed


def test_clients_that_never_finish_their_request_are_cut_off(sidecar: Start, database: str) -> None:
    """Slowloris: thirty connections send half a header and wait; meanwhile others are served."""
    running = sidecar("--database", database)
    address = ("127.0.0.1", int(running.url.rpartition(":")[2]))
    with contextlib.ExitStack() as opened:
        slow = [opened.enter_context(socket.create_connection(address, timeout=10)) for _ in range(30)]
        for connection in slow:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: monitor\r\nX-Slow:")
        assert running.get("/healthz").status_code == 200
        for connection in slow:
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(4096):
                    pass
    assert running.get("/healthz").status_code == 200


def test_a_body_larger_than_any_push_is_refused(sidecar: Start, database: str) -> None:
    running = sidecar("--database", database)
    answer = httpx.post(f"{running.url}{API}/push", content=b"x" * 5_000_000, trust_env=False)
    assert answer.status_code == 413
    assert running.get("/healthz").status_code == 200


def test_the_watched_application_is_not_disturbed(
    sidecar: Start, application: Start, waiting: Start, tmp_path: Path
) -> None:
    """While the sidecar looks five times a second, the writer's lock holds and its log can be truncated."""
    writer, other = application("wal"), application()
    other.open(timeout=0)
    running = sidecar("--database", str(tmp_path / "shop.db"), "--interval", "0.2")
    writer.sql("begin immediate")
    writer.commit(1)
    for _ in range(10):
        assert other.sql("begin immediate") == {"error": "database is locked"}
        time.sleep(0.1)
    writer.sql("commit")
    running.stop(signal.SIGKILL)
    assert other.sql("begin immediate") == []
    other.sql("rollback")
    assert writer.sql("pragma wal_checkpoint(truncate)")[0][0] == 0
    assert waiting(lambda: writer.sql("pragma integrity_check") == [["ok"]])


def _cut_off(connection: socket.socket, seconds: float = 12) -> bool:
    """Say whether the server ends a connection, whatever it answers before."""
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def test_clients_that_trickle_headers_or_bodies_are_cut_off_while_others_are_answered(
    sidecar: Start, database: str
) -> None:
    running = sidecar("--database", database)
    address = ("127.0.0.1", int(running.url.rpartition(":")[2]))
    slow = [socket.create_connection(address) for _ in range(40)]
    for number, connection in enumerate(slow):
        body = f"POST {API}/push HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" if number % 2 else body.encode())
    for _ in range(3):
        assert running.get(f"{API}/assessment").status_code == 200
        for connection in slow:
            with contextlib.suppress(OSError):
                connection.sendall(b"X")
        time.sleep(1)
    assert all(_cut_off(connection) for connection in slow)
    for connection in slow:
        connection.close()


def test_a_header_of_many_kilobytes_ends_its_connection(sidecar: Start, database: str) -> None:
    running = sidecar("--database", database)
    address = ("127.0.0.1", int(running.url.rpartition(":")[2]))
    with socket.create_connection(address) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000)
        assert _cut_off(connection)
    assert running.get("/readyz").status_code == 200


def test_this_machines_name_only_and_no_other_sites_pages(sidecar: Start, database: str) -> None:
    running = sidecar("--database", database)
    assert running.get(API, headers={"Host": "evil.example.org"}).status_code == 403
    assert running.get(API, headers={"Origin": "https://evil.example.org"}).status_code == 403
    assert running.get(API).status_code == 200
