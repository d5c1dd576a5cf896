"""PulumiRunner behind the real Automation API, with a CLI that speaks the protocol and deploys nothing."""

from __future__ import annotations

import json
import os
import pickle
import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra.errors import InfraError, ProtectedResource, PulumiMissing, UpdateInProgress
from infra.graph import SECRET, Graph
from infra.runners import make_runner
from infra.runners.pulumi_cli import PulumiRunner, StacksFolderFixed
from infra.settings import NotDeployable
from infra.stack_file import ROOT
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.runners.protocol import Event

FAKE = Path(__file__).with_name("fake_pulumi.py")


@dataclass
class Place:
    """A project of one's own, with values that are no examples, and a CLI beside it."""

    root: Path
    home: Path
    graph: Graph

    def declare(self, graph: Graph) -> None:
        self.graph = graph
        (self.home / "graph.pickle").write_bytes(pickle.dumps(graph))

    def calls(self) -> list[list[str]]:
        lines = (self.home / "calls.jsonl").read_text().splitlines()
        assert {json.loads(line)["cwd"] for line in lines if "version" not in line} <= {str(self.root)}
        return [json.loads(line)["argv"] for line in lines]

    def runner(self) -> PulumiRunner:
        return PulumiRunner(root=self.root)


@pytest.fixture
def place(tmp_path: Path, graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch) -> Place:
    root, home, programs = tmp_path / "project", tmp_path / "home", tmp_path / "bin"
    for folder in (root, home, programs):
        folder.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", root)
    shutil.copytree(ROOT / "stacks", root / "stacks")
    stack = root / "stacks" / "Pulumi.phase-1.yaml"
    document = yaml.safe_load(stack.read_text())
    document["config"] |= {"outgrow:domain": None, "outgrow:alerts_email": "team@shop.com"}
    document["config"]["outgrow:app"]["image"] = "registry.shop.com/shop:1.0.0"
    stack.write_text(yaml.safe_dump(document))
    program = programs / "pulumi"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(FAKE))} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_PULUMI_HOME", str(home))
    whole = graph_of("phase-1")
    made = Place(
        root, home, replace(whole, resources=whole.resources[:20])
    )  # whatever they need is among them
    assert any(one.protect for one in made.graph.resources)
    made.declare(made.graph)
    return made


def test_a_preview_makes_the_stack_says_what_would_be_done_and_does_nothing(place: Place) -> None:
    changes = place.runner().preview("phase-1")
    assert changes.counts["create"] == len(place.graph.resources)
    assert json.loads((place.home / "phase-1.json").read_text()) == {"resources": {}}


def test_an_up_deploys_tells_every_step_and_gives_outputs_with_secrets_masked(place: Place) -> None:
    events: list[Event] = []
    deployment = place.runner().up("phase-1", on_event=events.append)
    assert deployment.outputs == {"app_url": "https://shop.test", "database_port": 5432, "token": SECRET}
    assert deployment.changes.counts["create"] == len(place.graph.resources)
    done = [event for event in events if event.status == "done"]
    assert [event.urn for event in done] == [one.urn for one in place.graph.resources]
    again = place.runner().up("phase-1", on_event=events.clear)  # type: ignore[arg-type]  # nothing is told
    assert again.changes.counts["same"] == len(place.graph.resources)
    assert not again.changes


def test_the_cli_is_asked_for_what_it_knows_and_nothing_is_configured_behind_stack_config_dir(
    place: Place,
) -> None:
    place.runner().up("phase-1")
    asked = [[word for word in call if not word.startswith("tcp://")] for call in place.calls()]
    assert asked[0] == ["version"]
    assert ["--non-interactive", "stack", "init", "phase-1"] in asked
    assert any(call[1:3] == ["up", "--yes"] and "--skip-preview" in call for call in asked)
    assert not any("config" in call for call in asked)
    assert not list(place.root.glob("Pulumi.*.yaml"))


def test_an_update_names_the_inputs_that_changed(place: Place) -> None:
    place.runner().up("phase-1")
    *others, last = place.graph.resources
    place.declare(
        replace(place.graph, resources=(*others, replace(last, inputs={**last.inputs, "tags": {}})))
    )
    (change,) = place.runner().up("phase-1").changes.items
    assert (change.operation.value, change.urn, change.inputs) == ("update", last.urn, ("tags",))


def test_outputs_of_a_stack_that_was_never_made_are_empty_and_make_none(place: Place) -> None:
    assert place.runner().outputs("phase-1") == {}
    assert not (place.home / "phase-1.json").exists()
    place.runner().up("phase-1")
    assert place.runner().outputs("phase-1")["app_url"] == "https://shop.test"


def test_a_lock_is_reported_with_its_owner_and_never_broken(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.runner().preview("phase-1")
    monkeypatch.setenv("FAKE_PULUMI", "locked")
    with pytest.raises(UpdateInProgress, match="another update of phase-1 is in progress") as refused:
        place.runner().up("phase-1")
    assert refused.value.why == "created by ann@desk (pid 285) at 2026-11-20T08:15:00Z"
    assert refused.value.exit_code is ExitCode.GATE_CLOSED
    assert not any("cancel" in call for call in place.calls())


def test_a_failure_of_aws_is_the_reason_and_what_was_done_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PULUMI", "denied")
    events: list[Event] = []
    with pytest.raises(InfraError, match="pulumi up of phase-1 failed") as failed:
        place.runner().up("phase-1", on_event=events.append)
    assert failed.value.why == "creating EC2 VPC: UnauthorizedOperation: You are not authorized"
    assert events[-1].status == "failed"
    monkeypatch.delenv("FAKE_PULUMI")
    counts = place.runner().up("phase-1").changes.counts
    assert counts["same"] > 0
    assert counts["same"] + counts["create"] == len(place.graph.resources)


def test_protected_resources_are_destroyed_only_after_they_are_unprotected(place: Place) -> None:
    place.runner().up("phase-1")
    with pytest.raises(ProtectedResource, match="stopped at a protected resource") as refused:
        place.runner().destroy("phase-1")
    assert "--unprotect" in refused.value.next_step
    left = place.runner().destroy("phase-1", dry_run=True).counts["delete"]
    assert 0 < left <= len(place.graph.resources)
    assert place.runner().destroy("phase-1", unprotect=True).counts["delete"] == left
    assert json.loads((place.home / "phase-1.json").read_text()) == {"resources": {}}


def test_example_values_are_refused_before_the_cli_is_asked(place: Place) -> None:
    with pytest.raises(NotDeployable, match=r"outgrow:app\.image is still an example"):
        place.runner().up("phase-2")
    assert not (place.home / "calls.jsonl").exists()


def test_a_missing_cli_is_one_error_that_says_how_to_install_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place.root))
    with pytest.raises(PulumiMissing, match="not installed") as refused:
        place.runner().preview("phase-1")
    assert "https://www.pulumi.com/docs/install/" in refused.value.next_step


@pytest.mark.parametrize(
    ("version", "why"), [("v3.0.0", "3.0.0"), ("v4.0.0", "Major version"), ("soon", "parse")]
)
def test_a_cli_that_does_not_fit_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch, version: str, why: str
) -> None:
    monkeypatch.setenv("FAKE_PULUMI_VERSION", version)
    with pytest.raises(PulumiMissing, match="does not fit") as refused:
        place.runner().preview("phase-1")
    assert why in refused.value.why


def test_stack_files_elsewhere_are_refused_since_the_cli_would_not_read_them(tmp_path: Path) -> None:
    with pytest.raises(StacksFolderFixed, match="cannot read stack files from"):
        make_runner("pulumi", stacks=tmp_path)
    make_runner("pulumi", stacks=ROOT / "stacks")


def runner_contract(runner: Any, graph: Graph) -> None:
    """What every runner promises."""
    assert runner.outputs("phase-1") == {}
    assert runner.preview("phase-1").counts["create"] == len(graph.resources)
    assert runner.outputs("phase-1") == {}
    assert runner.up("phase-1").changes.counts["create"] == len(graph.resources)
    assert runner.outputs("phase-1")
    assert not runner.preview("phase-1")
    with pytest.raises(ProtectedResource):
        runner.destroy("phase-1")
    assert runner.outputs("phase-1")
    assert runner.destroy("phase-1", unprotect=True)
    assert runner.outputs("phase-1") == {}


def test_both_runners_keep_the_same_promises(place: Place, tmp_path: Path) -> None:
    from infra.runners.rehearsal import RehearsalRunner

    rehearsal = RehearsalRunner(tmp_path / "state.json", evaluate_phase=lambda *_, **__: place.graph)
    assert (rehearsal.name, place.runner().name) == ("rehearsal", "pulumi")
    runner_contract(rehearsal, place.graph)
    runner_contract(place.runner(), place.graph)
