"""Looks at a Redis (or Valkey) with one INFO a look: hit ratio, memory, evictions, connections."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from monitor.collect.window import CounterWindow
from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Seconds between two looks.
EVERY_S: Final = 5.0
_TIMEOUT_S: Final = 2.0
#: Over how many seconds the hit ratio and evictions are taken.
_WINDOW_S: Final = 300.0

#: What INFO calls a number of the moment, and what we call it; exposed as scalability_cache_NAME.
GAUGES: Final = {
    "memory_bytes": ("used_memory", "Memory that Redis has allocated."),
    "memory_resident_bytes": ("used_memory_rss", "Memory that the system gave it."),
    "memory_max_bytes": ("maxmemory", "The limit on memory (maxmemory); absent without one."),
    "fragmentation_ratio": ("mem_fragmentation_ratio", "Resident by allocated memory."),
    "connections": ("connected_clients", "Connections of clients, the monitor's own included."),
    "connections_max": ("maxclients", "Connections it admits."),
    "connections_blocked": ("blocked_clients", "Clients that wait in a blocking command."),
    "operations_per_second": ("instantaneous_ops_per_sec", "Commands a second, as Redis measures it."),
    "replicas": ("connected_slaves", "Replicas connected."),
    "uptime_seconds": ("uptime_in_seconds", "Seconds since it started."),
}
#: What INFO calls a counter, and what we call it; exposed as scalability_cache_NAME_total.
COUNTERS: Final = {
    "hits": ("keyspace_hits", "Keys looked up and found."),
    "misses": ("keyspace_misses", "Keys looked up and not found."),
    "evictions": ("evicted_keys", "Keys thrown out to make room."),
    "expirations": ("expired_keys", "Keys whose time was over."),
    "connections_refused": ("rejected_connections", "Connections refused at the limit."),
    "commands": ("total_commands_processed", "Commands."),
}
#: What is computed from these.
DERIVED: Final = {
    "hit_ratio": "Share of keys found over five minutes, 0 to 1; absent without lookups.",
    "memory_used_ratio": "Share of the limit on memory in use, 0 to 1; absent without a limit.",
    "connections_used_ratio": "Share of the admitted connections in use, 0 to 1.",
    "evictions_per_second": "Keys thrown out a second, over five minutes.",
    "keys": "Keys in all databases.",
    "response_seconds": "How long INFO took from here.",
}


class CacheUnreachable(MonitorError):
    """Redis does not answer, or does not let the monitor in."""


class BadRedisAddress(MonitorError, UsageError):
    """--redis is not an address of a Redis."""


@dataclass(frozen=True)
class CacheReading:
    """One look at Redis.

    Args:
        name: host and port, without user and password.
        values: by name (`GAUGES`, `DERIVED`); what is not known is absent.
        counters: by name (`COUNTERS`); they start again with Redis.
        properties: version, role, policy of eviction.
        problem: why nothing could be read; empty otherwise.
    """

    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    def facts(self) -> dict[str, float]:
        """Return what advice rests on, as arguments of `Facts`."""
        names = {
            "cache_hit": "hit_ratio",
            "cache_memory_used": "memory_used_ratio",
            "cache_evictions_per_second": "evictions_per_second",
        }
        return {fact: self.values[name] for fact, name in names.items() if name in self.values}


class RedisProbe:
    """Looks at one Redis.

    Args:
        url: redis://, rediss:// or unix://; it appears in no output.
        clock: a monotonic clock in seconds.

    Raises:
        BadRedisAddress: the address cannot be read.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        # Imported here: the monitor needs no driver of what it does not watch.
        self._driver: Any = importlib.import_module("redis")
        self._clock = clock
        self._window = CounterWindow(_WINDOW_S)
        try:
            self._client: Any = self._driver.Redis.from_url(
                url,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                client_name="outgrow-monitor",
                decode_responses=True,
            )
        except ValueError:  # its message quotes the address, password included
            raise BadRedisAddress(
                "--redis is not an address of a Redis",
                why="it begins with redis://, rediss:// or unix://",
                next_step="write it like --redis redis://127.0.0.1:6379, or name a variable with --redis-env",
            ) from None
        options = self._client.connection_pool.connection_kwargs
        self._secrets = [str(options[name]) for name in ("password", "username") if options.get(name)]
        #: What it is called in outputs.
        self.name = str(options.get("path") or f"{options.get('host')}:{options.get('port', 6379)}")

    def check(self) -> None:
        """Look once, at the start.

        Raises:
            CacheUnreachable: Redis does not answer.
        """
        reading = self.read()
        if reading.problem:
            raise CacheUnreachable(
                f"Redis at {self.name} does not answer",
                why=reading.problem,
                next_step="check the address with redis-cli, then try again",
            )

    def read(self) -> CacheReading:
        """Look once. Never raises: a Redis that does not answer is a reading without values."""
        began = time.monotonic()
        try:
            info: dict[str, Any] = self._client.info()
        except (self._driver.RedisError, OSError) as error:
            return CacheReading(self.name, problem=self._harmless(error))
        return self._reading(info, time.monotonic() - began)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _reading(self, info: Mapping[str, Any], took: float) -> CacheReading:
        values = _numbers(info, GAUGES)
        counters = _numbers(info, COUNTERS)
        if not values.get("memory_max_bytes"):  # 0 says that there is no limit
            values.pop("memory_max_bytes", None)
        for used, limit, ratio in (
            ("memory_bytes", "memory_max_bytes", "memory_used_ratio"),
            ("connections", "connections_max", "connections_used_ratio"),
        ):
            if used in values and values.get(limit):
                values[ratio] = values[used] / values[limit]
        databases = [value for name, value in info.items() if name.startswith("db") and name[2:].isdigit()]
        values["keys"] = float(sum(one.get("keys", 0) for one in databases if isinstance(one, dict)))
        values["response_seconds"] = took
        if {"hits", "misses", "evictions"} <= counters.keys():
            self._window.add(self._clock(), *(counters[name] for name in ("hits", "misses", "evictions")))
            gain = self._window.gain()
            if gain is not None:
                hits, misses, evictions = gain.amounts
                values["evictions_per_second"] = evictions / gain.seconds
                if hits + misses > 0:
                    values["hit_ratio"] = hits / (hits + misses)
        texts = {"version": "redis_version", "role": "role", "eviction_policy": "maxmemory_policy"}
        properties = {name: str(info[known]) for name, known in texts.items() if known in info}
        return CacheReading(self.name, values, counters, properties)

    def _harmless(self, error: Exception) -> str:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text[:200]


def _numbers(info: Mapping[str, Any], names: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    found = {ours: info.get(theirs) for ours, (theirs, _) in names.items()}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
