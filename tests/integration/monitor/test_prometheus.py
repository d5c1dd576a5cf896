"""A real Prometheus scrapes a real monitor: rules evaluate, no dashboard asks for what is not there."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from monitor.alerts.config import AlertsConfig
from monitor.dashboards.bundle import dashboards
from monitor.middleware import buckets
from monitor.phases import load_phase
from monitor.rules.alerting import Rules
from monitor.rules.bundle import PROMETHEUS, rule_files
from monitor.rules.promql import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

API = "/api/metrics/scalability"
_LINT = Path(__file__).parents[2] / "unit" / "monitor" / "dashboard_lint.py"
_SPEC = importlib.util.spec_from_file_location("dashboard_lint_for_prometheus", _LINT)
assert _SPEC is not None
assert _SPEC.loader is not None
linter = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(linter)

DOCUMENT: Any = json.loads((Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"))[
    "push"
]["document"]
#: Panels that need days of history, or that are empty while all is well.
MAY_BE_EMPTY = {
    "a week ago",
    "Time to the stay limit",
    "Active alerts",
    "Pending alerts",
    "What is not known",
    "Routes that fail",
    "Cost projections",
    "Cost per user",
}


class Prometheus:
    """A server of its own, on a free port."""

    def __init__(self, folder: Path) -> None:
        command = [
            "prometheus",
            f"--config.file={PROMETHEUS}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--web.listen-address=127.0.0.1:0",
            "--log.level=info",
        ]
        self._log = folder / "prometheus.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        self._client = httpx.Client(trust_env=False, timeout=20)
        deadline = time.monotonic() + 30
        while not (found := re.search(r"Listening on\" address=(\S+)", self._log.read_text())):
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)
        self._url = f"http://{found[1]}"
        while self._client.get(f"{self._url}/-/ready").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def api(self, path: str, **parameters: str) -> Any:
        answer = self._client.get(f"{self._url}/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[Any]:
        return list(self.api("query", query=expression)["result"])

    def stop(self) -> None:
        self._client.close()
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture
def scraping(
    sidecar: Callable[..., Any], application: Callable[..., Any], tmp_path: Path
) -> Iterator[tuple[Prometheus, Any]]:
    if shutil.which("prometheus") is None:
        assert not os.environ.get("CI"), "prometheus is missing; .ci/run installs it"
        pytest.skip("prometheus is not installed; .ci/run installs it")
    application("wal").commit(5)
    (tmp_path / "alerts.yaml").write_text(
        "receivers: [{name: nobody, type: webhook, url: 'http://127.0.0.1:1/'}]\n"
        "timing: {for: 0s, group_wait: 0s}\n"
    )
    running = sidecar(
        "--database",
        str(tmp_path / "shop.db"),
        "--interval",
        "0.3",
        "--alerts",
        str(tmp_path / "alerts.yaml"),
    )
    address = running.url.removeprefix("http://")
    rules = Rules(load_phase("phase-1"), Target("outgrow"))
    for name, text in rule_files(rules, AlertsConfig(), address=address).items():
        (tmp_path / name).write_text(text)
    config = yaml.safe_load((tmp_path / PROMETHEUS).read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    del config["alerting"]
    (tmp_path / PROMETHEUS).write_text(yaml.safe_dump(config))
    prometheus = Prometheus(tmp_path)
    yield prometheus, running
    prometheus.stop()


def _push(url: str, times: int) -> None:
    """One worker's counters, growing."""
    text = json.dumps(DOCUMENT)
    for seq in range(1, times + 1):
        document = json.loads(text)
        document |= {"start_time": DOCUMENT["start_time"], "seq": seq}
        for part, names in (
            (document["requests"], ("total",)),
            (document["queries"], ("count", "sum_seconds", "slow", "busy_errors")),
            (document["requests"]["by_class"], tuple(document["requests"]["by_class"])),
            (document["latency"], ("sum_seconds", "count")),
            *((route, tuple(route)) for route in document["routes"].values()),
            (document["latency"]["buckets"], tuple(document["latency"]["buckets"])),
        ):
            for name in names:
                part[name] *= seq
        httpx.post(f"{url}{API}/push", json=document, trust_env=False, timeout=10).raise_for_status()
        time.sleep(0.5)


def test_every_expression_finds_its_metrics_and_every_rule_evaluates(
    scraping: tuple[Prometheus, Any], waiting: Callable[..., Any]
) -> None:
    prometheus, running = scraping
    waiting(lambda: prometheus.query("scalability_workers"))  # the first scrape comes before what it counts
    _push(running.url, 8)
    waiting(lambda: prometheus.query('job:http_request_duration_seconds:p95_rate5m{job="outgrow"}'))
    waiting(lambda: prometheus.query('job:http_requests_errors:burn_rate3d{job="outgrow"}'))

    groups = prometheus.api("rules")["groups"]
    states = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert set(states.values()) <= {"ok", "unknown"}, states  # unknown: not evaluated yet

    known = set(prometheus.api("label/__name__/values"))
    recorded = {rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "recording"}
    asked: set[str] = set()
    empty = []
    for dashboard in dashboards(load_phase("phase-1")):
        for panel, expression in linter.expressions(dashboard):
            asked |= {name for name, _ in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expression)}
            found = prometheus.query(expression)
            if not found and not any(
                name in panel or name in expression
                for name in ("offset 1w", "predict_linear", "deriv", *MAY_BE_EMPTY)
            ):
                empty.append(f"{panel}: {expression}")
    for group in groups:
        for rule in group["rules"]:
            asked |= {name for name, _ in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", rule["query"])}
    assert asked - known - recorded - {"ALERTS"} == set()
    assert empty == []
    assert (
        prometheus.query('scalability_metric_threshold{metric="p95_ms",limit="stay"}')[0]["value"][1] == "200"
    )
