"""How each type of resource is charged for being there: one small function a type.

A charge names its price in the price file and how many units it takes; `cost` multiplies. What depends on use
rather than on presence is in `usage_billing`.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from infra.charges import (
    CACHE,
    COMPUTE,
    DATABASE,
    EDGE,
    NETWORK,
    SECURITY,
    STORAGE,
    WATCHING,
    Charge,
    Ledger,
)
from infra.errors import InfraError
from infra.graph import UNKNOWN, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: What gp3 volumes include without charge.
INCLUDED_IOPS, INCLUDED_MBPS = 3000, 125


def _volume(
    ledger: Ledger,
    owner: Resource,
    what: str,
    gigabytes: float,
    *,
    settings: Mapping[str, Any],
    count: float = 1,
) -> Iterable[Charge]:
    place = ledger.where(owner)
    yield Charge(
        STORAGE,
        f"{what} {gigabytes:g} GB gp3",
        "volume",
        "gb_month",
        count * gigabytes,
        "GB-month",
        owner.urn,
        place,
    )
    iops = float(settings.get("iops") or 0) - INCLUDED_IOPS
    mbps = float(settings.get("throughput") or 0) - INCLUDED_MBPS
    if iops > 0:
        yield Charge(
            STORAGE,
            f"{what} extra IOPS",
            "volume",
            "iops_month",
            count * iops,
            "IOPS-month",
            owner.urn,
            place,
        )
    if mbps > 0:
        yield Charge(
            STORAGE,
            f"{what} extra MB/s",
            "volume",
            "mbps_month",
            count * mbps,
            "MB/s-month",
            owner.urn,
            place,
        )


def _instance(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    kind, place = resource.inputs["instanceType"], ledger.where(resource)
    yield Charge(COMPUTE, f"EC2 {kind}", "instance", kind, 1, "hours", resource.urn, place, hourly=True)
    root = resource.inputs.get("rootBlockDevice") or {}
    yield from _volume(ledger, resource, "system volume", float(root.get("volumeSize", 8)), settings=root)
    if resource.inputs.get("associatePublicIpAddress") is True:
        yield _address(resource, place, 1)


def _ebs(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    return _volume(ledger, resource, "data volume", float(resource.inputs["size"]), settings=resource.inputs)


def _scaling_group(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    count = ledger.used_or("servers", float(resource.inputs["minSize"]))
    template = ledger.behind(resource, "launchTemplate")
    if template is None:
        raise InfraError(f"{resource.name} names no launch template of this stack, so it cannot be billed")
    kind, place = template.inputs["instanceType"], ledger.where(resource)
    yield Charge(
        COMPUTE, f"{count:g} x EC2 {kind}", "instance", kind, count, "hours", resource.urn, place, hourly=True
    )
    for device in template.inputs.get("blockDeviceMappings", ()):
        disk = device["ebs"]
        yield from _volume(
            ledger,
            resource,
            f"{count:g} x system volume",
            float(disk["volumeSize"]),
            settings=disk,
            count=count,
        )


def _service(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    task = ledger.behind(resource, "taskDefinition")
    if task is None:
        raise InfraError(f"{resource.name} names no task definition of this stack, so it cannot be billed")
    place = ledger.where(resource)
    count = float(resource.inputs["desiredCount"])
    if _serves(resource, "app"):  # parts of the application are billed at their minimum
        count = ledger.used_or("tasks" if place == ledger.region else "secondary_tasks", count)
    chip = "arm" if task.inputs.get("runtimePlatform", {}).get("cpuArchitecture") == "ARM64" else "x86"
    cpu, memory = int(task.inputs["cpu"]) / 1024, int(task.inputs["memory"]) / 1024
    for unit, amount in (("vcpu", cpu), ("gb", memory)):
        yield Charge(
            COMPUTE,
            f"{count:g} Fargate tasks, {amount:g} {'vCPU' if unit == 'vcpu' else 'GB'} each, {place}",
            "fargate",
            f"{chip}_{unit}",
            count * amount,
            f"{'vCPU' if unit == 'vcpu' else 'GB'}-hours",
            resource.urn,
            place,
            hourly=True,
        )


def _serves(resource: Resource, part: str) -> bool:
    """Say whether a service runs that part of the application."""
    targets = resource.inputs.get("loadBalancers") or ()
    return not targets or any(one.get("containerName", part) == part for one in targets)


def _proxy(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    """Bill a proxy by the virtual processors of the database behind it, two at least."""
    databases = [one for one in ledger.graph.of_type("aws:rds/instance:Instance") if "engine" in one.inputs]
    size = databases[0].inputs["instanceClass"].rpartition(".")[2] if databases else "large"
    doubles = size.removesuffix("xlarge") if size.endswith("xlarge") else ""
    processors = 4 * int(doubles or 1) if size.endswith("xlarge") else 2
    place = ledger.where(resource)
    what = f"RDS Proxy for {processors} vCPU"
    return [
        Charge(
            DATABASE,
            what,
            "database_proxy",
            "vcpu",
            processors,
            "vCPU-hours",
            resource.urn,
            place,
            hourly=True,
        )
    ]


def _database(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    inputs, place = resource.inputs, ledger.where(resource)
    source = ledger.behind(resource, "replicateSourceDb")
    zones = 2 if inputs.get("multiAz") else 1
    kind = inputs["instanceClass"]
    role = "read replica" if source else "primary with standby" if zones == 2 else "primary"
    yield Charge(
        DATABASE, f"RDS {kind}, {role}", "database", kind, zones, "hours", resource.urn, place, hourly=True
    )
    gigabytes = float((source or resource).inputs["allocatedStorage"]) * zones
    yield Charge(
        DATABASE,
        f"storage, {role}",
        "database_storage",
        "gb_month",
        gigabytes,
        "GB-month",
        resource.urn,
        place,
    )


def _aurora_instance(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    kind, place = resource.inputs["instanceClass"], ledger.where(resource)
    yield Charge(
        DATABASE, f"Aurora {kind}, {place}", "aurora", kind, 1, "hours", resource.urn, place, hourly=True
    )


def _cache(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    inputs, place = resource.inputs, ledger.where(resource)
    source: Resource | None = resource
    while (
        source is not None and "nodeType" not in source.inputs
    ):  # the secondary of a global cache copies its type
        source = ledger.behind(source, "globalReplicationGroupId") or ledger.behind(
            source, "primaryReplicationGroupId"
        )
    if source is None:
        raise InfraError(f"{resource.name} has no node type and joins no cache of this stack")
    shards = int(inputs.get("numNodeGroups", 1))
    nodes = int(inputs.get("numCacheClusters") or shards * (1 + int(inputs.get("replicasPerNodeGroup", 0))))
    kind = source.inputs["nodeType"]
    yield Charge(
        CACHE,
        f"{nodes} x Valkey {kind}, {place}",
        "cache",
        kind,
        nodes,
        "hours",
        resource.urn,
        place,
        hourly=True,
    )


def _address(resource: Resource, place: str, count: int) -> Charge:
    what = f"{count} public IPv4" if count > 1 else "public IPv4"
    return Charge(NETWORK, what, "network", "ipv4_hour", count, "hours", resource.urn, place, hourly=True)


def _eip(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    return [_address(resource, ledger.where(resource), 1)]


def _balancer(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    place = ledger.where(resource)
    yield Charge(
        NETWORK, "load balancer", "network", "balancer_hour", 1, "hours", resource.urn, place, hourly=True
    )
    if not resource.inputs.get("internal"):
        subnets = resource.inputs["subnets"]
        count = len(subnets if subnets != UNKNOWN else resource.property_dependencies["subnets"])
        yield _address(resource, place, count)


def _nat(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    place = ledger.where(resource)
    return [
        Charge(NETWORK, "NAT gateway", "network", "nat_hour", 1, "hours", resource.urn, place, hourly=True)
    ]


def _endpoint(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    if resource.inputs.get("vpcEndpointType", "Gateway") == "Gateway":
        return []
    place, zones = ledger.where(resource), len(resource.inputs.get("subnetIds", ()))
    return [
        Charge(
            NETWORK,
            "interface endpoint",
            "network",
            "endpoint_hour",
            zones,
            "hours",
            resource.urn,
            place,
            hourly=True,
        )
    ]


def _firewall(resource: Resource, _ledger: Ledger) -> Iterable[Charge]:
    yield Charge(EDGE, "firewall", "firewall", "acl_month", 1, "months", resource.urn)
    rules = len(resource.inputs.get("rules", ()))
    yield Charge(EDGE, f"{rules} firewall rules", "firewall", "rule_month", rules, "months", resource.urn)


def _health_check(resource: Resource, _ledger: Ledger) -> Iterable[Charge]:
    return [Charge(EDGE, "health check", "dns", "health_check_month", 1, "months", resource.urn)]


def _key(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    return [
        Charge(SECURITY, "KMS key", "secrets", "key_month", 1, "months", resource.urn, ledger.where(resource))
    ]


def _secret(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    copies = 1 + len(resource.inputs.get("replicas") or ())
    what = f"secret in {copies} regions" if copies > 1 else "secret"
    place = ledger.where(resource)
    return [Charge(SECURITY, what, "secrets", "secret_month", copies, "months", resource.urn, place)]


def _alarm(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    place = ledger.where(resource)
    # An alarm on an expression is billed by the metrics in it.
    queries = resource.inputs.get("metricQueries") or ()
    metrics = max(1, sum("metric" in one for one in queries))
    return [Charge(WATCHING, "alarm", "observability", "alarm_month", metrics, "months", resource.urn, place)]


def _dashboard(resource: Resource, _ledger: Ledger) -> Iterable[Charge]:
    return [Charge(WATCHING, "dashboard", "observability", "dashboard_month", 1, "months", resource.urn)]


def _task_definition(resource: Resource, ledger: Ledger) -> Iterable[Charge]:
    """Bill what runs beside the application in the first region; a definition itself costs nothing.

    The figures are of the whole stack, so they are billed once, with the application's own definition.
    """
    containers = resource.inputs.get("containerDefinitions", "[]")
    names = [one["name"] for one in json.loads(containers)] if containers != UNKNOWN else []
    if ledger.where(resource) != ledger.region or names[:1] != ["app"]:
        return
    if "datadog-agent" in names:
        hosts = ledger.used("datadog_hosts", "the Datadog agent")
        what, unit = f"Datadog, {hosts:g} hosts", "host-months"
        yield Charge(WATCHING, what, "observability", "datadog_host_month", hosts, unit, resource.urn)
    if "newrelic-infra" in names:
        taken = ledger.used("newrelic_gb", "New Relic's agent")
        yield Charge(WATCHING, "New Relic", "observability", "newrelic_gb", taken, "GB", resource.urn)
    if "otel-collector" in names:
        traces = ledger.used("million_traces", "tracing")
        yield Charge(WATCHING, "traces", "observability", "million_traces", traces, "millions", resource.urn)


#: The charging function of every type that costs something by being there.
BILLED: Mapping[str, Callable[[Resource, Ledger], Iterable[Charge]]] = MappingProxyType(
    {
        "aws:autoscaling/group:Group": _scaling_group,
        "aws:cloudwatch/dashboard:Dashboard": _dashboard,
        "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
        "aws:ebs/volume:Volume": _ebs,
        "aws:ec2/eip:Eip": _eip,
        "aws:ec2/instance:Instance": _instance,
        "aws:ec2/natGateway:NatGateway": _nat,
        "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
        "aws:ecs/service:Service": _service,
        "aws:ecs/taskDefinition:TaskDefinition": _task_definition,
        "aws:elasticache/replicationGroup:ReplicationGroup": _cache,
        "aws:kms/key:Key": _key,
        "aws:lb/loadBalancer:LoadBalancer": _balancer,
        "aws:rds/clusterInstance:ClusterInstance": _aurora_instance,
        "aws:rds/instance:Instance": _database,
        "aws:rds/proxy:Proxy": _proxy,
        "aws:route53/healthCheck:HealthCheck": _health_check,
        "aws:secretsmanager/secret:Secret": _secret,
        "aws:wafv2/webAcl:WebAcl": _firewall,
    }
)
