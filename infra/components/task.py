"""What runs in one Fargate task: a part of the application, the monitor beside it, collector and agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi

from infra.components.alarms import NAMESPACE
from infra.components.keys import arn_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.components.agent import Agent
    from infra.components.keys import DatabaseSecret
    from infra.settings import Settings

#: The only place where a container may write.
SCRATCH: Final = "scratch"
#: The database user and password reach the application as these variables, taken from the secret's JSON.
SECRET_VARIABLES: Final = {"DATABASE_USER": "username", "DATABASE_PASSWORD": "password"}
#: The collector's own configuration that takes OTLP and sends traces to X-Ray, inside its image.
OTEL_CONFIG: Final = "/etc/ecs/ecs-default-config.yaml"
#: Nobody in particular, as the monitor's image says.
NOBODY: Final = "65532:65532"


@dataclass(frozen=True)
class TaskArgs:
    """What the containers of a task need to know.

    Args:
        name: of the part of the application.
        image: of it.
        port: where it listens.
        environment: what it is told.
        database_host: what the monitor reads.
        region: where the task runs.
        logs: ECS's log configuration.
        agent: None runs none.
    """

    settings: Settings
    name: str
    image: str
    port: int
    environment: Mapping[str, pulumi.Input[str]]
    database_host: pulumi.Input[str]
    database_port: int
    database_name: str
    region: str
    secret: DatabaseSecret
    logs: Mapping[str, Any]
    agent: Agent | None
    tracing: bool


def containers(args: TaskArgs) -> list[dict[str, Any]]:
    """Describe a task's containers, the application's part first."""
    found = [_part(args), _monitor(args)]
    if args.tracing:
        found.append(_collector(args))
    if args.agent:
        found.append(args.agent.container(args.region, args.logs))
    return found


def log_configuration(group: pulumi.Input[str], region: str, prefix: str) -> dict[str, Any]:
    """Send what a container prints to CloudWatch; one that prints too much is not held up by it."""
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": group,
            "awslogs-region": region,
            "awslogs-stream-prefix": prefix,
            "mode": "non-blocking",
            "max-buffer-size": "10m",
        },
    }


def _scratch(path: str) -> list[dict[str, str]]:
    return [{"sourceVolume": SCRATCH, "containerPath": path}]


def _variables(environment: Mapping[str, pulumi.Input[str]]) -> list[dict[str, pulumi.Input[str]]]:
    return [{"name": key, "value": environment[key]} for key in sorted(environment)]


def _part(args: TaskArgs) -> dict[str, Any]:
    secret = arn_in(args.region, args.secret.arn)
    secrets: dict[str, pulumi.Input[str]] = dict(args.settings.app.secrets)
    secrets |= {key: pulumi.Output.concat(secret, f":{field}::") for key, field in SECRET_VARIABLES.items()}
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SERVICE_NAME": args.name}
    return {
        "name": args.name,
        "image": args.image,
        "essential": True,
        "readonlyRootFilesystem": True,
        "mountPoints": _scratch("/tmp"),  # noqa: S108  # the task's own
        "linuxParameters": {"initProcessEnabled": True},
        "portMappings": [{"containerPort": args.port, "protocol": "tcp"}],
        "environment": _variables({**(traced if args.tracing else {}), **args.environment}),
        "secrets": [{"name": key, "valueFrom": secrets[key]} for key in sorted(secrets)],
        "stopTimeout": 30,
        "logConfiguration": dict(args.logs),
    }


def _monitor(args: TaskArgs) -> dict[str, Any]:
    """Describe the monitor: in the task's own network, so that loopback is enough and nobody else reaches it.

    All publish in the stack's first region: the alarms there see the sum of all tasks.
    """
    settings = args.settings
    database = pulumi.Output.concat(
        f"postgresql://{args.secret.user}@",
        args.database_host,
        f":{args.database_port}/{args.database_name}?sslmode=require",
    )
    return {
        "name": "monitor",
        "image": settings.monitor.image,
        "essential": False,
        "readonlyRootFilesystem": True,
        "user": NOBODY,
        "command": [
            *("serve", "--database", database, "--listen", "127.0.0.1:9464", "--store", ":memory:"),
            *("--phase", settings.phase, "--cloudwatch-namespace", NAMESPACE),
            *("--cloudwatch-dimension", f"Stack={settings.stack}"),
        ],
        "environment": _variables({"AWS_REGION": settings.region}),
        "secrets": [
            {
                "name": "PGPASSWORD",
                "valueFrom": pulumi.Output.concat(arn_in(args.region, args.secret.arn), ":password::"),
            }
        ],
        "healthCheck": {
            "command": ["CMD", "python", "-m", "monitor.serve.healthcheck"],
            "interval": 15,
            "timeout": 5,
            "retries": 3,
            "startPeriod": 15,
        },
        "logConfiguration": dict(args.logs),
    }


def _collector(args: TaskArgs) -> dict[str, Any]:
    return {
        "name": "otel-collector",
        "image": args.settings.images.otel_collector,
        "essential": False,
        "readonlyRootFilesystem": True,
        "command": [f"--config={OTEL_CONFIG}"],
        "environment": _variables({"AWS_REGION": args.region}),
        "logConfiguration": dict(args.logs),
    }
