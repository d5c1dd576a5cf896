"""The application and what runs beside it, as the stack files state them: the same in every phase."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from infra.sizes import Shape, fargate_size

#: An image as container registries name it: an optional host, a path in lower case, a tag or a digest.
Image = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*"
        r"(:[\w][\w.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$"
    ),
]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
HealthPath = Annotated[str, Field(pattern=r"^/[\w./~%?&=-]*$")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
#: One line: environment files know no other.
VariableValue = Annotated[str, Field(pattern=r"^[^\n\r\x00]*$")]
#: A secret in Secrets Manager, as a whole or one field of its JSON, as ECS writes it.
SecretReference = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@!-]+(:[\w.-]+::)?$",
    ),
]
#: Variables that each phase sets itself, because only it knows where things are.
OWN_VARIABLES = frozenset(
    {
        *("SQLITE_PATH", "REDIS_URL", "REDIS_READ_ONLY"),
        *("DATABASE_URL", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_READERS"),
        *(
            "DATABASE_USER",
            "DATABASE_PASSWORD",
            "DATABASE_SSL",
            "OUTGROW_SIDECAR_URL",
            "OUTGROW_MONITOR_TOKEN",
        ),
    }
)


class App(Shape):
    """The application that runs in every phase: the team's own container image.

    Args:
        image: with a tag or a digest.
        port: where it listens inside its container.
        health_path: answers 200 to 299 while it is well.
        sqlite_path: where its database is in phase-1; the volume is mounted at /data.
        environment: variables it is given in every phase.
        secrets: variables that are read from Secrets Manager when it starts: ARN, or ARN:FIELD:: of a JSON.
    """

    image: Image
    port: Port
    health_path: HealthPath
    sqlite_path: Annotated[str, Field(pattern=r"^/data/[\w.-]+(/[\w.-]+)*$")] = "/data/app.sqlite"
    environment: dict[VariableName, VariableValue] = Field(default_factory=dict)
    secrets: dict[VariableName, SecretReference] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for name in sorted({*self.environment, *self.secrets}):
            if name in OWN_VARIABLES:
                raise ValueError(f"{name} is set by the phase itself, which knows its value")
            if name in self.environment and name in self.secrets:
                raise ValueError(f"{name} is given twice, in environment and in secrets")
        return self


class Service(Shape):
    """A part of the application that phase-3 runs by itself: requests under its paths go there.

    Args:
        paths: as the load balancer matches them, such as "/api/*"; at most five.
        image: None runs the application's own image.
        environment: variables beside the application's.
        cpu: units of 1/1024 vCPU.
        memory: MiB.
        min: tasks in each region at least.
        max: tasks in each region at most.
    """

    paths: Annotated[
        tuple[Annotated[str, Field(pattern=r"^/[\w./~*?&+@:-]{0,127}$")], ...],
        Field(min_length=1, max_length=5),
    ]
    image: Image | None = None
    port: Port
    health_path: HealthPath
    environment: dict[VariableName, VariableValue] = Field(default_factory=dict)
    cpu: int = 256
    memory: int = 512
    min: Annotated[int, Field(strict=True, ge=1)] = 2
    max: Annotated[int, Field(strict=True, ge=1)] = 10
    target_cpu_percent: Annotated[int, Field(strict=True, ge=10, le=90)] = 60

    @model_validator(mode="after")
    def _possible(self) -> Self:
        fargate_size(self.cpu, self.memory)
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Monitor(Shape):
    """The monitor that runs beside the application: the image that the Dockerfile of this project makes."""

    image: Image


class Images(Shape):
    """Other people's images that run beside the application; a digest pins them for good."""

    caddy: Image = "public.ecr.aws/docker/library/caddy:2.10"
    litestream: Image = "docker.io/litestream/litestream:0.3.13"
    pgbouncer: Image = "docker.io/edoburu/pgbouncer:v1.23.1-p3"
    otel_collector: Image = "public.ecr.aws/aws-observability/aws-otel-collector:v0.43.1"
    datadog: Image = "public.ecr.aws/datadog/agent:7"
    newrelic: Image = "docker.io/newrelic/nri-ecs:1.12.9"


class MigrationPath(Shape):
    """A private way from an earlier phase's network to this one's database, for as long as data moves.

    Args:
        from_stack: the stack whose network is let in; it is deployed already, in this stack's region.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_stack: Annotated[str, Field(alias="from", pattern=r"^phase-\d+(-[a-z0-9-]+)?$")]
