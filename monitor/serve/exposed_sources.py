"""The exposition of what the sidecar reads itself: database, machine, cache, cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from monitor.collect import redis_probe
from monitor.collect.cloudwatch import CLOUD_METRICS
from monitor.collect.described import COUNTERS, DETAILS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from monitor.collect.cloudwatch import CloudReading
    from monitor.collect.reading import DatabaseReading, SystemReading
    from monitor.collect.redis_probe import CacheReading


def database_families(reading: DatabaseReading | None) -> Iterator[Metric]:
    """Expose what was read of the database; what is not known is absent."""
    if reading is None:
        return
    files = reading.files
    if not files and reading.size_bytes is not None:
        files = {"main": int(reading.size_bytes)}
    if files:
        family = GaugeMetricFamily("scalability_database_size_bytes", "Size by file.", labels=["file"])
        for name, size in sorted(files.items()):
            family.add_metric([name], size)
        yield family
    if reading.writes is not None:
        yield CounterMetricFamily(
            "scalability_database_writes",
            "Write transactions committed since the monitor began.",
            reading.writes,
        )
    for name, value in sorted(reading.details.items()):
        yield GaugeMetricFamily(
            f"scalability_database_{name}", DETAILS.get(name, "As the database reports it."), value
        )
    counters = dict(reading.counters)
    if reading.queries is not None:
        counters["queries"] = reading.queries.count
        counters["query_duration_seconds"] = reading.queries.seconds
    for name, value in sorted(counters.items()):
        yield CounterMetricFamily(
            f"scalability_database_{name}", COUNTERS.get(name, "As the database counts it."), value
        )


def machine_families(machine: SystemReading | None) -> Iterator[Metric]:
    """Expose memory and disk as they were at the last look; the means over the window stand elsewhere."""
    if machine is None:
        return
    memory = GaugeMetricFamily(
        "scalability_memory_bytes", "Memory used and available, by scope.", labels=["scope", "state"]
    )
    for scope, used, limit in machine.memories:
        memory.add_metric([scope, "used"], used)
        memory.add_metric([scope, "limit"], limit)
    yield memory
    if machine.disk is not None:
        disk = GaugeMetricFamily(
            "scalability_disk_bytes", "Disk that holds the database, or the monitor's.", labels=["state"]
        )
        disk.add_metric(["free"], machine.disk.free_bytes)
        disk.add_metric(["total"], machine.disk.total_bytes)
        yield disk
        yield GaugeMetricFamily(
            "scalability_disk_usage_ratio",
            "Share in use of what an ordinary user may fill, 0 to 1.",
            machine.disk.used_percent / 100,
        )


def cache_families(reading: CacheReading | None) -> Iterator[Metric]:
    """Expose what was read of Redis, and whether it answers."""
    if reading is None:
        return
    yield GaugeMetricFamily("scalability_cache_up", "1 if Redis answers.", float(not reading.problem))
    texts = {**{name: text for name, (_, text) in redis_probe.GAUGES.items()}, **redis_probe.DERIVED}
    for name, value in sorted(reading.values.items()):
        yield GaugeMetricFamily(f"scalability_cache_{name}", texts[name], value)
    for name, value in sorted(reading.counters.items()):
        yield CounterMetricFamily(f"scalability_cache_{name}", redis_probe.COUNTERS[name][1], value)


def cloud_families(reading: CloudReading | None) -> Iterator[Metric]:
    """Expose what CloudWatch told, by resource, and whether it could be read."""
    if reading is None:
        return
    yield GaugeMetricFamily("scalability_aws_up", "1 if CloudWatch can be read.", float(not reading.problem))
    names = sorted({name for values in reading.values.values() for name in values})
    for name in names:
        family = GaugeMetricFamily(f"scalability_aws_{name}", CLOUD_METRICS[name].text, labels=["resource"])
        for resource, values in sorted(reading.values.items()):
            if name in values:
                family.add_metric([resource], values[name])
        yield family
