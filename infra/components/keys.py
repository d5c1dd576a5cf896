"""Encryption keys and secrets of our own."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

NOWHERE: Mapping[str, Key] = MappingProxyType({})
#: Days a deleted key or secret can still be brought back.
RECOVERY_DAYS = 30


class Key(pulumi.ComponentResource):
    """A KMS key that is rotated every year, with an alias that people recognise.

    Args:
        region: where it is; CloudWatch Logs there may encrypt the account's log groups with it.
        services: AWS services that may use it for this account; roles are given it by their own policies.
    """

    def __init__(
        self, name: str, region: str, opts: ResourceOptions | None = None, *, services: tuple[str, ...] = ()
    ) -> None:
        super().__init__("outgrow:keys:Key", name, None, opts)
        account = account_number(self)
        self.key = aws.kms.Key(
            f"{name}-key",
            description=f"Outgrow {pulumi.get_stack()}: {name}",
            enable_key_rotation=True,
            deletion_window_in_days=RECOVERY_DAYS,
            policy=account.apply(lambda number: key_policy(number, region, services)),
            # What it encrypted outlives the stack: final snapshots, backups, copies.
            opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=f"alias/outgrow-{pulumi.get_stack()}-{name}",
            target_key_id=self.key.key_id,
            opts=ResourceOptions(parent=self),
        )
        self.arn = self.key.arn
        self.register_outputs({"arn": self.arn})


def account_number(parent: pulumi.Resource) -> pulumi.Output[str]:
    """Look up which account this is."""
    found: pulumi.Output[str] = aws.get_caller_identity_output(
        opts=pulumi.InvokeOutputOptions(parent=parent)
    ).account_id
    return found


def key_policy(account: str, region: str, services: tuple[str, ...]) -> str:
    """Leave a key to the account's own policies, and let services use it for this account only."""
    rules: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{region}.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:*"}
            },
        },
    ]
    if services:
        rules.append(
            {
                "Effect": "Allow",
                "Principal": {"Service": list(services)},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": rules})


def copied_secret(
    name: str, description: str, key: Key, copies: Mapping[str, Key], opts: ResourceOptions
) -> aws.secretsmanager.Secret:
    """Make a secret without a value, with a copy in each of the given regions under that region's key."""
    return aws.secretsmanager.Secret(
        name,
        description=f"Outgrow {pulumi.get_stack()}: {description}",
        kms_key_id=key.arn,
        recovery_window_in_days=RECOVERY_DAYS,
        replicas=[{"region": region, "kms_key_id": copy.arn} for region, copy in copies.items()],
        opts=opts,
    )


def arn_in(region: str, arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """Give the name of a secret's copy: that of the secret, with the other region in it."""
    return arn.apply(lambda text: ":".join([*text.split(":")[:3], region, *text.split(":")[4:]]))


class DatabaseSecret(pulumi.ComponentResource):
    """The database's user and password, as JSON in Secrets Manager.

    A password that RDS manages itself excludes read replicas and global databases (RDS user guide, "Password
    management with Secrets Manager"), so this one is ours. It is drawn once, stored, and read back from the
    store: a deployment that is interrupted and repeated never gives the database another password than the
    stored one.

    Attributes:
        stored: what must exist before the password can be read.

    Args:
        user: the database's user.
        key: encrypts the secret.
        copies: keys of other regions, by region, where a copy is kept.
    """

    def __init__(
        self,
        name: str,
        user: str,
        key: Key,
        opts: ResourceOptions | None = None,
        *,
        copies: Mapping[str, Key] = NOWHERE,
    ) -> None:
        super().__init__("outgrow:keys:DatabaseSecret", name, None, opts)
        self.secret = copied_secret(
            f"{name}-secret",
            "the database's user and password",
            key,
            copies,
            ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        lookup = pulumi.InvokeOutputOptions(parent=self)
        drawn = aws.secretsmanager.get_random_password_output(
            password_length=40, exclude_punctuation=True, opts=lookup
        )
        stored = aws.secretsmanager.SecretVersion(
            f"{name}-value",
            secret_id=self.secret.id,
            secret_string=pulumi.Output.json_dumps(
                {"username": user, "password": pulumi.Output.secret(drawn.random_password)}
            ),
            opts=ResourceOptions(
                parent=self, protect=True, retain_on_delete=True, ignore_changes=["secretString"]
            ),
        )
        read_back = aws.secretsmanager.get_secret_version_output(
            secret_id=stored.secret_id,
            version_id=stored.version_id,
            opts=lookup,
        )
        self.key = key
        self.stored = stored
        self.user = user
        self.password = pulumi.Output.secret(
            read_back.secret_string.apply(lambda text: str(json.loads(text)["password"]))
        )
        self.arn = self.secret.arn
        self.register_outputs({"arn": self.arn})
