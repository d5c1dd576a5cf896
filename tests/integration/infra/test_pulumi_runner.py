"""PulumiRunner behind the real Automation API, with a CLI that speaks the protocol and deploys nothing."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from infra.errors import InfraError, InterruptedUpdate, ProtectedResource, PulumiMissing, UpdateInProgress
from infra.graph import SECRET
from infra.runners import make_runner
from infra.runners.pulumi_cli import StacksFolderFixed
from infra.runners.pulumi_errors import SecretsLocked
from infra.runners.pulumi_options import BadPulumiOption
from infra.settings import NotDeployable
from infra.stack_file import ROOT
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from infra.runners.protocol import Event
    from tests.integration.infra.conftest import Place


def test_a_preview_makes_the_stack_says_what_would_be_done_and_does_nothing(place: Place) -> None:
    changes = place.runner().preview("phase-1")
    assert changes.counts["create"] == len(place.graph.resources)
    assert json.loads(place.state_file.read_text()) == {"resources": {}, "pending": []}


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
    assert not place.state_file.exists()
    place.runner().up("phase-1")
    assert place.runner().outputs("phase-1")["app_url"] == "https://shop.test"


def test_a_lock_is_reported_with_its_owner_and_age_and_never_broken(place: Place) -> None:
    place.runner().preview("phase-1")
    lock = place.lock(pid=285, age=timedelta(days=5, minutes=1))
    with pytest.raises(UpdateInProgress, match="another update of phase-1 is in progress") as refused:
        place.runner().up("phase-1")
    assert "the stack is held by ann@desk (pid 285) since" in refused.value.why
    assert refused.value.why.endswith("UTC, 5 days ago")
    assert refused.value.next_step.endswith("--cancel-lock ann@desk:285")
    assert refused.value.exit_code is ExitCode.GATE_CLOSED
    assert lock.exists()
    assert not any("cancel" in call for call in place.calls())


@pytest.mark.parametrize("operation", ["up", "refresh", "destroy"])
def test_the_one_lock_that_is_named_is_released_and_the_operation_done(place: Place, operation: str) -> None:
    place.runner().preview("phase-1")
    lock = place.lock(pid=285)
    getattr(place.runner(cancel_lock="ann@desk:285"), operation)("phase-1")
    assert not lock.exists()
    assert sum("cancel" in call for call in place.calls()) == 1


@pytest.mark.parametrize("owner", ["ann@desk:286", "ann@desk", "bob@desk:285", "ann@desk:2850"])
def test_another_lock_than_the_one_named_stays(place: Place, owner: str) -> None:
    place.runner().preview("phase-1")
    lock = place.lock(pid=285)
    with pytest.raises(UpdateInProgress, match="another update") as refused:
        place.runner(cancel_lock=owner).up("phase-1")
    assert f"not the lock of {owner}" in refused.value.why
    assert lock.exists()


def test_of_two_locks_naming_one_releases_none(place: Place) -> None:
    place.runner().preview("phase-1")
    both = place.lock(pid=285), place.lock(pid=999)
    with pytest.raises(UpdateInProgress):
        place.runner(cancel_lock="ann@desk:285").up("phase-1")
    assert all(lock.exists() for lock in both)


def test_a_lock_of_a_process_that_lives_on_this_host_is_never_released(place: Place) -> None:
    place.runner().preview("phase-1")
    host = socket.gethostname()
    lock = place.lock(pid=os.getpid(), host=host)
    with pytest.raises(UpdateInProgress) as refused:
        place.runner(cancel_lock=f"ann@{host}:{os.getpid()}").up("phase-1")
    assert "lives on this host" in refused.value.why
    assert lock.exists()


@pytest.mark.parametrize("version", ["v3.272.0", "v3.200.0"])
def test_events_come_over_grpc_and_out_of_a_file(
    place: Place, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("FAKE_PULUMI_VERSION", version)
    events: list[Event] = []
    place.runner().up("phase-1", on_event=events.append)
    assert [event.name for event in events if event.status == "done"] == [
        one.name for one in place.graph.resources
    ]


# --- Backends and secrets ---


def test_a_backend_of_ones_own_keeps_the_state_where_it_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hunter2")
    place.runner(backend=(tmp_path / "state").as_uri()).up("phase-1")
    assert (tmp_path / "state" / ".pulumi" / "stacks" / "outgrow" / "phase-1.json").exists()
    place.runner(backend="s3://shop-state/infra?region=us-east-1").up("phase-1")
    assert (place.home / "s3" / "shop-state" / "infra" / ".pulumi").is_dir()
    stack = yaml.safe_load((place.root / "stacks" / "Pulumi.phase-1.yaml").read_text())
    assert "encryptionsalt" in stack
    assert "hunter2" not in (place.home / "calls.jsonl").read_text()


def test_a_missing_passphrase_is_one_error_before_anything_is_made(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    backend = (tmp_path / "state").as_uri()
    with pytest.raises(SecretsLocked, match="the secrets of phase-1 cannot be read") as refused:
        place.runner(backend=backend).up("phase-1")
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" in refused.value.next_step
    assert not (place.home / "calls.jsonl").exists()
    with pytest.raises(SecretsLocked):
        place.runner(secrets_provider="passphrase").up("phase-1")


def test_a_kms_key_seals_a_new_stack_and_needs_no_passphrase(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    options = {"backend": (tmp_path / "state").as_uri(), "secrets_provider": "awskms://alias/outgrow"}
    place.runner(**options).up("phase-1")
    stack = yaml.safe_load((place.root / "stacks" / "Pulumi.phase-1.yaml").read_text())
    assert stack["secretsprovider"] == "awskms://alias/outgrow"
    assert not place.runner(backend=options["backend"]).preview("phase-1")  # the file says it from now on


@pytest.mark.parametrize("options", [{"backend": "ftp://x"}, {"secrets_provider": "rot13"}])
def test_a_backend_or_provider_that_pulumi_does_not_know_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(BadPulumiOption):
        make_runner("pulumi", **options)  # type: ignore[arg-type]


# --- Interrupted updates ---


def test_a_creation_that_was_cut_off_is_for_a_person_and_then_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = place.graph.resources[-1]
    monkeypatch.setenv("FAKE_PULUMI", f"kill:{last.name}")
    with pytest.raises(InfraError, match="pulumi up of phase-1 failed"):
        place.runner().up("phase-1")
    monkeypatch.delenv("FAKE_PULUMI")
    (lock,) = place.locks()
    held = json.loads(lock.read_text())
    owner = f"{held['username']}@{held['hostname']}:{held['pid']}"
    assert [(one.operation, one.urn) for one in place.runner().interrupted("phase-1")] == [
        ("create", last.urn)
    ]
    with pytest.raises(InterruptedUpdate, match=f"cut off while it created {last.name}") as refused:
        place.runner().up("phase-1")
    assert "--clear-pending-creates" in refused.value.next_step
    with pytest.raises(InterruptedUpdate):
        place.runner().refresh("phase-1")
    place.runner(cancel_lock=owner).refresh("phase-1", clear_pending_creates=True)
    assert place.runner().up("phase-1").changes.counts["create"] == 1


def test_an_update_that_was_cut_off_is_looked_at_again_by_the_next_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.runner().up("phase-1")
    *others, last = place.graph.resources
    place.declare(
        replace(place.graph, resources=(*others, replace(last, inputs={**last.inputs, "tags": {}})))
    )
    monkeypatch.setenv("FAKE_PULUMI", f"kill:{last.name}")
    with pytest.raises(InfraError):
        place.runner().up("phase-1")
    monkeypatch.delenv("FAKE_PULUMI")
    place.locks()[0].unlink()
    place.runner().up("phase-1")
    (deployed,) = [call for call in place.calls() if "up" in call and "--refresh" in call]
    assert deployed
    assert place.runner().interrupted("phase-1") == ()


def test_a_failure_of_aws_is_the_reason_and_what_was_done_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PULUMI", "deny")
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
    assert json.loads(place.state_file.read_text()) == {"resources": {}, "pending": []}


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
