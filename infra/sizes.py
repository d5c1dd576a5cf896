"""What can be sized in each phase, as the stack files' `outgrow:sizes` states it: shapes, no numbers."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Memory (MiB) that Fargate offers for each CPU size (1024 units = 1 vCPU).
#: Source: Amazon ECS developer guide, "Task CPU and memory".
FARGATE_MEMORY: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        256: (512, 1024, 2048),
        512: tuple(range(1024, 4097, 1024)),
        1024: tuple(range(2048, 8193, 1024)),
        2048: tuple(range(4096, 16385, 1024)),
        4096: tuple(range(8192, 30721, 1024)),
        8192: tuple(range(16384, 61441, 4096)),
        16384: tuple(range(32768, 122881, 8192)),
    }
)

Count = Annotated[int, Field(strict=True, ge=1)]
CountOrNone = Annotated[int, Field(strict=True, ge=0)]
Gigabytes = Annotated[int, Field(strict=True, ge=1, le=65536)]
Days = Annotated[int, Field(strict=True, ge=1, le=3653)]
#: AWS keeps point-in-time backups of a database for at most 35 days.
BackupDays = Annotated[int, Field(strict=True, ge=1, le=35)]
InstanceType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*\.(nano|micro|small|medium|metal|\d*x?large)$")]
DatabaseClass = Annotated[str, Field(pattern=r"^db\.[a-z][a-z0-9]*\.(micro|small|medium|\d*x?large)$")]
CacheNode = Annotated[str, Field(pattern=r"^cache\.[a-z][a-z0-9]*\.(micro|small|medium|\d*x?large)$")]
#: A Global Datastore accepts only these nodes (ElastiCache user guide, "Prerequisites and limitations").
GlobalCacheNode = Annotated[str, Field(pattern=r"^cache\.(m5|m6g|m7g|r5|r6g|r7g)\.\d*x?large$")]
#: An Aurora Global Database accepts only memory-optimised classes (Aurora user guide).
GlobalDatabaseClass = Annotated[str, Field(pattern=r"^db\.[rx]\d[a-z]*\.\d*x?large$")]


class Shape(BaseModel):
    """A part of a stack file: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Host(Shape):
    """The one machine of phase-1; `copy_hours` is how far back its continuous copies reach."""

    type: InstanceType
    root_gb: Gigabytes
    data_gb: Gigabytes
    snapshots: Count
    copy_hours: Annotated[int, Field(strict=True, ge=1, le=8760)] = 168


class Servers(Shape):
    """The group of machines of phase-2, which scales between `min` and `max`."""

    type: InstanceType
    root_gb: Gigabytes
    min: Count
    max: Count
    target_cpu_percent: Annotated[int, Field(strict=True, ge=10, le=90)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


def fargate_size(cpu: int, memory: int) -> None:
    """Refuse a size that Fargate does not offer.

    Raises:
        ValueError: says what is offered instead.
    """
    offered = FARGATE_MEMORY.get(cpu)
    if offered and memory in offered:
        return
    known = (
        f"with cpu {cpu} Fargate offers memory {offered[0]} to {offered[-1]} MiB in its steps"
        if offered
        else f"Fargate offers cpu {', '.join(map(str, FARGATE_MEMORY))}"
    )
    raise ValueError(f"cpu {cpu} with memory {memory} does not exist: {known}")


class Containers(Shape):
    """The Fargate service of phase-3 in one region; `cpu` in units (1024 = 1 vCPU), `memory` in MiB."""

    cpu: Count
    memory: Count
    min: Count
    max: Count
    target_cpu_percent: Annotated[int, Field(strict=True, ge=10, le=90)]
    #: What the images are built for; Graviton's is the cheaper one.
    architecture: Literal["arm64", "x86_64"] = "arm64"

    @model_validator(mode="after")
    def _possible(self) -> Self:
        fargate_size(self.cpu, self.memory)
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Database(Shape):
    """The PostgreSQL of phase-2: a primary and its read replicas."""

    version: Annotated[str, Field(pattern=r"^\d\d(\.\d+)?$")]
    type: DatabaseClass
    storage_gb: Annotated[int, Field(strict=True, ge=20, le=65536)]
    max_storage_gb: Gigabytes
    multi_az: bool
    replicas: Annotated[int, Field(strict=True, ge=0, le=15)]
    replica_type: DatabaseClass
    backup_days: BackupDays
    #: How the application's connections are shared: "pgbouncer" on each machine, or AWS's "rds-proxy".
    pooling: Literal["pgbouncer", "rds-proxy"] = "pgbouncer"
    #: Connections a machine opens to the database for all of the application's.
    pool_size: Annotated[int, Field(strict=True, ge=1, le=1000)] = 20
    #: Days after which the password is exchanged; 0 never.
    rotate_days: Annotated[int, Field(strict=True, ge=0, le=1000)] = 30

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_storage_gb < self.storage_gb:
            raise ValueError(f"max_storage_gb {self.max_storage_gb} is below storage_gb {self.storage_gb}")
        return self


class GlobalDatabase(Shape):
    """The Aurora PostgreSQL of phase-3; instances per region, the first of the primary region writes."""

    version: Annotated[str, Field(pattern=r"^\d\d(\.\d+)?$")]
    type: GlobalDatabaseClass
    instances: Annotated[int, Field(strict=True, ge=1, le=16)]
    secondary_instances: Annotated[int, Field(strict=True, ge=0, le=16)]
    backup_days: BackupDays
    #: Readers that are added while they are busy, beside those above; 0 adds none.
    more_readers: Annotated[int, Field(strict=True, ge=0, le=14)] = 2
    reader_cpu_percent: Annotated[int, Field(strict=True, ge=10, le=90)] = 60
    rotate_days: Annotated[int, Field(strict=True, ge=0, le=1000)] = 30


class SingleCache(Shape):
    """The cache of phase-1: one node."""

    node: CacheNode


class ClusterCache(Shape):
    """The cache of phase-2: shards with replicas."""

    node: CacheNode
    shards: Annotated[int, Field(strict=True, ge=1, le=500)]
    replicas_per_shard: Annotated[int, Field(strict=True, ge=0, le=5)]


class GlobalCache(Shape):
    """The cache of phase-3: a writable group in one region, a copy in the other."""

    node: GlobalCacheNode
    nodes: Annotated[int, Field(strict=True, ge=2, le=6)]
    secondary_nodes: Annotated[int, Field(strict=True, ge=1, le=6)]


class Phase1Sizes(Shape):
    host: Host
    cache: SingleCache
    log_days: Days


class Phase2Sizes(Shape):
    servers: Servers
    database: Database
    cache: ClusterCache
    log_days: Days


class Phase3Sizes(Shape):
    containers: Containers
    secondary_containers: Containers
    database: GlobalDatabase
    cache: GlobalCache
    log_days: Days
    #: Whose agent runs beside each task; null for none.
    agent: Literal["datadog", "newrelic"] | None
    #: Whether OpenTelemetry's collector runs beside each task and sends traces to X-Ray.
    tracing: bool = True


#: Which shape a phase's sizes have.
SIZES: Mapping[str, type[Shape]] = MappingProxyType(
    {"phase-1": Phase1Sizes, "phase-2": Phase2Sizes, "phase-3": Phase3Sizes}
)
