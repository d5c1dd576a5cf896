"""Bills at levels of use, per user, beside another; and how old prices may be."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from infra.cost import bill
from infra.cost_levels import STALE_AFTER, Level, compare, per_user, stale, usage_at
from infra.graph import Graph, Resource
from infra.usage import Usage

GROUP = Resource("urn::g", "aws:autoscaling/group:Group", "g", None, {"minSize": 2, "maxSize": 3})


def test_half_and_twice_the_use_bound_what_is_expected_and_names_stay_as_many() -> None:
    usage = Usage(egress_gb=300, hosted_zones=1)
    graph = Graph("phase-2", (), {})
    assert usage_at(usage, Level.LOW, graph) == Usage(egress_gb=150, hosted_zones=1)
    assert usage_at(usage, Level.EXPECTED, graph) is usage
    assert usage_at(usage, Level.HIGH, graph) == Usage(egress_gb=600, hosted_zones=1)


def test_machines_stay_within_what_their_group_allows() -> None:
    graph = Graph("phase-2", (GROUP,), {})
    assert usage_at(Usage(servers=2), Level.LOW, graph).servers == 2
    assert usage_at(Usage(servers=2), Level.HIGH, graph).servers == 3


def test_more_use_never_costs_less() -> None:
    graph = Graph("phase-2", (Resource("urn::v", "aws:ec2/vpc:Vpc", "v", None, {}),), {})
    totals = [bill(graph, usage_at(Usage(egress_gb=500), one, graph), "us-east-1").total for one in Level]
    assert totals == [13.5, 36.0, 81.0]


def test_a_user_costs_the_total_divided_by_the_capacity() -> None:
    cost = bill(
        Graph("p", (Resource("urn::v", "aws:ebs/volume:Volume", "v", None, {"size": 1250}),), {}),
        Usage(),
        "us-east-1",
    )
    assert cost.total == 100
    assert per_user(cost, 1000, 0.10).met is False
    assert per_user(cost, 1001, 0.10).met is True


def test_a_comparison_shows_lines_that_only_one_bill_has_and_adds_up() -> None:
    volume = Graph("a", (Resource("urn::v", "aws:ebs/volume:Volume", "v", None, {"size": 100}),), {})
    key = Graph("b", (Resource("urn::k", "aws:kms/key:Key", "k", None, {}),), {})
    before = bill(volume, Usage(), "us-east-1")
    after = bill(key, Usage(key_requests=0), "us-east-1")
    found = {one.line: one.difference for one in compare(before, after)}
    assert found == {"Secrets and keys": 1.0, "Storage and backups": -8.0, "total": -7.0}


@pytest.mark.parametrize(("days", "age"), [(90, None), (91, 91)])
def test_prices_older_than_ninety_days_are_stale(days: int, age: int | None) -> None:
    assert timedelta(days=90) == STALE_AFTER
    assert stale("2026-01-01", date(2026, 1, 1) + timedelta(days=days)) == age
