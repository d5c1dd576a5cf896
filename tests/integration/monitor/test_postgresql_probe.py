"""The PostgreSQL probe on a real server."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from infra.local_postgres import LocalPostgres
from monitor.collect.database import open_probe
from monitor.collect.described import COUNTERS, DETAILS
from monitor.collect.postgresql_probe import DatabaseUnreachable, PostgresqlProbe
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    """A server that writes nothing by itself (autovacuum does) and can count statements."""
    settings = {"autovacuum": "off", "shared_preload_libraries": "pg_stat_statements"}
    with LocalPostgres(durable=False, settings=settings) as running:
        yield running


@pytest.fixture
def database(server: LocalPostgres) -> Iterator[str]:
    yield server.create_database("watched")
    server.drop_database("watched")


@pytest.fixture
def writer(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create table t (x int)")
        yield connection


@pytest.fixture
def probe(database: str) -> Iterator[PostgresqlProbe]:
    with contextlib.closing(PostgresqlProbe(database)) as opened:
        yield opened


def test_write_transactions_are_counted_and_reads_and_own_looks_are_not(
    writer: psycopg.Connection, probe: PostgresqlProbe
) -> None:
    assert probe.read().writes == 0
    for number in range(25):
        writer.execute("insert into t values (%s)", (number,))
    assert probe.read().writes == 25
    with writer.transaction():
        for number in range(100):
            writer.execute("insert into t values (%s)", (number,))
    assert probe.read().writes == 26
    for _ in range(30):
        writer.execute("select count(*) from t").fetchone()
        probe.read()
    assert probe.read().writes == 26


def test_size_and_connections_are_read(writer: psycopg.Connection, probe: PostgresqlProbe) -> None:
    before = probe.read()
    assert before.database == "postgresql"
    assert before.details["connections"] == 1
    writer.execute("insert into t select generate_series(1, 100000)")
    after = probe.read()
    assert before.size_bytes is not None
    assert after.size_bytes is not None
    assert after.size_bytes > before.size_bytes + 3_000_000


def test_open_transactions_waits_and_the_cache_are_read(
    database: str, writer: psycopg.Connection, probe: PostgresqlProbe
) -> None:
    writer.execute("insert into t select generate_series(1, 5000)")
    writer.execute("select pg_stat_force_next_flush()")
    writer.execute("select 1")
    probe.read()
    with psycopg.connect(database) as holder, psycopg.connect(database) as waiter:
        holder.execute("update t set x = 0 where x = 1")
        waiting = threading.Thread(target=lambda: waiter.execute("update t set x = 2 where x = 1"))
        waiting.start()
        deadline = time.monotonic() + 20
        while (reading := probe.read()).details["connections_waiting"] < 1:
            assert time.monotonic() < deadline
        holder.rollback()
        waiting.join()
        waiter.rollback()
    found = reading.details
    assert found["connections_idle_in_transaction"] == 1
    assert found["longest_transaction_seconds"] > 0
    assert found["connections_server"] >= 3
    assert 0 < found["connections_used_ratio"] < 1
    assert found["connections_max"] == 97
    assert 0 < found["cache_hit_ratio"] <= 1
    assert found["standby"] == 0
    assert "replication_lag_seconds" not in found  # no replica: unknown, not 0
    assert reading.counters["rows_inserted"] >= 5000
    assert reading.properties["server_version"] == "18"
    assert dict(reading.missing) == {}
    assert set(found) <= set(DETAILS)
    assert set(reading.counters) <= set(COUNTERS)


def test_dead_rows_and_slow_statements_are_read_each_minute(
    database: str, writer: psycopg.Connection
) -> None:
    now = [0.0]
    with contextlib.closing(PostgresqlProbe(database, clock=lambda: now[0])) as probe:
        assert probe.read().tables == ()
        writer.execute("create extension pg_stat_statements")
        writer.execute("alter table t set (autovacuum_enabled = off)")
        writer.execute("insert into t select generate_series(1, 6000)")
        writer.execute("delete from t where x <= 3000")
        writer.execute("create role someone password 'hunter2'")
        writer.execute("drop role someone")
        writer.execute("select pg_stat_force_next_flush()")
        writer.execute("select 1")
        assert probe.read().tables == ()
        now[0] = 61
        reading = probe.read()
    (table,) = reading.tables
    assert (table.name, table.dead_rows) == ("public.t", 3000)
    assert table.note == "50 % of its rows are dead"
    assert reading.details["dead_rows_ratio"] == pytest.approx(0.5)
    statements = {statement.sql: statement for statement in reading.statements}
    assert any(sql.lower().startswith("delete from t") for sql in statements)
    assert "hunter2" not in str(statements)


def test_least_privilege_is_enough_and_less_says_what_is_missing(
    server: LocalPostgres, database: str, writer: psycopg.Connection
) -> None:
    writer.execute("create role watcher login")
    try:
        parts = psycopg.conninfo.conninfo_to_dict(database)
        dsn = psycopg.conninfo.make_conninfo(**{**parts, "user": "watcher"})
        with contextlib.closing(PostgresqlProbe(dsn)) as probe:
            assert "grant pg_monitor" in probe.read().missing["longest_transaction_seconds"]
        writer.execute("grant pg_monitor to watcher")
        with contextlib.closing(PostgresqlProbe(dsn)) as probe:
            reading = probe.read()
        assert dict(reading.missing) == {}
        assert reading.size_bytes is not None
    finally:
        writer.execute("drop role watcher")


def test_a_database_without_statement_statistics_says_so(probe: PostgresqlProbe) -> None:
    reading = probe.read()
    assert reading.queries is None
    assert "pg_stat_statements" in reading.notes["average_query_ms"]


def test_a_broken_connection_is_unknown_once_and_opened_again(
    postgres: LocalPostgres, writer: psycopg.Connection, probe: PostgresqlProbe
) -> None:
    probe.read()
    writer.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'outgrow-monitor'"
    )
    broken = probe.read()
    assert (broken.size_bytes, broken.writes) == (None, None)
    assert broken.notes["database_size_bytes"].startswith("PostgreSQL does not answer")
    assert probe.read().size_bytes is not None


def test_average_query_time_comes_from_the_statement_statistics(
    writer: psycopg.Connection, probe: PostgresqlProbe
) -> None:
    writer.execute("create schema metrics")
    writer.execute("create extension pg_stat_statements schema metrics")
    probe.read()
    start = probe.read().queries
    for _ in range(10):
        writer.execute("select pg_sleep(0.02)")
    end = probe.read().queries
    assert start is not None
    assert end is not None
    assert 0.19 < end.seconds - start.seconds < 1.0
    # The monitor's own statements, some twenty a look, are left out.
    assert 10 <= end.count - start.count < 12
    writer.execute("select metrics.pg_stat_statements_reset()")
    forgotten = probe.read().queries
    assert forgotten is not None
    assert forgotten.count >= end.count


def test_the_same_sidecar_watches_the_application_after_its_promotion(
    sidecar: Callable[..., Any], waiting: Callable[..., Any], database: str, writer: psycopg.Connection
) -> None:
    options = ("--database-env", "DATABASE_URL", "--phase", "phase-2", "--interval", "0.3", "--window", "10")
    running = sidecar(*options, DATABASE_URL=database)
    for number in range(40):
        writer.execute("insert into t values (%s)", (number,))

    def seen() -> Any:
        found = running.get("/api/metrics/scalability").json()
        return found["database"]["writes"] == 40 and found

    found = waiting(seen)
    assert found["phase"] == "phase-2"
    assert found["database"]["database"] == "postgresql"
    assert found["metrics"]["database_size_bytes"]["value"] > 1_000_000
    assert found["metrics"]["writes_per_second"]["samples"] == 40
    assert found["metrics"]["writes_per_second"]["stay"] == 1000
    assert database not in running.printed
    assert database not in str(found)


def test_a_database_that_does_not_answer_is_refused_at_start() -> None:
    with pytest.raises(DatabaseUnreachable) as refused:
        open_probe("postgresql://app:hunter2@127.0.0.1:9/shop")
    assert refused.value.exit_code is ExitCode.FAILED
    assert "hunter2" not in str(refused.value)
    assert "127.0.0.1" in refused.value.why


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://app:hunter2@[::1/shop",
        "postgresql://app:hunter2@/shop?nonsense=1",
        "password=hunter2 hos=x",
    ],
)
def test_an_unreadable_connection_string_is_refused_without_quoting_it(dsn: str) -> None:
    with pytest.raises(DatabaseUnreachable) as refused:
        open_probe(dsn)
    assert "hunter2" not in str(refused.value)


def test_an_unknown_database_is_named(server: LocalPostgres) -> None:
    with pytest.raises(DatabaseUnreachable, match="nowhere"):
        open_probe(server.dsn_of("nowhere"))
