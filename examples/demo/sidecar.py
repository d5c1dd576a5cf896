"""The monitor sidecar as the demo runs it: its own process, asked over HTTP like anyone would."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx

from examples.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path

#: Seconds between two assessments, and what they look back on: short, because a demo is.
INTERVAL = 1
WINDOW = 12
#: Load, shop, sidecar and PostgreSQL share this machine: its CPU says nothing about the shop's own server.
NOT_JUDGED = "cpu_percent"
#: Seconds the sidecar may take to answer for the first time.
START_TIMEOUT = 20.0
_BASE = "/api/metrics/scalability"


@dataclass(frozen=True)
class Watch:
    """What a sidecar watches: a database, judged by a phase's limits times `scale`."""

    database: str
    phase: str
    scale: float


class Sidecar:
    """`outgrow monitor serve`, from `with` to its end.

    Raises:
        DemoError: it does not answer, with the end of its log.
    """

    def __init__(self, watch: Watch, *, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._watch = watch
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        watch = self._watch
        command = [
            *(sys.executable, "-m", "outgrow", "monitor", "serve"),
            *("--database", watch.database, "--phase", watch.phase),
            *("--listen", self.url.removeprefix("http://")),
            *("--interval", str(INTERVAL), "--window", str(WINDOW), "--scale", str(watch.scale)),
            *("--without", NOT_JUDGED, "--store", str(self._log.with_suffix(".history"))),
        ]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/healthz", timeout=1).is_success:
                    return self
            time.sleep(0.1)
        self.close()
        raise DemoError(
            "the monitor sidecar does not answer",
            why="\n".join(self._log.read_text(errors="replace").splitlines()[-5:]) or "it said nothing",
            next_step="see its log, named in the artefacts' folder logs/",
        )

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; twice is no harm."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def assessment(self) -> dict[str, Any]:
        """The current assessment, as the endpoint gives it."""
        return self._get("/assessment").json()  # type: ignore[no-any-return]

    def metrics(self) -> dict[str, Any]:
        """The current metrics, as the endpoint gives them."""
        return self._get("").json()  # type: ignore[no-any-return]

    def exposition(self) -> str:
        """The Prometheus text."""
        return self._get("/prometheus").text

    def _get(self, path: str) -> httpx.Response:
        try:
            return httpx.get(f"{self.url}{_BASE}{path}", timeout=5).raise_for_status()
        except httpx.HTTPError as error:
            raise DemoError(
                "the monitor sidecar stopped answering",
                why=f"{type(error).__name__}: {error}",
                next_step=f"read {self._log}",
            ) from error
