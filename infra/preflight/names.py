"""Names that a phase would take: whether something of that name is there already, in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.preflight.finding import Finding, Status
from infra.preflight.reader import NotAnswered, error_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.preflight.needs import RegionNeeds
    from infra.preflight.reader import Reader

CHECK: Final = "names"


@dataclass(frozen=True)
class Listing:
    """How the names of a type are listed.

    Args:
        service: boto3's name of it.
        operation: the call.
        key: the answer's list.
        name: the member of an item that is its name; "" where items are names.
        params: what the call needs besides.
    """

    service: str
    operation: str
    key: str
    name: str
    params: tuple[tuple[str, Any], ...] = ()


LISTINGS: Final = {
    "aws:rds/instance:Instance": Listing(
        "rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"
    ),
    "aws:rds/cluster:Cluster": Listing("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    "aws:rds/globalCluster:GlobalCluster": Listing(
        "rds", "describe_global_clusters", "GlobalClusters", "GlobalClusterIdentifier"
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Listing(
        "elasticache", "describe_replication_groups", "ReplicationGroups", "ReplicationGroupId"
    ),
    "aws:lb/loadBalancer:LoadBalancer": Listing(
        "elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"
    ),
    "aws:lb/targetGroup:TargetGroup": Listing(
        "elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName"
    ),
    "aws:iam/role:Role": Listing("iam", "list_roles", "Roles", "RoleName"),
    "aws:kms/alias:Alias": Listing("kms", "list_aliases", "Aliases", "AliasName"),
    "aws:cloudwatch/logGroup:LogGroup": Listing("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "aws:backup/vault:Vault": Listing("backup", "list_backup_vaults", "BackupVaultList", "BackupVaultName"),
    # A secret that was deleted keeps its name until its recovery window ends.
    "aws:secretsmanager/secret:Secret": Listing(
        "secretsmanager", "list_secrets", "SecretList", "Name", (("IncludePlannedDeletion", True),)
    ),
    "aws:s3/bucket:Bucket": Listing("s3", "list_buckets", "Buckets", "Name"),
    "aws:budgets/budget:Budget": Listing("budgets", "describe_budgets", "Budgets", "BudgetName"),
    "aws:ecs/cluster:Cluster": Listing("ecs", "list_clusters", "clusterArns", ""),
}


def check_names(reader: Reader, needs: RegionNeeds, account: str) -> Iterator[Finding]:
    """Look for what is there under the names the phase would take in a region."""
    for type_ in sorted({type_ for type_, _ in needs.names}):
        listing = LISTINGS[type_]
        params = dict(listing.params)
        if listing.service == "budgets":
            params["AccountId"] = account
        wanted = sorted(name for of, name in needs.names if of == type_)
        try:
            items = reader.items(needs.region, listing.service, listing.operation, listing.key, **params)
        except NotAnswered as error:
            for name in wanted:
                yield _finding(type_, name, needs.region, Status.UNKNOWN, str(error))
            continue
        there = {_name(item, listing) for item in items}
        for name in wanted:
            if name in there:
                yield _finding(type_, name, needs.region, Status.FAIL, "there already, in this account")
            elif type_ == "aws:s3/bucket:Bucket":
                yield _bucket(reader, needs.region, name)
            else:
                yield _finding(type_, name, needs.region, Status.PASS, "free")


def _bucket(reader: Reader, region: str, name: str) -> Finding:
    """Ask for a bucket by its name, which nobody else in the world may have."""
    kind = "aws:s3/bucket:Bucket"
    try:
        reader.items(region, "s3", "head_bucket", "", Bucket=name)
    except NotAnswered as error:
        code = error_code(error)
        if code in {"404", "NoSuchBucket"}:
            return _finding(kind, name, region, Status.PASS, "free")
        if code in {"403", "301", "AccessDenied"}:
            return _finding(kind, name, region, Status.FAIL, "taken by another account or in another region")
        return _finding(kind, name, region, Status.UNKNOWN, str(error))
    return _finding(kind, name, region, Status.FAIL, "there already, in this account")


def _name(item: Any, listing: Listing) -> str:
    return str(item[listing.name]) if listing.name else str(item).rpartition("/")[2]


def _finding(type_: str, name: str, region: str, status: Status, detail: str) -> Finding:
    step = {
        Status.PASS: "",
        Status.FAIL: "remove it or give it another name, unless this very stack made it",
        Status.UNKNOWN: "outgrow infra preflight --print-policy shows what has to be allowed",
    }[status]
    return Finding(CHECK, f"{type_.rpartition(':')[2]} {name}", region, status, detail, step)
