"""The machines of phase-2: a group behind the load balancer that grows, shrinks and heals by itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components import boot
from infra.components.access import allow_out, security_group
from infra.components.account import STACK_TAG
from infra.components.machine import NO_METADATA_V1, image_id, machine_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.components.keys import DatabaseSecret, Key
    from infra.components.load_balancer import LoadBalancer
    from infra.components.network import Network
    from infra.settings import App
    from infra.sizes import Servers as ServerSizes


@dataclass(frozen=True)
class ServersArgs:
    """What the group needs to know.

    Args:
        database_host: the primary's address.
        environment: what the application is told beside its own settings.
    """

    sizes: ServerSizes
    app: App
    network: Network
    region: str
    balancer: LoadBalancer
    key: Key
    secret: DatabaseSecret
    database_host: pulumi.Input[str]
    database_port: pulumi.Input[int]
    database_name: str
    environment: Mapping[str, pulumi.Input[str]]
    log_days: int


class Servers(pulumi.ComponentResource):
    """Launch template, group over all zones, scaling on CPU, rolling replacement when anything changes.

    Attributes:
        group: the machines' security group, for database and cache to let in.
        scaling_group: the group of machines.
    """

    def __init__(self, name: str, args: ServersArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:compute:Servers", name, None, opts)
        own = ResourceOptions(parent=self)
        self.group = security_group(name, args.network.vpc_id, "Servers: load balancer in, anything out", own)
        allow_out(f"{name}-out", self.group, own)
        args.balancer.let_reach(name, self.group, args.app.port)
        logs = aws.cloudwatch.LogGroup(f"{name}-app", retention_in_days=args.log_days, opts=own)
        profile = machine_profile(
            f"{name}-machine",
            own,
            {
                "logs": (["logs:CreateLogStream", "logs:PutLogEvents"], pulumi.Output.concat(logs.arn, ":*")),
                "secret": (["secretsmanager:GetSecretValue"], args.secret.arn),
                "key": (["kms:Decrypt"], args.key.arn),
            },
        )
        started = boot.script(
            "server.sh.j2",
            region=args.region,
            log_group=logs.name,
            image=args.app.image,
            port=args.app.port,
            publish=str(args.app.port),
            mount="/etc/rds.pem:/etc/rds.pem:ro",
            secret_arn=args.secret.arn,
            database_host=args.database_host,
            database_port=args.database_port,
            database_name=args.database_name,
            environment={
                **args.app.environment,
                **args.environment,
                "DATABASE_HOST": args.database_host,
                "DATABASE_PORT": args.database_port,
                "DATABASE_NAME": args.database_name,
            },
        )
        template = aws.ec2.LaunchTemplate(
            f"{name}-template",
            image_id=image_id(args.sizes.type, self),
            instance_type=args.sizes.type,
            iam_instance_profile={"arn": profile.arn},
            vpc_security_group_ids=[self.group.id],
            metadata_options=NO_METADATA_V1,
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_type": "gp3",
                        "volume_size": args.sizes.root_gb,
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            credit_specification={"cpu_credits": "standard"} if args.sizes.type.startswith("t") else None,
            user_data=started.apply(lambda text: base64.b64encode(text.encode()).decode()),
            update_default_version=True,
            tag_specifications=[{"resource_type": "volume", "tags": {STACK_TAG: pulumi.get_stack()}}],
            opts=own,
        )
        self.scaling_group = aws.autoscaling.Group(
            f"{name}-group",
            min_size=args.sizes.min,
            max_size=args.sizes.max,
            vpc_zone_identifiers=args.network.ids(args.network.app),
            launch_template={
                "id": template.id,
                "version": template.latest_version.apply(str),
            },
            target_group_arns=[args.balancer.targets.arn],
            health_check_type="ELB",
            health_check_grace_period=180,
            default_instance_warmup=120,
            instance_refresh={"strategy": "Rolling", "preferences": {"min_healthy_percentage": 50}},
            tags=[  # the provider's default tags do not reach what the group starts
                {"key": "Name", "value": f"{pulumi.get_stack()}-{name}", "propagate_at_launch": True},
                {"key": STACK_TAG, "value": pulumi.get_stack(), "propagate_at_launch": True},
            ],
            opts=ResourceOptions(parent=self, depends_on=[args.balancer.listener]),
        )
        aws.autoscaling.Policy(
            f"{name}-cpu",
            autoscaling_group_name=self.scaling_group.name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration={
                "predefined_metric_specification": {"predefined_metric_type": "ASGAverageCPUUtilization"},
                "target_value": args.sizes.target_cpu_percent,
            },
            opts=own,
        )
        self.register_outputs({})
