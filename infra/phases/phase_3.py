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
from infra.components.agent import Agent
from infra.components.alarms import PERIOD, SERVICES, Alarms, Guard, Signal, about_the_monitor
from infra.components.aurora import Aurora, AuroraArgs, GlobalCluster
from infra.components.backups import DatabaseBackups
from infra.components.budget import budget
from infra.components.cache import PORT as CACHE_PORT
from infra.components.cache import Cache, CacheArgs
from infra.components.cdn import Cdn, CdnArgs
from infra.components.containers import APP, Containers, ContainersArgs
from infra.components.dashboard import DashboardArgs, dashboard
from infra.components.dns import Certificate, find_zone, point_to_alias, point_to_nearest, served_names
from infra.components.firewall import Firewall
from infra.components.keys import DatabaseSecret, Key
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.components.network import Network, NetworkArgs
from infra.components.rotation import Rotation, RotationArgs
from infra.settings import Secondary
from infra.sizes import Phase3Sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.settings import Settings
    from infra.sizes import Containers as ContainerSizes

#: CloudFront's certificates and firewalls are here, whatever the phase's regions.
EDGE = "us-east-1"
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
    edge = ResourceOptions(providers=[provider("aws-edge", EDGE, settings)])
    here = ResourceOptions(providers=[here_provider])
    there = ResourceOptions(providers=[provider("aws-secondary", away.region, settings)])

    key = Key("data", settings.region, here, services=SERVICES)
    far_key = Key("data-2", away.region, there, services=SERVICES)
    home, log_days = settings.network, sizes.log_days
    network = Network(
        "network", NetworkArgs(settings.region, home.cidr, home.zones, home.nat, log_days, key), here
    )
    far_network = Network(
        "network-2", NetworkArgs(away.region, away.cidr, away.zones, away.nat, log_days, far_key), there
    )
    copies = {away.region: far_key}
    secret = DatabaseSecret("database", aurora.USER, key, here, copies=copies)
    joined = GlobalCluster("postgres", sizes.database.version, here)
    store = Aurora(
        "postgres-1",
        AuroraArgs(sizes.database, sizes.database.instances, network, key, joined, secret, log_days),
        here,
    )
    follower = Aurora(
        "postgres-2",
        AuroraArgs(
            sizes.database, sizes.database.secondary_instances, far_network, far_key, joined, None, log_days
        ),
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
    agent = None
    if sizes.agent:
        agent = Agent(
            "agent", sizes.agent, getattr(settings.images, sizes.agent), key, copies=copies, opts=here
        )
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
        services[region.code] = _serve(settings, region, balancers[region.code], secret, agent)

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
            Firewall("firewall", "CLOUDFRONT", key if settings.region == EDGE else None, log_days, edge).arn,
        ),
        edge,
    )
    if zone_id:
        opts = ResourceOptions(provider=here_provider)
        point_to_alias("dns", zone_id, names, (cdn.domain_name, cdn.zone_id), opts)
    DatabaseBackups("backups", [store.cluster.arn], key, sizes.database.backup_days, here)
    if sizes.database.rotate_days:
        cluster = {"CLUSTER": store.cluster.cluster_identifier}
        releases = [release for one in services.values() for release in one.releases]
        days, arns = sizes.database.rotate_days, [store.cluster.arn]
        Rotation("rotation", RotationArgs(secret, days, cluster, arns, releases, log_days), here)
    _watch(settings, primary, balancers[settings.region], services[settings.region], opts=here)
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
        "releases": [release for one in services.values() for release in one.asked_for()],
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
            settings.sizes.log_days,
            prefix_list=edges.id,
        ),
        region.opts,
    )


def _serve(
    settings: Settings,
    region: Region,
    balancer: LoadBalancer,
    secret: DatabaseSecret,
    agent: Agent | None,
) -> Containers:
    """Run the application in one region and let it reach that region's database and cache."""
    sizes = settings.sizes
    if not isinstance(sizes, Phase3Sizes):
        raise TypeError(sizes)
    containers = Containers(
        region.name,
        ContainersArgs(
            settings=settings,
            sizes=region.sizes,
            network=region.network,
            region=region.code,
            balancer=balancer,
            key=region.key,
            secret=secret,
            environment={
                "DATABASE_HOST": region.database_host,
                "DATABASE_PORT": str(aurora.PORT),
                "DATABASE_NAME": aurora.NAME,
                "DATABASE_READERS": pulumi.Output.concat(region.database.reader_host, f":{aurora.PORT}"),
                "DATABASE_SSL": "require",
                "REDIS_URL": region.cache.url,
                **region.environment,
            },
            database_host=region.database_host,
            database_port=aurora.PORT,
            database_name=aurora.NAME,
            agent=agent,
            tracing=sizes.tracing,
            log_days=sizes.log_days,
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


def _watch(
    settings: Settings, region: Region, balancer: LoadBalancer, service: Containers, *, opts: ResourceOptions
) -> None:
    """Watch the first region: every task's monitor publishes there."""
    web = {"LoadBalancer": balancer.balancer.arn_suffix}
    tasks = {"ClusterName": service.cluster.name, "ServiceName": service.services[APP].service.name}
    store = region.database.dimensions
    signals = {
        "p95_ms": Signal("AWS/ApplicationELB", "TargetResponseTime", web, "p95", scale=0.001),
        "requests_per_second": Signal("AWS/ApplicationELB", "RequestCount", web, "Sum", scale=PERIOD),
        "cpu_percent": Signal("AWS/ECS", "CPUUtilization", tasks),
        "memory_percent": Signal("AWS/ECS", "MemoryUtilization", tasks),
        "database_cpu_percent": Signal("AWS/RDS", "CPUUtilization", store),
    }
    alarms = Alarms(
        "alarms",
        settings.roadmap.thresholds,
        settings.alerts_email,
        region.key,
        signals=signals,
        guards=about_the_monitor(fleet=True),
        fleet=True,
        opts=opts,
    )
    hosts = {**web, "TargetGroup": balancer.targets.arn_suffix}
    dashboard(
        "dashboard",
        DashboardArgs(
            settings.region,
            settings.roadmap.title,
            settings.roadmap.thresholds,
            alarms.signals,
            {
                "Healthy tasks": (Signal("AWS/ApplicationELB", "HealthyHostCount", hosts, "Minimum"),),
                "Database connections": (Signal("AWS/RDS", "DatabaseConnections", store, "Maximum"),),
                "Cache CPU": (
                    Signal(
                        "AWS/ElastiCache", "EngineCPUUtilization", {"CacheClusterId": region.cache.first_node}
                    ),
                ),
            },
            f"# {settings.stack}: {settings.roadmap.title}",
        ),
        ResourceOptions(parent=alarms),
    )
