"""The Redis probe on a real redis-server."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis

from monitor.collect.redis_probe import BadRedisAddress, CacheUnreachable, RedisProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a password, 3 MB of memory, on a socket of its own."""
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI"):
            raise AssertionError("CI installs Debian's redis-server")
        pytest.skip("Debian's redis-server is not installed")
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    limits = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru", "--requirepass", "hunter2"]
    process = subprocess.Popen([program, *options, *limits], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not socket.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield f"unix://:hunter2@{socket}"
    process.terminate()
    process.wait(20)


@pytest.fixture
def application(server: str) -> Iterator[redis.Redis]:
    with contextlib.closing(redis.Redis.from_url(server)) as client:
        client.flushall()
        yield client


def test_hits_memory_evictions_and_connections_are_read(server: str, application: redis.Redis) -> None:
    with contextlib.closing(RedisProbe(server)) as probe:
        first = probe.read()
        assert "hit_ratio" not in first.values
        assert first.values["memory_max_bytes"] == 3 * 1024 * 1024
        assert 0 < first.values["memory_used_ratio"] < 1
        assert first.properties["eviction_policy"] == "allkeys-lru"
        application.set("known", "x")
        for _ in range(30):
            application.get("known")
        for _ in range(10):
            application.get("unknown")
        reading = probe.read()
        assert reading.values["hit_ratio"] == pytest.approx(0.75)
        assert reading.values["keys"] == 1
        assert reading.values["connections"] >= 2
        assert reading.facts()["cache_hit"] == pytest.approx(0.75)
        for number in range(60):
            application.set(f"large {number}", b"x" * 100_000)
        full = probe.read()
        assert full.counters["evictions"] > 20
        assert full.values["evictions_per_second"] > 0


def test_the_password_is_in_no_output(server: str) -> None:
    with contextlib.closing(RedisProbe(server.replace("hunter2", "hunter3"))) as probe:
        with pytest.raises(CacheUnreachable) as refused:
            probe.check()
        assert "hunter3" not in str(refused.value) + probe.name + repr(probe.read())
    with pytest.raises(BadRedisAddress) as bad:
        RedisProbe("hunter2@nowhere")
    assert "hunter2" not in str(bad.value)


def test_a_redis_that_is_away_is_a_reading_without_values() -> None:
    with contextlib.closing(RedisProbe("redis://127.0.0.1:9")) as probe:
        reading = probe.read()
    assert (dict(reading.values), dict(reading.counters)) == ({}, {})
    assert reading.problem
    assert reading.facts() == {}


def test_a_sidecar_watches_it_beside_the_database(
    sidecar: Start, server: str, application: redis.Redis, tmp_path: Path
) -> None:
    import sqlite3

    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("create table t (x)")
    options = ("--database", str(tmp_path / "shop.db"), "--redis-env", "CACHE", "--interval", "0.5")
    running = sidecar(*options, CACHE=server)
    found = running.get("/api/metrics/scalability").json()["cache"]
    assert found["problem"] == ""
    assert found["values"]["memory_max_bytes"] == 3 * 1024 * 1024
    exposed = running.get("/api/metrics/scalability/prometheus").text
    assert "scalability_cache_up 1.0" in exposed
    assert "scalability_cache_evictions_total" in exposed
    assert "hunter2" not in exposed + running.printed + str(found)
    refused = sidecar(*options, CACHE="redis://:hunter3@127.0.0.1:9", answers=False)
    assert refused.process.wait(20) == 1
    assert "Redis at 127.0.0.1:9 does not answer" in refused.printed
    assert "hunter3" not in refused.printed
