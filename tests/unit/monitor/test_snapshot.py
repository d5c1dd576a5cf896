"""Snapshots: what can be read, and what is refused with the name of what is wrong."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import ExitCode
from monitor.snapshot import BadSnapshot, Facts, Measurement, Snapshot, parse_snapshot
from monitor.thresholds import METRICS


def document(**metrics: Any) -> str:
    return json.dumps({"phase": "phase-1", "metrics": metrics})


def test_the_documented_snapshot_is_read_as_it_is_written() -> None:
    values = {
        "p95_ms": 120,
        "concurrent_users": 300,
        "database_size_bytes": 1e8,
        "error_rate_percent": 0.2,
        "writes_per_second": 10,
        "cpu_percent": 20,
        "memory_percent": 40,
        "average_query_ms": 8,
        "requests_per_second": 90,
    }
    snapshot = parse_snapshot(document(**values), now=1000.0)
    assert {name: measured.value for name, measured in snapshot.metrics.items()} == values
    assert (snapshot.phase, snapshot.profile, snapshot.taken_at) == ("phase-1", "default", 1000.0)


def test_null_and_absent_metrics_are_missing_not_zero() -> None:
    snapshot = parse_snapshot(document(p95_ms=None, cpu_percent=0))
    assert snapshot.metrics["p95_ms"].number is None
    assert snapshot.metrics["cpu_percent"].number == 0
    assert "writes_per_second" not in snapshot.metrics


def test_a_metric_may_state_its_window_samples_and_age() -> None:
    stated = {"value": 120, "unit": "ms", "window_s": 300, "samples": 900, "age_s": 2.5, "note": "one worker"}
    measured = parse_snapshot(document(p95_ms=stated)).metrics["p95_ms"]
    assert measured == Measurement(120, "ms", window_s=300, samples=900, age_s=2.5, note="one worker")


def test_profile_time_and_facts_are_read() -> None:
    text = json.dumps(
        {
            "phase": "phase-2",
            "metrics": {},
            "taken_at": 5,
            "profile": "read-heavy",
            "facts": {"database": "sqlite", "journal_mode": "rollback", "busy_errors": 3},
        }
    )
    assert parse_snapshot(text) == Snapshot(
        "phase-2", {}, 5.0, "read-heavy", Facts(database="sqlite", journal_mode="rollback", busy_errors=3)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"metrics": {"p95_ms": NaN}}', "NaN is not a measurement"),
        ('{"metrics": {"p95_ms": Infinity}}', "Infinity is not a measurement"),
        ('{"metrics": {"p95_ms": -Infinity}}', "-Infinity is not a measurement"),
        ('{"metrics": {"p95_ms": 1e400}}', "p95_ms is too large"),
        ('{"metrics": {"p95_ms": 1' + "0" * 400 + "}}", "p95_ms is too large"),
        ('{"metrics": {"p95_ms": -1}}', "p95_ms is negative: -1"),
        ('{"metrics": {"p95_ms": "120"}}', "p95_ms is not a number: '120'"),
        ('{"metrics": {"p95_ms": true}}', "p95_ms is not a number: True"),
        ('{"metrics": {"p95_ms": [120]}}', "p95_ms is not a number"),
        ('{"metrics": {"p95": 120}}', "p95 is not a metric"),
        ('{"metrics": {"p95_ms": 1, "p95_ms": 2}}', "p95_ms is given twice"),
        ('{"metrics": {"p95_ms": {"value": 1, "unit": "s"}}}', "p95_ms is given in s"),
        ('{"metrics": {"p95_ms": {"val": 1}}}', "p95_ms has an unknown key val"),
        ('{"metrics": {"p95_ms": {"value": 1, "samples": 1.5}}}', "p95_ms.samples is not a whole number"),
        ('{"metrics": {"p95_ms": {"value": 1, "age_s": -1}}}', "p95_ms.age_s is negative"),
        ('{"metrics": {}, "phases": 1}', "the snapshot has an unknown key phases"),
        ('{"metrics": {}, "phase": 1}', "phase is not text"),
        ('{"metrics": {}, "facts": []}', "facts is not a JSON object"),
        ('{"metrics": {}, "facts": {"wal": 1}}', "facts has an unknown key wal"),
        ('{"metrics": []}', "the snapshot has no metrics"),
        ("{}", "the snapshot has no metrics"),
        ("[]", "the snapshot is not a JSON object"),
        ("p95_ms: 120", "the snapshot is not JSON"),
        ("", "the snapshot is not JSON"),
        ("[" * 100_000, "the snapshot is not one"),
    ],
)
def test_a_wrong_snapshot_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(BadSnapshot) as refused:
        parse_snapshot(text)
    assert refused.value.what.startswith(said)
    assert refused.value.exit_code is ExitCode.WRONG_USAGE


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80", b'{"metrics": {"p95_ms": "\xff"}}'])
def test_bytes_that_are_no_text_are_refused(content: bytes) -> None:
    with pytest.raises(BadSnapshot):
        parse_snapshot(content)


def test_a_snapshot_built_in_code_knows_its_metrics_too() -> None:
    with pytest.raises(BadSnapshot, match="p95 is not a metric"):
        Snapshot("phase-1", {"p95": Measurement(1, "ms")}, 0.0)


@given(st.dictionaries(st.sampled_from(list(METRICS)), st.none() | st.floats(min_value=0, max_value=1e308)))
def test_every_finite_value_survives_the_way_through_json(values: dict[str, float | None]) -> None:
    snapshot = parse_snapshot(document(**values))
    assert {name: measured.value for name, measured in snapshot.metrics.items()} == values


@given(st.text() | st.binary())
def test_any_text_is_either_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(BadSnapshot):
        parse_snapshot(text)
