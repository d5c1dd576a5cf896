"""Workload, headroom, the database after SQLite, intervals: what is derived from what was observed."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect.schema_shape import ShapeReader, read_shape
from monitor.confidence import percentile_ranks, percentile_slots, wilson
from monitor.headroom import headroom
from monitor.judging import judge
from monitor.phases import load_phase
from monitor.snapshot import BadSnapshot, Facts, Measurement, SchemaShape, Snapshot, parse_snapshot
from monitor.thresholds import METRICS
from monitor.workload import observed_profile, resolve, workload, write_share

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = load_phase("phase-1").thresholds


# --- Workload profiles ---


@pytest.mark.parametrize(
    ("share", "profile"),
    [
        (0.0, "read-heavy"),
        (0.20, "read-heavy"),
        (0.21, "default"),
        (0.49, "default"),
        (0.50, "write-heavy"),
        (1.0, "write-heavy"),
        (None, None),
    ],
)
def test_the_missions_shares_name_the_workload(share: float | None, profile: str | None) -> None:
    assert observed_profile(share) == profile


@given(st.floats(0.2, 0.25), st.lists(st.floats(0.2, 0.25), max_size=30))
def test_a_profile_does_not_flap_at_its_border(first: float, shares: list[float]) -> None:
    profile = resolve("auto", first)
    seen = [profile := resolve("auto", share, profile) for share in shares]
    assert len({*seen}) <= 2
    assert seen == sorted(seen, key=lambda name: name == "read-heavy")  # once reading, it stays so


def test_auto_judges_users_by_what_is_observed() -> None:
    def decision(share: float | None) -> tuple[str, str]:
        values = {name: LIMITS[name].stay / 10 for name in METRICS} | {"concurrent_users": 750.0}
        metrics = {name: Measurement(value, METRICS[name].unit) for name, value in values.items()}
        found = judge(Snapshot("phase-1", metrics, 0.0, "auto", Facts(write_share=share)))
        return found.profile, found.decision.value

    assert decision(0.1) == ("read-heavy", "stay")
    assert decision(0.3) == ("default", "plan")
    assert decision(0.6) == ("write-heavy", "urgent")
    assert decision(None) == ("default", "plan")


def test_what_was_not_observed_is_said() -> None:
    assert write_share(None, 5) is None
    assert write_share(0, 0) is None
    assert write_share(20, 80) == 0.2
    assert "not been observed" in workload(None, "default").reason
    assert workload(0.6, "default").observed_profile == "write-heavy"


# --- Headroom ---


def test_the_headroom_is_that_of_the_load_that_fills_up_first() -> None:
    found = headroom({"concurrent_users": 250.0, "writes_per_second": 80.0, "p95_ms": 499.0}, LIMITS)
    assert found is not None
    assert (found.metric, found.to_urgent, found.to_stay) == ("writes_per_second", 1.25, 0.62)
    assert headroom({"concurrent_users": None, "writes_per_second": 0.0}, LIMITS) is None


# --- The database after SQLite ---


def chosen(
    share: float | None = None, shape: SchemaShape | None = None, *, phase: str = "phase-1", **facts: Any
) -> Any:
    known = Facts(write_share=share, shape=shape, **facts)
    return judge(Snapshot(phase, {}, 0.0, facts=known)).database


RELATIONAL = SchemaShape(tables=8, columns=50, json_columns=0, foreign_keys=9)
DOCUMENTS = SchemaShape(tables=4, columns=20, json_columns=12, foreign_keys=0)


@pytest.mark.parametrize(
    ("share", "shape", "name", "weeks", "confidence"),
    [
        (None, None, "PostgreSQL", (2, 4), "low"),
        (0.2, RELATIONAL, "PostgreSQL", (2, 4), "high"),
        (0.5, RELATIONAL, "PostgreSQL", (2, 4), "medium"),
        (0.9, RELATIONAL, "MySQL", (3, 6), "medium"),
        (0.2, DOCUMENTS, "MongoDB", (4, 8), "high"),
        (0.2, SchemaShape(8, 50, 5, 9), "PostgreSQL", (2, 4), "high"),
    ],
)
def test_the_observed_workload_chooses_the_database(
    share: float | None, shape: SchemaShape | None, name: str, weeks: tuple[int, int], confidence: str
) -> None:
    found = chosen(share, shape)
    assert (found.name, found.weeks) == (name, weeks)
    assert found.confidence.value in (confidence, "high" if confidence == "medium" else confidence)
    assert found.candidates[0].name == name
    assert {one.name for one in found.candidates} == {"PostgreSQL", "MySQL", "MongoDB"}


def test_the_default_says_that_nothing_was_observed() -> None:
    found = chosen()
    assert found.because == ("the mixture of reads and writes was not observed", "the schema was not read")
    assert found.confidence.value == "low"


def test_who_has_left_sqlite_needs_no_choice() -> None:
    assert chosen(database="postgresql") is None
    assert chosen(phase="phase-2") is None
    assert chosen(database="sqlite", phase="phase-2") is not None


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        create table users (id integer primary key, name text, settings text, extra json);
        create table orders (id integer primary key, user_id integer references users, note varchar);
        create table "odd ""name" (a, b text);
        create index some on orders (note) where note is not null;
        create index plain on orders (user_id);
        create index low on users (lower(name));
        create view v as select 1;
        insert into users values (1, 'Ann', '{"a": [1]}', null), (2, '{curly', null, null);
        insert into "odd ""name" values (1, '[1, 2]');
        """
    )
    connection.close()
    return path


def test_the_shape_of_a_schema_is_read_without_changing_the_file(database: Path) -> None:
    before = database.read_bytes()
    assert read_shape(database) == SchemaShape(
        tables=3, columns=9, json_columns=3, foreign_keys=1, partial_indexes=2
    )
    assert database.read_bytes() == before
    assert sorted(path.name for path in database.parent.iterdir()) == ["shop.db"]


def test_what_cannot_be_read_has_no_shape(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database")
    assert read_shape(tmp_path / "text") is None
    assert read_shape(tmp_path / "missing") is None
    assert ShapeReader("postgresql://h/d").wait() is None


# --- Intervals ---


def test_wilsons_interval_is_the_published_one() -> None:
    low, _ = wilson(1, 20) or (0, 0)
    assert 100 * low == pytest.approx(1.12, abs=0.01)
    low, _ = wilson(60, 1000) or (0, 0)
    assert 100 * low == pytest.approx(4.88, abs=0.01)
    assert wilson(0, 0) is None
    low, high = wilson(0, 50) or (1, 0)
    assert (low, round(high, 3)) == (0, 0.051)
    assert (wilson(50, 50) or (0, 0))[1] == 1


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_rate_holds_it_and_rises_with_it(counts: tuple[int, int]) -> None:
    events, trials = counts
    low, high = wilson(events, trials) or (1, 0)
    assert 0 <= low <= events / trials <= high <= 1
    if events < trials:
        more = wilson(events + 1, trials) or (0, 0)
        assert (low, high) <= more


def test_a_percentile_needs_enough_values_for_an_interval() -> None:
    assert percentile_ranks(50, 0.95) is None
    assert percentile_ranks(200, 0.95) == (184, 197)
    assert percentile_slots({1: 10}, 0.95) is None
    assert percentile_slots({1: 180, 2: 10, 9: 10}, 0.95) == (2, 9)


def test_the_interval_of_a_percentile_holds_it_in_nine_of_ten_samples() -> None:
    chance = random.Random(5)
    held = 0
    for _ in range(400):
        values = sorted(chance.random() for _ in range(300))
        low, high = percentile_ranks(300, 0.95) or (1, 1)
        held += values[low - 1] <= 0.95 <= values[high - 1]
    assert 0.87 <= held / 400 <= 0.97


def test_few_requests_with_errors_are_judged_by_what_they_prove() -> None:
    def category(value: float, ci: tuple[float, float] | None) -> Any:
        rate = Measurement(value, "%", 300, 20, ci=ci)
        found = judge(Snapshot("phase-1", {"error_rate_percent": rate}, 0.0))
        return next(metric for metric in found.metrics if metric.id == "error_rate_percent")

    assert category(10, None).category.value == "urgent"
    lucky = category(10, (3.5, 26))
    assert (lucky.category.value, lucky.value, lucky.judged_value) == ("plan", 10, 3.5)
    assert category(10, (7.1, 13)).category.value == "urgent"


@pytest.mark.parametrize("ci", ["[1]", "[2, 3]", "[0, 1]", '"x"', "[null, 3]", "[-1, 3]"])
def test_an_interval_that_does_not_hold_its_value_is_refused(ci: str) -> None:
    with pytest.raises(BadSnapshot):
        parse_snapshot(f'{{"metrics": {{"error_rate_percent": {{"value": 1.5, "ci": {ci}}}}}}}')
    parsed = parse_snapshot('{"metrics": {"p95_ms": {"value": 1.5, "ci": [1, 2]}}}')
    assert parsed.metrics["p95_ms"].ci == (1, 2)


def test_a_snapshot_may_state_the_workload_and_the_schemas_shape() -> None:
    shape = '{"tables": 3, "columns": 9}'
    parsed = parse_snapshot(f'{{"metrics": {{}}, "facts": {{"write_share": 0.4, "shape": {shape}}}}}')
    assert parsed.facts == Facts(write_share=0.4, shape=SchemaShape(3, 9))
    for facts in ('{"write_share": 1.1}', '{"shape": 5}', '{"shape": {"tabels": 1}}'):
        with pytest.raises(BadSnapshot):
            parse_snapshot(f'{{"metrics": {{}}, "facts": {facts}}}')


# --- What only some phases have ---


@pytest.mark.parametrize(
    ("phase", "metric", "value", "rule", "light"),
    [
        ("phase-2", "connections_percent", 95.0, "pool-connections", "red"),
        ("phase-2", "replication_lag_seconds", 10.0, "relieve-replicas", "yellow"),
        ("phase-3", "database_cpu_percent", 91.0, "relieve-database", "red"),
        ("phase-1", "writer_occupancy_percent", 90.0, "shorten-transactions", "green"),
        ("phase-1", "event_loop_delay_ms", 900.0, "unblock-event-loop", "green"),
    ],
)
def test_a_phases_own_metric_gives_its_advice_and_decides_nothing(
    phase: str, metric: str, value: float, rule: str, light: str
) -> None:
    quiet = {name: load_phase(phase).thresholds[name].stay / 10 for name in METRICS}
    metrics = {name: Measurement(one, METRICS[name].unit) for name, one in quiet.items()}
    found = judge(Snapshot(phase, {**metrics, metric: Measurement(value, "")}, 0.0))
    assert rule in [one.rule_id for one in found.recommendations]
    assert (found.light.value, found.decision.value, found.coverage) == (light, "stay", 1)


def test_a_phase_without_limits_for_a_metric_leaves_it_out() -> None:
    found = judge(Snapshot("phase-1", {"replication_lag_seconds": Measurement(99, "s")}, 0.0))
    assert "replication_lag_seconds" not in [metric.id for metric in found.metrics]
