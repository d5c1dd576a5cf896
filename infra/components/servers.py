"""The machines of phase-2: a group behind the load balancer that grows, shrinks and heals by itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components import boot
from infra.components.access import allow_out, secret_arn, security_group
from infra.components.account import STACK_TAG
from infra.components.database import PORT
from infra.components.machine import NO_METADATA_V1, image_id, machine_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.components.database import Database
    from infra.components.keys import DatabaseSecret, Key
    from infra.components.load_balancer import LoadBalancer
    from infra.components.network import Network
    from infra.settings import Settings
    from infra.sizes import Servers as ServerSizes

#: Where a machine's poolers listen for its own containers.
POOL_PORT, READER_PORT = 6432, 6433


@dataclass(frozen=True)
class ServersArgs:
    """What the group needs to know.

    Args:
        database: the database, which the monitor reads itself.
        database_name: in it.
        proxy_host: RDS Proxy's address where it pools the connections; None pools on each machine.
        environment: what the application is told beside its own settings.
    """

    settings: Settings
    sizes: ServerSizes
    network: Network
    balancer: LoadBalancer
    key: Key
    secret: DatabaseSecret
    database: Database
    database_name: str
    pool_size: int
    proxy_host: pulumi.Input[str] | None
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
        args.balancer.let_reach(name, self.group, args.settings.app.port)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-app", retention_in_days=args.log_days, kms_key_id=args.key.arn, opts=own
        )
        self.log_group = logs.name
        secrets = {secret_arn(reference) for reference in args.settings.app.secrets.values()}
        profile = machine_profile(
            f"{name}-machine",
            own,
            {
                "logs": (
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [pulumi.Output.concat(logs.arn, ":*")],
                ),
                "secret": (["secretsmanager:GetSecretValue"], [args.secret.arn, *sorted(secrets)]),
                "key": (["kms:Decrypt"], [args.key.arn]),
            },
        )
        started = boot.script(
            "server.sh.j2",
            **{**boot.about(args.settings), "secrets": self._secrets(args)},
            log_group=logs.name,
            publish=str(args.settings.app.port),
            mount="--volume /etc/pgbouncer/rds.pem:/etc/rds.pem:ro",
            after="docker.service",
            secret_arn=args.secret.arn,
            user=args.secret.user,
            database_port=args.database.port,
            database_name=args.database_name,
            pools=pools(args),
            pool_size=args.pool_size,
            pgbouncer=args.settings.images.pgbouncer,
            units=[f"pool-{pool['name']}.service" for pool in pools(args)],
            database=pulumi.Output.concat(
                f"--database postgresql://{args.secret.user}@",
                args.database.host,
                f":{PORT}/{args.database_name}?sslmode=verify-full&sslrootcert=/etc/rds.pem",
            ),
            monitor_mount="--env-file /etc/pgbouncer/monitor.env"
            " --volume /etc/pgbouncer/rds.pem:/etc/rds.pem:ro",
            state="/var/lib/outgrow-monitor",
            environment={
                **args.settings.app.environment,
                **args.environment,
                **reached(args),
                "DATABASE_NAME": args.database_name,
                "NODE_EXTRA_CA_CERTS": "/etc/rds.pem",
                "OUTGROW_SIDECAR_URL": f"http://{boot.BRIDGE}:9464",
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
            instance_refresh={
                "strategy": "Rolling",
                "preferences": {"min_healthy_percentage": 50, "auto_rollback": True},
            },
            enabled_metrics=["GroupInServiceInstances", "GroupDesiredCapacity"],
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

    def _secrets(self, args: ServersArgs) -> dict[str, pulumi.Input[str]]:
        """List what the application reads at each start; behind RDS Proxy the database's password too."""
        own: dict[str, pulumi.Input[str]] = dict(args.settings.app.secrets)
        if args.proxy_host is None:
            return own
        arn = args.secret.arn
        return {
            **own,
            "DATABASE_USER": pulumi.Output.concat(arn, ":username::"),
            "DATABASE_PASSWORD": pulumi.Output.concat(arn, ":password::"),
        }


def pools(args: ServersArgs) -> list[dict[str, Any]]:
    """List a machine's poolers: one for the primary, and one for the replicas if there are any."""
    if args.proxy_host is not None:
        return []
    found: list[dict[str, Any]] = [{"name": "primary", "port": POOL_PORT, "hosts": args.database.host}]
    if args.database.replicas:
        hosts = pulumi.Output.all(*[one.address for one in args.database.replicas]).apply(",".join)
        found.append({"name": "readers", "port": READER_PORT, "hosts": hosts})
    return found


def reached(args: ServersArgs) -> dict[str, pulumi.Input[str]]:
    """Say how the application reaches the database: through its machine's poolers, or through RDS Proxy."""
    replicas = args.database.replicas
    if args.proxy_host is None:
        return {
            "DATABASE_HOST": boot.BRIDGE,
            "DATABASE_PORT": str(POOL_PORT),
            "DATABASE_READERS": f"{boot.BRIDGE}:{READER_PORT}" if replicas else "",
            # To the machine itself; from there PgBouncer encrypts, and checks whom it talks to.
            "DATABASE_SSL": "off",
        }
    return {
        "DATABASE_HOST": args.proxy_host,
        "DATABASE_PORT": str(PORT),
        "DATABASE_READERS": pulumi.Output.all(*[one.address for one in replicas]).apply(
            lambda hosts: ",".join(f"{host}:{PORT}" for host in hosts)
        ),
        "DATABASE_SSL": "verify",
    }
