"""Phase 1, SQLite optimised: one machine with its data on a volume of its own, a cache, backups, alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi import ResourceOptions

from infra.components.access import allow_in
from infra.components.account import provider
from infra.components.alarms import SERVICES, Alarms, Guard, Signal, about_the_monitor
from infra.components.backups import VolumeSnapshots
from infra.components.budget import budget
from infra.components.cache import PORT as CACHE_PORT
from infra.components.cache import Cache, CacheArgs
from infra.components.dashboard import DashboardArgs, dashboard
from infra.components.dns import find_zone, point_to_address, served_names
from infra.components.host import SNAPSHOT_TAG, Host, HostArgs
from infra.components.keys import Key
from infra.components.network import Network, NetworkArgs
from infra.sizes import Phase1Sizes

if TYPE_CHECKING:
    from infra.settings import Settings

#: EC2 without detailed monitoring measures every five minutes.
EC2_PERIOD = 300
#: Credits below which a burstable machine is about to be slowed down to its base.
FEW_CREDITS = 20


def build(settings: Settings) -> dict[str, Any]:
    """Declare the phase's resources and give the stack's outputs."""
    sizes = settings.sizes
    if not isinstance(sizes, Phase1Sizes):
        raise TypeError(sizes)
    here = provider("aws", settings.region, settings)
    opts = ResourceOptions(providers=[here])
    key = Key("data", settings.region, opts, services=SERVICES)
    own = settings.network
    network = Network(
        "network", NetworkArgs(settings.region, own.cidr, own.zones, own.nat, sizes.log_days, key), opts
    )
    cache = Cache("cache", CacheArgs(network, sizes.cache.node), opts)
    names = served_names(settings.domain, str(settings.host_name)) if settings.domain else []
    host = Host(
        "host",
        HostArgs(
            settings=settings,
            sizes=sizes.host,
            network=network,
            zone=f"{settings.region}{settings.network.zones[0]}",
            key=key,
            names=names,
            environment={"SQLITE_PATH": settings.app.sqlite_path, "REDIS_URL": cache.url},
            log_days=sizes.log_days,
        ),
        opts,
    )
    allow_in("cache-from-host", cache.group, CACHE_PORT, ResourceOptions(parent=cache), source=host.group)
    if settings.domain:
        point_to_address(
            "dns", find_zone(settings.domain, here), names, host.address, ResourceOptions(provider=here)
        )
    VolumeSnapshots("snapshots", SNAPSHOT_TAG, sizes.host.snapshots, opts)
    _watch(settings, host, cache, key, opts)
    budget("budget", settings.roadmap.budget.max, settings.alerts_email, ResourceOptions(provider=here))
    return {
        "app_url": f"https://{names[0]}"
        if names
        else host.address.apply(lambda address: f"http://{address}"),
        "host_address": host.address,
        "host_instance": host.instance.id,
        "sqlite_path": settings.app.sqlite_path,
        "copies_bucket": host.bucket.bucket.bucket,
        "cache_url": cache.url,
        "log_group": host.log_group,
    }


def _watch(settings: Settings, host: Host, cache: Cache, key: Key, opts: ResourceOptions) -> None:
    machine = {"InstanceId": host.instance.id}
    failed = Signal("AWS/EC2", "StatusCheckFailed", machine, "Maximum")
    guards = (*about_the_monitor(fleet=False), Guard("host-failed", failed, 0, "the machine is not well"))
    if host.type.startswith("t"):
        credits_left = Signal("AWS/EC2", "CPUCreditBalance", machine, "Minimum", period=EC2_PERIOD)
        why = f"the machine has fewer than {FEW_CREDITS} CPU credits left"
        guards += (Guard("host-credits", credits_left, FEW_CREDITS, why, below=True),)
    alarms = Alarms(
        "alarms",
        settings.roadmap.thresholds,
        settings.alerts_email,
        key,
        signals={"cpu_percent": Signal("AWS/EC2", "CPUUtilization", machine, period=EC2_PERIOD)},
        guards=guards,
        opts=opts,
    )
    node = {"CacheClusterId": cache.first_node}
    disk = {"VolumeId": host.volume.id}
    dashboard(
        "dashboard",
        DashboardArgs(
            settings.region,
            settings.roadmap.title,
            settings.roadmap.thresholds,
            alarms.signals,
            {
                "Cache CPU and hit rate": (
                    Signal("AWS/ElastiCache", "EngineCPUUtilization", node),
                    Signal("AWS/ElastiCache", "CacheHitRate", node),
                ),
                "Volume operations": (
                    Signal("AWS/EBS", "VolumeReadOps", disk, "Sum"),
                    Signal("AWS/EBS", "VolumeWriteOps", disk, "Sum"),
                ),
            },
            f"# {settings.stack}: {settings.roadmap.title}",
        ),
        ResourceOptions(parent=alarms),
    )
