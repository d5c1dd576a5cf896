"""The commands: what they print, their exit codes, and wrong input."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

import monitor.cli
from monitor.client import (
    BadMonitorAddress,
    MonitorUnreachable,
    TokenNeeded,
    assessment_url,
    fetch_assessment,
)
from monitor.errors import ExitCode, OutgrowError
from monitor.held import Held
from monitor.judging import judge
from monitor.phases import STACKS
from monitor.rendering import render
from monitor.snapshot import parse_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

app = typer.Typer()
monitor.cli.register(app)
URGENT = {
    "phase": "phase-1",
    "metrics": {
        "p95_ms": 612,
        "concurrent_users": 640,
        "database_size_bytes": 1e8,
        "error_rate_percent": 0.2,
        "writes_per_second": 10,
        "cpu_percent": 20,
        "memory_percent": 40,
        "average_query_ms": 8,
        "requests_per_second": 90,
    },
}


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(app, arguments, **options)


def refused(*arguments: str, **options: Any) -> OutgrowError:
    result = run(*arguments, **options)
    assert isinstance(result.exception, OutgrowError), result.output
    return result.exception


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    path = tmp_path / "measured.json"
    path.write_text(json.dumps(URGENT), encoding="utf-8")
    return str(path)


# --- assess ---


def test_a_snapshot_is_assessed_as_json(snapshot: str) -> None:
    result = run("assess", "--snapshot", snapshot, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["light"], document["decision"], document["bottleneck"]) == ("red", "urgent", "p95_ms")
    assert document["score"] == 54.9


def test_a_snapshot_comes_from_standard_input_too() -> None:
    result = run("assess", "--snapshot", "-", "--json", input=json.dumps(URGENT))
    assert json.loads(result.stdout)["light"] == "red"


def test_phase_profile_and_scale_can_be_chosen(snapshot: str) -> None:
    chosen = json.loads(run("assess", "--snapshot", snapshot, "--phase", "phase-2", "--json").stdout)
    assert (chosen["phase"], chosen["decision"]) == ("phase-2", "urgent")
    users = next(metric for metric in chosen["metrics"] if metric["id"] == "concurrent_users")
    assert users["category"] == "stay"
    heavy = json.loads(run("assess", "--snapshot", snapshot, "--profile", "write-heavy", "--json").stdout)
    assert heavy["profile"] == "write-heavy"
    scaled = json.loads(run("assess", "--snapshot", snapshot, "--scale", "0.1", "--json").stdout)
    assert scaled["scale"] == 0.1


def shown(document: dict[str, Any], width: int = 80, held: Held | None = None, scale: float = 1.0) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(render(judge(parse_snapshot(json.dumps(document)), scale=scale), held))
    return captured.get()


def test_the_table_is_readable_without_colour_in_80_columns() -> None:
    text = shown(URGENT)
    assert "■ RED   score 54.9 of 100" in text
    assert "Decision  urgent" in text
    assert "Response time P95 is 612 ms, beyond the urgent limit of 500 ms" in text
    assert "outgrow promote --to phase-2" in text
    assert "…" not in text
    row = next(line for line in text.splitlines() if line.startswith("Response time P95"))
    assert " ".join(row.split()) == "Response time P95 612 ms 200 ms 500 ms urgent 54.9 45.1 +18.7"


@pytest.mark.parametrize(
    ("p95", "mark"), [(50, "● GREEN"), (250, "▲ YELLOW"), (900, "■ RED"), (None, "? UNKNOWN")]
)
def test_each_light_has_its_own_shape_and_word(p95: float | None, mark: str) -> None:
    values = {**URGENT["metrics"], "concurrent_users": 10, "p95_ms": p95}  # type: ignore[dict-item]
    assert mark in shown({"metrics": values})


def test_what_is_missing_says_so_and_a_scale_is_announced() -> None:
    note = "only the request middleware can count it"
    text = shown({"metrics": {"p95_ms": {"value": None, "note": note}}}, scale=0.02)
    assert f"Response time P95 is not known: {note}" in text
    assert "no score" in text
    assert "scale 0.02: limits of load are lowered" in text


def test_how_long_a_decision_has_held_is_shown() -> None:
    held = Held(judge(parse_snapshot(json.dumps(URGENT))).decision, 0, 600, 121)
    assert "(for 10 min, 121 evaluations)" in shown(URGENT, width=120, held=held)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--url", "http://127.0.0.1:1", "--database", "x"), ("--database", "x", "--snapshot", "y")],
)
def test_assess_needs_exactly_one_source(arguments: tuple[str, ...]) -> None:
    assert refused("assess", *arguments).exit_code is ExitCode.WRONG_USAGE


def test_limits_cannot_be_chosen_for_a_running_monitor() -> None:
    error = refused("assess", "--url", "http://127.0.0.1:1", "--phase", "phase-2")
    assert error.exit_code is ExitCode.WRONG_USAGE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"metrics": {"p95_ms": NaN}}', "NaN is not a measurement"),
        ('{"metrics": {"p95_ms": -5}}', "p95_ms is negative"),
        ('{"metrics": {"p95": 5}}', "p95 is not a metric"),
        ('{"phase": "phase-9", "metrics": {}}', "phase-9 is not a phase"),
        ('{"profile": "bursty", "metrics": {}}', "bursty is not a workload profile"),
        ("p95_ms = 5", "the snapshot is not JSON"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_snapshot_is_one_clear_error_of_usage(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "measured.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    error = refused("assess", "--snapshot", str(path))
    assert said in error.what
    assert error.next_step
    assert error.exit_code is ExitCode.WRONG_USAGE


def test_a_wrong_stack_file_is_one_clear_error_of_usage(tmp_path: Path, snapshot: str) -> None:
    text = (STACKS / "Pulumi.phase-1.yaml").read_text(encoding="utf-8")
    (tmp_path / "Pulumi.phase-1.yaml").write_text(
        text.replace("outgrow:budget", "outgrow:bugdet"), encoding="utf-8"
    )
    error = refused("assess", "--snapshot", snapshot, "--stacks", str(tmp_path))
    assert "outgrow:bugdet is not a known key" in error.what
    assert error.exit_code is ExitCode.WRONG_USAGE


@pytest.mark.parametrize("command", [("assess",), ("monitor", "serve")])
def test_a_file_that_is_no_database_is_one_clear_error_of_usage(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "text.db").write_text("no database", encoding="utf-8")
    for name, said in (("missing.db", "does not exist"), ("text.db", "is not a SQLite database")):
        error = refused(*command, "--database", str(tmp_path / name))
        assert said in error.what
        assert error.exit_code is ExitCode.WRONG_USAGE


# --- monitor serve, before it serves ---


def test_serve_needs_exactly_one_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_DATABASE", raising=False)
    assert refused("monitor", "serve").exit_code is ExitCode.WRONG_USAGE
    both = refused("monitor", "serve", "--database", "x", "--database-env", "Y")
    assert both.exit_code is ExitCode.WRONG_USAGE
    empty = refused("monitor", "serve", "--database-env", "NO_SUCH_DATABASE")
    assert empty.next_step == "set it with: export NO_SUCH_DATABASE=..."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--listen", "nowhere"), "is not an address"),
        (("--listen", "0.0.0.0:0"), "can be reached from other machines"),
        (("--scale", "0"), "out of range"),
        (("--scale", "3"), "out of range"),
        (("--phase", "phase-4"), "is not a phase"),
        (("--profile", "bursty"), "is not a workload profile"),
        (("--without", "p95_ms"), "cannot be left out"),
        (("--window", "4"), "is shorter than --interval 5"),
        (("--token-env", "NO_SUCH_TOKEN"), "is empty"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_opened(options: tuple[str, ...], said: str) -> None:
    error = refused("monitor", "serve", "--database", "missing.db", *options)
    assert said in error.what
    assert error.exit_code is ExitCode.WRONG_USAGE


# --- A running monitor's address ---


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9464",
        "http://127.0.0.1:9464/",
        "http://127.0.0.1:9464/api/metrics/scalability",
        "http://127.0.0.1:9464/api/metrics/scalability/assessment",
    ],
)
def test_an_address_is_completed(url: str) -> None:
    assert assessment_url(url) == "http://127.0.0.1:9464/api/metrics/scalability/assessment"


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(BadMonitorAddress):
        assessment_url("127.0.0.1:9464")


def test_where_nothing_answers_the_next_command_is_named() -> None:
    with pytest.raises(MonitorUnreachable) as error:
        fetch_assessment("http://127.0.0.1:9")
    assert "outgrow monitor serve" in error.value.next_step


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[int]]]:
    """A server that is no monitor; it answers with the status in the list."""
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0])
            self.end_headers()
            self.wfile.write(b'{"hello": "world"}')

        def log_message(self, *_args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", status
    server.shutdown()
    server.server_close()
    thread.join()


def test_something_else_that_answers_is_told_from_a_monitor(stranger: tuple[str, list[int]]) -> None:
    url, status = stranger
    with pytest.raises(MonitorUnreachable, match="is not a monitor"):
        fetch_assessment(url)
    status[0] = 401
    with pytest.raises(TokenNeeded):
        fetch_assessment(url, token="wrong")


# --- Imports ---


def test_the_commands_load_nothing_heavy_before_they_run() -> None:
    program = (
        "import sys, typer, monitor.cli\n"
        "app = typer.Typer(); monitor.cli.register(app)\n"
        "heavy = {'fastapi', 'hypercorn', 'httpx', 'psycopg', 'psutil', 'pydantic', 'prometheus_client'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
