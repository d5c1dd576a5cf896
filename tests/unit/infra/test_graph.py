"""The captured graph: names as the engine gives them, an order without timing, and no secret in it."""

from __future__ import annotations

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from infra.graph import SECRET, UNKNOWN, Resource, in_dependency_order, needs, urn_of
from infra.wire import MARK, RESOURCE_MARK, SECRET_MARK, UNKNOWN_VALUE, decode


def resource(urn: str, *dependencies: str, parent: str | None = None) -> Resource:
    return Resource(urn, "aws:ec2/vpc:Vpc", urn, parent, {}, dependencies=dependencies)


@st.composite
def acyclic(draw: st.DrawFn) -> list[Resource]:
    """Resources that depend only on earlier ones, in any order."""
    count = draw(st.integers(0, 12))
    made = [
        resource(
            f"r{number}",
            *draw(st.sets(st.sampled_from([f"r{one}" for one in range(number)])) if number else st.just(())),
        )
        for number in range(count)
    ]
    return draw(st.permutations(made))


def test_the_stack_is_no_part_of_its_childrens_type() -> None:
    stack = urn_of("phase-1", "outgrow", "", "pulumi:pulumi:Stack", "outgrow-phase-1")
    component = urn_of("phase-1", "outgrow", stack, "outgrow:network:Network", "net")
    assert stack == "urn:pulumi:phase-1::outgrow::pulumi:pulumi:Stack::outgrow-phase-1"
    assert component == "urn:pulumi:phase-1::outgrow::outgrow:network:Network::net"
    assert (
        urn_of("phase-1", "outgrow", component, "aws:ec2/vpc:Vpc", "vpc")
        == "urn:pulumi:phase-1::outgrow::outgrow:network:Network$aws:ec2/vpc:Vpc::vpc"
    )


@given(acyclic())
def test_whatever_a_resource_needs_comes_before_it(resources: list[Resource]) -> None:
    ordered = [one.urn for one in in_dependency_order(resources)]
    assert sorted(ordered) == sorted(one.urn for one in resources)
    for one in resources:
        assert all(ordered.index(need) < ordered.index(one.urn) for need in needs(one))


@given(acyclic(), st.randoms())
def test_the_order_does_not_depend_on_who_came_first(resources: list[Resource], random: object) -> None:
    shuffled = list(resources)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_dependency_order(shuffled) == in_dependency_order(resources)


def test_parents_and_providers_come_first_too() -> None:
    child = Resource("child", "t", "child", "parent", {}, provider="prov::id")
    ordered = in_dependency_order([child, resource("prov"), resource("parent")])
    assert [one.urn for one in ordered] == ["parent", "prov", "child"]


def test_a_circle_is_named() -> None:
    with pytest.raises(ValueError, match=r"circle: a, b"):
        in_dependency_order([resource("a", "b"), resource("b", "a"), resource("c")])


def test_secrets_and_unknowns_are_masked_wherever_they_are() -> None:
    wire = {
        "plain": 5,
        "half": 0.5,
        "password": {MARK: SECRET_MARK, "value": "hunter2"},
        "nested": {"list": [{MARK: SECRET_MARK, "value": {"key": "hunter2"}}, "open"]},
        "later": UNKNOWN_VALUE,
        "network": {MARK: RESOURCE_MARK, "urn": "urn:x", "id": "vpc-1"},
        "component": {MARK: RESOURCE_MARK, "urn": "urn:y", "id": ""},
    }
    decoded = decode(json_format.ParseDict(wire, struct_pb2.Struct()))
    assert decoded.values == {
        "plain": 5,
        "half": 0.5,
        "password": SECRET,
        "nested": {"list": [SECRET, "open"]},
        "later": UNKNOWN,
        "network": "vpc-1",
        "component": "urn:y",
    }
    assert decoded.secret == ("nested", "password")
    assert isinstance(decoded.values["plain"], int)
