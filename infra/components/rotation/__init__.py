"""Exchanges the database's password every so many days, without anybody knowing it.

The password is ours because one that RDS manages itself excludes read replicas and global databases (RDS user
guide), so its rotation is ours too: `handler` is the function, and it needs no network of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import assume_role, statement
from infra.components.keys import account_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.components.keys import DatabaseSecret

RUNTIME: Final = "python3.13"
#: Seconds a step may take; RDS is waited for within one.
TIMEOUT: Final = 300


@dataclass(frozen=True)
class Release:
    """A service whose tasks read the password when they start."""

    region: str
    cluster: pulumi.Output[str]
    service: pulumi.Output[str]
    arn: pulumi.Output[str]


@dataclass(frozen=True)
class RotationArgs:
    """What the rotation needs to know.

    Args:
        secret: whose password is exchanged.
        days: how often.
        database: CLUSTER or INSTANCE with the database's identifier.
        database_arns: what the function may change: the cluster, or the instance.
        releases: services that are started anew after it.
    """

    secret: DatabaseSecret
    days: int
    database: Mapping[str, pulumi.Input[str]]
    database_arns: Sequence[pulumi.Input[str]]
    releases: Sequence[Release]
    log_days: int


class Rotation(pulumi.ComponentResource):
    """Function, its role and log, the secret's schedule."""

    def __init__(self, name: str, args: RotationArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:keys:Rotation", name, None, opts)
        own = ResourceOptions(parent=self)
        function_name = f"outgrow-{pulumi.get_stack()}-{name}"
        logs = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=f"/aws/lambda/{function_name}",
            retention_in_days=args.log_days,
            kms_key_id=args.secret.key.arn,
            opts=own,
        )
        role = aws.iam.Role(f"{name}-role", assume_role_policy=assume_role("lambda.amazonaws.com"), opts=own)
        for what, policy in self._allowed(args, logs).items():
            aws.iam.RolePolicy(f"{name}-{what}", role=role.id, policy=policy, opts=own)
        function = aws.lambda_.Function(
            f"{name}-function",
            name=function_name,
            description="Exchanges the database's password",
            runtime=RUNTIME,
            architectures=["arm64"],
            handler="handler.handle",
            role=role.arn,
            timeout=TIMEOUT,
            memory_size=128,
            code=pulumi.AssetArchive(
                {"handler.py": pulumi.StringAsset(Path(__file__).with_name("handler.py").read_text("utf-8"))}
            ),
            environment={
                "variables": {
                    **args.database,
                    "RELEASES": pulumi.Output.json_dumps(
                        [
                            {"region": one.region, "cluster": one.cluster, "service": one.service}
                            for one in args.releases
                        ]
                    ),
                }
            },
            tracing_config={"mode": "PassThrough"},
            opts=ResourceOptions(parent=self, depends_on=[logs]),
        )
        allowed = aws.lambda_.Permission(
            f"{name}-caller",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="secretsmanager.amazonaws.com",
            source_account=account_number(self),
            opts=own,
        )
        aws.secretsmanager.SecretRotation(
            f"{name}-schedule",
            secret_id=args.secret.stored.secret_id,
            rotation_lambda_arn=function.arn,
            rotation_rules={"automatically_after_days": args.days},
            # The first password is used by what is being made at this very moment.
            rotate_immediately=False,
            opts=ResourceOptions(parent=self, depends_on=[allowed]),
        )
        self.register_outputs({"function": function.arn})

    def _allowed(self, args: RotationArgs, logs: aws.cloudwatch.LogGroup) -> dict[str, pulumi.Output[str]]:
        secret = [
            *("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
            *("secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"),
        ]
        kind = "Cluster" if "CLUSTER" in args.database else "Instance"
        change = [f"rds:ModifyDB{kind}", f"rds:DescribeDB{kind}s"]
        allowed = {
            "logs": statement(
                ["logs:CreateLogStream", "logs:PutLogEvents"], [pulumi.Output.concat(logs.arn, ":*")]
            ),
            "secret": statement(secret, [args.secret.arn]),
            "key": statement(["kms:Decrypt", "kms:GenerateDataKey"], [args.secret.key.arn]),
            "database": statement(change, list(args.database_arns)),
        }
        if args.releases:
            allowed["releases"] = statement(["ecs:UpdateService"], [one.arn for one in args.releases])
        return allowed
