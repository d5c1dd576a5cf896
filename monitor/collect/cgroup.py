"""The limits of the control group a process runs in, versions 1 and 2: what a container may really use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: Version 1 says "no limit" with a number near 2^63.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class Memory:
    """A memory limit and what is used of it, in bytes, without file cache that can be dropped at once."""

    used: int
    limit: int


@dataclass(frozen=True)
class Cpu:
    """A CPU limit in CPUs, and the CPU seconds used so far."""

    used_s: float
    cpus: float


def memory(proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")) -> Memory | None:
    """Return the tightest memory limit above this process; None without one."""
    found = []
    for group in _groups(proc, root, "memory"):
        limit = _number(group / "memory.max") or _number(group / "memory.limit_in_bytes")
        used = _number(group / "memory.current") or _number(group / "memory.usage_in_bytes")
        if limit is None or used is None or limit >= _NO_LIMIT:
            continue
        statistics = _table(group / "memory.stat")
        cache = statistics.get("inactive_file", statistics.get("total_inactive_file", 0))
        found.append(Memory(max(used - cache, 0), limit))
    return min(found, key=lambda one: one.limit, default=None)


def cpu(proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")) -> Cpu | None:
    """Return the tightest CPU limit above this process; None without one."""
    found = []
    for group in _groups(proc, root, "cpu"):
        share = _version_2_cpu(group) or _version_1_cpu(group, root)
        if share is not None:
            found.append(share)
    return min(found, key=lambda one: one.cpus, default=None)


def _version_2_cpu(group: Path) -> Cpu | None:
    quota, _, period = _text(group / "cpu.max").partition(" ")
    used = _table(group / "cpu.stat").get("usage_usec")
    if not quota.isdigit() or not period.isdigit() or used is None:
        return None
    return Cpu(used / 1e6, int(quota) / int(period))


def _version_1_cpu(group: Path, root: Path) -> Cpu | None:
    quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    if quota is None or period is None or quota <= 0:
        return None
    # The accounting may be mounted with the quota ("cpu,cpuacct") or beside it, under the same path.
    beside = (
        root / "cpuacct" / group.relative_to(root / "cpu") if group.is_relative_to(root / "cpu") else group
    )
    used = _number(group / "cpuacct.usage") or _number(beside / "cpuacct.usage")
    return None if used is None else Cpu(used / 1e9, quota / period)


def _groups(proc: Path, root: Path, controller: str) -> list[Path]:
    """List the folders of this process's groups for a controller, innermost first."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers and (root / "cgroup.controllers").exists():
            base = root
        elif controller in controllers.split(","):
            base = root / controller
        else:
            continue
        # Inside a container the path may be the host's, which does not exist here; the mounted root then is
        # the group.
        inner = base / path.lstrip("/")
        if not inner.is_dir():
            inner = base
        return [inner, *(parent for parent in inner.parents if parent.is_relative_to(base))]
    return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else None


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
