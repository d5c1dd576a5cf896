"""The whole loop, as a newcomer runs it: one command, both shops, judged by what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from examples.applications import EXPRESS

if TYPE_CHECKING:
    from pathlib import Path

#: Installing Node's packages and a demo under load take longer than any other test.
pytestmark = pytest.mark.timeout(900)

ARTEFACTS = {
    "summary.json",
    "assessment-before.json",
    "assessment-after.json",
    "metrics-before.json",
    "metrics-before.prom",
    "plan.json",
    "promotion.json",
    "promotion.outgrow-journal",
    "verification.json",
    "rehearsal-state.json",
    "shop.sqlite",
    "scripts",
    "logs",
}


@dataclass(frozen=True)
class Played:
    """A demo that has ended."""

    folder: Path
    summary: dict[str, Any]
    told: str


def play(app: str, folder: Path) -> Played:
    done = subprocess.run(
        [sys.executable, "-m", "outgrow", "demo", "--app", app, "--out", str(folder), "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "COLUMNS": "160", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-2000:]
    return Played(folder, json.loads(done.stdout), done.stderr)


@pytest.fixture(scope="module", params=["python", pytest.param("express", marks=pytest.mark.node)])
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    if request.param == "express":
        request.getfixturevalue("node")
        EXPRESS.prepare()  # compiles for two minutes or more the first time; the demo itself is what is timed
    return play(request.param, tmp_path_factory.mktemp("demo") / "out")


def test_every_promise_of_the_demo_holds(played: Played) -> None:
    assert len(played.summary["promises"]) == 7
    assert all(played.summary["promises"].values())


def test_the_score_falls_under_load_and_recovers_after_the_promotion(played: Played) -> None:
    before, after = played.summary["before"], played.summary["after"]
    assert (before["phase"], before["decision"], before["light"]) == ("phase-1", "urgent", "red")
    assert (after["phase"], after["decision"]) == ("phase-2", "stay")
    assert before["score"] < 60
    assert after["score"] > before["score"]


def test_the_scale_is_stated_on_screen_and_in_the_summary(played: Played) -> None:
    assert played.summary["scale"] == 0.05
    assert "multiplied by 0.05" in played.told
    assert "limits" in played.summary["scale_means"]
    assert "CPU is not judged" in played.told


def test_every_artefact_is_there(played: Played) -> None:
    assert {path.name for path in played.folder.iterdir()} >= ARTEFACTS
    assert json.loads((played.folder / "summary.json").read_text()) == played.summary


def test_the_plan_has_resources_and_a_cost_within_the_budget(played: Played) -> None:
    plan = json.loads((played.folder / "plan.json").read_text())
    assert len(plan["resources"]) > 50
    assert plan["budget"]["min"] <= plan["monthly_cost"]["total"] <= plan["budget"]["max"]


def test_the_old_database_is_left_whole_and_fenced(played: Played) -> None:
    left = sqlite3.connect(f"file:{played.folder / 'shop.sqlite'}?mode=ro", uri=True)
    counts = {
        name: left.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        for name, table in (("customers", "customer"), ("products", "product"), ("orders", "order"))
    }
    triggers = left.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").fetchone()[0]
    left.close()
    assert counts == {name: played.summary["rows"][name]["rows"] for name in counts}
    assert triggers > 0


def test_orders_were_acknowledged_before_and_after_and_none_is_missing(played: Played) -> None:
    assert played.summary["acknowledged_orders"] > 50
    assert played.summary["lost_orders"] == 0
    assert played.summary["rows"]["orders"]["rows"] > 2400


def test_the_load_measured_by_the_monitor_is_the_load_that_was_pressed(played: Played) -> None:
    pressed = played.summary["climb"][-1]["requests_per_second"]
    measured = played.summary["before"]["metrics"]["requests_per_second"]
    assert 0.4 * pressed <= measured <= 1.3 * pressed


def test_nothing_is_left_running(played: Played) -> None:
    folder = str(played.folder)
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(folder in word for word in process.info["cmdline"] or [])
    ]
    assert not left


def test_a_folder_that_the_demo_did_not_make_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [sys.executable, "-m", "outgrow", "demo", "--app", "python", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "--out" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_express_without_node_is_one_clear_error(tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "outgrow", "demo", "--app", "express", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert asked.returncode == 1
    assert "node" in asked.stderr.lower()
    assert "Traceback" not in asked.stderr


def test_a_port_in_use_is_one_clear_error(tmp_path: Path) -> None:
    database = tmp_path / "app.db"
    with contextlib.closing(sqlite3.connect(database)) as made:
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "outgrow", "monitor", "serve"),
                *("--database", str(database), "--listen", f"127.0.0.1:{port}"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
