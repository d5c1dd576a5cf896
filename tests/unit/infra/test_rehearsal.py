"""The rehearsal keeps the engine's promises on graphs given to it: order, protection, state, failure."""

from __future__ import annotations

import json
import multiprocessing
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.errors import InfraError, ProtectedResource, UpdateInProgress
from infra.graph import Graph, Resource, in_dependency_order
from infra.made_up import made_up_id, made_up_outputs
from infra.runners import UnknownRunner, make_runner
from infra.runners.rehearsal import RehearsalRunner, StepFailed
from infra.runners.rehearsal_state import BadState, StackState, State, StateWriter, exclusive, read_state
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from infra.runners.protocol import Event

VPC, SUBNET, DATABASE = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:rds/instance:Instance"


def declared(type_: str, name: str, *needs: Resource, **inputs: Any) -> Resource:
    """A resource as an evaluation captures it, with a made-up id and outputs."""
    urn = f"urn:pulumi:phase-1::outgrow::{type_}::{name}"
    id_ = made_up_id(urn, type_, inputs)
    outputs = {**inputs, **made_up_outputs(type_, id_, inputs, "us-east-1")}
    dependencies = tuple(sorted(need.urn for need in needs))
    return Resource(urn, type_, name, None, inputs, dependencies=dependencies, id=id_, outputs=outputs)


def small(cidr: str = "10.0.0.0/16", *, dns: bool = True, size: str = "db.t4g.large") -> Graph:
    vpc = declared(VPC, "vpc", cidrBlock=cidr, enableDnsSupport=dns)
    subnet = declared(SUBNET, "subnet", vpc, vpcId=vpc.id, cidrBlock="10.0.0.0/20")
    database = replace(declared(DATABASE, "db", subnet, instanceClass=size, engine="postgres"), protect=True)
    resources = in_dependency_order([vpc, subnet, database])
    return Graph("phase-1", resources, {"database_endpoint": database.outputs["address"], "phase": "phase-1"})


class Stage:
    """A runner over a state file whose graph can be exchanged between two deployments."""

    def __init__(self, folder: Path) -> None:
        self.graph = small()
        self.state = folder / "deep" / "state.json"
        self.events: list[Event] = []

    def runner(self, **options: Any) -> RehearsalRunner:
        return RehearsalRunner(self.state, evaluate_phase=lambda _phase, **_: self.graph, **options)

    def up(self, **options: Any) -> dict[str, int]:
        self.events.clear()
        return dict(self.runner(**options).up("phase-1", on_event=self.events.append).changes.counts)

    def names(self) -> list[str]:
        return [resource.name for resource in read_state(self.state).stack("phase-1").resources.values()]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_the_first_up_creates_everything_in_dependency_order(stage: Stage) -> None:
    assert stage.up() == {"create": 3, "update": 0, "replace": 0, "delete": 0, "same": 0}
    assert [(event.name, event.status) for event in stage.events] == [
        (name, status) for name in ("vpc", "subnet", "db") for status in ("started", "done")
    ]
    assert stage.names() == ["vpc", "subnet", "db"]


def test_a_second_up_of_the_same_program_changes_nothing(stage: Stage) -> None:
    stage.up()
    before = stage.state.read_bytes()
    assert stage.up() == {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 3}
    assert stage.state.read_bytes() == before
    assert stage.events == []


def test_an_input_that_can_change_updates_in_place_and_keeps_the_id(stage: Stage) -> None:
    stage.up()
    stage.graph = small(dns=False)
    assert stage.up()["update"] == 1
    assert stage.up()["same"] == 3


def test_a_replacement_gives_a_new_id_and_so_reaches_those_who_refer_to_it(stage: Stage) -> None:
    stage.up()
    stage.graph = small("10.9.0.0/16")
    counts = stage.up()
    assert (counts["replace"], counts["same"]) == (2, 1)  # the network, and the subnet that names its id


def test_a_dry_preview_says_the_same_and_keeps_nothing(stage: Stage) -> None:
    changes = stage.runner().preview("phase-1")
    assert changes.counts["create"] == 3
    assert not stage.state.exists()


def test_what_the_program_no_longer_declares_is_deleted_dependents_first(stage: Stage) -> None:
    stage.up()
    open_to_all = tuple(replace(one, protect=False) for one in stage.graph.resources)
    stage.graph = Graph("phase-1", open_to_all, {})
    assert stage.up()["update"] == 1  # the protection is given up first
    stage.graph = Graph("phase-1", (), {})
    assert stage.up()["delete"] == 3
    assert [event.name for event in stage.events if event.status == "done"] == ["db", "subnet", "vpc"]


def test_an_up_that_would_replace_or_delete_something_protected_does_nothing_at_all(stage: Stage) -> None:
    stage.up()
    before = stage.state.read_bytes()
    vpc, subnet, database = stage.graph.resources
    stage.graph = Graph(
        "phase-1", (replace(vpc, inputs={**vpc.inputs, "enableDnsSupport": False}), subnet), {}
    )
    with pytest.raises(ProtectedResource, match="would delete db") as refused:
        stage.up()
    assert refused.value.exit_code is ExitCode.GATE_CLOSED
    changed = replace(database, inputs={**database.inputs, "engine": "mysql"}, protect=True)
    stage.graph = Graph("phase-1", (vpc, subnet, changed), {})
    with pytest.raises(ProtectedResource, match="would replace db") as refused:
        stage.up()
    assert "engine" in refused.value.why
    assert stage.state.read_bytes() == before


def test_destroy_refuses_protected_resources_until_told_to_unprotect_them(stage: Stage) -> None:
    stage.up()
    runner = stage.runner()
    with pytest.raises(ProtectedResource, match="destroy of phase-1 would delete db"):
        runner.destroy("phase-1")
    assert runner.destroy("phase-1", dry_run=True).counts["delete"] == 3
    assert stage.names() == ["vpc", "subnet", "db"]
    assert runner.destroy("phase-1", unprotect=True).counts["delete"] == 3
    assert stage.names() == []
    assert runner.outputs("phase-1") == {}


def test_what_is_retained_is_forgotten_and_said_to_be_kept(stage: Stage) -> None:
    vpc = replace(stage.graph.resources[0], retain_on_delete=True)
    stage.graph = Graph("phase-1", (vpc,), {})
    stage.up()
    stage.runner().destroy("phase-1", on_event=stage.events.append)
    assert stage.events[-1].status == "kept"


@pytest.mark.parametrize("failing", ["vpc", "subnet", "db"])
def test_a_failure_keeps_what_was_done_and_the_next_up_goes_on(stage: Stage, failing: str) -> None:
    with pytest.raises(StepFailed, match=f"create of {failing} failed"):
        stage.up(fail_at=lambda change: change.name == failing)
    assert stage.events[-1].status == "failed"
    done = ["vpc", "subnet", "db"][: ["vpc", "subnet", "db"].index(failing)]
    assert (stage.names() if stage.state.exists() else []) == done
    assert stage.runner().outputs("phase-1") == {}
    assert stage.up()["create"] == 3 - len(done)
    assert stage.up()["same"] == 3


def test_a_stand_in_is_answered_for_a_phase_with_a_database_and_never_written_down(stage: Stage) -> None:
    dsn = "postgresql://shop:hunter2@/shop"
    runner = stage.runner(stand_ins={"database_dsn": dsn})
    assert runner.outputs("phase-1") == {}
    assert runner.up("phase-1").outputs["database_dsn"] == dsn
    assert runner.outputs("phase-1")["database_dsn"] == dsn
    assert stage.runner().outputs("phase-1").keys() == {"database_endpoint", "phase"}
    assert all("hunter2" not in path.read_text() for path in stage.state.parent.iterdir())


def test_phases_share_a_state_file_without_touching_each_other(stage: Stage) -> None:
    stage.up()
    runner = stage.runner()
    runner.up("phase-2")
    runner.destroy("phase-2", unprotect=True)
    assert stage.names() == ["vpc", "subnet", "db"]


def test_made_up_ids_say_so_and_depend_on_what_forces_a_replacement_only() -> None:
    first, other = small().resources[0], small(dns=False).resources[0]
    assert first.id == other.id
    assert first.id.startswith("vpc-rehearsal-")
    assert small("10.9.0.0/16").resources[0].id != first.id
    assert small().resources[2].outputs["address"].endswith(".rehearsal.invalid")


# --- The state file ---


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    graph = small()
    stack = StackState({one.urn: one for one in graph.resources}, {"phase": "phase-1", "list": ["ä", None]})
    path = tmp_path / "state.json"
    StateWriter(path).write(State({"phase-1": stack, "phase-2": StackState()}))
    again = read_state(path)
    assert dict(again.stack("phase-1").resources) == dict(stack.resources)
    assert again.stack("phase-1").outputs == stack.outputs
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"version": 2, "stacks": {}}', '{"version": 1}', '{"version": 1, "stacks": {"a": {}}}'],
)
def test_a_file_that_is_no_state_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    with pytest.raises(BadState) as refused:
        read_state(path)
    assert refused.value.exit_code is ExitCode.WRONG_USAGE
    assert path.read_text() == content


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InfraError, match="cannot be written"), exclusive(tmp_path / "file" / "state.json"):
        pass
    with pytest.raises(InfraError, match="cannot be written"):
        StateWriter(tmp_path / "file" / "state.json").write(State())


def hold(path: Path, held: Any) -> None:
    with exclusive(path):
        held.set()
        time.sleep(60)


def test_two_ups_at_once_are_refused_and_a_dead_holder_does_not_matter(stage: Stage) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=hold, args=(stage.state, held), daemon=True)
    holder.start()
    try:
        assert held.wait(30)
        with pytest.raises(UpdateInProgress, match="is being changed") as refused:
            stage.up()
        assert str(holder.pid) in refused.value.why
    finally:
        holder.kill()
        holder.join(10)
    assert stage.up()["create"] == 3


def test_the_state_is_readable_json_at_every_step(stage: Stage) -> None:
    seen: list[int] = []

    def look(event: Event) -> None:
        if event.status == "done":
            document = json.loads(stage.state.read_text())
            seen.append(len(document["stacks"]["phase-1"]["resources"]))

    stage.runner().up("phase-1", on_event=look)
    assert seen == [1, 2, 3]


def test_an_unknown_runner_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownRunner, match="no runner terraform") as refused:
        make_runner("terraform")
    assert "rehearsal, pulumi" in refused.value.next_step
