"""Phase 2, PostgreSQL: database with standby and replicas, machines behind a load balancer, cache cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi import ResourceOptions

from infra.components import database
from infra.components.access import allow_in
from infra.components.account import provider
from infra.components.alarms import PERIOD, SERVICES, Alarms, Guard, Signal, about_the_monitor
from infra.components.backups import DatabaseBackups
from infra.components.budget import budget
from infra.components.cache import PORT as CACHE_PORT
from infra.components.cache import Cache, CacheArgs
from infra.components.dashboard import DashboardArgs, dashboard
from infra.components.database import Database, DatabaseArgs
from infra.components.database_proxy import DatabaseProxy, ProxyArgs
from infra.components.dns import Certificate, find_zone, point_to_alias, served_names
from infra.components.firewall import Firewall
from infra.components.keys import DatabaseSecret, Key
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.components.migration_path import MigrationPath, MigrationPathArgs
from infra.components.network import Network, NetworkArgs
from infra.components.rotation import Rotation, RotationArgs
from infra.components.servers import Servers, ServersArgs
from infra.sizes import Phase2Sizes

if TYPE_CHECKING:
    from infra.settings import Settings

#: EC2 without detailed monitoring measures every five minutes.
EC2_PERIOD = 300
#: Bytes of storage below which its automatic growth may come too late.
LITTLE_SPACE = 5e9


def build(settings: Settings) -> dict[str, Any]:
    """Declare the phase's resources and give the stack's outputs; promotion reads the `database_` ones."""
    sizes = settings.sizes
    if not isinstance(sizes, Phase2Sizes):
        raise TypeError(sizes)
    here = provider("aws", settings.region, settings)
    opts = ResourceOptions(providers=[here])
    key = Key("data", settings.region, opts, services=SERVICES)
    own = settings.network
    network = Network(
        "network", NetworkArgs(settings.region, own.cidr, own.zones, own.nat, sizes.log_days, key), opts
    )
    secret = DatabaseSecret("database", database.USER, key, opts)
    store = Database("postgres", DatabaseArgs(sizes.database, network, key, secret, sizes.log_days), opts)
    cache = Cache(
        "cache",
        CacheArgs(network, sizes.cache.node, sizes.cache.shards, sizes.cache.replicas_per_shard, key),
        opts,
    )
    names = served_names(settings.domain, str(settings.host_name)) if settings.domain else []
    zone_id = find_zone(settings.domain, here) if settings.domain else None
    certificate = Certificate("web", names, zone_id, opts) if zone_id else None
    balancer = LoadBalancer(
        "web",
        LoadBalancerArgs(
            network,
            settings.app.port,
            settings.app.health_path,
            "instance",
            certificate.arn if certificate else None,
            sizes.log_days,
        ),
        opts,
    )
    Firewall("firewall", "REGIONAL", key, sizes.log_days, opts).guard("web", balancer.balancer.arn)
    proxy = (
        DatabaseProxy("proxy", ProxyArgs(store, network, secret, database.PORT), opts)
        if sizes.database.pooling == "rds-proxy"
        else None
    )
    servers = Servers(
        "app",
        ServersArgs(
            settings=settings,
            sizes=sizes.servers,
            network=network,
            balancer=balancer,
            key=key,
            secret=secret,
            database=store,
            database_name=database.NAME,
            pool_size=sizes.database.pool_size,
            proxy_host=proxy.host if proxy else None,
            environment={"REDIS_URL": cache.url},
            log_days=sizes.log_days,
        ),
        opts,
    )
    _let_in(store, cache, servers, proxy)
    if settings.migration_path:
        path = MigrationPathArgs(
            settings.migration_path.from_stack, network, own.cidr, store.group, database.PORT
        )
        MigrationPath("migration", path, opts)
    if zone_id:
        point_to_alias(
            "dns", zone_id, names, (balancer.dns_name, balancer.zone_id), ResourceOptions(provider=here)
        )
    DatabaseBackups("backups", [store.primary.arn], key, sizes.database.backup_days, opts)
    if sizes.database.rotate_days:
        instance = {"INSTANCE": store.primary.identifier}
        days, arns = sizes.database.rotate_days, [store.primary.arn]
        Rotation("rotation", RotationArgs(secret, days, instance, arns, (), sizes.log_days), opts)
    _watch(settings, balancer, servers, store, cache, key=key, opts=opts)
    budget("budget", settings.roadmap.budget.max, settings.alerts_email, ResourceOptions(provider=here))
    return {
        "app_url": f"https://{names[0]}" if names else balancer.dns_name.apply(lambda name: f"http://{name}"),
        "database_endpoint": store.host,
        "database_port": store.port,
        "database_name": database.NAME,
        "database_user": secret.user,
        "database_secret_arn": secret.arn,
        "database_readers": [replica.address for replica in store.replicas],
        "cache_url": cache.url,
        "log_group": servers.log_group,
    }


def _let_in(store: Database, cache: Cache, servers: Servers, proxy: DatabaseProxy | None) -> None:
    """Open database and cache to the machines, and the proxy where there is one."""
    allow_in(
        "postgres-from-app", store.group, database.PORT, ResourceOptions(parent=store), source=servers.group
    )
    allow_in("cache-from-app", cache.group, CACHE_PORT, ResourceOptions(parent=cache), source=servers.group)
    if proxy:
        allow_in(
            "proxy-from-app", proxy.group, database.PORT, ResourceOptions(parent=proxy), source=servers.group
        )


def _watch(
    settings: Settings,
    balancer: LoadBalancer,
    servers: Servers,
    store: Database,
    cache: Cache,
    *,
    key: Key,
    opts: ResourceOptions,
) -> None:
    web = {"LoadBalancer": balancer.balancer.arn_suffix}
    group = {"AutoScalingGroupName": servers.scaling_group.name}
    primary = {"DBInstanceIdentifier": store.primary.identifier}
    replicas = {
        f"replica-{number}": {"DBInstanceIdentifier": replica.identifier}
        for number, replica in enumerate(store.replicas, start=1)
    }
    lag = {name: Signal("AWS/RDS", "ReplicaLag", which, "Maximum") for name, which in replicas.items()}
    signals: dict[str, Signal | dict[str, Signal]] = {
        "cpu_percent": Signal("AWS/EC2", "CPUUtilization", group, period=EC2_PERIOD),
        "p95_ms": Signal("AWS/ApplicationELB", "TargetResponseTime", web, "p95", scale=0.001),
        "requests_per_second": Signal("AWS/ApplicationELB", "RequestCount", web, "Sum", scale=PERIOD),
        "database_cpu_percent": Signal("AWS/RDS", "CPUUtilization", primary),
    }
    if lag:
        signals["replication_lag_seconds"] = lag
    space = Signal("AWS/RDS", "FreeStorageSpace", primary, "Minimum")
    hosts = {**web, "TargetGroup": balancer.targets.arn_suffix}
    unwell = Signal("AWS/ApplicationELB", "UnHealthyHostCount", hosts, "Maximum")
    guards = (
        *about_the_monitor(fleet=True),
        Guard("postgres-storage", space, LITTLE_SPACE, "PostgreSQL is running out of storage", below=True),
        Guard("app-unhealthy", unwell, 0, "a machine does not answer its health check"),
    )
    alarms = Alarms(
        "alarms",
        settings.roadmap.thresholds,
        settings.alerts_email,
        key,
        signals=signals,
        guards=guards,
        fleet=True,
        opts=opts,
    )
    dashboard(
        "dashboard",
        DashboardArgs(
            settings.region,
            settings.roadmap.title,
            settings.roadmap.thresholds,
            alarms.signals,
            {
                "Machines in service": (Signal("AWS/AutoScaling", "GroupInServiceInstances", group),),
                "Database connections": (Signal("AWS/RDS", "DatabaseConnections", primary, "Maximum"),),
                "Database storage left": (space,),
                "Cache CPU": (
                    Signal("AWS/ElastiCache", "EngineCPUUtilization", {"CacheClusterId": cache.first_node}),
                ),
            },
            f"# {settings.stack}: {settings.roadmap.title}",
        ),
        ResourceOptions(parent=alarms),
    )
