"""Phase 2, PostgreSQL: database with standby and replicas, machines behind a load balancer, cache cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi import ResourceOptions

from infra.components import database
from infra.components.access import allow_in
from infra.components.account import provider
from infra.components.alarms import SERVICES, Alarms, Guard, Signal
from infra.components.backups import DatabaseBackups
from infra.components.budget import budget
from infra.components.cache import PORT as CACHE_PORT
from infra.components.cache import Cache, CacheArgs
from infra.components.database import Database, DatabaseArgs
from infra.components.dns import Certificate, find_zone, point_to_alias, served_names
from infra.components.firewall import Firewall
from infra.components.keys import DatabaseSecret, Key
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.components.network import Network, NetworkArgs
from infra.components.servers import Servers, ServersArgs
from infra.sizes import Phase2Sizes

if TYPE_CHECKING:
    from infra.settings import Settings

#: Seconds a replica may lag before reads from it mislead.
LAG_SECONDS = 30


def build(settings: Settings) -> dict[str, Any]:
    """Declare the phase's resources and give the stack's outputs; promotion reads the `database_` ones."""
    sizes = settings.sizes
    if not isinstance(sizes, Phase2Sizes):
        raise TypeError(sizes)
    here = provider("aws", settings.region, settings)
    opts = ResourceOptions(providers=[here])
    network = Network(
        "network",
        NetworkArgs(
            settings.region,
            settings.network.cidr,
            settings.network.zones,
            settings.network.nat,
            sizes.log_days,
        ),
        opts,
    )
    key = Key("data", opts, services=SERVICES)
    secret = DatabaseSecret("database", database.USER, key, opts)
    store = Database("postgres", DatabaseArgs(sizes.database, network, key, secret), opts)
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
        ),
        opts,
    )
    Firewall("firewall", "REGIONAL", opts).guard("web", balancer.balancer.arn)
    servers = Servers(
        "app",
        ServersArgs(
            sizes=sizes.servers,
            app=settings.app,
            network=network,
            region=settings.region,
            balancer=balancer,
            key=key,
            secret=secret,
            database_host=store.host,
            database_port=store.port,
            database_name=database.NAME,
            environment={
                "REDIS_URL": cache.url,
                "DATABASE_READERS": pulumi.Output.all(*[one.address for one in store.replicas]).apply(
                    ",".join
                ),
                "NODE_EXTRA_CA_CERTS": "/etc/rds.pem",
            },
            log_days=sizes.log_days,
        ),
        opts,
    )
    allow_in(
        "postgres-from-app", store.group, database.PORT, ResourceOptions(parent=store), source=servers.group
    )
    allow_in("cache-from-app", cache.group, CACHE_PORT, ResourceOptions(parent=cache), source=servers.group)
    if zone_id:
        point_to_alias(
            "dns", zone_id, names, (balancer.dns_name, balancer.zone_id), ResourceOptions(provider=here)
        )
    DatabaseBackups("backups", [store.primary.arn], key, sizes.database.backup_days, opts)
    _alarms(settings, balancer, servers, store, key=key, opts=opts)
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
    }


def _alarms(
    settings: Settings,
    balancer: LoadBalancer,
    servers: Servers,
    store: Database,
    *,
    key: Key,
    opts: ResourceOptions,
) -> None:
    web = {"LoadBalancer": balancer.balancer.arn_suffix}
    signals = {
        "cpu_percent": Signal(
            "AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": servers.scaling_group.name}
        ),
        "p95_ms": Signal("AWS/ApplicationELB", "TargetResponseTime", web, "p95", scale=0.001),
    }
    cpu = settings.roadmap.thresholds["cpu_percent"].stay
    primary = {"DBInstanceIdentifier": store.primary.identifier}
    guards = [
        Guard(
            "postgres-cpu",
            Signal("AWS/RDS", "CPUUtilization", primary),
            cpu,
            f"PostgreSQL over {cpu:g} % CPU",
        )
    ]
    guards += [
        Guard(
            f"replica-{number}-lag",
            Signal("AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": replica.identifier}, "Maximum"),
            LAG_SECONDS,
            f"replica {number} lags by more than {LAG_SECONDS} s",
        )
        for number, replica in enumerate(store.replicas, start=1)
    ]
    Alarms(
        "alarms",
        settings.roadmap.thresholds,
        settings.alerts_email,
        key,
        signals=signals,
        guards=tuple(guards),
        opts=opts,
    )
