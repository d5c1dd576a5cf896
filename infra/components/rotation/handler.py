"""Exchanges the database's password: the function that Secrets Manager calls, step by step.

It runs in AWS Lambda by itself, so it needs nothing but boto3, which is there. The new password is given to
the database by RDS itself, so the function needs neither a driver nor a way into the private network.
Secrets Manager calls each step again until it succeeds, so every step may be repeated.

Environment: CLUSTER or INSTANCE (the database's identifier), RELEASES (JSON, services to start anew once the
password is the new one: [{"region", "cluster", "service"}]).
"""

from __future__ import annotations

import json
import os
import secrets
import string
import time
from typing import Any

import boto3

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
#: As long as the first password, of the same characters: none that a URL or a shell reads differently.
LENGTH = 40
ALPHABET = string.ascii_letters + string.digits
#: Seconds that RDS is waited for within one call, and between two looks.
PATIENCE, PAUSE = 240, 5


class NotYet(Exception):
    """The database is not ready; Secrets Manager calls the step again."""


def handle(event: dict[str, str], context: object) -> None:
    """Do one step of the rotation of one version of the secret."""
    del context
    manager = boto3.client("secretsmanager")
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    stages = manager.describe_secret(SecretId=arn)["VersionIdsToStages"]
    if CURRENT in stages.get(token, []):
        return
    if PENDING not in stages.get(token, []):
        raise ValueError(f"version {token} of the secret is not the one that is being prepared")
    STEPS[step](manager, arn, token, stages)


def create(manager: Any, arn: str, token: str, _stages: dict[str, list[str]]) -> None:
    """Draw the new password, once a version."""
    try:
        manager.get_secret_value(SecretId=arn, VersionId=token, VersionStage=PENDING)
    except manager.exceptions.ResourceNotFoundException:
        put(manager, arn, token)


def put(manager: Any, arn: str, token: str) -> None:
    """Store a new password as the version that is being prepared."""
    value = json.loads(manager.get_secret_value(SecretId=arn, VersionStage=CURRENT)["SecretString"])
    value["password"] = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    manager.put_secret_value(
        SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(value), VersionStages=[PENDING]
    )


def give(manager: Any, arn: str, token: str, _stages: dict[str, list[str]]) -> None:
    """Give the new password to the database."""
    value = manager.get_secret_value(SecretId=arn, VersionId=token, VersionStage=PENDING)["SecretString"]
    password = json.loads(value)["password"]
    rds = boto3.client("rds")
    if not is_ready(rds):
        raise NotYet("the database is being changed; its password is exchanged after that")
    if os.environ.get("CLUSTER"):
        rds.modify_db_cluster(
            DBClusterIdentifier=os.environ["CLUSTER"], MasterUserPassword=password, ApplyImmediately=True
        )
    else:
        rds.modify_db_instance(
            DBInstanceIdentifier=os.environ["INSTANCE"], MasterUserPassword=password, ApplyImmediately=True
        )


def test(_manager: Any, _arn: str, _token: str, _stages: dict[str, list[str]]) -> None:
    """Wait until the database has taken it over."""
    rds = boto3.client("rds")
    until = time.monotonic() + PATIENCE
    while not is_ready(rds):
        if time.monotonic() > until:
            raise NotYet("the database has not taken the new password over yet")
        time.sleep(PAUSE)


def finish(manager: Any, arn: str, token: str, stages: dict[str, list[str]]) -> None:
    """Make the new password the secret's own, and start whoever read the old one anew."""
    old = next((version for version, names in stages.items() if CURRENT in names), None)
    extra = {"RemoveFromVersionId": old} if old else {}
    manager.update_secret_version_stage(SecretId=arn, VersionStage=CURRENT, MoveToVersionId=token, **extra)
    for release in json.loads(os.environ.get("RELEASES", "[]")):
        boto3.client("ecs", region_name=release["region"]).update_service(
            cluster=release["cluster"], service=release["service"], forceNewDeployment=True
        )


def is_ready(rds: Any) -> bool:
    """Say whether the database is available with no new password on its way."""
    if os.environ.get("CLUSTER"):
        found = rds.describe_db_clusters(DBClusterIdentifier=os.environ["CLUSTER"])["DBClusters"][0]
        status = found["Status"]
    else:
        found = rds.describe_db_instances(DBInstanceIdentifier=os.environ["INSTANCE"])["DBInstances"][0]
        status = found["DBInstanceStatus"]
    pending = found.get("PendingModifiedValues") or {}
    return bool(status == "available" and "MasterUserPassword" not in pending)


STEPS = {"createSecret": create, "setSecret": give, "testSecret": test, "finishSecret": finish}
