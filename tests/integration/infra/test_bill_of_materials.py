"""The bill of each phase, line by line, against a bill of materials worked out by hand.

The hand-made bills group their lines differently in places; what a line here adds or leaves out is said
beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.free_types import FREE

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.cost import Cost
    from infra.plan import Plan

#: How far a line may be from the hand-made figure, which is rounded to cents line by line.
CENTS = 0.05


def spent(cost: Cost, *parts: str) -> float:
    """Sum of the items whose text begins with one of the parts."""
    return sum(item.usd for item in cost.items if item.item.startswith(parts))


def test_phase_1_line_by_line(plan_for: Callable[[str], Plan]) -> None:
    cost = plan_for("phase-1").monthly_cost
    assert spent(cost, "EC2 t4g.large") == pytest.approx(49.06, abs=CENTS)
    assert spent(cost, "system volume", "data volume") == pytest.approx(5.60, abs=CENTS)
    assert spent(cost, "1 x Valkey") == pytest.approx(9.34, abs=CENTS)
    assert spent(cost, "public IPv4") == pytest.approx(3.65, abs=CENTS)
    assert spent(cost, "volume snapshots", "objects") == pytest.approx(2.96, abs=CENTS)
    assert spent(cost, "to the internet") == 0
    # By hand 6.10 with a secret (0.40), 8 alarms (0.80) and 8 metrics (2.40); here a key (1.00), an alarm at
    # every limit and beside them (2.60), each metric and the judgement's four (4.50), and a dashboard (3.00).
    dns_and_watching = spent(
        cost, "hosted zone", "DNS", "alarm", "custom", "logs", "KMS key", "requests to keys", "dashboard"
    )
    by_hand = 6.10 - 0.40 - 0.80 - 2.40
    assert dns_and_watching == pytest.approx(by_hand + 1.00 + 2.60 + 4.50 + 3.00, abs=CENTS)
    assert cost.total == pytest.approx(76.7 + 7.5, abs=0.5)


def test_phase_2_line_by_line(plan_for: Callable[[str], Plan]) -> None:
    cost = plan_for("phase-2").monthly_cost
    assert spent(cost, "load balancer", "2 load balancer units") == pytest.approx(28.11, abs=CENTS)
    assert spent(cost, "2 x EC2", "2 x system volume") == pytest.approx(201.02, abs=CENTS)
    assert spent(cost, "RDS db.t4g.large", "storage, primary") == pytest.approx(199.84, abs=CENTS)
    assert spent(cost, "RDS db.t4g.medium", "storage, read") == pytest.approx(106.40, abs=CENTS)
    assert spent(cost, "4 x Valkey") == pytest.approx(37.38, abs=CENTS)
    # By hand 46.05 with three addresses; the load balancer has one in each of three zones, NAT the fourth.
    assert spent(cost, "NAT", "through NAT", "public IPv4", "3 public") == pytest.approx(
        46.05 + 3.65, abs=CENTS
    )
    assert spent(cost, "firewall", "4 firewall rules", "requests through") == pytest.approx(21.00, abs=CENTS)
    # By hand 13.5 with 10 metrics and 20 alarms; here 17 metrics, 32 alarms, and a dashboard.
    watching = spent(cost, "logs", "custom", "alarm", "dashboard")
    assert watching == pytest.approx(13.5 + 7 * 0.30 + 12 * 0.10 + 3.00, abs=CENTS + 0.1)
    assert spent(cost, "objects") == pytest.approx(1.2, abs=2 * CENTS)
    assert spent(cost, "to the internet") == pytest.approx(18.00, abs=CENTS)
    assert spent(cost, "between zones") == pytest.approx(4.00, abs=CENTS)
    assert spent(cost, "hosted zone", "DNS") == pytest.approx(1.5, abs=CENTS)
    # Beside the watching, above: a fourth address, backups beyond the free space, more calls for keys.
    assert cost.total == pytest.approx(680 + 6.3 + 3.65 + 0.95 + 0.3, abs=0.5)


def test_phase_3_line_by_line(plan_for: Callable[[str], Plan]) -> None:
    cost = plan_for("phase-3").monthly_cost
    assert spent(cost, "6 Fargate", "3 Fargate") == pytest.approx(259.5, abs=CENTS)
    assert spent(cost, "Aurora db.r7g.large") == pytest.approx(604.4, abs=CENTS)
    assert spent(cost, "Aurora storage", "Aurora reads") == pytest.approx(
        94.1 - 2.1, abs=CENTS
    )  # 2.1 are backups
    assert spent(cost, "2 x Valkey", "1 x Valkey") == pytest.approx(276.8, abs=CENTS)
    assert spent(cost, "load balancer", "8 load balancer units") == pytest.approx(79.6, abs=CENTS)
    # By hand 191.5 with 3 NAT gateways, 8 endpoints (58.40), 7 addresses; here 4 gateways, no endpoint, 9
    # addresses.
    nat = spent(cost, "NAT", "through NAT", "public IPv4", "3 public", "2 public")
    assert nat == pytest.approx(191.5 - 58.40 + 32.85 + 2 * 3.65, abs=CENTS)
    assert spent(cost, "delivered by the CDN", "CDN requests") == pytest.approx(224.1, abs=CENTS)
    # By hand 88.5 with 8 rules and two fast health checks (3.00); here 4 rules, two checks that follow alarms
    # (1.00), and a million standard queries (0.40).
    edge = spent(cost, "firewall", "4 firewall rules", "requests through", "hosted", "DNS", "health check")
    assert edge == pytest.approx(88.5 - 4 - 3.00 + 1.00 + 0.40, abs=CENTS)
    assert spent(cost, "Datadog") == pytest.approx(230.0, abs=CENTS)
    assert cost.total == pytest.approx(2201, rel=0.04)


@pytest.mark.parametrize("phase", ["phase-1", "phase-2", "phase-3"])
def test_the_bill_is_whole_and_fits_the_budget(plan_for: Callable[[str], Plan], phase: str) -> None:
    plan = plan_for(phase)
    cost = plan.monthly_cost
    assert cost.unknown == ()
    assert cost.unused == ()
    assert plan.within_budget
    assert plan.budget.min <= cost.total <= plan.budget.max
    billed = {item.resource for item in cost.items if item.resource}
    types = {one.urn: one.type for one in plan.resources}
    assert all(types[urn] not in FREE for urn in billed)


def test_only_phase_3_has_prices_of_a_region_nobody_checked(plan_for: Callable[[str], Plan]) -> None:
    for phase in ("phase-1", "phase-2"):
        unverified = {item.item for item in plan_for(phase).monthly_cost.items if not item.verified}
        assert unverified <= {"to the internet"}  # whose free part is from memory
    assert sum(item.usd for item in plan_for("phase-3").monthly_cost.items if not item.verified) > 100
