"""What every runner promises, asked of both: the rehearsal, and Pulumi behind the real Automation API."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.errors import InfraError, InterruptedUpdate, NotDeployed, ProtectedResource, UpdateInProgress
from infra.graph import Graph, Resource, in_dependency_order
from infra.runners.rehearsal import RehearsalRunner
from infra.runners.rehearsal_state import exclusive, read_state

if TYPE_CHECKING:
    from pathlib import Path

    from infra.runners.protocol import Event, Runner
    from tests.integration.infra.conftest import Place

KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from infra.runners.rehearsal import RehearsalRunner

def fails(change):
    if change.name == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)  # the step has begun: that is in the state already
    return False

graph = pickle.loads(Path(sys.argv[2]).read_bytes())
runner = RehearsalRunner(Path(sys.argv[1]), evaluate_phase=lambda *_, **__: graph, fail_at=fails)
runner.up("phase-1")
"""


def declared(type_: str, name: str, *depends: Resource, **inputs: Any) -> Resource:
    urn = f"urn:pulumi:phase-1::outgrow::{type_}::{name}"
    needed = tuple(one.urn for one in depends)
    plain: dict[str, Any] = {"property_dependencies": {}, "outputs": {}}  # a frozen mapping cannot be pickled
    return Resource(urn, type_, name, None, inputs, dependencies=needed, id=name, **plain)


def small(*, cidr: str = "10.0.0.0/16", dns: bool = True, size: str = "db.t4g.large") -> Graph:
    vpc = declared("aws:ec2/vpc:Vpc", "vpc", cidrBlock=cidr, enableDnsSupport=dns)
    topic = declared("aws:sns/topic:Topic", "alarms", displayName="Alarms")
    database = declared("aws:rds/instance:Instance", "db", vpc, instanceClass=size, engine="postgres")
    resources = in_dependency_order([vpc, topic, replace(database, protect=True)])
    return Graph("phase-1", resources, {"app_url": "https://shop.test", "phase": "phase-1"})


class Bench:
    """One runner and what a test does to it."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.monkeypatch = monkeypatch
        self.graph = small()
        self.declare(self.graph)

    def declare(self, graph: Graph) -> None:
        self.graph = graph
        self.place.declare(graph)

    def runner(self) -> Runner:
        raise NotImplementedError

    def up(self) -> dict[str, int]:
        return dict(self.runner().up("phase-1").changes.counts)


class Rehearsal(Bench):
    failing = ""
    drifted: dict[str, dict[str, Any] | None]

    @property
    def state(self) -> Path:
        return self.place.root / "rehearsal.json"

    def runner(self) -> RehearsalRunner:
        drifted = getattr(self, "drifted", {})

        def read(resource: Resource) -> Resource | None:
            found = drifted.get(resource.urn, {})
            return None if found is None else replace(resource, inputs={**resource.inputs, **found})

        return RehearsalRunner(
            self.state,
            evaluate_phase=lambda *_, **__: self.graph,
            fail_at=lambda change: change.name == self.failing,
            read=read,
        )

    def fail(self, name: str) -> None:
        self.failing = name

    def kill(self, name: str) -> None:
        program = [sys.executable, "-c", KILLED, str(self.state), str(self.place.home / "graph.pickle"), name]
        assert subprocess.run(program, check=False).returncode == -9

    def drift(self, found: dict[str, dict[str, Any] | None]) -> None:
        self.drifted = found

    def names(self) -> list[str]:
        return [urn.rpartition("::")[2] for urn in read_state(self.state).stack("phase-1").resources]

    def hold(self) -> Any:
        return exclusive(self.state)


class Pulumi(Bench):
    @functools.cached_property
    def _runner(self) -> Runner:
        return self.place.runner()

    def runner(self) -> Runner:
        return self._runner

    def fail(self, name: str) -> None:
        self.monkeypatch.setenv("FAKE_PULUMI", f"fail:{name}" if name else "")

    def kill(self, name: str) -> None:
        self.monkeypatch.setenv("FAKE_PULUMI", f"kill:{name}")
        with pytest.raises(InfraError):
            self.runner().up("phase-1")
        self.fail("")
        for lock in self.place.locks():
            lock.unlink()  # as `--cancel-lock` would, once its owner is known to be dead

    def drift(self, found: dict[str, dict[str, Any] | None]) -> None:
        self.place.drift(found)

    def names(self) -> list[str]:
        import json

        return [urn.rpartition("::")[2] for urn in json.loads(self.place.state_file.read_text())["resources"]]

    def hold(self) -> Any:
        import contextlib

        @contextlib.contextmanager
        def held() -> Any:
            lock = self.place.lock(pid=os.getpid())
            self.__dict__.pop("_runner", None)  # the next one asks the CLI's version anew
            yield
            lock.unlink()

        return held()


@pytest.fixture(params=[Rehearsal, Pulumi])
def bench(
    request: pytest.FixtureRequest, project: Place, monkeypatch: pytest.MonkeyPatch
) -> Rehearsal | Pulumi:
    made: Rehearsal | Pulumi = request.param(project, monkeypatch)
    return made


def test_from_nothing_to_deployed_and_back(bench: Rehearsal | Pulumi) -> None:
    runner = bench.runner()
    assert runner.outputs("phase-1") == {}
    assert runner.preview("phase-1").counts["create"] == 3
    assert runner.outputs("phase-1") == {}
    events: list[Event] = []
    deployment = runner.up("phase-1", on_event=events.append)
    assert deployment.changes.counts["create"] == 3
    assert deployment.outputs["app_url"] == "https://shop.test"
    assert [(one.name, one.status) for one in events] == [
        (name, status) for name in bench.names() for status in ("started", "done")
    ]
    assert not runner.preview("phase-1")
    with pytest.raises(ProtectedResource):
        runner.destroy("phase-1")
    assert runner.destroy("phase-1", dry_run=True).counts["delete"] > 0
    assert runner.outputs("phase-1")
    assert runner.destroy("phase-1", unprotect=True)
    assert bench.names() == []
    assert runner.outputs("phase-1") == {}


def test_an_update_names_its_inputs_and_a_preview_says_it_before(bench: Rehearsal | Pulumi) -> None:
    bench.up()
    bench.declare(small(dns=False))
    events: list[Event] = []
    (planned,) = bench.runner().preview("phase-1", on_event=events.append).items
    assert [one.status for one in events] == ["planned"]
    (done,) = bench.runner().up("phase-1").changes.items
    assert planned == done
    assert (done.operation.value, done.inputs) == ("update", ("enableDnsSupport",))


def test_a_replacement_is_counted_once_and_deletes_the_old_at_the_end(bench: Rehearsal | Pulumi) -> None:
    bench.up()
    bench.declare(small(cidr="10.9.0.0/16"))
    events: list[Event] = []
    changes = bench.runner().up("phase-1", on_event=events.append).changes
    assert (changes.counts["replace"], changes.counts["delete"], changes.counts["create"]) == (1, 0, 0)
    done = [(one.operation, one.name) for one in events if one.status == "done"]
    assert done == [("replace", "vpc"), ("delete", "vpc")]
    assert sorted(bench.names()) == ["alarms", "db", "vpc"]


def test_replacing_what_is_protected_is_refused(bench: Rehearsal | Pulumi) -> None:
    bench.up()
    changed = tuple(
        replace(one, inputs={**one.inputs, "engine": "mysql"}) if one.name == "db" else one
        for one in bench.graph.resources
    )
    bench.declare(replace(bench.graph, resources=changed))
    with pytest.raises(ProtectedResource):
        bench.runner().up("phase-1")


def test_a_failure_keeps_what_was_done_and_the_next_up_goes_on(bench: Rehearsal | Pulumi) -> None:
    failing = "db"
    bench.fail(failing)
    events: list[Event] = []
    with pytest.raises(InfraError):
        bench.runner().up("phase-1", on_event=events.append)
    assert (events[-1].name, events[-1].status) == (failing, "failed")
    done = [one.name for one in events if one.status == "done"]
    assert done == bench.names()
    bench.fail("")
    assert bench.runner().interrupted("phase-1") == ()
    assert bench.up()["create"] == 3 - len(done)


def test_a_killed_creation_is_known_and_never_made_twice_in_silence(bench: Rehearsal | Pulumi) -> None:
    at = "db"
    bench.kill(at)
    (cut_off,) = bench.runner().interrupted("phase-1")
    assert (cut_off.operation, cut_off.name) == ("create", at)
    assert at not in bench.names()
    missing = 3 - len(bench.names())
    try:
        counts = bench.up()
    except InterruptedUpdate:  # the cloud may know more than the state; a rehearsal has no cloud
        bench.runner().refresh("phase-1", clear_pending_creates=True)
        counts = bench.up()
    assert counts["create"] == missing
    assert bench.runner().interrupted("phase-1") == ()


def test_a_killed_update_is_settled_by_the_next_up(bench: Rehearsal | Pulumi) -> None:
    bench.up()
    bench.declare(small(dns=False))
    bench.kill("vpc")
    (cut_off,) = bench.runner().interrupted("phase-1")
    assert (cut_off.operation, cut_off.name) == ("update", "vpc")
    assert bench.up()["update"] == 1
    assert bench.runner().interrupted("phase-1") == ()


def test_drift_is_shown_and_taken_in_by_a_refresh_only(bench: Rehearsal | Pulumi) -> None:
    with pytest.raises(NotDeployed):
        bench.runner().drift("phase-1")
    bench.up()
    assert not bench.runner().drift("phase-1")
    urn = {one.name: one.urn for one in bench.graph.resources}
    bench.drift({urn["vpc"]: {"enableDnsSupport": False}, urn["alarms"]: None})
    changes = bench.runner().drift("phase-1")
    found = {(change.operation.value, change.name, change.inputs) for change in changes.items}
    assert found == {("update", "vpc", ("enableDnsSupport",)), ("delete", "alarms", ())}
    assert not bench.runner().preview("phase-1")  # looking changed nothing
    assert bench.runner().refresh("phase-1").counts == changes.counts
    bench.drift({})
    counts = bench.runner().preview("phase-1").counts
    assert (counts["create"], counts["update"]) == (1, 1)  # the program wins at the next up


def test_two_at_once_are_refused_with_who_and_since_when(bench: Rehearsal | Pulumi) -> None:
    bench.up()
    with bench.hold():
        for operation in (bench.runner().up, bench.runner().refresh, bench.runner().destroy):
            with pytest.raises(UpdateInProgress) as refused:
                operation("phase-1")
            assert f"(pid {os.getpid()}) since" in refused.value.why
            assert "ago" in refused.value.why
    assert bench.up()["same"] == 3
