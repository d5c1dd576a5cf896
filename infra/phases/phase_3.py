"""Phase 3, cloud-native: containers in two regions behind a CDN, a global database and a global cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components import aurora
from infra.components.access import allow_in
from infra.components.account import provider
from infra.components.alarms import SERVICES, Alarms, Guard, Signal
from infra.components.aurora import Aurora, AuroraArgs, GlobalCluster
from infra.components.backups import DatabaseBackups
from infra.components.budget import budget
from infra.components.cache import PORT as CACHE_PORT
from infra.components.cache import Cache, CacheArgs
from infra.components.cdn import Cdn, CdnArgs
from infra.components.containers import Containers, ContainersArgs
from infra.components.datadog import DatadogKey
from infra.components.dns import Certificate, find_zone, point_to_alias, point_to_nearest, served_names
from infra.components.firewall import Firewall
from infra.components.keys import DatabaseSecret, Key
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.components.network import Network, NetworkArgs
from infra.settings import Secondary
from infra.sizes import Phase3Sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.settings import Settings
    from infra.sizes import Containers as ContainerSizes

#: Milliseconds the secondary region may lag; Aurora's own is below a second.
LAG_MS = 5000


@dataclass(frozen=True)
class Region:
    """One region of the phase: where it is and what stands there.

    Args:
        name: what its service is called.
        code: AWS's name of it.
        database_host: what its tasks read and write through.
        environment: what its tasks are told besides.
    """

    name: str
    code: str
    opts: ResourceOptions
    network: Network
    key: Key
    database: Aurora
    database_host: pulumi.Input[str]
    cache: Cache
    environment: Mapping[str, str]
    sizes: ContainerSizes


def build(settings: Settings) -> dict[str, Any]:
    """Declare the phase's resources and give the stack's outputs."""
    sizes, away = settings.sizes, settings.network.secondary
    if not isinstance(sizes, Phase3Sizes) or not isinstance(away, Secondary):
        raise TypeError("phase-3 needs its own sizes and outgrow:network.secondary")
    here_provider = provider("aws", settings.region, settings)
    # CloudFront takes certificates and firewalls from us-east-1 only.
    edge = ResourceOptions(providers=[provider("aws-edge", "us-east-1", settings)])
    here = ResourceOptions(providers=[here_provider])
    there = ResourceOptions(providers=[provider("aws-secondary", away.region, settings)])

    home = settings.network
    network = Network(
        "network", NetworkArgs(settings.region, home.cidr, home.zones, home.nat, sizes.log_days), here
    )
    far_network = Network(
        "network-2", NetworkArgs(away.region, away.cidr, away.zones, away.nat, sizes.log_days), there
    )
    key, far_key = Key("data", here, services=SERVICES), Key("data-2", there, services=SERVICES)
    copies = {away.region: far_key}
    secret = DatabaseSecret("database", aurora.USER, key, here, copies=copies)
    joined = GlobalCluster("postgres", sizes.database.version, here)
    store = Aurora(
        "postgres-1",
        AuroraArgs(sizes.database, sizes.database.instances, network, key, joined, secret),
        here,
    )
    follower = Aurora(
        "postgres-2",
        AuroraArgs(sizes.database, sizes.database.secondary_instances, far_network, far_key, joined, None),
        ResourceOptions.merge(there, ResourceOptions(depends_on=store.members)),
    )
    cache = Cache(
        "cache", CacheArgs(network, sizes.cache.node, replicas=sizes.cache.nodes - 1, key=key), here
    )
    joined_caches = aws.elasticache.GlobalReplicationGroup(
        "cache-global",
        global_replication_group_id_suffix=f"outgrow-{pulumi.get_stack()}",
        primary_replication_group_id=cache.replication_group.id,
        opts=ResourceOptions(provider=here_provider),
    )
    far_cache = Cache(
        "cache-2",
        CacheArgs(
            far_network, None, replicas=sizes.cache.secondary_nodes - 1, key=far_key, joins=joined_caches
        ),
        there,
    )
    primary = Region(
        name="app-1",
        code=settings.region,
        opts=here,
        network=network,
        key=key,
        database=store,
        database_host=store.host,
        cache=cache,
        environment={},
        sizes=sizes.containers,
    )
    # The second region's database passes writes on to the first; its cache only answers reads.
    secondary = Region(
        name="app-2",
        code=away.region,
        opts=there,
        network=far_network,
        key=far_key,
        database=follower,
        database_host=follower.reader_host,
        cache=far_cache,
        environment={"REDIS_READ_ONLY": "true"},
        sizes=sizes.secondary_containers,
    )
    datadog = DatadogKey("datadog", key, copies, here) if sizes.datadog else None
    names = served_names(settings.domain, str(settings.host_name)) if settings.domain else []
    zone_id = find_zone(settings.domain, here_provider) if settings.domain else None
    origin_name = f"origin.{settings.host_name}"
    proof: Certificate | None = None
    balancers: dict[str, LoadBalancer] = {}
    services: dict[str, Containers] = {}
    for region in (primary, secondary):
        if zone_id:
            proof = Certificate(f"{region.name}-origin", [origin_name], zone_id, region.opts, proven_by=proof)
        balancers[region.code] = _balance(settings, region, proof)
        services[region.code] = _serve(settings, region, balancers[region.code], secret, datadog)

    origin: pulumi.Input[str] = balancers[settings.region].dns_name
    if zone_id:
        point_to_nearest("origin", zone_id, origin_name, balancers, ResourceOptions(provider=here_provider))
        origin = origin_name
    edge_certificate = Certificate("cdn", names, zone_id, edge) if zone_id else None
    cdn = Cdn(
        "cdn",
        CdnArgs(
            origin,
            names,
            edge_certificate.arn if edge_certificate else None,
            Firewall("firewall", "CLOUDFRONT", edge).arn,
        ),
        edge,
    )
    if zone_id:
        opts = ResourceOptions(provider=here_provider)
        point_to_alias("dns", zone_id, names, (cdn.domain_name, cdn.zone_id), opts)
    DatabaseBackups("backups", [store.cluster.arn], key, sizes.database.backup_days, here)
    _alarms(settings, balancers[settings.region], services[settings.region], store, key=key, opts=here)
    lag = Signal("AWS/RDS", "AuroraGlobalDBReplicationLag", follower.dimensions, "Maximum")
    behind = Guard("postgres-global-lag", lag, LAG_MS, f"the second region lags by more than {LAG_MS} ms")
    Alarms("alarms-2", {}, settings.alerts_email, far_key, guards=(behind,), opts=there)
    budget(
        "budget", settings.roadmap.budget.max, settings.alerts_email, ResourceOptions(provider=here_provider)
    )
    return {
        "app_url": f"https://{names[0]}" if names else cdn.domain_name.apply(lambda name: f"https://{name}"),
        "database_endpoint": store.host,
        "database_port": store.port,
        "database_name": aurora.NAME,
        "database_user": secret.user,
        "database_secret_arn": secret.arn,
        "database_readers": [store.reader_host, follower.reader_host],
        "cache_url": cache.url,
    }


def _balance(settings: Settings, region: Region, certificate: Certificate | None) -> LoadBalancer:
    """Make a region's load balancer, reachable from CloudFront only."""
    edges = aws.ec2.get_managed_prefix_list_output(
        name="com.amazonaws.global.cloudfront.origin-facing",
        opts=pulumi.InvokeOutputOptions(parent=region.network),
    )
    return LoadBalancer(
        f"{region.name}-web",
        LoadBalancerArgs(
            region.network,
            settings.app.port,
            settings.app.health_path,
            "ip",
            certificate.arn if certificate else None,
            prefix_list=edges.id,
        ),
        region.opts,
    )


def _serve(
    settings: Settings,
    region: Region,
    balancer: LoadBalancer,
    secret: DatabaseSecret,
    datadog: DatadogKey | None,
) -> Containers:
    """Run the application in one region and let it reach that region's database and cache."""
    containers = Containers(
        region.name,
        ContainersArgs(
            sizes=region.sizes,
            app=settings.app,
            network=region.network,
            region=region.code,
            balancer=balancer,
            key=region.key,
            secret=secret,
            environment={
                "DATABASE_HOST": region.database_host,
                "DATABASE_PORT": str(aurora.PORT),
                "DATABASE_NAME": aurora.NAME,
                "DATABASE_READERS": region.database.reader_host,
                "REDIS_URL": region.cache.url,
                **region.environment,
            },
            datadog=datadog,
            log_days=settings.sizes.log_days,
        ),
        region.opts,
    )
    for target, port in ((region.database, aurora.PORT), (region.cache, CACHE_PORT)):
        allow_in(
            f"{region.name}-{port}",
            target.group,
            port,
            ResourceOptions(parent=target),
            source=containers.group,
        )
    return containers


def _alarms(
    settings: Settings,
    balancer: LoadBalancer,
    service: Containers,
    store: Aurora,
    *,
    key: Key,
    opts: ResourceOptions,
) -> None:
    web = {"LoadBalancer": balancer.balancer.arn_suffix}
    tasks = {"ClusterName": service.cluster.name, "ServiceName": service.service.name}
    signals = {
        "p95_ms": Signal("AWS/ApplicationELB", "TargetResponseTime", web, "p95", scale=0.001),
        "cpu_percent": Signal("AWS/ECS", "CPUUtilization", tasks),
        "memory_percent": Signal("AWS/ECS", "MemoryUtilization", tasks),
    }
    cpu = settings.roadmap.thresholds["cpu_percent"].stay
    busy = Signal("AWS/RDS", "CPUUtilization", store.dimensions)
    guards = (Guard("postgres-cpu", busy, cpu, f"Aurora over {cpu:g} % CPU"),)
    Alarms(
        "alarms",
        settings.roadmap.thresholds,
        settings.alerts_email,
        key,
        signals=signals,
        guards=guards,
        opts=opts,
    )
