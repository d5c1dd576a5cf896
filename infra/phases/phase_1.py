"""Phase 1, SQLite optimised: one machine with its data on a volume of its own, a cache, backups, alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi import ResourceOptions

from infra.components.access import allow_in
from infra.components.account import provider
from infra.components.alarms import SERVICES, Alarms, Signal
from infra.components.backups import VolumeSnapshots
from infra.components.budget import budget
from infra.components.cache import PORT as CACHE_PORT
from infra.components.cache import Cache, CacheArgs
from infra.components.dns import find_zone, point_to_address, served_names
from infra.components.host import SNAPSHOT_TAG, Host, HostArgs
from infra.components.keys import Key
from infra.components.network import Network, NetworkArgs
from infra.sizes import Phase1Sizes

if TYPE_CHECKING:
    from infra.settings import Settings


def build(settings: Settings) -> dict[str, Any]:
    """Declare the phase's resources and give the stack's outputs."""
    sizes = settings.sizes
    if not isinstance(sizes, Phase1Sizes):
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
    cache = Cache("cache", CacheArgs(network, sizes.cache.node), opts)
    names = served_names(settings.domain, str(settings.host_name)) if settings.domain else []
    host = Host(
        "host",
        HostArgs(
            sizes=sizes.host,
            app=settings.app,
            network=network,
            region=settings.region,
            zone=f"{settings.region}{settings.network.zones[0]}",
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
    machine = {"InstanceId": host.instance.id}
    Alarms(
        "alarms",
        settings.roadmap.thresholds,
        settings.alerts_email,
        Key("alarms", opts, services=SERVICES),
        signals={"cpu_percent": Signal("AWS/EC2", "CPUUtilization", machine)},
        opts=opts,
    )
    budget("budget", settings.roadmap.budget.max, settings.alerts_email, ResourceOptions(provider=here))
    return {
        "app_url": f"https://{names[0]}"
        if names
        else host.address.apply(lambda address: f"http://{address}"),
        "host_address": host.address,
        "host_instance": host.instance.id,
        "sqlite_path": settings.app.sqlite_path,
        "copies_bucket": host.bucket.bucket,
        "cache_url": cache.url,
    }
