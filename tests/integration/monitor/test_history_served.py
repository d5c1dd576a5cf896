"""A real sidecar with a store: what it keeps over kill -9, what it answers, baselines over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.middleware import buckets

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "/api/metrics/scalability"
DOCUMENT: Any = json.loads((Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"))[
    "push"
]["document"]


def push(server: Any, seq: int, began: float) -> None:
    """Push the vectors' document, which has 3 errors and a P95 of 900 ms, as one worker."""
    document = {**DOCUMENT, "start_time": began, "seq": seq}
    assert server._client.post(f"{PREFIX}/push", json=document).status_code == 200


def points(server: Any, metric: str) -> list[Any]:
    """The last minutes of a series."""
    found: list[Any] = server.get(f"{PREFIX}/history?metric={metric}&since=-600&step=10").json()["points"]
    return found


def test_history_and_held_decision_survive_kill_9(
    application: Callable[..., Any], sidecar: Callable[..., Any], waiting: Callable[..., Any], tmp_path: Path
) -> None:
    application("wal")
    store = tmp_path / "shop.history"
    options = ("--database", str(tmp_path / "shop.db"), "--store", str(store), "--interval", "0.5")
    first = sidecar(*options)
    began = time.time() - 1
    push(first, 3, began)
    push(first, 4, began)
    waiting(lambda: first.get(f"{PREFIX}/assessment").json()["held"]["seconds"] >= 6)
    # A second monitor on the same store is refused, and the first goes on.
    second = sidecar(*options, answers=False)
    assert second.process.wait(20) == 1
    assert "in use" in second.printed
    before = first.get(f"{PREFIX}/assessment").json()
    assert before["decision"] == "urgent"
    assert points(first, "p95_ms")
    first.stop(signal.SIGKILL)

    again = sidecar(*options)
    push(again, 3, time.time() - 0.5)
    document = waiting(
        lambda: (found := again.get(f"{PREFIX}/assessment").json())["decision"] == "urgent" and found
    )
    assert document["held"]["seconds"] >= 5
    assert document["held"]["since"] == before["held"]["since"]
    assert document["sustained"]["decision"] == "urgent"
    assert points(again, "p95_ms")[0]["at"] <= before["taken_at"]


def test_a_baseline_is_taken_from_a_running_monitor(
    application: Callable[..., Any], sidecar: Callable[..., Any], waiting: Callable[..., Any], tmp_path: Path
) -> None:
    application("wal")
    server = sidecar("--database", str(tmp_path / "shop.db"), "--store", ":memory:", "--interval", "0.5")
    waiting(lambda: points(server, "cpu_percent"))

    def baseline(*arguments: str) -> Any:
        command = [sys.executable, "-m", "outgrow", "monitor", "baseline", *arguments]
        options = ("--url", server.url, "--dir", str(tmp_path), "--json")
        return json.loads(subprocess.run([*command, *options], check=True, capture_output=True).stdout)

    assert baseline("save", "start")["source"] == server.url
    changes = baseline("compare", "start")["changes"]
    assert {one["verdict"] for one in changes} == {"not enough data"}
    assert "cpu_percent" in [one["metric"] for one in changes]
