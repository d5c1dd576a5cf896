"""Replacements are carried out in the engine's order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from infra.changes import changes_between
from infra.graph import Graph, Resource
from infra.runners.steps import steps_of

VPC, SUBNET, GROUP = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/securityGroup:SecurityGroup"


def made(type_: str, called: str, *depends: Resource, id_: str = "1", **inputs: Any) -> Resource:
    needed = tuple(one.urn for one in depends)
    urn = f"urn::{type_}::{called}"
    return Resource(urn, type_, called, None, inputs, dependencies=needed, id=f"{called}-{id_}")


def order(old: list[Resource], new: list[Resource], condemned: tuple[Resource, ...] = ()) -> list[str]:
    there = {one.urn: one for one in old}
    changes = changes_between(there, new)
    steps = steps_of(changes.items, there, Graph("s", tuple(new), {}), condemned)
    return [f"{step.change.operation} {step.change.name}" for step in steps]


def network(cidr: str, **options: Any) -> list[Resource]:
    vpc = replace(made(VPC, "vpc", cidrBlock=cidr), **options)
    return [vpc, made(SUBNET, "subnet", vpc, vpcId=cidr), made(GROUP, "group", vpc, tags=cidr)]


def test_the_new_comes_before_the_old_goes_and_dependents_change_between() -> None:
    assert order(network("10.0.0.0/16"), network("10.9.0.0/16")) == [
        "replace vpc",
        "update group",
        "replace subnet",
        "delete subnet",
        "delete vpc",
    ]


def test_delete_before_replace_takes_what_is_replaced_along_first() -> None:
    new = network("10.9.0.0/16", delete_before_replace=True)
    assert order(network("10.0.0.0/16"), new) == [
        "delete subnet",
        "delete vpc",
        "replace vpc",
        "update group",
        "replace subnet",
    ]


def test_a_fixed_name_makes_place_before_its_successor_comes_unless_told_otherwise() -> None:
    old = [made(GROUP, "group", name="web", description="a")]
    new = [made(GROUP, "group", name="web", description="b")]
    assert order(old, new) == ["delete group", "replace group"]
    assert order(old, [replace(new[0], delete_before_replace=False)]) == ["replace group", "delete group"]
    renamed = [made(GROUP, "group", name="web-2", description="b")]
    assert order(old, renamed) == ["replace group", "delete group"]


def test_what_an_earlier_run_left_condemned_is_deleted_at_the_end() -> None:
    vpc = made(VPC, "vpc", cidrBlock="10.0.0.0/16")
    left = made(VPC, "vpc", id_="0", cidrBlock="10.8.0.0/16")
    assert order([vpc], [vpc], (left,)) == ["delete vpc"]


def test_nobody_is_asked_to_delete_what_is_retained_or_goes_with_another() -> None:
    vpc = made(VPC, "vpc", cidrBlock="10.0.0.0/16")
    subnet = replace(made(SUBNET, "subnet", vpc), deleted_with=vpc.urn)
    kept = replace(made(GROUP, "group", vpc), retain_on_delete=True)
    there = {one.urn: one for one in (vpc, subnet, kept)}
    steps = steps_of(changes_between(there, []).items, there, None)
    assert {step.change.name: step.asks_nobody for step in steps} == {
        "vpc": False,
        "subnet": True,
        "group": True,
    }
