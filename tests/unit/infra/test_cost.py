"""The bill: every type billed, free or reported; every price with its source; no usage assumed in silence."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import infra
from infra import charges
from infra.billing import BILLED
from infra.budget_gate import require_within_budget
from infra.changes import Changes
from infra.charges import LINES, MissingUsage
from infra.cost import Cost, bill
from infra.errors import OverBudget, PolicyBroken
from infra.free_types import FREE
from infra.graph import Graph, Resource
from infra.plan import Plan, plan_hash
from infra.policy.rule import Finding, Severity
from infra.policy.stack import PolicyReport
from infra.policy_gate import require_policy
from infra.prices import UnknownPrice, load_prices
from infra.provider_schema import schema_of
from infra.usage import Usage
from infra.usage_billing import SHARED
from monitor.errors import ExitCode
from monitor.phases import Budget

INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"


def of_type(type_: str, name: str = "one", **inputs: Any) -> Resource:
    return Resource(f"urn::{type_}::{name}", type_, name, None, inputs)


def bill_of(*resources: Resource, **usage: float) -> Cost:
    return bill(Graph("phase-1", resources, {}), Usage(**usage), "us-east-1")


def test_an_instance_is_billed_by_the_hour_with_its_volume_and_address() -> None:
    cost = bill_of(of_type(INSTANCE, instanceType="t4g.large", associatePublicIpAddress=True))
    assert {(item.item, item.usd) for item in cost.items} == {
        ("EC2 t4g.large", 49.06),
        ("system volume 8 GB gp3", 0.64),
        ("public IPv4", 3.65),
    }
    assert cost.total == 53.35


def test_only_what_gp3_does_not_include_costs_extra() -> None:
    included = bill_of(of_type(VOLUME, size=100, iops=3000, throughput=125))
    extra = bill_of(of_type(VOLUME, size=100, iops=4000, throughput=225))
    assert included.total == 8.00
    assert extra.total == 8.00 + 1000 * 0.005 + 100 * 0.04


def test_a_standby_doubles_hours_and_storage_and_a_replica_has_its_primarys_storage() -> None:
    kind = "aws:rds/instance:Instance"
    primary = of_type(kind, "primary", instanceClass="db.t4g.large", multiAz=True, allocatedStorage=50)
    replica = Resource(
        "urn::replica",
        kind,
        "replica",
        None,
        {"instanceClass": "db.t4g.medium", "replicateSourceDb": "primary"},
        property_dependencies={"replicateSourceDb": (primary.urn,)},
    )
    cost = bill_of(primary, replica)
    assert [(item.item, item.usd) for item in cost.items] == [
        ("RDS db.t4g.large, primary with standby", 188.34),
        ("RDS db.t4g.medium, read replica", 47.45),
        ("storage, primary with standby", 11.50),
        ("storage, read replica", 5.75),
    ]


def test_a_type_that_nobody_knows_is_reported_and_not_priced_0() -> None:
    cost = bill_of(of_type("aws:sagemaker/domain:Domain"))
    assert cost.unknown == ("aws:sagemaker/domain:Domain",)
    assert cost.items == ()


def test_components_and_providers_are_no_unknown_types() -> None:
    component = Resource("urn::c", "outgrow:network:Network", "c", None, {}, custom=False)
    assert bill_of(component, of_type("pulumi:providers:aws")).unknown == ()


def test_a_size_without_a_price_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(UnknownPrice, match=r"no price for x9\.huge.*t4g\.large"):
        bill_of(of_type(INSTANCE, instanceType="x9.huge"))


def test_usage_that_is_not_stated_is_refused_and_0_is_a_statement() -> None:
    nat = of_type("aws:ec2/natGateway:NatGateway")
    with pytest.raises(MissingUsage, match=r"outgrow:usage\.nat_gb is missing") as refused:
        bill_of(nat)
    assert refused.value.exit_code is ExitCode.WRONG_USAGE
    assert "Pulumi.phase-1.yaml" in refused.value.next_step
    assert bill_of(nat, nat_gb=0).total == 32.85


def test_usage_that_nothing_is_billed_by_is_reported() -> None:
    assert bill_of(of_type(VOLUME, size=1), cdn_gb=5).unused == ("cdn_gb",)


@given(st.floats(0, 5000))
def test_the_free_part_of_traffic_is_not_billed(gigabytes: float) -> None:
    cost = bill_of(of_type("aws:ec2/vpc:Vpc"), egress_gb=gigabytes)
    assert cost.total == pytest.approx(max(gigabytes - 100, 0) * 0.09, abs=0.006)


def test_prices_of_another_region_are_unverified() -> None:
    provider = Resource("urn::p", "pulumi:providers:aws", "p", None, {"region": "eu-west-1"})
    away = Resource("urn::v", VOLUME, "v", None, {"size": 10}, provider="urn::p::id")
    here, there = bill_of(of_type(VOLUME, size=10)), bill_of(provider, away)
    assert [item.verified for item in here.items] == [True]
    assert [item.verified for item in there.items] == [False]


def test_the_total_is_the_sum_of_what_is_shown() -> None:
    alarms = [of_type("aws:cloudwatch/metricAlarm:MetricAlarm", f"a{number}") for number in range(7)]
    cost = bill_of(*alarms, custom_metrics=3)
    assert cost.total == round(sum(item.usd for item in cost.items), 2) == 1.60
    assert sum(cost.lines.values()) == pytest.approx(cost.total)


# --- The price file and the tables ---


def test_every_price_has_sources_that_the_file_explains() -> None:
    prices = load_prices()
    for name, price in prices.by_name.items():
        assert price.source, name
        assert set(price.source) <= set(prices.sources), name
        assert price.usd > 0, name
    assert set(prices.regions.values()) <= set(prices.sources)
    assert prices.hours == 730


def test_every_price_that_billing_names_is_in_the_file() -> None:
    """Reads the charging functions: a literal group and price in a Charge must exist."""
    prices = load_prices().by_name
    checked = 0
    for module in ("billing", "usage_billing"):
        tree = ast.parse((Path(infra.__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Charge":
                group, price = (
                    argument.value if isinstance(argument, ast.Constant) else None
                    for argument in call.args[2:4]
                )
                if group and price:
                    assert (group, price) in prices
                    checked += 1
    assert checked > 25


def test_no_type_is_both_billed_and_free_and_all_of_them_exist() -> None:
    shared = set().union(*(types for types, _ in SHARED))
    assert not FREE & set(BILLED)
    for type_ in FREE | set(BILLED) | shared:
        assert schema_of(type_) is not None, type_


def test_every_line_of_a_bill_is_listed_once() -> None:
    names = {name for name in vars(charges) if name.isupper() and name not in {"LINES", "TYPE_CHECKING"}}
    assert sorted(LINES) == sorted(getattr(charges, name) for name in names)


# --- The gate ---


def plan_with(cost: Cost, maximum: float) -> Plan:
    budget = Budget(0, maximum)
    graph = Graph("phase-1", (), {})
    fits = cost.total <= maximum and not cost.unknown
    return Plan(
        "phase-1",
        None,
        (),
        cost,
        budget,
        fits,
        Changes.of(()),
        PolicyReport(0, ()),
        plan_hash(graph, cost, budget),
    )


def test_a_plan_over_its_budget_is_refused_with_the_figures_unless_accepted() -> None:
    cost = bill_of(of_type(INSTANCE, instanceType="t4g.large"))
    with pytest.raises(OverBudget, match=r"49\.70 USD a month; its budget ends at 40\.00") as refused:
        require_within_budget(plan_with(cost, 40))
    assert "EC2 t4g.large (49.06)" in refused.value.why
    assert refused.value.exit_code is ExitCode.GATE_CLOSED
    require_within_budget(plan_with(cost, 40), accepted=True)
    require_within_budget(plan_with(cost, 49.70))


def test_a_plan_that_breaks_a_mandatory_rule_is_refused_unless_accepted_and_advice_stops_nobody() -> None:
    plan = plan_with(bill_of(of_type(INSTANCE, instanceType="t4g.large")), 100)

    def found(severity: Severity) -> Finding:
        return Finding(
            "no-public-database", severity, "urn", "aws:rds/instance:Instance", "db", "is public", "", ""
        )

    broken = replace(plan, policy=PolicyReport(1, (found(Severity.MANDATORY),)))
    with pytest.raises(PolicyBroken, match="breaks 1 mandatory rule of the policy") as refused:
        require_policy(broken)
    assert refused.value.why == "db: is public (no-public-database)"
    assert refused.value.exit_code is ExitCode.GATE_CLOSED
    require_policy(broken, accepted=True)
    require_policy(replace(plan, policy=PolicyReport(1, (found(Severity.ADVISORY),))))


def test_a_plan_with_an_unknown_price_is_refused_however_cheap() -> None:
    cost = bill_of(of_type("aws:sagemaker/domain:Domain"))
    with pytest.raises(OverBudget, match="sagemaker"):
        require_within_budget(plan_with(cost, 1_000_000))
