"""Pushing: what is sent, what is taken from the answer, and that a sidecar's troubles stay its own."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from monitor.middleware.pusher import Pusher
from monitor.middleware.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

SALT = base64.b64encode(b"k" * 32).decode()
GOOD = json.dumps({"salt": SALT, "salt_id": "today"}).encode()


class Sidecar:
    """A server that answers every push the same way and keeps what it got."""

    def __init__(self, status: int, body: bytes, delay_s: float) -> None:
        self.pushed: list[tuple[dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.pushed.append((dict(self.headers), json.loads(self.rfile.read(length))))
                time.sleep(delay_s)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/push"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def sidecar(status: int = 200, body: bytes = GOOD, delay_s: float = 0) -> Iterator[Sidecar]:
    running = Sidecar(status, body, delay_s)
    try:
        yield running
    finally:
        running.close()


def test_a_push_carries_the_document_and_brings_the_key() -> None:
    recorder = Recorder(worker="w1")
    with sidecar() as running:
        assert Pusher(recorder, running.url, token="secret").push()
    headers, document = running.pushed[0]
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Type"] == "application/json"
    assert (document["worker"], document["seq"], document["clients"]) == ("w1", 1, None)
    assert recorder.document()["clients"]["salt_id"] == "today"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, GOOD),
        (401, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"salt": "not base64!", "salt_id": "x"}'),
        (200, b'{"salt": "' + b"A" * 10_000 + b'", "salt_id": "x"}'),
    ],
)
def test_a_wrong_answer_is_a_failed_push_and_nothing_more(status: int, body: bytes) -> None:
    recorder = Recorder()
    with sidecar(status, body) as running:
        pusher = Pusher(recorder, running.url)
        assert not pusher.push()
    assert pusher.failures == 1
    assert recorder.document()["clients"] is None


def test_a_dead_sidecar_fails_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/push"
    pusher = Pusher(Recorder(), url)
    began = time.monotonic()
    assert not pusher.push()
    assert time.monotonic() - began < 0.5


def test_a_hanging_sidecar_is_given_up_after_the_timeout() -> None:
    with sidecar(delay_s=1) as running:
        began = time.monotonic()
        assert not Pusher(Recorder(), running.url).push(timeout_s=0.1)
        assert time.monotonic() - began < 0.8


def test_the_thread_pushes_at_once_then_at_each_interval_and_a_last_time_at_the_end() -> None:
    recorder = Recorder()
    with sidecar() as running:
        pusher = Pusher(recorder, running.url, interval_s=0.1)
        pusher.start()
        pusher.start()
        deadline = time.monotonic() + 10
        while len(running.pushed) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        recorder.query(1.0)
        pusher.stop()
        pusher.stop()
        document = running.pushed[-1][1]
    sequence = [document["seq"] for _, document in running.pushed]
    assert sequence == list(range(1, len(sequence) + 1))
    assert len(sequence) >= 4
    assert document["queries"]["count"] == 1


def test_a_process_that_ends_pushes_its_last_counts() -> None:
    program = (
        "import sys, time\n"
        "from monitor.middleware.pusher import Pusher\n"
        "from monitor.middleware.recorder import Recorder\n"
        "recorder = Recorder()\n"
        "pusher = Pusher(recorder, sys.argv[1], interval_s=60)\n"
        "pusher.start()\n"
        "time.sleep(0.3)\n"
        "recorder.query(0.5)\n"
    )
    with sidecar() as running:
        subprocess.run([sys.executable, "-c", program, running.url], check=True, timeout=30)
    assert [document["queries"] is None for _, document in running.pushed] == [True, False]
