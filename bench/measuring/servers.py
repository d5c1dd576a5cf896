"""Servers in processes of their own, and asking them."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

API = "/api/metrics/scalability"
#: No proxy of the environment stands between two processes of this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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


def push(port: int, document: dict[str, Any]) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{API}/push", json.dumps(document).encode())
    _DIRECT.open(request, timeout=5).read()
