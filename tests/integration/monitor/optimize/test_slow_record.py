"""The slow statements that a middleware pushed to a running monitor are a source of queries."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from monitor.client import MonitorUnreachable
from monitor.middleware.recorder import Recorder
from monitor.middleware.statements import without_literals
from monitor.optimize.errors import BadQueryLog
from monitor.optimize.slow_record import fetch_slow_queries, record_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _slow(sql: str, count: int = 3) -> dict[str, object]:
    return {"sql": sql, "count": count, "total_seconds": 1.0, "average_ms": 333.0, "longest_ms": 500.0}


def test_a_record_becomes_queries_and_its_overflow_entry_none() -> None:
    log = record_of(
        {"http": {"slow_statements": [_slow("SELECT * FROM t WHERE a = ?"), _slow("<other>")]}}, "u"
    )
    assert [(query.sql, query.count, query.logged_ms) for query in log.queries] == [
        ("SELECT * FROM t WHERE a = ?", 3, 333.0)
    ]


def test_an_empty_record_is_refused_with_what_to_do() -> None:
    with pytest.raises(BadQueryLog, match="knows no slow statement"):
        record_of({"http": {"slow_statements": []}}, "http://x")


def test_nothing_that_answers_is_said() -> None:
    with pytest.raises(MonitorUnreachable):
        fetch_slow_queries("http://127.0.0.1:9")


def test_what_the_middleware_pushed_gets_its_index(shop: Callable[..., Path]) -> None:
    import httpx

    path = shop(6000, "wal")
    command = [sys.executable, "-m", "outgrow", "monitor", "serve", "--database", str(path)]
    store = str(path.with_name("shop.history"))
    with subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", "--interval", "0.3", "--store", store],
        stderr=subprocess.PIPE,
        text=True,
    ) as monitor:
        try:
            assert monitor.stderr is not None
            address = next(
                found[1]
                for line in monitor.stderr
                if (found := re.search(r"(http://127\.0\.0\.1:\d+)", line))
            )
            recorder = Recorder()
            sql = "SELECT id, total FROM orders WHERE user_id = 17 ORDER BY at"
            for _ in range(3):
                recorder.query(0.4, slow=True, statement=without_literals(sql))
            pushed = httpx.post(
                f"{address}/api/metrics/scalability/push", json=recorder.document(), trust_env=False
            )
            assert pushed.is_success, pushed.text
            command = [sys.executable, "-m", "outgrow", "optimize", str(path), "--url", address, "--json"]
            for _ in range(20):
                done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
                if done.returncode != 2:  # until the next evaluation the monitor knows none
                    break
        finally:
            monitor.terminate()
    assert done.returncode == 3, done.stderr
    advice = json.loads(done.stdout)["advice"]
    assert advice["log"]["form"] == "monitor"
    assert advice["queries"][0]["values_sampled"]
    assert "user_id" in {index["columns"][0] for index in advice["indexes"]}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
