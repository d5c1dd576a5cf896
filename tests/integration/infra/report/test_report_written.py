"""The command itself: real stacks evaluated, a real monitor asked, the page in a real Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from examples.node_packages import NodePackage, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[4]
_AXE = _ROOT / "tests" / "integration" / "monitor" / "axe"


def _outgrow(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "outgrow", "report", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    path = tmp_path_factory.mktemp("report") / "report.html"
    snapshot = _ROOT / "docs" / "samples" / "busy-day.json"
    done = _outgrow("--snapshot", str(snapshot), "--out", str(path), "--json", "--title", "Shop <b>")
    assert done.returncode == 0, done.stderr
    return path, json.loads(done.stdout)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        assert not os.environ.get("CI"), "Chromium is missing; .ci/run installs it"
        pytest.skip("Chromium is missing (Debian: apt-get install chromium)")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def test_costs_are_those_of_the_evaluated_stacks_and_within_budget(
    written: tuple[Path, dict[str, Any]],
) -> None:
    plans = written[1]["gathered"]["roadmap"]
    assert [plan["phase"]["id"] for plan in plans] == ["phase-1", "phase-2", "phase-3"]
    for plan in plans:
        budget = plan["phase"]["budget"]
        assert budget["min"] <= plan["monthly_usd"] <= budget["max"]
        assert f"${plan['monthly_usd']:,.0f}" in written[0].read_text()
    assert written[1]["climbs"][0]["capacity_factor"] == 10


def test_chromium_shows_it_without_requests_errors_or_overflow(
    written: tuple[Path, dict[str, Any]], browser: Any
) -> None:
    for width, scheme in ((375, "light"), (1280, "dark")):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(written[0].as_uri())
        assert asked == [written[0].as_uri()]
        assert said == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.title() == "Shop <b>"
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        page.close()


def test_it_prints_on_a4_in_black_on_white_without_cutting_rows(
    written: tuple[Path, dict[str, Any]], browser: Any
) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(written[0].as_uri())
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    sizes = {
        tuple(round(float(n)) for n in box.split()) for box in re.findall(rb"/MediaBox \[([^\]]+)\]", pdf)
    }
    assert sizes == {(0, 0, 595, 842)}
    assert 5 <= len(re.findall(rb"/Type /Page\b", pdf)) <= 20
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('tbody tr')).breakInside") == "avoid"
    page.close()


def test_axe_finds_nothing(written: tuple[Path, dict[str, Any]], browser: Any, node: Any) -> None:
    del node  # it skips where there is no Node
    prepare(NodePackage(_AXE))
    source = (_AXE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    for scheme in ("light", "dark"):
        context = browser.new_context(bypass_csp=True, color_scheme=scheme)
        page = context.new_page()
        page.goto(written[0].as_uri())
        page.evaluate(source)
        found = page.evaluate("axe.run()")
        assert [one["id"] for one in found["violations"]] == []
        context.close()


def test_a_running_monitor_is_the_source_and_ticks_its_own_items(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"  # one phase only: evaluating the others is tested above
    stacks.mkdir()
    shutil.copy(_ROOT / "stacks" / "Pulumi.phase-1.yaml", stacks)
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    command = [sys.executable, "-m", "outgrow", "monitor", "serve", "--database", str(tmp_path / "shop.db")]
    with subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", "--store", str(tmp_path / "shop.history")],
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
            done = _outgrow("--url", address, "--json", "--stacks", str(stacks))
        finally:
            monitor.terminate()
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    state = {item["title"]: item["tick"] for stage in shown["checklist"] for item in stage["items"]}
    assert state["Automated assessment endpoints created"] == "done"
    assert state["Prometheus metrics integration added"] == "done"
    assert state["Implement SQLite WAL mode"] == "done"
    assert state["Complete PostgreSQL migration"] == "open"
    assert shown["gathered"]["live"] is True


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--out", "x.html"],
        ["--snapshot", "a.json", "--database", "b.db", "--json"],
        ["--snapshot", "missing.json", "--json"],
    ],
)
def test_wrong_options_are_refused_with_what_to_type(options: list[str]) -> None:
    done = _outgrow(*options)
    assert done.returncode == 2
    assert done.stderr.startswith("error:")
