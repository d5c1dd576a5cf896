"""What holds data is kept: from deletion, by backups, across zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.policy.facts import Part, Whole, each, known, lookup, number
from infra.policy.rule import Severity, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_AWS = "https://docs.aws.amazon.com"
_RDS = "aws:rds/instance:Instance"
_CLUSTER = "aws:rds/cluster:Cluster"
_GLOBAL = "aws:rds/globalCluster:GlobalCluster"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_VOLUME = "aws:ebs/volume:Volume"
_SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105  # a type token
_DLM = "aws:dlm/lifecyclePolicy:LifecyclePolicy"
#: Days that backups reach back, by phase; the second figure is for environments other than production.
_DAYS = {"phase-2": 7, "phase-3": 35}
_DAYS_ELSEWHERE, _DAYS_STAGING = 7, 1


def _is_replica(part: Part) -> bool:
    return part.get("replicateSourceDb") is not None


#: The input that forbids deletion, by type.
_SWITCH = {
    _RDS: "deletionProtection",
    _CLUSTER: "deletionProtection",
    _GLOBAL: "deletionProtection",
    "aws:lb/loadBalancer:LoadBalancer": "enableDeletionProtection",
    "aws:dynamodb/table:Table": "deletionProtectionEnabled",
}


@rule(
    "deletion-protection",
    "AWS itself refuses to delete databases and load balancers.",
    why="It holds against whoever deletes without Pulumi: the console, a script, another tool.",
    remedy="Set deletionProtection (enableDeletionProtection on a load balancer) to true.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html",
    types=tuple(_SWITCH),
)
def deletion(part: Part, whole: Whole) -> Iterator[str]:
    if not whole.promise.disposable and not _is_replica(part) and part.flag(_SWITCH[part.type]) is False:
        yield f"{_SWITCH[part.type]} is not true"


_HOLDERS = (
    _RDS,
    _CLUSTER,
    _GLOBAL,
    _VOLUME,
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketV2:BucketV2",
    "aws:kms/key:Key",
    "aws:backup/vault:Vault",
    "aws:dynamodb/table:Table",
    "aws:efs/fileSystem:FileSystem",
    _SECRET,
)


@rule(
    "protected-data",
    "Pulumi protects whatever holds data, and leaves it in the cloud when it leaves the program.",
    why="A renamed component would delete the database and make an empty one.",
    remedy="Give the resource the options protect=True and retain_on_delete=True.",
    source="https://www.pulumi.com/docs/iac/concepts/options/protect/",
    types=_HOLDERS,
    alone=False,
)
def protected(part: Part, whole: Whole) -> Iterator[str]:
    if whole.promise.disposable or _is_replica(part):
        return
    rotation = "aws:secretsmanager/secretRotation:SecretRotation"
    if part.type == _SECRET and not any(
        part in whole.behind(one, "secretId", _SECRET) for one in whole.of_type(rotation)
    ):
        return  # a copy of what is kept elsewhere
    if part.protect is False:
        yield "is not protected"
    if part.retain_on_delete is False:
        yield "is deleted with its resource in the program"


@rule(
    "final-snapshots",
    "A database leaves a last snapshot, and no bucket, secret or vault is emptied with its deletion.",
    why="Deletion is the one mistake that no backup setting survives.",
    remedy="Set skipFinalSnapshot to false with a finalSnapshotIdentifier; forceDestroy to false; "
    "recoveryWindowInDays to 7 at least.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html",
    types=(
        _RDS,
        _CLUSTER,
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        _SECRET,
        "aws:backup/vault:Vault",
    ),
)
def final_snapshots(part: Part, whole: Whole) -> Iterator[str]:
    if whole.promise.disposable:
        return
    if part.type in {_RDS, _CLUSTER} and not _is_replica(part):
        if part.flag("skipFinalSnapshot") is True:
            yield "leaves no final snapshot"
        elif part.get("finalSnapshotIdentifier") is None:
            yield "names no final snapshot, so its deletion fails"
    if part.flag("forceDestroy") is True:
        yield "is emptied when it is deleted"
    if part.type == _SECRET and part.amount("recoveryWindowInDays") == 0:
        yield "is gone at once when it is deleted"


@rule(
    "backups",
    "Backups reach back as far as the phase promises: 7 days in phase-2, 35 in phase-3.",
    why="Point-in-time recovery exists only within the retention; a mistake is often noticed after days.",
    remedy="Raise backupRetentionPeriod: sizes.database.backup_days in the stack file.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html",
    types=(_RDS, _CLUSTER, "aws:docdb/cluster:Cluster"),
)
def backups(part: Part, whole: Whole) -> Iterator[str]:
    if _is_replica(part):
        return
    promise = whole.promise
    least = _DAYS.get(promise.phase or "", _DAYS_ELSEWHERE) if promise.production else _DAYS_STAGING
    value = part.get("backupRetentionPeriod")
    days = part.amount("backupRetentionPeriod")
    if value is None or (days is not None and days < least):
        yield f"keeps backups for {days or 0:g} days; {least} are promised"


@rule(
    "volume-snapshots",
    "Data volumes are snapshotted on a schedule, for a week at least.",
    why="A volume lives in one zone, on hardware that fails.",
    remedy="Add an enabled LifecyclePolicy whose target tags the volume carries.",
    source=f"{_AWS}/ebs/latest/userguide/snapshot-lifecycle.html",
    types=(_VOLUME, _DLM),
    alone=False,
)
def volume_snapshots(part: Part, whole: Whole) -> Iterator[str]:
    if part.type == _VOLUME:
        if not whole.of_type(_DLM, "aws:backup/plan:Plan"):
            yield "nothing makes snapshots of it"
        return
    if part.text("state") == "DISABLED":
        yield "is disabled"
    for schedule in each(part.get("policyDetails.schedules")):
        kept = number(lookup(schedule, "retainRule.count"))
        hours = number(lookup(schedule, "createRule.interval")) or 24
        if kept is not None and kept * hours < 7 * 24 and whole.promise.production:
            yield f"keeps {kept:g} snapshots, which is less than a week"


@rule(
    "several-zones",
    "In production, phases 2 and 3 survive the loss of a zone: database, cache, machines and tasks.",
    why="A zone fails now and then, and 99.9 % leaves 43 minutes a month.",
    remedy="Set multiAz, multiAzEnabled and automaticFailoverEnabled; two machines or tasks at least.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html",
    types=(_RDS, _CLUSTER, _CACHE, "aws:autoscaling/group:Group", "aws:ecs/service:Service"),
    alone=False,
)
def zones(part: Part, whole: Whole) -> Iterator[str]:
    if whole.promise.phase not in _DAYS or not whole.promise.production:
        return
    if part.type == _RDS and not _is_replica(part) and part.flag("multiAz") is False:
        yield "has no standby in another zone"
    if part.type == _CACHE and part.get("globalReplicationGroupId") is None:
        if part.flag("multiAzEnabled") is False:
            yield "multiAzEnabled is not true"
        if part.flag("automaticFailoverEnabled") is False:
            yield "automaticFailoverEnabled is not true"
    if part.type == "aws:autoscaling/group:Group":
        least = part.amount("minSize")
        if least is not None and least < 2:
            yield f"may shrink to {least:g} machines"
        subnets = part.get("vpcZoneIdentifiers")
        if isinstance(subnets, list) and len(subnets) == 1:
            yield "is in one zone"
    if part.type == "aws:ecs/service:Service":
        tasks = part.amount("desiredCount")
        if tasks is not None and tasks < 2 and _is_primary(part, whole):
            yield f"runs {tasks:g} task"
    if part.type == _CLUSTER and _is_primary(part, whole):
        kind = "aws:rds/clusterInstance:ClusterInstance"
        members = [
            one for one in whole.of_type(kind) if part in whole.behind(one, "clusterIdentifier", _CLUSTER)
        ]
        if len(members) == 1:
            yield "has one instance, and none to fail over to"


def _is_primary(part: Part, whole: Whole) -> bool:
    return whole.region_of(part) in {"", whole.region}


@rule(
    "one-nat-a-zone",
    "Phase-3 has a NAT gateway in every zone of its first region.",
    why="With one, the loss of its zone cuts the others off from the internet.",
    remedy="Set outgrow:network.nat to per-zone.",
    source=f"{_AWS}/vpc/latest/userguide/nat-gateway-basics.html",
    severity=Severity.ADVISORY,
)
def nat_per_zone(_part: Part, whole: Whole) -> Iterator[str]:
    if whole.promise.phase != "phase-3" or not whole.promise.production:
        return
    subnets = [one for one in whole.of_type("aws:ec2/subnet:Subnet") if _is_primary(one, whole)]
    zones_used = {one.get("availabilityZone") for one in subnets if known(one.get("availabilityZone"))}
    gateways = [one for one in whole.of_type("aws:ec2/natGateway:NatGateway") if _is_primary(one, whole)]
    if gateways and len(gateways) < len(zones_used):
        yield f"{len(gateways)} NAT gateways serve {len(zones_used)} zones"


RULES = (deletion, protected, final_snapshots, backups, volume_snapshots, zones, nat_per_zone)
