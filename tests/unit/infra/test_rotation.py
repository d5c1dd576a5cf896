"""The function that exchanges the database's password, on moto's Secrets Manager and RDS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

OLD = {"username": "outgrow", "password": "old"}
NEW = {"username": "outgrow", "password": "new" * 13 + "n"}


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("INSTANCE", "shop")
    monkeypatch.delenv("CLUSTER", raising=False)
    with mock_aws():
        boto3.client("rds").create_db_instance(
            DBInstanceIdentifier="shop",
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            MasterUsername="outgrow",
            MasterUserPassword="old-password",
        )
        from infra.components.rotation import handler as module

        yield module


def begin() -> tuple[Any, str, str]:
    """A secret with a version that is being prepared: client, ARN, version."""
    manager = boto3.client("secretsmanager")
    arn = manager.create_secret(Name="database", SecretString=json.dumps(OLD))["ARN"]
    token = "0" * 32
    manager.put_secret_value(
        SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(NEW), VersionStages=["AWSPENDING"]
    )
    return manager, arn, token


def test_four_steps_make_a_new_password_the_secrets_own(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, Any]] = []
    manager, arn, token = begin()
    real = boto3.client

    def client(service: str, **options: Any) -> Any:
        made = real(service, **options)
        if service == "rds":
            changed = made.modify_db_instance
            made.modify_db_instance = lambda **known: (given.append(known), changed(**known))[1]
        return made

    monkeypatch.setattr(handler.boto3, "client", client)
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        event = {"SecretId": arn, "ClientRequestToken": token, "Step": step}
        handler.handle(event, None)
        handler.handle(event, None)  # a step that is called again does no harm
    current = manager.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSCURRENT")
    now = json.loads(current["SecretString"])
    assert now == NEW
    assert {one["MasterUserPassword"] for one in given} == {NEW["password"]}
    assert all(one["ApplyImmediately"] for one in given)


def test_a_new_password_is_long_needs_no_quotes_and_leaves_the_user_as_it_is(handler: ModuleType) -> None:
    manager, arn, _ = begin()
    handler.put(manager, arn, "2" * 32)
    drawn = json.loads(manager.get_secret_value(SecretId=arn, VersionId="2" * 32)["SecretString"])
    assert drawn["username"] == "outgrow"
    assert len(drawn["password"]) == 40
    assert drawn["password"].isalnum()


def test_a_database_that_is_being_changed_is_left_alone(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, arn, token = begin()
    monkeypatch.setattr(handler, "is_ready", lambda _: False)
    with pytest.raises(handler.NotYet):
        handler.handle({"SecretId": arn, "ClientRequestToken": token, "Step": "setSecret"}, None)


def test_a_version_that_nobody_prepares_is_refused(handler: ModuleType) -> None:
    _, arn, _ = begin()
    with pytest.raises(ValueError, match="not the one that is being prepared"):
        handler.handle({"SecretId": arn, "ClientRequestToken": "1" * 32, "Step": "createSecret"}, None)
