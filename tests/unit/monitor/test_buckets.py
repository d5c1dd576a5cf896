"""Latency buckets: the layout pinned by vectors.json, its error bound, and merging as addition."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.middleware import buckets

VECTORS: Any = json.loads(
    (Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"),
)
LATENCIES = st.floats(min_value=2e-6, max_value=3600)


def counted(latencies: list[float]) -> dict[int, int]:
    return buckets.merge({buckets.bucket_index(latency): 1} for latency in latencies)


@pytest.mark.parametrize("case", VECTORS["latency"]["cases"], ids=lambda case: str(case["seconds"]))
def test_each_latency_of_the_vectors_lands_in_its_slot(case: dict[str, Any]) -> None:
    assert buckets.bucket_index(case["seconds"]) == case["index"]


@pytest.mark.parametrize("case", VECTORS["percentiles"]["cases"], ids=lambda case: case["name"])
def test_merged_workers_have_the_percentiles_of_the_vectors(case: dict[str, Any]) -> None:
    workers = [{int(index): count for index, count in worker.items()} for worker in case["workers"]]
    merged = buckets.merge(workers)
    assert merged == {int(index): count for index, count in case["merged"].items()}
    for expected in case["quantiles"]:
        assert buckets.quantile_index(merged, expected["quantile"]) == expected["index"]
        found = buckets.quantile(merged, expected["quantile"])
        assert found == pytest.approx(expected["seconds"], rel=1e-12)


@given(LATENCIES)
def test_the_middle_of_a_slot_is_within_1_1_percent_of_each_latency_in_it(latency: float) -> None:
    index = buckets.bucket_index(latency)
    assert abs(buckets.middle(index) / latency - 1) < 0.011
    assert latency <= buckets.upper_bound(index) * (1 + 1e-12)


@given(st.lists(LATENCIES, min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_1_1_percent_of_the_exact_one(latencies: list[float], fraction: float) -> None:
    exact = sorted(latencies)[max(1, math.ceil(round(fraction * len(latencies), 9))) - 1]
    found = buckets.quantile(counted(latencies), fraction)
    assert found is not None
    assert abs(found / exact - 1) < 0.011


@given(st.lists(st.lists(LATENCIES, max_size=40), max_size=6))
def test_merging_workers_equals_one_worker_that_saw_everything(workers: list[list[float]]) -> None:
    everything = [latency for worker in workers for latency in worker]
    assert buckets.merge(map(counted, workers)) == counted(everything)
    assert buckets.merge(map(counted, reversed(workers))) == counted(everything)


@given(st.floats())
def test_any_float_has_a_slot(seconds: float) -> None:
    assert 0 <= buckets.bucket_index(seconds) <= buckets.LAST


def test_without_requests_there_is_no_percentile() -> None:
    assert buckets.quantile({}, 0.95) is None


def test_requests_are_counted_at_the_limits_of_the_exposition() -> None:
    seen = counted([0.05, 0.09, 0.15, 0.3, 0.7])
    assert [buckets.count_at_most(seen, limit) for limit in (0.1, 0.2, 0.5, 1.0)] == [2, 3, 4, 5]
