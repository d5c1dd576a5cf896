"""What the monitor's image runs: `python -m monitor` and its health check, and nothing else of ours."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
TOKEN = "a token of the test"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("container")
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        shop.execute("CREATE TABLE product (id INTEGER PRIMARY KEY)")
    # As the image does it: the monitor and the stack files, and no other folder of the project.
    for name in ("monitor", "stacks"):
        (folder / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "monitor", "serve", "--database", "shop.db", "--listen", "127.0.0.1:0"]
    command += ["--store", ":memory:", "--token-env", "OUTGROW_MONITOR_TOKEN"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "OUTGROW_MONITOR_TOKEN": TOKEN, "COLUMNS": "200"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r"serving (http://[\d.:]+)", line):
                    yield found[1]
                    break
            else:
                pytest.fail("the monitor did not start")
        finally:
            process.terminate()


def check(address: str, token: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor.serve.healthcheck"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OUTGROW_SIDECAR_URL": address, "OUTGROW_MONITOR_TOKEN": token},
    )


def test_a_monitor_that_watches_is_well(address: str) -> None:
    done = check(address, TOKEN)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_its_token_or_at_another_address_it_is_not_well(address: str) -> None:
    assert check(address, "another").returncode == 1
    assert "is not well" in check("http://127.0.0.1:1", TOKEN).stderr
    assert "no http address" in check("file:///etc/passwd", TOKEN).stderr


def test_the_image_runs_as_nobody_with_hashed_dependencies_that_are_the_projects_own() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "USER 65532:65532" in text
    assert "HEALTHCHECK" in text
    assert "--require-hashes" in text
    pinned = re.compile(r"^([\w.\[\]-]+==[^\s;\\]+)", re.MULTILINE)
    own = set(pinned.findall((ROOT / "requirements-monitor.lock").read_text(encoding="utf-8")))
    everything = set(pinned.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    assert own
    assert own <= everything


def test_whatever_the_monitor_imports_is_in_its_image() -> None:
    """Every import of the folder, by statement or by importlib, belongs to one of the pinned packages."""
    wanted: set[str] = set()
    for path in (ROOT / "monitor").rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                wanted.add(node.module)
        wanted |= set(re.findall(r"import_module\(\"([\w.]+)\"", text))
    roots = {name.partition(".")[0] for name in wanted} - sys.stdlib_module_names - {"monitor"}
    owners = importlib.metadata.packages_distributions()
    needed = {re.sub(r"[-_.]+", "-", owner).lower() for root in roots for owner in owners.get(root, [root])}
    lock = (ROOT / "requirements-monitor.lock").read_text(encoding="utf-8").lower()
    pinned = {name.partition("[")[0] for name in re.findall(r"^([\w.\[\]-]+)==", lock, re.MULTILINE)}
    assert {"fastapi", "jinja2", "boto3"} <= needed
    assert needed - pinned == {"sqlalchemy"}  # of the middleware, which runs in the application
