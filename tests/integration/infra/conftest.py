"""Evaluated graphs, each made once a session: one evaluation of the real program takes seconds."""

from __future__ import annotations

import functools
import json
import os
import pickle
import shlex
import shutil
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from infra.evaluation import Mode, evaluate
from infra.plan import Plan, plan_of
from infra.runners.rehearsal_state import StackState
from infra.settings import load_settings
from infra.stack_file import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.graph import Graph
    from infra.runners.pulumi_cli import PulumiRunner

FAKE = Path(__file__).with_name("fake_pulumi.py")


@pytest.fixture(scope="session")
def graph_of() -> Callable[..., Graph]:
    """A function that gives a phase's graph: `graph_of("phase-2")`, `graph_of("phase-2", Mode.PREVIEW)`."""

    @functools.cache
    def graph(phase: str, mode: Mode = Mode.REHEARSAL) -> Graph:
        return evaluate(phase, mode=mode)

    return graph


@pytest.fixture(scope="session")
def plan_for(graph_of: Callable[..., Graph]) -> Callable[[str], Plan]:
    """A function that gives a phase's plan against an empty state."""
    from infra.changes import changes_between

    @functools.cache
    def plan(phase: str) -> Plan:
        graph = graph_of(phase)
        return plan_of(load_settings(phase), graph, changes_between(StackState().resources, graph.resources))

    return plan


@dataclass
class Place:
    """A project of one's own, with values that are no examples, and a Pulumi CLI beside it."""

    root: Path
    home: Path
    graph: Graph

    @property
    def state_file(self) -> Path:
        return self.home / "cloud" / ".pulumi" / "stacks" / "outgrow" / "phase-1.json"

    def declare(self, graph: Graph) -> None:
        self.graph = graph
        (self.home / "graph.pickle").write_bytes(pickle.dumps(graph))

    def drift(self, found: dict[str, dict[str, object] | None]) -> None:
        (self.home / "drift.json").write_text(json.dumps(found))

    def calls(self) -> list[list[str]]:
        lines = (self.home / "calls.jsonl").read_text().splitlines()
        assert {json.loads(line)["cwd"] for line in lines if "version" not in line} <= {str(self.root)}
        return [json.loads(line)["argv"] for line in lines]

    def locks(self) -> list[Path]:
        folder = self.home / "cloud" / ".pulumi" / "locks" / "organization" / "outgrow" / "phase-1"
        return sorted(folder.iterdir()) if folder.exists() else []

    def lock(self, *, pid: int, host: str = "desk", age: timedelta = timedelta()) -> Path:
        """Leave a lock behind as ann's run would."""
        # Refused operations send no event; of a log file the Automation API waits five seconds for one.
        os.environ["FAKE_PULUMI_VERSION"] = "v3.272.0"  # the fixture's monkeypatch puts it back
        folder = self.home / "cloud" / ".pulumi" / "locks" / "organization" / "outgrow" / "phase-1"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4()}.json"
        since = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
        path.write_text(json.dumps({"pid": pid, "username": "ann", "hostname": host, "timestamp": since}))
        return path

    def runner(self, **options: str) -> PulumiRunner:
        from infra.runners.pulumi_cli import PulumiRunner
        from infra.runners.pulumi_options import PulumiOptions

        return PulumiRunner(root=self.root, options=PulumiOptions(**options))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place whose graph is still to be declared."""
    from infra.graph import Graph

    root, home, programs = tmp_path / "project", tmp_path / "home", tmp_path / "bin"
    for folder in (root, home, programs):
        folder.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", root)
    shutil.copytree(ROOT / "stacks", root / "stacks")
    stack = root / "stacks" / "Pulumi.phase-1.yaml"
    document = yaml.safe_load(stack.read_text())
    document["config"] |= {"outgrow:domain": None, "outgrow:alerts_email": "team@shop.com"}
    document["config"]["outgrow:app"]["image"] = "registry.shop.com/shop:1.0.0"
    document["config"]["outgrow:monitor"]["image"] = "registry.shop.com/outgrow-monitor:0.1.0"
    stack.write_text(yaml.safe_dump(document))
    program = programs / "pulumi"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(FAKE))} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_PULUMI_HOME", str(home))
    # A CLI of before gRPC event logs starts in a third of the time; where gRPC matters, tests say so.
    monkeypatch.setenv("FAKE_PULUMI_VERSION", "v3.200.0")
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    return Place(root, home, Graph("phase-1", (), {}))


@pytest.fixture
def place(project: Place, graph_of: Callable[..., Graph]) -> Place:
    """A place with the beginning of the real phase-1: whatever its resources need is among them."""
    from dataclasses import replace

    whole = graph_of("phase-1")
    first = next(number for number, one in enumerate(whole.resources) if one.protect)
    graph = replace(whole, resources=whole.resources[: first + 2])
    project.declare(graph)
    return project
