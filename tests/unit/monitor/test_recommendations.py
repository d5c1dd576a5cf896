"""Advice: when each rule speaks, with which evidence and command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from monitor.advice import Recommendation, Severity
from monitor.fact_rules import BACKLOG_BYTES
from monitor.judging import judge
from monitor.snapshot import Facts, Measurement, Snapshot
from monitor.thresholds import METRICS

HEALTHY = {
    "p95_ms": 50.0,
    "concurrent_users": 50.0,
    "database_size_bytes": 1e7,
    "error_rate_percent": 0.01,
    "writes_per_second": 1.0,
    "cpu_percent": 10.0,
    "memory_percent": 20.0,
    "average_query_ms": 2.0,
    "requests_per_second": 20.0,
}


def advice(
    phase: str = "phase-1", facts: Facts | None = None, **values: float | None
) -> dict[str, Recommendation]:
    metrics = {name: Measurement(value, METRICS[name].unit) for name, value in {**HEALTHY, **values}.items()}
    assessment = judge(Snapshot(phase, metrics, 0.0, facts=facts or Facts()))
    return {found.rule_id: found for found in assessment.recommendations}


def test_a_healthy_application_gets_no_advice() -> None:
    assert advice() == {}


def test_contradiction_c_below_70_because_of_the_matrix_the_migration_is_planned() -> None:
    """Yellow is 60 to 79 and "plan scaling"; PostgreSQL is planned below 70: a rule, not a colour."""
    assert "plan-postgresql" not in advice(concurrent_users=600)
    planned = advice(concurrent_users=800)["plan-postgresql"]
    assert planned.severity is Severity.WARNING
    assert planned.because.metric == "concurrent_users"
    assert (planned.because.value, planned.because.limit) == (800, 500)
    assert planned.command == "outgrow migrate inspect DATABASE"


def test_contradiction_c_below_70_because_of_cpu_no_migration_is_planned() -> None:
    found = advice(cpu_percent=85)
    assert "plan-postgresql" not in found
    assert found["scale-vertically"].because.metric == "cpu_percent"


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("concurrent_users", 1001),
        ("database_size_bytes", 5.1e9),
        ("p95_ms", 501),
        ("error_rate_percent", 5.1),
        ("writes_per_second", 101),
    ],
)
def test_an_urgent_matrix_means_migrating_now(metric: str, value: float) -> None:
    found = advice(**{metric: value})
    assert next(iter(found)) == "migrate-to-postgresql"
    assert found["migrate-to-postgresql"].severity is Severity.CRITICAL
    assert found["migrate-to-postgresql"].command == "outgrow promote --to phase-2"


def test_on_postgresql_the_climb_goes_to_the_next_phase() -> None:
    assert advice("phase-2", concurrent_users=10_001)["climb-now"].command == "outgrow promote --to phase-3"
    assert advice("phase-2", concurrent_users=8_000)["plan-climb"].command == "outgrow infra plan phase-3"


def test_beyond_the_last_phase_its_sizes_are_raised() -> None:
    assert advice("phase-3", concurrent_users=100_001)["raise-sizes"].severity is Severity.CRITICAL


def test_what_the_probe_saw_counts_more_than_the_phases_name() -> None:
    found = advice(facts=Facts(database="postgresql"), concurrent_users=1001)
    assert "climb-now" in found
    assert "migrate-to-postgresql" not in found


def test_a_rollback_journal_is_worth_a_remark_and_under_pressure_a_warning() -> None:
    rollback = Facts(database="sqlite", journal_mode="rollback")
    assert advice(facts=rollback)["enable-wal"].severity is Severity.INFO
    pressed = advice(facts=rollback, p95_ms=250)["enable-wal"]
    assert pressed.severity is Severity.WARNING
    assert pressed.command == "outgrow optimize DATABASE --apply"
    assert "enable-wal" not in advice(facts=Facts(database="sqlite", journal_mode="wal"), p95_ms=250)


def test_busy_errors_call_for_waiting_and_short_transactions() -> None:
    assert advice(facts=Facts(busy_errors=4))["wait-for-the-lock"].because.value == 4
    assert advice(facts=Facts(busy_errors=0)) == {}


def test_slow_queries_call_for_indexes_in_the_databases_own_words() -> None:
    assert "outgrow optimize DATABASE" in advice(average_query_ms=120)["index-slow-queries"].command
    found = advice("phase-2", average_query_ms=600)["index-slow-queries"]
    assert found.severity is Severity.CRITICAL
    assert "pg_stat_statements" in found.command


def test_many_requests_call_for_a_cache_and_beyond_1000_for_more_instances() -> None:
    assert set(advice(requests_per_second=600)) == {"cache-repeated-reads"}
    found = advice(requests_per_second=1001)
    assert set(found) == {"cache-repeated-reads", "scale-horizontally"}
    assert found["scale-horizontally"].because.limit == 1000
    assert "scale-horizontally" not in advice(requests_per_second=1000)


def test_a_strained_machine_is_scaled_vertically() -> None:
    found = advice(cpu_percent=75, memory_percent=95)["scale-vertically"]
    assert found.severity is Severity.CRITICAL
    assert found.because.metric == "memory_percent"
    assert "CPU and memory" in found.action


def test_slow_and_failing_routes_are_looked_for() -> None:
    assert advice(p95_ms=250)["optimise-slow-routes"].severity is Severity.WARNING
    assert advice(error_rate_percent=6)["find-failing-routes"].severity is Severity.CRITICAL


def test_what_is_not_measured_is_asked_for() -> None:
    found = advice(p95_ms=None, concurrent_users=None)["measure-the-missing"]
    assert found.because.text == "not known: concurrent_users, p95_ms"


def test_the_most_pressing_advice_comes_first() -> None:
    found = advice(
        facts=Facts(database="sqlite", journal_mode="rollback"), requests_per_second=600, p95_ms=600
    )
    severities = [list(Severity).index(one.severity) for one in found.values()]
    assert severities == sorted(severities)


def test_every_rule_is_explained_where_its_advice_points() -> None:
    """docs/scoring.md has a place for each rule id that the code can give."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path("monitor").rglob("*.py"))
    text = Path("docs/scoring.md").read_text(encoding="utf-8")
    rules = set(re.findall(r'rule_id="([a-z-]+)"', source))
    rules |= {"raise-sizes", "migrate-to-postgresql", "plan-postgresql", "climb-now", "plan-climb"}
    explained = set(re.findall(r'<a id="([a-z-]+)">', text))
    assert rules == explained
    found = advice(concurrent_users=1001)["migrate-to-postgresql"]
    assert found.docs == "docs/scoring.md#migrate-to-postgresql"
    assert found.effort == "weeks"


def test_a_cache_is_for_applications_that_are_seen_to_read() -> None:
    assert "cache-repeated-reads" not in advice(p95_ms=300)
    assert "cache-repeated-reads" not in advice(facts=Facts(write_share=0.6), p95_ms=300)
    found = advice(facts=Facts(write_share=0.1), p95_ms=300)["cache-repeated-reads"]
    assert "90% of the operations read" in found.action
    assert found.because.metric == "p95_ms"


LITE = {"database": "sqlite"}
POSTGRES = {"database": "postgresql"}


@pytest.mark.parametrize(
    ("rule", "facts", "below"),
    [
        ("split-long-writes", LITE | {"longest_write_s": 1.01}, {"longest_write_s": 1.0}),
        ("end-pinned-readers", LITE | {"pinned_reader_s": 61.0}, {"pinned_reader_s": 60.0}),
        (
            "checkpoint-the-log",
            LITE | {"checkpoint_backlog_bytes": BACKLOG_BYTES + 1.0},
            {"checkpoint_backlog_bytes": float(BACKLOG_BYTES)},
        ),
        ("refresh-statistics", LITE | {"stale_statistics": 1.0}, {"stale_statistics": 0.0}),
        ("shorten-transactions", LITE | {"writer_occupancy": 0.5}, {"writer_occupancy": 0.499}),
        ("vacuum-dead-rows", POSTGRES | {"dead_rows": 0.21}, {"dead_rows": 0.2}),
        ("grow-the-buffers", POSTGRES | {"database_cache_hit": 0.89}, {"database_cache_hit": 0.9}),
        ("improve-cache-hits", LITE | {"cache_hit": 0.79}, {"cache_hit": 0.8}),
        ("improve-cache-hits", POSTGRES | {"cache_hit": 0.79}, {"cache_hit": 0.8}),
    ],
)
def test_a_fact_beyond_its_limit_gives_one_advice_with_itself_as_evidence(
    rule: str, facts: dict[str, Any], below: dict[str, float]
) -> None:
    found = advice(facts=Facts(**facts))
    assert set(found) == {rule}
    (fact,) = below
    because = found[rule].because
    assert (because.metric, because.value) == (fact, facts[fact])
    assert because.text
    assert found[rule].command
    assert found[rule].verify_with
    assert advice(facts=Facts(**{**facts, **below})) == {}
    assert advice(facts=Facts(**{**facts, fact: None})) == {}


@pytest.mark.parametrize(
    ("facts", "other"),
    [
        ({"longest_write_s": 9.0, "pinned_reader_s": 900.0, "stale_statistics": 5.0}, POSTGRES),
        ({"checkpoint_backlog_bytes": 1e9, "writer_occupancy": 0.9}, POSTGRES),
        ({"dead_rows": 0.9, "database_cache_hit": 0.1}, LITE),
    ],
)
def test_facts_of_another_database_give_no_advice(facts: dict[str, Any], other: dict[str, Any]) -> None:
    assert advice(facts=Facts(**facts, **other)) == {}


def test_while_a_reader_pins_the_log_its_end_is_advised_and_no_checkpoint() -> None:
    facts = Facts(database="sqlite", pinned_reader_s=90.0, checkpoint_backlog_bytes=2e8)
    found = advice(facts=facts)
    assert set(found) == {"end-pinned-readers"}
    assert "200 MB" in found["end-pinned-readers"].because.text


def test_a_cache_that_throws_keys_out_needs_memory_and_not_other_keys() -> None:
    found = advice(facts=Facts(cache_hit=0.5, cache_evictions_per_second=12.0))["improve-cache-hits"]
    assert "more memory" in found.action
    assert "12 keys a second" in found.because.text


def test_stale_statistics_are_pressing_while_queries_are_slow() -> None:
    facts = Facts(database="sqlite", stale_statistics=2.0)
    assert advice(facts=facts)["refresh-statistics"].severity is Severity.INFO
    assert advice(facts=facts, average_query_ms=200)["refresh-statistics"].severity is Severity.WARNING
