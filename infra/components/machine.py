"""What every machine of ours has in common: its system image, its role, and how it is reached."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.components.access import assume_role, publish_metrics, statement
from infra.components.alarms import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Instance metadata by session tokens only, and not from inside containers.
NO_METADATA_V1 = {"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1}
#: Where AWS publishes the id of the newest Amazon Linux 2023.
IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"
#: Session Manager instead of an open port 22, and images from a private registry.
MANAGED = (
    "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
)


def architecture(instance_type: str) -> str:
    """Tell Graviton machines ("t4g", "c7gn": a g after the generation) from the others."""
    family = instance_type.partition(".")[0]
    return "arm64" if re.fullmatch(r"[a-z]+\d+g[a-z]*", family) else "x86_64"


def image_id(instance_type: str, parent: pulumi.Resource) -> pulumi.Output[str]:
    """Look up the system image that suits an instance type."""
    name = IMAGE_PARAMETER.format(architecture=architecture(instance_type))
    opts = pulumi.InvokeOutputOptions(parent=parent)
    found: pulumi.Output[str] = aws.ssm.get_parameter_output(name=name, opts=opts).value
    return found


def machine_profile(
    name: str,
    opts: pulumi.ResourceOptions,
    allowed: Mapping[str, tuple[Sequence[str], Sequence[pulumi.Input[str]]]],
) -> aws.iam.InstanceProfile:
    """Make the role of machines: what AWS needs to manage them, metrics, and what else is allowed."""
    role = aws.iam.Role(
        f"{name}-role",
        assume_role_policy=assume_role("ec2.amazonaws.com"),
        managed_policy_arns=list(MANAGED),
        opts=opts,
    )
    for policy, (actions, resources) in allowed.items():
        aws.iam.RolePolicy(f"{name}-{policy}", role=role.id, policy=statement(actions, resources), opts=opts)
    aws.iam.RolePolicy(f"{name}-metrics", role=role.id, policy=publish_metrics(NAMESPACE), opts=opts)
    return aws.iam.InstanceProfile(f"{name}-profile", role=role.name, opts=opts)
