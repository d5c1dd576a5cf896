"""What AWS refuses about databases only while it makes them, and no schema knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from infra.policy.facts import Part, Whole, known
from infra.policy.rule import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_AWS = "https://docs.aws.amazon.com"
_RDS = "aws:rds/instance:Instance"
_CLUSTER = "aws:rds/cluster:Cluster"
_MEMBER = "aws:rds/clusterInstance:ClusterInstance"
_GLOBAL = "aws:rds/globalCluster:GlobalCluster"


def _replicas(part: Part, whole: Whole) -> list[Part]:
    return [one for one in whole.of_type(_RDS) if part in whole.behind(one, "replicateSourceDb", _RDS)]


def _in_global(cluster: Part, whole: Whole) -> bool:
    if cluster.get("globalClusterIdentifier") is not None:
        return True
    return any(
        cluster in whole.behind(one, "sourceDbClusterIdentifier", _CLUSTER) for one in whole.of_type(_GLOBAL)
    )


@rule(
    "no-managed-password-with-replicas",
    "RDS does not manage the password of a database with replicas, blue/green updates or a global cluster.",
    why="AWS refuses the replica, the update or the second region, after the database has been made.",
    remedy="Keep the password in a secret of your own with a rotation, and pass it as passwordWo.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/rds-secrets-manager.html",
    types=(_RDS, _CLUSTER),
    alone=False,
)
def managed_password(part: Part, whole: Whole) -> Iterator[str]:
    if part.flag("manageMasterUserPassword") is not True:
        return
    if part.get("replicateSourceDb") is not None:
        yield "is a replica, which has its source's password"
    if part.flag("blueGreenUpdate.enabled") is True:
        yield "RDS manages its password, so blue/green updates are refused"
    if part.type == _RDS and _replicas(part, whole):
        yield "RDS manages its password, so its read replicas are refused"
    if part.type == _CLUSTER:
        if _in_global(part, whole):
            yield "RDS manages its password, so it cannot be in a global database"
        if part.get("replicationSourceIdentifier") is not None:
            yield "RDS manages its password, so it cannot be a replica"


@rule(
    "replicas-need-backups",
    "A database with read replicas has automatic backups.",
    why="AWS makes a replica from a backup, and refuses without.",
    remedy="Set the source's backupRetentionPeriod to 1 at least.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/USER_ReadRepl.html",
    types=(_RDS,),
    alone=False,
)
def replica_backups(part: Part, whole: Whole) -> Iterator[str]:
    value, days = part.get("backupRetentionPeriod"), part.amount("backupRetentionPeriod")
    if _replicas(part, whole) and (value is None or days == 0):
        yield "has read replicas and no backups"


@rule(
    "replicas-inherit",
    "A read replica names neither user, password nor database: they are its source's.",
    why="AWS refuses the call, or ignores what the program says.",
    remedy="Remove username, password, dbName and allocatedStorage from the replica.",
    source=f"{_AWS}/AmazonRDS/latest/APIReference/API_CreateDBInstanceReadReplica.html",
    types=(_RDS,),
)
def replica_inputs(part: Part, _whole: Whole) -> Iterator[str]:
    if part.get("replicateSourceDb") is None:
        return
    for name in ("username", "password", "passwordWo", "dbName"):
        if part.get(name) is not None:
            yield f"sets {name}"


@rule(
    "global-databases-need-memory-classes",
    "Instances of a global database are of a memory-optimised class.",
    why="Aurora refuses t and m classes in a global database.",
    remedy="Choose db.r6g, db.r7g or db.r8g, large or more, or db.serverless.",
    source=f"{_AWS}/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-getting-started.html",
    types=(_MEMBER,),
    alone=False,
)
def global_classes(part: Part, whole: Whole) -> Iterator[str]:
    size = part.text("instanceClass") or ""
    clusters = whole.behind(part, "clusterIdentifier", _CLUSTER)
    only = whole.of_type(_CLUSTER) if not clusters and not known(part.get("clusterIdentifier")) else ()
    in_global = any(_in_global(one, whole) for one in clusters) or (
        bool(only) and all(_in_global(one, whole) for one in only)
    )
    if in_global and size and not re.match(r"db\.(r|x|serverless)", size):
        yield f"is {size}, which a global database does not take"


@rule(
    "second-region-is-read-only",
    "Only the first cluster of a global database names a user, a password and a database.",
    why="A second region is a copy; AWS refuses a user of its own.",
    remedy="Leave masterUsername, the password and databaseName to the primary cluster.",
    source=f"{_AWS}/AmazonRDS/latest/AuroraUserGuide/aurora-global-database.html",
    types=(_GLOBAL,),
    alone=False,
)
def global_writers(part: Part, whole: Whole) -> Iterator[str]:
    members = [
        one
        for one in whole.of_type(_CLUSTER)
        if part in whole.behind(one, "globalClusterIdentifier", _GLOBAL)
    ]
    writers = [one for one in members if one.get("masterUsername") is not None]
    if len(writers) > 1:
        yield "has two clusters with a user of their own: " + ", ".join(sorted(one.name for one in writers))


@rule(
    "proxy-targets-the-writer",
    "RDS Proxy stands before the writer.",
    why="A proxy of an RDS instance does not take a read replica as its target.",
    remedy="Target the primary; reach replicas directly or through PgBouncer.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/rds-proxy.html",
    types=("aws:rds/proxyTarget:ProxyTarget",),
    alone=False,
)
def proxy_targets(part: Part, whole: Whole) -> Iterator[str]:
    for target in whole.behind(part, "dbInstanceIdentifier", _RDS):
        if target.get("replicateSourceDb") is not None:
            yield f"targets {target.name}, a read replica"


def _major(version: str) -> str:
    parts = version.split(".")
    return ".".join(parts[:2]) if parts[0] == "9" else parts[0]


_FAMILY = re.compile(r"^(?:aurora-)?postgres(?:ql)?(\d+(?:\.\d+)?)$")


@rule(
    "engine-versions-fit",
    "Versions fit: parameter group and engine, replica and source, instance and cluster, both regions.",
    why="AWS refuses the pair, or restarts the database when it corrects it.",
    remedy="Derive all of them from one version in the stack file.",
    source=f"{_AWS}/AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html",
    types=(_RDS, _CLUSTER, _MEMBER),
    alone=False,
)
def engine_versions(part: Part, whole: Whole) -> Iterator[str]:
    version = part.text("engineVersion")
    if version is None:
        return
    groups = [
        *whole.behind(part, "parameterGroupName", "aws:rds/parameterGroup:ParameterGroup"),
        *whole.behind(part, "dbParameterGroupName", "aws:rds/parameterGroup:ParameterGroup"),
        *whole.behind(
            part, "dbClusterParameterGroupName", "aws:rds/clusterParameterGroup:ClusterParameterGroup"
        ),
    ]
    for group in groups:
        family = _FAMILY.match(group.text("family") or "")
        if family and family[1] != _major(version):
            yield f"is version {version}, its parameter group {group.name} is for {family[0]}"
    pairs = (
        ("replicateSourceDb", _RDS),
        ("clusterIdentifier", _CLUSTER),
        ("globalClusterIdentifier", _GLOBAL),
    )
    for path, type_ in pairs:
        if part.get(path) is None or part.type == type_ != _RDS:
            continue
        for other in whole.behind(part, path, type_):
            theirs = other.text("engineVersion")
            if theirs and _major(theirs) != _major(version):
                yield f"is version {version}, {other.name} is {theirs}"


RULES = (
    managed_password,
    replica_backups,
    replica_inputs,
    global_classes,
    global_writers,
    proxy_targets,
    engine_versions,
)
