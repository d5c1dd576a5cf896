"""After an update, what runs is compared with what was asked for: a rollback is not taken for a success."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.release_check import NothingReleased, check_releases

OLD, NEW = "arn:aws:ecs:us-east-1:1:task-definition/shop:1", "arn:aws:ecs:us-east-1:1:task-definition/shop:2"


class Ecs:
    """ECS with one service, whose primary deployment runs what the test says."""

    def __init__(self, runs: str, state: str, running: int = 2) -> None:
        deployment = {"status": "PRIMARY", "taskDefinition": runs, "rolloutState": state}
        self.service = {"deployments": [deployment], "runningCount": running, "desiredCount": 2}

    def describe_services(self, **_: Any) -> Any:
        return {"services": [self.service]}


def outputs(task_definition: str = NEW) -> dict[str, Any]:
    asked = {"region": "us-east-1", "cluster": "shop", "service": "app", "task_definition": task_definition}
    return {"releases": [asked]}


@pytest.mark.parametrize(
    ("runs", "state", "running", "arrived"),
    [
        (NEW, "COMPLETED", 2, True),
        (OLD, "COMPLETED", 2, False),  # the circuit breaker took the release back
        (NEW, "IN_PROGRESS", 2, False),
        (NEW, "FAILED", 2, False),
        (NEW, "COMPLETED", 1, False),
    ],
)
def test_a_release_has_arrived_when_what_was_asked_for_runs_on_every_task(
    runs: str, state: str, running: int, arrived: bool
) -> None:
    (release,) = check_releases(outputs(), lambda _: Ecs(runs, state, running))
    assert release.arrived is arrived
    assert (release.asked, release.runs) == (NEW, runs)


@mock_aws
def test_a_service_that_is_gone_has_not_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    boto3.client("ecs", "us-east-1").create_cluster(clusterName="shop")
    (release,) = check_releases(outputs())
    assert (release.runs, release.state, release.arrived) == (None, "MISSING", False)


def test_a_stack_without_services_says_what_to_do() -> None:
    with pytest.raises(NothingReleased) as refused:
        check_releases({})
    assert "outgrow infra up phase-3" in refused.value.next_step
