"""The containers of phase-3 in one region: the application, and its parts that run by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.access import (
    allow_out,
    assume_role,
    publish_metrics,
    secret_arn,
    security_group,
    statement,
)
from infra.components.alarms import NAMESPACE
from infra.components.fargate import FargateArgs, FargateService
from infra.components.keys import arn_in
from infra.components.rotation import Release
from infra.components.task import TaskArgs, containers, log_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.application import Service
    from infra.components.agent import Agent
    from infra.components.keys import DatabaseSecret, Key
    from infra.components.load_balancer import LoadBalancer
    from infra.components.network import Network
    from infra.settings import Settings
    from infra.sizes import Containers as ContainerSizes

#: What the application itself is called among its parts.
APP = "app"
#: The load balancer asks the parts' paths in this order.
FIRST_PRIORITY = 10


@dataclass(frozen=True)
class ContainersArgs:
    """What a region's containers need to know.

    Args:
        region: AWS region.
        secret: the database's user and password, with a copy in this region.
        key: encrypts the secret and the logs here.
        environment: what the application is told beside its own settings.
        database_host: what the monitor reads.
        agent: None runs none.
    """

    settings: Settings
    sizes: ContainerSizes
    network: Network
    region: str
    balancer: LoadBalancer
    key: Key
    secret: DatabaseSecret
    environment: Mapping[str, pulumi.Input[str]]
    database_host: pulumi.Input[str]
    database_port: int
    database_name: str
    agent: Agent | None
    tracing: bool
    log_days: int


class Containers(pulumi.ComponentResource):
    """Cluster, roles, and a service for the application and for each of its parts.

    Attributes:
        group: the tasks' security group, for database and cache to let in.
        services: by name of the part; "app" is the application itself.
    """

    def __init__(self, name: str, args: ContainersArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:compute:Containers", name, None, opts)
        own = ResourceOptions(parent=self)
        app, parts = args.settings.app, args.settings.services
        self._region = args.region
        self.group = security_group(name, args.network.vpc_id, "Tasks: load balancer in, anything out", own)
        allow_out(f"{name}-out", self.group, own)
        args.balancer.let_reach(name, self.group, app.port)
        for port in sorted({part.port for part in parts.values()} - {app.port}):
            args.balancer.let_reach(f"{name}-{port}", self.group, port)
        self.logs = aws.cloudwatch.LogGroup(
            f"{name}-app", retention_in_days=args.log_days, kms_key_id=args.key.arn, opts=own
        )
        self.cluster = aws.ecs.Cluster(
            f"{name}-cluster", settings=[{"name": "containerInsights", "value": "enabled"}], opts=own
        )
        self._roles = self._execution_role(name, args), self._task_role(name, args)
        self.services = {APP: self._app(name, args)}
        for number, (part, service) in enumerate(sorted(parts.items())):
            self.services[part] = self._part(name, part, service, FIRST_PRIORITY + number, args)
        self.register_outputs({})

    @property
    def releases(self) -> list[Release]:
        """Say which services there are, for those who start them anew."""
        return [
            Release(self._region, self.cluster.name, one.service.name, one.service.arn)
            for one in self.services.values()
        ]

    def asked_for(self) -> list[dict[str, pulumi.Input[str]]]:
        """Say which task definition each service was asked to run, for `outgrow infra released`."""
        return [
            {
                "region": self._region,
                "cluster": self.cluster.name,
                "service": one.service.name,
                "task_definition": one.task.arn,
            }
            for one in self.services.values()
        ]

    def _app(self, name: str, args: ContainersArgs) -> FargateService:
        sizes, app = args.sizes, args.settings.app
        return self._service(
            name,
            APP,
            args,
            image=app.image,
            environment={},
            size=(sizes.cpu, sizes.memory, sizes.min, sizes.max, sizes.target_cpu_percent),
            port=app.port,
            targets=args.balancer.targets,
            waits_for=[args.balancer.listener],
        )

    def _part(
        self, name: str, part: str, service: Service, priority: int, args: ContainersArgs
    ) -> FargateService:
        targets = args.balancer.serve_paths(part, service.paths, service.port, service.health_path, priority)
        return self._service(
            f"{name}-{part}",
            part,
            args,
            image=service.image or args.settings.app.image,
            environment=service.environment,
            size=(service.cpu, service.memory, service.min, service.max, service.target_cpu_percent),
            port=service.port,
            targets=targets,
            waits_for=[args.balancer.rules[-1]],
        )

    def _service(
        self,
        name: str,
        part: str,
        args: ContainersArgs,
        *,
        image: str,
        environment: Mapping[str, str],
        size: tuple[int, int, int, int, int],
        port: int,
        targets: aws.lb.TargetGroup,
        waits_for: list[pulumi.Resource],
    ) -> FargateService:
        cpu, memory, least, most, target_cpu = size
        execution_role, task_role = self._roles
        errors = args.settings.roadmap.thresholds["error_rate_percent"]
        task = TaskArgs(
            settings=args.settings,
            name=part,
            image=image,
            port=port,
            environment={**args.settings.app.environment, **environment, **args.environment},
            database_host=args.database_host,
            database_port=args.database_port,
            database_name=args.database_name,
            region=args.region,
            secret=args.secret,
            logs=log_configuration(self.logs.name, args.region, part),
            agent=args.agent,
            tracing=args.tracing,
        )
        return FargateService(
            name,
            FargateArgs(
                part=part,
                containers=containers(task),
                cpu=cpu,
                memory=memory,
                min=least,
                max=most,
                target_cpu_percent=target_cpu,
                architecture=args.sizes.architecture,
                port=port,
                cluster=self.cluster,
                group=self.group,
                subnets=args.network.ids(args.network.app),
                execution_role=execution_role,
                task_role=task_role,
                targets=targets,
                balancer=args.balancer.balancer,
                waits_for=waits_for,
                error_percent=errors.upper,
            ),
            ResourceOptions(parent=self),
        )

    def _execution_role(self, name: str, args: ContainersArgs) -> aws.iam.Role:
        """Make the role by which ECS itself pulls the images, reads the secrets and writes the logs."""
        own = ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-execution",
            assume_role_policy=assume_role("ecs-tasks.amazonaws.com"),
            managed_policy_arns=["arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"],
            opts=own,
        )
        arns = [args.secret.arn, *([args.agent.arn] if args.agent else [])]
        theirs = sorted({secret_arn(reference) for reference in args.settings.app.secrets.values()})
        secrets: list[pulumi.Input[str]] = [*(arn_in(args.region, arn) for arn in arns), *theirs]
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

    def _task_role(self, name: str, args: ContainersArgs) -> aws.iam.Role:
        """Make the role of what runs in the tasks: metrics, and traces where they are asked for."""
        own = ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-task",
            assume_role_policy=assume_role("ecs-tasks.amazonaws.com"),
            managed_policy_arns=["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"] if args.tracing else [],
            opts=own,
        )
        aws.iam.RolePolicy(f"{name}-metrics", role=role.id, policy=publish_metrics(NAMESPACE), opts=own)
        return role
