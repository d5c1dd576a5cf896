"""Looks at the machine: CPU time and memory, or the control group's share where one is limited."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from monitor.collect import cgroup
from monitor.collect.reading import Disk, SystemReading


def read_system(folder: Path | None = None) -> SystemReading:
    """Look once; a container's limits count where it has any, because they are what runs out first.

    Args:
        folder: whose disk to look at; the root's by default.
    """
    memory, cpu = cgroup.memory(), cgroup.cpu()
    host = psutil.virtual_memory()
    limited = memory is not None and memory.limit < host.total
    busy, capacity = _host_cpu() if cpu is None else (cpu.used_s, cpu.cpus * time.monotonic())
    return SystemReading(
        cpu_busy_s=busy,
        cpu_capacity_s=capacity,
        cpu_scope="host" if cpu is None else "cgroup",
        memory_used_bytes=memory.used if memory is not None and limited else host.total - host.available,
        memory_limit_bytes=memory.limit if memory is not None and limited else host.total,
        memory_scope="cgroup" if limited else "host",
        host_used_bytes=host.total - host.available,
        host_limit_bytes=host.total,
        monitor_bytes=psutil.Process().memory_info().rss,
        disk=_disk(folder or Path("/")),
    )


def _disk(folder: Path) -> Disk | None:
    try:
        usage = psutil.disk_usage(str(folder))
    except OSError:  # the folder is gone
        return None
    return Disk(usage.free, usage.total, usage.percent)


def _host_cpu() -> tuple[float, float]:
    """Return the busy and the total CPU seconds since boot, of all CPUs together."""
    times = psutil.cpu_times()._asdict()
    # User time already contains the guests'; waiting for a disk is not work.
    total = sum(seconds for name, seconds in times.items() if name not in ("guest", "guest_nice"))
    return total - times["idle"] - times.get("iowait", 0.0), total
