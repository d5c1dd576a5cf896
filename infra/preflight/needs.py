"""What a phase's evaluated graph asks of AWS, region by region. Pure.

Nothing here lists by hand what the phases contain: a new database or a bigger size shows up by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.graph import Graph, Resource
    from infra.settings import Settings

#: Types of which AWS limits the number in a region, by the word that `quotas` knows them by.
COUNTED: Final = {
    "aws:ec2/vpc:Vpc": "vpcs",
    "aws:ec2/eip:Eip": "elastic-ips",
    "aws:ec2/internetGateway:InternetGateway": "internet-gateways",
    "aws:rds/instance:Instance": "db-instances",
    "aws:rds/clusterInstance:ClusterInstance": "db-instances",
    "aws:rds/cluster:Cluster": "db-clusters",
    "aws:lb/loadBalancer:LoadBalancer": "load-balancers",
}
#: Inputs that are a name in AWS, by type: two of that name cannot be there.
NAMED: Final = {
    "aws:rds/instance:Instance": "identifier",
    "aws:rds/cluster:Cluster": "clusterIdentifier",
    "aws:rds/globalCluster:GlobalCluster": "globalClusterIdentifier",
    "aws:elasticache/replicationGroup:ReplicationGroup": "replicationGroupId",
    "aws:lb/loadBalancer:LoadBalancer": "name",
    "aws:lb/targetGroup:TargetGroup": "name",
    "aws:iam/role:Role": "name",
    "aws:s3/bucket:Bucket": "bucket",
    "aws:secretsmanager/secret:Secret": "name",
    "aws:kms/alias:Alias": "name",
    "aws:cloudwatch/logGroup:LogGroup": "name",
    "aws:ecs/cluster:Cluster": "name",
    "aws:backup/vault:Vault": "name",
    "aws:budgets/budget:Budget": "name",
}
FARGATE_UNITS: Final = 1024  # CPU units of a task definition that make one vCPU


@dataclass(frozen=True, order=True)
class DatabaseClass:
    """A class of database instance with the engine it runs."""

    engine: str
    version: str
    instance_class: str
    multi_az: bool = False
    global_database: bool = False


@dataclass(frozen=True)
class RegionNeeds:
    """What one region has to offer.

    Args:
        region: its name.
        zones: availability zones that subnets are in.
        instance_types: how many of each at most, an Auto Scaling group at its maximum.
        instance_zones: the zones each instance type shall run in.
        databases: classes with engine and version, and the zones they shall run in.
        cache_nodes: how many nodes of each type.
        cache_engines: (engine, version) pairs.
        nat_gateways: how many in each zone.
        counts: how many of each counted kind, by the words of COUNTED, and "fargate-vcpus".
        names: (type, name) of whatever must not be there yet.
    """

    region: str
    zones: tuple[str, ...]
    instance_types: Mapping[str, int]
    instance_zones: Mapping[str, tuple[str, ...]]
    databases: Mapping[DatabaseClass, tuple[str, ...]]
    cache_nodes: Mapping[str, int]
    cache_engines: tuple[tuple[str, str], ...]
    nat_gateways: Mapping[str, int]
    counts: Mapping[str, float]
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Needs:
    """What a phase needs.

    Args:
        phase: its id.
        regions: by name.
        zone: the hosted zone that has to exist, None without a domain.
        records: (name, type) of the records to be made in it.
    """

    phase: str
    regions: Mapping[str, RegionNeeds]
    zone: str | None
    records: tuple[tuple[str, str], ...] = ()


@dataclass
class _Region:
    """A region's needs while they are collected."""

    zones: set[str] = field(default_factory=set)
    instances: Counter[str] = field(default_factory=Counter)
    instance_zones: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    databases: dict[DatabaseClass, set[str]] = field(default_factory=lambda: defaultdict(set))
    cache_nodes: Counter[str] = field(default_factory=Counter)
    cache_engines: set[tuple[str, str]] = field(default_factory=set)
    nat_gateways: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    names: set[tuple[str, str]] = field(default_factory=set)
    fargate: float = 0


def needs_of(graph: Graph, settings: Settings) -> Needs:
    """Collect what a graph needs.

    Args:
        graph: of the phase, evaluated with made-up ids.
        settings: the phase's; its region is that of resources that name none.
    """
    collector = _Collector(graph, settings.region)
    for resource in graph.resources:
        collector.take(resource)
    records = {
        (str(one.inputs["name"]).rstrip("."), str(one.inputs["type"]))
        for one in graph.of_type("aws:route53/record:Record")
        if one.inputs.get("name") and not str(one.inputs["name"]).startswith("_")
    }
    return Needs(
        graph.stack,
        {name: _frozen(name, found) for name, found in sorted(collector.regions.items())},
        settings.domain.zone if settings.domain else None,
        tuple(sorted(records)),
    )


class _Collector:
    def __init__(self, graph: Graph, region: str) -> None:
        self._graph = graph
        self._by_id = {one.id: one for one in graph.resources if one.id}
        self._default = region
        self.regions: dict[str, _Region] = defaultdict(_Region)
        self.regions[region]  # the phase's own is checked even where everything names another

    def take(self, resource: Resource) -> None:
        region = self.regions[self._region(resource)] if resource.type.startswith("aws:") else None
        if region is None:
            return
        inputs = resource.inputs
        kind = COUNTED.get(resource.type)
        if kind:
            region.counts[kind] += 1
        named = NAMED.get(resource.type)
        if named and inputs.get(named):
            region.names.add((resource.type, str(inputs[named])))
        match resource.type:
            case "aws:ec2/subnet:Subnet":
                region.zones.add(str(inputs["availabilityZone"]))
            case "aws:ec2/natGateway:NatGateway":
                region.nat_gateways.update(self._zones([inputs.get("subnetId")]))
            case "aws:ec2/instance:Instance":
                self._instances(region, inputs, 1, [inputs.get("subnetId")])
            case "aws:autoscaling/group:Group":
                template = (inputs.get("launchTemplate") or {}).get("id")
                found = self._by_id.get(str(template))
                if found is not None:
                    count = int(inputs.get("maxSize") or 1)
                    self._instances(region, found.inputs, count, inputs.get("vpcZoneIdentifiers") or ())
            case "aws:rds/instance:Instance" | "aws:rds/clusterInstance:ClusterInstance":
                self._database(region, resource)
            case "aws:elasticache/replicationGroup:ReplicationGroup":
                self._cache(region, inputs)
            case "aws:ecs/service:Service":
                self._fargate(region, resource)

    def _region(self, resource: Resource) -> str:
        named = resource.inputs.get("region")
        if named:
            return str(named)
        urn = resource.provider.rpartition("::")[0]
        chosen = self._graph[urn].inputs.get("region") if urn in self._graph else None
        return str(chosen or self._default)

    def _zones(self, subnets: Any) -> list[str]:
        found = [self._by_id.get(str(subnet)) for subnet in subnets]
        return [str(one.inputs["availabilityZone"]) for one in found if one is not None]

    def _instances(self, region: _Region, inputs: Mapping[str, Any], count: int, subnets: Any) -> None:
        type_ = str(inputs["instanceType"])
        region.instances[type_] += count
        region.instance_zones[type_].update(self._zones(subnets))

    def _database(self, region: _Region, resource: Resource) -> None:
        inputs = resource.inputs
        # A replica takes engine and version, a cluster's instance its subnets, from what it belongs to.
        source = self._source(inputs)
        whole = {**(source.inputs if source else {}), **inputs}
        found = DatabaseClass(
            str(whole.get("engine") or ""),
            str(whole.get("engineVersion") or ""),
            str(inputs["instanceClass"]),
            multi_az=bool(inputs.get("multiAz")),
            global_database=bool(whole.get("globalClusterIdentifier")),
        )
        group = whole.get("dbSubnetGroupName")
        groups = [
            one
            for one in self._graph.of_type("aws:rds/subnetGroup:SubnetGroup")
            if group in {one.id, one.outputs.get("name")}
        ]
        region.databases[found].update(self._zones(groups[0].inputs.get("subnetIds", ())) if groups else ())

    def _source(self, inputs: Mapping[str, Any]) -> Resource | None:
        name = inputs.get("clusterIdentifier") or inputs.get("replicateSourceDb")
        if not name:
            return None
        for one in self._graph.of_type("aws:rds/cluster:Cluster", "aws:rds/instance:Instance"):
            if name in {one.id, one.outputs.get("identifier"), one.outputs.get("arn")}:
                return one
        return None

    def _cache(self, region: _Region, inputs: Mapping[str, Any]) -> None:
        source = inputs
        if not inputs.get("nodeType"):  # a member of a global datastore takes its type from the primary
            groups = self._graph.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
            source = next((one.inputs for one in groups if one.inputs.get("nodeType")), inputs)
        shards = int(inputs.get("numNodeGroups") or source.get("numNodeGroups") or 1)
        replicas = int(inputs.get("replicasPerNodeGroup") or 0)
        nodes = int(inputs.get("numCacheClusters") or shards * (1 + replicas))
        if source.get("nodeType"):
            region.cache_nodes[str(source["nodeType"])] += nodes
        if source.get("engine"):
            region.cache_engines.add((str(source["engine"]), str(source.get("engineVersion") or "")))

    def _fargate(self, region: _Region, service: Resource) -> None:
        task = self._by_id.get(str(service.inputs.get("taskDefinition"))) or next(
            (
                one
                for one in self._graph.of_type("aws:ecs/taskDefinition:TaskDefinition")
                if service.inputs.get("taskDefinition") == one.outputs.get("arn")
            ),
            None,
        )
        if task is None or not task.inputs.get("cpu"):
            return
        most = int(service.inputs.get("desiredCount") or 1)
        for target in self._graph.of_type("aws:appautoscaling/target:Target"):
            if service.urn in target.dependencies:
                most = max(most, int(target.inputs.get("maxCapacity") or 0))
        region.fargate += most * int(task.inputs["cpu"]) / FARGATE_UNITS


def _frozen(name: str, found: _Region) -> RegionNeeds:
    counts: dict[str, float] = dict(found.counts)
    if found.fargate:
        counts["fargate-vcpus"] = found.fargate
    return RegionNeeds(
        name,
        tuple(sorted(found.zones)),
        dict(found.instances),
        {type_: tuple(sorted(zones)) for type_, zones in found.instance_zones.items()},
        {one: tuple(sorted(zones)) for one, zones in found.databases.items()},
        dict(found.cache_nodes),
        tuple(sorted(found.cache_engines)),
        dict(found.nat_gateways),
        counts,
        tuple(sorted(found.names)),
    )
