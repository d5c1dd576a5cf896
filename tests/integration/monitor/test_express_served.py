"""Real Express applications under the real sidecar: a cluster whose workers are replaced, and TypeORM."""

from __future__ import annotations

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.applications import EXPRESS_PACKAGE
from examples.node_packages import Node, NodePackage, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., Any]

PACKAGE = Path(__file__).parents[3] / "monitor" / "express"
API = "/api/metrics/scalability"


@pytest.fixture
def express(node: Node) -> Node:
    prepare(NodePackage(PACKAGE / "test", check="require('express'); require('express4')"))
    return node


@pytest.fixture
def cluster(
    express: Node, sidecar: Start, application: Start, tmp_path: Path, waiting: Callable[..., Any]
) -> Iterator[tuple[Any, str]]:
    """A sidecar, and the address of two workers that push to it every 200 ms."""
    application("wal")
    running = sidecar("--database", str(tmp_path / "shop.db"), "--interval", "0.3", "--window", "60")
    environment = {**os.environ, "OUTGROW_SIDECAR_URL": running.url}
    command = [express.node, str(PACKAGE / "test" / "fixtures" / "app.js"), "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        try:
            waiting(lambda: len(running.get(API).json()["http"]["workers"]) == 2)
            yield running, f"http://127.0.0.1:{lines[-1].split()[-1]}"
        finally:
            process.terminate()


@pytest.mark.node
def test_a_cluster_whose_workers_are_replaced_counts_every_request_once(
    cluster: tuple[Any, str], waiting: Callable[..., Any]
) -> None:
    running, url = cluster

    def ask(path: str) -> float:
        began = time.perf_counter()
        httpx.get(url + path, trust_env=False, timeout=20)  # a connection of its own: any worker may get it
        return 1000 * (time.perf_counter() - began)

    def total() -> int:
        return int(running.get(API).json()["http"]["requests"]["total"])

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(ask, ["/wait/0"] * 60 + ["/wait/150"] * 30 + ["/broken"] * 10))
        waiting(lambda: total() == 100)
        ask("/leave")
        list(pool.map(ask, ["/wait/0"] * 50))
        ask("/leave")
        time.sleep(0.5)
        list(pool.map(ask, ["/wait/450"] * 20))
    waiting(lambda: total() >= 172)
    time.sleep(0.8)  # no later push adds anything
    metrics = running.get(API).json()
    http = metrics["http"]
    assert http["requests"]["total"] == 172
    assert http["requests"]["by_class"]["5xx"] == 10
    assert http["aborted"] == 0
    assert http["in_flight"] == 0
    assert {route["route"]: route["count"] for route in http["routes"]} == {
        "GET /wait/:ms": 160,
        "GET /broken": 10,
        "GET /leave": 2,
    }
    # 20 of 172 waited 450 ms and 30 waited 150 ms: P95 is one of the former, the median none of either.
    assert 445 <= http["response_time"]["p95_ms"] < 900
    assert http["response_time"]["p50_ms"] < 140
    assert metrics["metrics"]["error_rate_percent"]["value"] == pytest.approx(100 * 10 / 172)
    assert http["connections"]["open"] is not None
    exposed = running.get(f"{API}/prometheus").text
    assert "scalability_series_dropped_total 0.0" in exposed
    assert "nodejs_eventloop_utilization_ratio" in exposed


@pytest.mark.node
def test_typeorms_queries_are_measured_through_its_logger_alone(express: Node) -> None:
    prepare(EXPRESS_PACKAGE)
    done = subprocess.run(
        [express.node, str(PACKAGE / "test" / "typeorm.js")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    added, listed, slow, locked = found["answers"]
    assert added == [200, {"id": 1, "text": "secret"}]
    assert listed == [200, [{"id": 1, "text": "secret"}]]
    assert slow[1][0]["m"] == 400_000
    assert (locked[0], locked[1]["code"]) == (503, "SQLITE_BUSY")
    queries = found["queries"]
    assert queries["busy_errors"] >= 1
    assert found["counted"] >= 5  # begin, insert, commit, select, the slow one
    assert sum(queries["buckets"].values()) == queries["count"]
    assert queries["slow"] == sum(entry["count"] for entry in found["statements"].values())
    statement = next(sql for sql in found["statements"] if sql.startswith("WITH RECURSIVE"))
    assert statement.endswith("WHERE x < ?) SELECT max(x) AS m, ? AS w FROM n")
    assert found["statements"][statement]["max_seconds"] > 0.02
    assert "secret" not in json.dumps([queries, found["statements"]])
    assert "private words" not in json.dumps(found["statements"])
    # The logger used until now hears everything as before.
    assert found["heard"]["logQuery"] >= 5
    assert found["heard"]["logQuerySlow"] >= 1
    assert found["heard"]["logQueryError"] >= 1


@pytest.mark.node
@pytest.mark.parametrize("module", ["commonjs", "nodenext"])
def test_the_declarations_are_those_of_a_typescript_application(
    express: Node, tmp_path: Path, module: str
) -> None:
    prepare(EXPRESS_PACKAGE)
    installed = EXPRESS_PACKAGE.folder / "node_modules"
    (tmp_path / "node_modules").symlink_to(installed)
    suffix = "mts" if module == "nodenext" else "ts"
    source = (PACKAGE / "test" / "fixtures" / "typed.ts").read_text(encoding="utf-8")
    (tmp_path / f"app.{suffix}").write_text(source, encoding="utf-8")
    options = ["--noEmit", "--strict", "--skipLibCheck", "--esModuleInterop", "--target", "es2022"]
    options += ["--experimentalDecorators", "--module", module, f"app.{suffix}"]
    compiler = installed / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [express.node, str(compiler), *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
