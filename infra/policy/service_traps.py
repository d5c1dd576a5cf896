"""What AWS refuses about caches, tasks, load balancers and the CDN only while it makes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from infra.policy.facts import Part, Whole, each, known, number
from infra.policy.rule import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_AWS = "https://docs.aws.amazon.com"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_DATASTORE = "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup"
_SUBNET = "aws:ec2/subnet:Subnet"
_NAT = "aws:ec2/natGateway:NatGateway"
_ACL = "aws:wafv2/webAcl:WebAcl"
#: Where CloudFront looks for certificates and firewalls.
_EDGE_REGION = "us-east-1"


def _nodes(part: Part) -> float | None:
    """Count the nodes of a shard; None where it is not known."""
    clusters = part.get("numCacheClusters")
    if clusters is not None:
        return number(clusters)
    groups = each(part.get("nodeGroupConfigurations"))
    if groups:
        return None
    replicas = part.get("replicasPerNodeGroup")
    return 1 if replicas is None else None if number(replicas) is None else 1 + (number(replicas) or 0)


@rule(
    "failover-needs-two-nodes",
    "A cache that fails over has two nodes a shard at least; several zones need failover.",
    why="AWS refuses automatic failover to nothing.",
    remedy="Set numCacheClusters to 2, or replicasPerNodeGroup to 1, at least.",
    source=f"{_AWS}/AmazonElastiCache/latest/dg/AutoFailover.html",
    types=(_CACHE,),
)
def failover(part: Part, _whole: Whole) -> Iterator[str]:
    nodes = _nodes(part)
    shards = part.amount("numNodeGroups") or 1
    fails_over = part.flag("automaticFailoverEnabled")
    zones = part.flag("multiAzEnabled") is True
    if (fails_over or zones) and nodes is not None and nodes < 2 and (shards == 1 or zones):
        yield f"fails over with {nodes:g} node a shard"
    if zones and fails_over is False and part.get("globalReplicationGroupId") is None:
        yield "is in several zones without automatic failover"
    if shards > 1 and fails_over is False and part.get("globalReplicationGroupId") is None:
        yield "has several shards without automatic failover"


def _in_datastore(part: Part, whole: Whole) -> bool:
    return part.get("globalReplicationGroupId") is not None or any(
        part in whole.behind(one, "primaryReplicationGroupId", _CACHE) for one in whole.of_type(_DATASTORE)
    )


@rule(
    "global-datastore-sizes",
    "Caches of a global datastore are large at least, of the m and r families, and equal in both regions.",
    why="ElastiCache refuses t nodes, and other nodes or versions in the second region.",
    remedy="Choose cache.m7g.large or cache.r7g.large or more; let the second region copy the first.",
    source=f"{_AWS}/AmazonElastiCache/latest/dg/Redis-Global-Datastores-Getting-Started.html",
    types=(_CACHE, _DATASTORE),
    alone=False,
)
def datastore_sizes(part: Part, whole: Whole) -> Iterator[str]:
    if part.type == _CACHE:
        size = part.text("nodeType")
        if (
            size
            and _in_datastore(part, whole)
            and not re.match(r"cache\.[mr]\d\w*\.(large|\d*xlarge)$", size)
        ):
            yield f"is {size}, which a global datastore does not take"
        return
    firsts = whole.behind(part, "primaryReplicationGroupId", _CACHE)
    others = [
        one
        for one in whole.of_type(_CACHE)
        if part in whole.behind(one, "globalReplicationGroupId", _DATASTORE)
    ]
    for path in ("nodeType", "engine", "engineVersion", "numNodeGroups"):
        for first in firsts:
            mine = first.get(path)
            for other in others:
                theirs = other.get(path)
                if known(mine) and known(theirs) and str(mine) != str(theirs):
                    yield f"{other.name} has {path} {theirs}, {first.name} {mine}"


@rule(
    "cache-versions-fit",
    "A cache's parameter group is of its engine and version.",
    why="ElastiCache refuses the pair.",
    remedy="Use default.valkey8 with engine valkey 8, default.redis7 with redis 7.",
    source=f"{_AWS}/AmazonElastiCache/latest/dg/ParameterGroups.html",
    types=(_CACHE,),
)
def cache_versions(part: Part, _whole: Whole) -> Iterator[str]:
    group, engine, version = (part.text(path) for path in ("parameterGroupName", "engine", "engineVersion"))
    found = re.match(r"default\.(valkey|redis)(\d+)", group or "")
    if not found:
        return
    if (engine or "redis") != found[1] or (version and version.split(".")[0] != found[2]):
        yield f"{group} does not fit {engine or 'redis'} {version or ''}".rstrip()


#: Memory in MiB that Fargate offers for each size: from, to, step (Amazon ECS Developer Guide, task size).
_FARGATE: Final = {
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}


def _units(value: object) -> int | None:
    """Read CPU units or MiB, also written as "1 vCPU" or "2 GB"."""
    text = str(value).strip().lower()
    found = re.fullmatch(r"(\d*\.?\d+)\s*(vcpu|gb)?", text)
    return round(float(found[1]) * (1024 if found[2] else 1)) if found else None


@rule(
    "fargate-pairs",
    "Fargate's CPU and memory are one of the pairs it offers.",
    why="ECS refuses the task definition.",
    remedy="256 with 0.5 to 2 GiB, 512 with 1 to 4, 1024 with 2 to 8, 2048 with 4 to 16, 4096 with 8 to 30.",
    source=f"{_AWS}/AmazonECS/latest/developerguide/task-cpu-memory-error.html",
    types=("aws:ecs/taskDefinition:TaskDefinition",),
)
def fargate_pairs(part: Part, _whole: Whole) -> Iterator[str]:
    if "FARGATE" not in each(part.get("requiresCompatibilities")):
        return
    given = part.get("cpu"), part.get("memory")
    if given[0] is None or given[1] is None:
        yield "does not state its cpu and memory"
        return
    if not (known(given[0]) and known(given[1])):
        return
    cpu, memory = _units(given[0]), _units(given[1])
    if cpu == 256 and memory in {512, 1024, 2048}:
        return
    first, last, step = _FARGATE.get(cpu or 0, (0, -1, 1))
    if memory is None or not first <= memory <= last or (memory - first) % step:
        yield f"cpu {given[0]} and memory {given[1]} are no pair of Fargate's"


@rule(
    "balancer-zones",
    "An application load balancer is in two zones at least.",
    why="AWS refuses it with one, and with two subnets of one zone.",
    remedy="Give it a subnet in each of two or three zones.",
    source=f"{_AWS}/elasticloadbalancing/latest/application/application-load-balancers.html",
    types=("aws:lb/loadBalancer:LoadBalancer",),
    alone=False,
)
def balancer_zones(part: Part, whole: Whole) -> Iterator[str]:
    if part.text("loadBalancerType") in {"network", "gateway"}:
        return
    subnets = part.get("subnets")
    if subnets is None and part.get("subnetMappings") is None:
        yield "names no subnets"
    if not isinstance(subnets, list):
        return
    if len(subnets) < 2:
        yield f"is in {len(subnets)} subnet"
        return
    found = whole.behind(part, "subnets", _SUBNET)
    zones = [one.get("availabilityZone") or one.get("availabilityZoneId") for one in found]
    if len(found) == len(subnets) and all(known(zone) for zone in zones) and len(set(zones)) < len(zones):
        yield "has two subnets in one zone"


def _address(gateway: Part, whole: Whole) -> set[Part | str]:
    found: set[Part | str] = set(whole.behind(gateway, "allocationId", "aws:ec2/eip:Eip"))
    text = gateway.text("allocationId")
    return found or ({text} if text else set())


@rule(
    "address-for-each-nat",
    "Every public NAT gateway has an address of its own.",
    why="AWS refuses a gateway without, and one whose address is taken.",
    remedy="Make an Eip for each gateway.",
    source=f"{_AWS}/vpc/latest/userguide/nat-gateway-basics.html",
    types=(_NAT,),
    alone=False,
)
def nat_addresses(part: Part, whole: Whole) -> Iterator[str]:
    if part.text("connectivityType") == "private":
        return
    if part.get("allocationId") is None:
        yield "has no address"
        return
    mine = _address(part, whole)
    for other in whole.of_type(_NAT):
        theirs = _address(other, whole)
        if other is not part and mine & theirs:
            yield f"shares its address with {other.name}"


@rule(
    "group-sizes",
    "Sizes of a scaling group or target are in order: least, wanted, most.",
    why="AWS refuses the group.",
    remedy="Keep minSize <= desiredCapacity <= maxSize.",
    source=f"{_AWS}/autoscaling/ec2/userguide/asg-capacity-limits.html",
    types=("aws:autoscaling/group:Group", "aws:appautoscaling/target:Target"),
)
def group_sizes(part: Part, _whole: Whole) -> Iterator[str]:
    machines = part.type.startswith("aws:autoscaling")
    least = part.amount("minSize" if machines else "minCapacity")
    most = part.amount("maxSize" if machines else "maxCapacity")
    wanted = part.amount("desiredCapacity")
    if least is not None and most is not None and least > most:
        yield f"its least size {least:g} is above its most, {most:g}"
    if wanted is not None and ((least or 0) > wanted or (most is not None and wanted > most)):
        yield f"wants {wanted:g}, outside of {least or 0:g} to {most if most is not None else 'any'}"


@rule(
    "edge-resources-in-us-east-1",
    "CloudFront's certificates and firewalls are in us-east-1, whatever the stack's region.",
    why="CloudFront looks for both only there, and refuses others.",
    remedy="Make them with a provider, or a region input, of us-east-1; the firewall with scope CLOUDFRONT.",
    source=f"{_AWS}/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html",
    types=("aws:cloudfront/distribution:Distribution", _ACL, "aws:wafv2/webAclAssociation:WebAclAssociation"),
    alone=False,
)
def edge_region(part: Part, whole: Whole) -> Iterator[str]:
    if part.type == _ACL:
        region = whole.region_of(part)
        if part.text("scope") == "CLOUDFRONT" and region not in {"", _EDGE_REGION}:
            yield f"is for CloudFront and in {region}"
        return
    path = "webAclId" if part.type.startswith("aws:cloudfront") else "webAclArn"
    wanted = "CLOUDFRONT" if path == "webAclId" else "REGIONAL"
    for acl in whole.behind(part, path, _ACL):
        if acl.text("scope") not in {None, wanted}:
            yield f"its firewall {acl.name} has scope {acl.text('scope')}, not {wanted}"
    if path == "webAclArn":
        return
    arn = part.text("viewerCertificate.acmCertificateArn") or ""
    fields = arn.split(":")
    if len(fields) > 3 and fields[3] not in {"", _EDGE_REGION} and fields[2] == "acm":
        yield f"its certificate is in {fields[3]}"
        return
    certificates = whole.behind(
        part,
        "viewerCertificate.acmCertificateArn",
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
    )
    for certificate in certificates:
        region = whole.region_of(certificate)
        if region not in {"", _EDGE_REGION}:
            yield f"its certificate {certificate.name} is in {region}"


@rule(
    "bucket-names",
    "Bucket names are ones that S3 takes.",
    why="S3 refuses capitals, underscores, addresses, and some beginnings and ends.",
    remedy="Use 3 to 63 small letters, digits and hyphens; better, no name, and let Pulumi make one.",
    source=f"{_AWS}/AmazonS3/latest/userguide/bucketnamingrules.html",
    types=("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"),
)
def bucket_names(part: Part, _whole: Whole) -> Iterator[str]:
    name, prefix = part.text("bucket"), part.text("bucketPrefix")
    if name is not None:
        wrong = not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name) or ".." in name
        wrong = wrong or re.fullmatch(r"\d+(\.\d+){3}", name) is not None
        wrong = wrong or name.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
        if wrong or name.endswith(("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")):
            yield f"{name} is no name for a bucket"
    if prefix is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,36}", prefix):
        yield f"{prefix} is no beginning of a bucket's name"


RULES = (
    failover,
    datastore_sizes,
    cache_versions,
    fargate_pairs,
    balancer_zones,
    nat_addresses,
    group_sizes,
    edge_region,
    bucket_names,
)
