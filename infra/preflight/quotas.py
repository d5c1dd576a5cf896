"""Service quotas: which ones a phase touches, what they allow, what is in use, whether the rest is enough.

Codes: the Service Quotas console and `aws service-quotas list-service-quotas`. What is in use is counted, or
read from the usage metric that AWS itself names with the quota.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from infra.preflight.finding import Finding, Status
from infra.preflight.reader import NotAnswered, error_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from infra.preflight.needs import RegionNeeds
    from infra.preflight.reader import Reader

CHECK: Final = "quotas"


@dataclass(frozen=True)
class Quota:
    """A quota. `service` and `code` are Service Quotas' own."""

    service: str
    code: str
    title: str


#: vCPUs of running on-demand instances are limited by family; a family that is not here is a standard one.
STANDARD: Final = Quota("ec2", "L-1216C47A", "vCPUs of standard on-demand instances")
FAMILIES: Final = {
    "f": Quota("ec2", "L-74FC7D96", "vCPUs of F on-demand instances"),
    "g": Quota("ec2", "L-DB2E81BA", "vCPUs of G and VT on-demand instances"),
    "vt": Quota("ec2", "L-DB2E81BA", "vCPUs of G and VT on-demand instances"),
    "inf": Quota("ec2", "L-1945791B", "vCPUs of Inf on-demand instances"),
    "p": Quota("ec2", "L-417A185B", "vCPUs of P on-demand instances"),
    "x": Quota("ec2", "L-7295265B", "vCPUs of X on-demand instances"),
}
COUNTS: Final = {
    "vpcs": Quota("vpc", "L-F678F1CE", "VPCs"),
    "internet-gateways": Quota("vpc", "L-A4707A72", "internet gateways"),
    "elastic-ips": Quota("ec2", "L-0263D0A3", "Elastic IP addresses"),
    "db-instances": Quota("rds", "L-7B6409FD", "DB instances"),
    "db-clusters": Quota("rds", "L-952B80B8", "DB clusters"),
    "load-balancers": Quota("elasticloadbalancing", "L-53DA6B97", "Application Load Balancers"),
    "fargate-vcpus": Quota("fargate", "L-3032A538", "Fargate on-demand vCPUs"),
}
NAT_PER_ZONE: Final = Quota("vpc", "L-FE5A380F", "NAT gateways in one zone")
#: How to count what is there already: service, call, the answer's list.
LISTINGS: Final = {
    "vpcs": ("ec2", "describe_vpcs", "Vpcs"),
    "internet-gateways": ("ec2", "describe_internet_gateways", "InternetGateways"),
    "elastic-ips": ("ec2", "describe_addresses", "Addresses"),
    "db-instances": ("rds", "describe_db_instances", "DBInstances"),
    "db-clusters": ("rds", "describe_db_clusters", "DBClusters"),
    "load-balancers": ("elbv2", "describe_load_balancers", "LoadBalancers"),
}
ALIVE: Final = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
NAT_ALIVE: Final = [{"Name": "state", "Values": ["pending", "available"]}]


def check_quotas(reader: Reader, needs: RegionNeeds) -> Iterator[Finding]:
    """Compare what a region allows with what is in use plus what the phase adds."""
    yield from _vcpus(reader, needs)
    for kind, needed in sorted(needs.counts.items()):
        quota = COUNTS[kind]
        yield _judged(
            reader, needs.region, quota, needed, functools.partial(_listed, reader, needs.region, kind)
        )
    if needs.nat_gateways:
        yield _nat_gateways(reader, needs)


def vcpu_quota(instance_type: str) -> Quota:
    """Say which quota an instance type counts against."""
    family = instance_type.partition(".")[0]
    letters = "".join(letter for letter in family if letter.isalpha() or letter == "-")
    for prefix in sorted(FAMILIES, key=len, reverse=True):
        digits = family.removeprefix(prefix)
        if letters.startswith(prefix) and digits[:1].isdigit():
            return FAMILIES[prefix]
    return STANDARD


def _vcpus(reader: Reader, needs: RegionNeeds) -> Iterator[Finding]:
    if not needs.instance_types:
        return
    try:
        wanted = _by_quota(reader, needs.region, needs.instance_types)
    except NotAnswered as error:
        yield _unknown(STANDARD.title, needs.region, error)
        return
    for quota, needed in wanted.items():  # a type that is not offered at all is another check's failure
        in_use = functools.partial(_running_vcpus, reader, needs.region, quota)
        yield _judged(reader, needs.region, quota, needed, in_use)


def _by_quota(reader: Reader, region: str, counts: Mapping[str, int]) -> dict[Quota, int]:
    """Add up the vCPUs of so many instances of each type, by the quota they count against."""
    if not counts:
        return {}
    filters = [{"Name": "instance-type", "Values": sorted(counts)}]
    described = reader.items(region, "ec2", "describe_instance_types", "InstanceTypes", Filters=filters)
    found: Counter[Quota] = Counter()
    for one in described:
        type_ = str(one["InstanceType"])
        found[vcpu_quota(type_)] += counts[type_] * int(one["VCpuInfo"]["DefaultVCpus"])
    return dict(found)


def _running_vcpus(reader: Reader, region: str, quota: Quota) -> float:
    reservations = reader.items(region, "ec2", "describe_instances", "Reservations", Filters=ALIVE)
    running = Counter(
        str(one["InstanceType"]) for reservation in reservations for one in reservation["Instances"]
    )
    ours = {type_: count for type_, count in running.items() if vcpu_quota(type_) == quota}
    return _by_quota(reader, region, ours).get(quota, 0)


def _listed(reader: Reader, region: str, kind: str) -> float | None:
    """Count what is there; None where only a usage metric can know."""
    if kind not in LISTINGS:
        return None
    service, operation, key = LISTINGS[kind]
    return len(reader.items(region, service, operation, key))


def _nat_gateways(reader: Reader, needs: RegionNeeds) -> Finding:
    most = max(needs.nat_gateways.values())

    def in_use() -> float:
        gateways = reader.items(
            needs.region, "ec2", "describe_nat_gateways", "NatGateways", Filters=NAT_ALIVE
        )
        zone_of = {
            one["SubnetId"]: one["AvailabilityZone"]
            for one in reader.items(needs.region, "ec2", "describe_subnets", "Subnets")
        }
        zones = [zone_of.get(one.get("SubnetId")) for one in gateways]
        return max((zones.count(zone) for zone in needs.nat_gateways), default=0)

    return _judged(reader, needs.region, NAT_PER_ZONE, most, in_use)


def _judged(
    reader: Reader, region: str, quota: Quota, needed: float, in_use: Callable[[], float | None]
) -> Finding:
    try:
        limit, metric = _limit(reader, region, quota)
        used = in_use()
        if used is None:
            used = _usage(reader, region, metric)
    except NotAnswered as error:
        return _unknown(quota.title, region, error)
    if used is None:
        why = f"{limit:g} are allowed and {needed:g} are needed, but AWS does not say how many are in use"
        status = Status.FAIL if needed > limit else Status.UNKNOWN
        return Finding(CHECK, quota.title, region, status, why, _raise(quota, region, needed))
    detail = f"{limit:g} allowed, {used:g} in use, {needed:g} needed"
    if used + needed <= limit:
        return Finding(CHECK, quota.title, region, Status.PASS, detail)
    return Finding(CHECK, quota.title, region, Status.FAIL, detail, _raise(quota, region, used + needed))


def _limit(reader: Reader, region: str, quota: Quota) -> tuple[float, dict[str, Any]]:
    """Give what applies: the account's own value, else AWS's default."""
    asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    try:
        found = reader.one(region, "service-quotas", "get_service_quota", "Quota", **asked)
    except NotAnswered as error:
        if error_code(error) != "NoSuchResourceException":
            raise
        found = reader.one(region, "service-quotas", "get_aws_default_service_quota", "Quota", **asked)
    return float(found["Value"]), found.get("UsageMetric") or {}


def _usage(reader: Reader, region: str, metric: dict[str, Any]) -> float | None:
    """Read the usage metric that comes with a quota; None where there is none. No sample means no use."""
    if not metric.get("MetricName"):
        return None
    now = datetime.now(UTC)
    statistic = metric.get("MetricStatisticRecommendation") or "Maximum"
    points = reader.items(
        region,
        "cloudwatch",
        "get_metric_statistics",
        "Datapoints",
        Namespace=metric["MetricNamespace"],
        MetricName=metric["MetricName"],
        Dimensions=[{"Name": name, "Value": value} for name, value in metric["MetricDimensions"].items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now,
        Period=300,
        Statistics=[statistic],
    )
    return max((float(point[statistic]) for point in points), default=0.0)


def _raise(quota: Quota, region: str, value: float) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --region {region} --service-code {quota.service} "
        f"--quota-code {quota.code} --desired-value {value:g}"
    )


def _unknown(subject: str, region: str, error: NotAnswered) -> Finding:
    return Finding(
        CHECK, subject, region, Status.UNKNOWN, str(error), "see outgrow infra preflight --print-policy"
    )
