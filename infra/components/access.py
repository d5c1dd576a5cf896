"""Who may do what: roles' policies and security groups, in the fewest words that leave nothing open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Sequence

ANYWHERE = "0.0.0.0/0"


def assume_role(service: str) -> str:
    """Let one AWS service take a role."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}},
            ],
        }
    )


def statement(
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    condition: dict[str, dict[str, str]] | None = None,
) -> pulumi.Output[str]:
    """Allow some actions on some resources, and nothing else."""
    rule: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    if condition:
        rule["Condition"] = condition
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [rule]})


def publish_metrics(namespace: str) -> pulumi.Output[str]:
    """Allow publishing to CloudWatch under one namespace; the action knows no resources, only conditions."""
    return statement(
        ["cloudwatch:PutMetricData"], ["*"], {"StringEquals": {"cloudwatch:namespace": namespace}}
    )


def secret_arn(reference: str) -> str:
    """Give the secret that a reference of the stack file names, without the field."""
    return ":".join(reference.split(":")[:7])


def security_group(
    name: str, vpc_id: pulumi.Input[str], description: str, opts: pulumi.ResourceOptions
) -> aws.ec2.SecurityGroup:
    """Make a security group that lets nothing in or out yet."""
    return aws.ec2.SecurityGroup(name, vpc_id=vpc_id, description=description, opts=opts)


def allow_in(
    name: str,
    group: aws.ec2.SecurityGroup,
    port: int,
    opts: pulumi.ResourceOptions,
    *,
    source: aws.ec2.SecurityGroup | None = None,
    cidr: str | None = None,
    prefix_list: pulumi.Input[str] | None = None,
) -> aws.vpc.SecurityGroupIngressRule:
    """Let TCP into a port from one source: another group, an address range, or a managed prefix list."""
    return aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group.id,
        description=f"TCP to port {port}",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        referenced_security_group_id=source.id if source else None,
        cidr_ipv4=cidr,
        prefix_list_id=prefix_list,
        opts=opts,
    )


def allow_out(
    name: str,
    group: aws.ec2.SecurityGroup,
    opts: pulumi.ResourceOptions,
    *,
    port: int | None = None,
    target: aws.ec2.SecurityGroup | None = None,
) -> aws.vpc.SecurityGroupEgressRule:
    """Let traffic out: to a port of another group, or, with neither, anywhere."""
    return aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group.id,
        description="Everything out" if port is None else f"TCP out to port {port}",
        ip_protocol="-1" if port is None else "tcp",
        from_port=port,
        to_port=port,
        referenced_security_group_id=target.id if target else None,
        cidr_ipv4=None if target else ANYWHERE,
        opts=opts,
    )
