"""The containers of phase-3: a Fargate service that scales by itself and takes a failed release back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import allow_out, assume_role, security_group, statement
from infra.components.keys import arn_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.components.datadog import DatadogKey
    from infra.components.keys import DatabaseSecret, Key
    from infra.components.load_balancer import LoadBalancer
    from infra.components.network import Network
    from infra.settings import App
    from infra.sizes import Containers as ContainerSizes

#: The only place where a task may write.
SCRATCH = "scratch"
#: The database user and password reach the application as these variables, taken from the secret's JSON.
SECRET_VARIABLES = {"DATABASE_USER": "username", "DATABASE_PASSWORD": "password"}


@dataclass(frozen=True)
class ContainersArgs:
    """What a region's service needs to know.

    Args:
        region: AWS region, for the logs.
        secret: the database's user and password, with a copy in this region.
        key: encrypts the secret here.
        environment: what the application is told beside its own settings.
        datadog: the agent's key; None runs no agent.
    """

    sizes: ContainerSizes
    app: App
    network: Network
    region: str
    balancer: LoadBalancer
    key: Key
    secret: DatabaseSecret
    environment: Mapping[str, pulumi.Input[str]]
    datadog: DatadogKey | None
    log_days: int


class Containers(pulumi.ComponentResource):
    """Cluster, task definition, service, scaling.

    Attributes:
        group: the tasks' security group, for database and cache to let in.
    """

    def __init__(self, name: str, args: ContainersArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:compute:Containers", name, None, opts)
        own = ResourceOptions(parent=self)
        sizes = args.sizes
        self.group = security_group(name, args.network.vpc_id, "Tasks: load balancer in, anything out", own)
        allow_out(f"{name}-out", self.group, own)
        args.balancer.let_reach(name, self.group, args.app.port)
        self.logs = aws.cloudwatch.LogGroup(f"{name}-app", retention_in_days=args.log_days, opts=own)
        self.cluster = aws.ecs.Cluster(
            f"{name}-cluster", settings=[{"name": "containerInsights", "value": "enabled"}], opts=own
        )
        task = aws.ecs.TaskDefinition(
            f"{name}-task",
            family=f"outgrow-{pulumi.get_stack()}-{name}",
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(sizes.cpu),
            memory=str(sizes.memory),
            runtime_platform={"cpu_architecture": "ARM64", "operating_system_family": "LINUX"},
            execution_role_arn=self._execution_role(name, args).arn,
            task_role_arn=aws.iam.Role(
                f"{name}-task", assume_role_policy=assume_role("ecs-tasks.amazonaws.com"), opts=own
            ).arn,
            volumes=[{"name": SCRATCH}],
            container_definitions=pulumi.Output.json_dumps(self._containers(args)),
            opts=own,
        )
        self.service = aws.ecs.Service(
            f"{name}-service",
            cluster=self.cluster.arn,
            task_definition=task.arn,
            launch_type="FARGATE",
            desired_count=sizes.min,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=False,
            health_check_grace_period_seconds=60,
            network_configuration={
                "subnets": args.network.ids(args.network.app),
                "security_groups": [self.group.id],
                "assign_public_ip": False,
            },
            load_balancers=[
                {
                    "target_group_arn": args.balancer.targets.arn,
                    "container_name": "app",
                    "container_port": args.app.port,
                }
            ],
            # How many tasks run is the scaling's business once the service exists.
            opts=ResourceOptions(
                parent=self, depends_on=[args.balancer.listener], ignore_changes=["desiredCount"]
            ),
        )
        target = aws.appautoscaling.Target(
            f"{name}-scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", self.cluster.name, "/", self.service.name),
            min_capacity=sizes.min,
            max_capacity=sizes.max,
            opts=own,
        )
        aws.appautoscaling.Policy(
            f"{name}-cpu",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "predefined_metric_specification": {
                    "predefined_metric_type": "ECSServiceAverageCPUUtilization"
                },
                "target_value": sizes.target_cpu_percent,
                "scale_in_cooldown": 300,
                "scale_out_cooldown": 60,
            },
            opts=own,
        )
        self.register_outputs({})

    def _execution_role(self, name: str, args: ContainersArgs) -> aws.iam.Role:
        """Make the role by which ECS itself pulls the image, reads the secrets and writes the logs."""
        own = ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-execution",
            assume_role_policy=assume_role("ecs-tasks.amazonaws.com"),
            managed_policy_arns=[
                "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
            ],
            opts=own,
        )
        arns = [args.secret.arn, *([args.datadog.arn] if args.datadog else [])]
        secrets = [arn_in(args.region, arn) for arn in arns]
        aws.iam.RolePolicy(
            f"{name}-secrets",
            role=role.id,
            policy=statement(["secretsmanager:GetSecretValue"], secrets),
            opts=own,
        )
        aws.iam.RolePolicy(
            f"{name}-key", role=role.id, policy=statement(["kms:Decrypt"], [args.key.arn]), opts=own
        )
        return role

    def _containers(self, args: ContainersArgs) -> list[dict[str, Any]]:
        logs = {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": self.logs.name,
                "awslogs-region": args.region,
                "awslogs-stream-prefix": "app",
            },
        }
        environment = {**args.app.environment, **args.environment}
        secret = arn_in(args.region, args.secret.arn)
        app = {
            "name": "app",
            "image": args.app.image,
            "essential": True,
            "readonlyRootFilesystem": True,
            "mountPoints": [{"sourceVolume": SCRATCH, "containerPath": "/tmp"}],  # noqa: S108  # the task's own
            "linuxParameters": {"initProcessEnabled": True},
            "portMappings": [{"containerPort": args.app.port, "protocol": "tcp"}],
            "environment": [{"name": key, "value": environment[key]} for key in sorted(environment)],
            "secrets": [
                {"name": key, "valueFrom": pulumi.Output.concat(secret, f":{field}::")}
                for key, field in SECRET_VARIABLES.items()
            ],
            "logConfiguration": logs,
        }
        return [app, args.datadog.agent(args.region, logs)] if args.datadog else [app]
