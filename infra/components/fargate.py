"""One service on Fargate: tasks that scale by themselves, and releases that take themselves back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.alarms import PERIOD
from infra.components.task import SCRATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Minutes of failing requests in a row that take a release back.
FAILING_MINUTES = 3


@dataclass(frozen=True)
class FargateArgs:
    """What a service needs to know.

    Args:
        part: name of the container that serves.
        containers: what runs in each task.
        cpu: units of 1/1024 vCPU.
        memory: MiB.
        targets: where its tasks register, of which load balancer.
        waits_for: what sends it requests: ECS refuses a service without.
        error_percent: failing requests that take a release back.
    """

    part: str
    containers: Sequence[dict[str, Any]]
    cpu: int
    memory: int
    min: int
    max: int
    target_cpu_percent: int
    architecture: str
    port: int
    cluster: aws.ecs.Cluster
    group: aws.ec2.SecurityGroup
    subnets: Sequence[pulumi.Input[str]]
    execution_role: aws.iam.Role
    task_role: aws.iam.Role
    targets: aws.lb.TargetGroup
    balancer: aws.lb.LoadBalancer
    waits_for: Sequence[pulumi.Resource]
    error_percent: float


class FargateService(pulumi.ComponentResource):
    """Task definition, service, scaling, and the alarm that takes a release back.

    Attributes:
        service: ECS's.
        task: the definition that was asked for; after a rollback the service runs an older one.
    """

    def __init__(self, name: str, args: FargateArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("outgrow:compute:FargateService", name, None, opts)
        own = ResourceOptions(parent=self)
        self.task = aws.ecs.TaskDefinition(
            f"{name}-task",
            family=f"outgrow-{pulumi.get_stack()}-{name}",
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(args.cpu),
            memory=str(args.memory),
            runtime_platform={
                "cpu_architecture": "ARM64" if args.architecture == "arm64" else "X86_64",
                "operating_system_family": "LINUX",
            },
            execution_role_arn=args.execution_role.arn,
            task_role_arn=args.task_role.arn,
            volumes=[{"name": SCRATCH}],
            container_definitions=pulumi.Output.json_dumps(list(args.containers)),
            opts=own,
        )
        failing = self._failing(name, args)
        self.service = aws.ecs.Service(
            f"{name}-service",
            cluster=args.cluster.arn,
            task_definition=self.task.arn,
            launch_type="FARGATE",
            desired_count=args.min,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            alarms={"enable": True, "rollback": True, "alarm_names": [failing.name]},
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            # An update ends when the tasks run; `outgrow infra released` says which ones do.
            wait_for_steady_state=True,
            health_check_grace_period_seconds=60,
            network_configuration={
                "subnets": list(args.subnets),
                "security_groups": [args.group.id],
                "assign_public_ip": False,
            },
            load_balancers=[
                {
                    "target_group_arn": args.targets.arn,
                    "container_name": args.part,
                    "container_port": args.port,
                }
            ],
            # How many tasks run is the scaling's business once the service exists.
            opts=ResourceOptions(
                parent=self, depends_on=list(args.waits_for), ignore_changes=["desiredCount"]
            ),
        )
        self._scale(name, args)
        self.register_outputs({"service": self.service.name})

    def _failing(self, name: str, args: FargateArgs) -> aws.cloudwatch.MetricAlarm:
        """Watch the share of this part's requests that fail."""

        def count(id_: str, metric: str) -> dict[str, Any]:
            return {
                "id": id_,
                "return_data": False,
                "metric": {
                    "namespace": "AWS/ApplicationELB",
                    "metric_name": metric,
                    "stat": "Sum",
                    "period": PERIOD,
                    "dimensions": {
                        "TargetGroup": args.targets.arn_suffix,
                        "LoadBalancer": args.balancer.arn_suffix,
                    },
                },
            }

        return aws.cloudwatch.MetricAlarm(
            f"{name}-failing",
            alarm_description=f"{pulumi.get_stack()}: {name} fails over {args.error_percent:g} % of requests",
            metric_queries=[
                count("failed", "HTTPCode_Target_5XX_Count"),
                count("all", "RequestCount"),
                {
                    "id": "percent",
                    "label": "Failed requests, %",
                    "expression": "100 * FILL(failed, 0) / all",
                    "return_data": True,
                },
            ],
            comparison_operator="GreaterThanThreshold",
            threshold=args.error_percent,
            evaluation_periods=FAILING_MINUTES,
            treat_missing_data="notBreaching",
            opts=ResourceOptions(parent=self),
        )

    def _scale(self, name: str, args: FargateArgs) -> None:
        own = ResourceOptions(parent=self)
        target = aws.appautoscaling.Target(
            f"{name}-scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", args.cluster.name, "/", self.service.name),
            min_capacity=args.min,
            max_capacity=args.max,
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
                "target_value": args.target_cpu_percent,
                "scale_in_cooldown": 300,
                "scale_out_cooldown": 60,
            },
            opts=own,
        )
