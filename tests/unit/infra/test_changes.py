"""Changes follow the engine's rules, one resource at a time and in the order of doing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.changes import Changes, Operation, changes_between
from infra.graph import Resource

VPC = "aws:ec2/vpc:Vpc"


def vpc(name: str = "vpc", **given: Any) -> Resource:
    inputs = given.pop("inputs", {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True})
    return replace(Resource(f"urn::{name}", VPC, name, None, inputs), **given)


def between(old: list[Resource], new: list[Resource]) -> Changes:
    return changes_between({one.urn: one for one in old}, new)


def only(changes: Changes) -> Operation:
    (change,) = changes.items
    return change.operation


def test_what_is_new_is_created_and_what_is_gone_is_deleted() -> None:
    assert only(between([], [vpc()])) is Operation.CREATE
    assert only(between([vpc()], [])) is Operation.DELETE


def test_equal_inputs_change_nothing() -> None:
    changes = between([vpc()], [vpc()])
    assert not changes
    assert changes.counts == {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 1}


def test_an_input_that_can_change_is_updated() -> None:
    changes = between([vpc()], [vpc(inputs={"cidrBlock": "10.0.0.0/16", "enableDnsSupport": False})])
    assert only(changes) is Operation.UPDATE
    assert changes.items[0].inputs == ("enableDnsSupport",)


def test_an_input_that_cannot_change_replaces() -> None:
    changes = between([vpc()], [vpc(inputs={"cidrBlock": "10.9.0.0/16", "enableDnsSupport": True})])
    assert only(changes) is Operation.REPLACE
    assert changes.items[0].inputs == ("cidrBlock",)


def test_an_ignored_input_does_not_count() -> None:
    new = vpc(
        inputs={"cidrBlock": "10.0.0.0/16", "enableDnsSupport": False}, ignore_changes=("enableDnsSupport",)
    )
    assert not between([vpc()], [new])


@pytest.mark.parametrize(
    ("path", "ignored", "counted"),
    [
        ("tags.team", {"tags": {"team": "b", "cost": "1"}}, {"tags": {"team": "a", "cost": "2"}}),
        ('tags["a.b"]', {"tags": {"a.b": "new", "team": "a", "cost": "1"}}, {"tags": {"team": "a"}}),
        ("tags.*", {"tags": {"team": "z"}}, {"tags": {"team": "a", "cost": "1"}, "cidrBlock": "10.9.0.0/16"}),
        ("rules[0].port", {"rules": [{"port": 1}, {"port": 443}]}, {"rules": [{"port": 80}, {"port": 1}]}),
        ("rules[*].port", {"rules": [{"port": 1}, {"port": 2}]}, {"rules": [{"port": 80}]}),
    ],
)
def test_a_path_ignores_exactly_what_it_names(
    path: str, ignored: dict[str, Any], counted: dict[str, Any]
) -> None:
    base = {
        "cidrBlock": "10.0.0.0/16",
        "tags": {"team": "a", "cost": "1"},
        "rules": [{"port": 80}, {"port": 443}],
    }
    old = vpc(inputs=base)
    assert not between([old], [vpc(inputs={**base, **ignored}, ignore_changes=(path,))])
    assert between([old], [vpc(inputs={**base, **counted}, ignore_changes=(path,))])


@pytest.mark.parametrize("named", [("enableDnsSupport",), ("*",)])
def test_a_program_can_ask_for_replacement(named: tuple[str, ...]) -> None:
    new = vpc(inputs={"cidrBlock": "10.0.0.0/16", "enableDnsSupport": False}, replace_on_changes=named)
    assert only(between([vpc()], [new])) is Operation.REPLACE


def test_another_provider_replaces() -> None:
    assert only(between([vpc(provider="p::1")], [vpc(provider="p::2")])) is Operation.REPLACE


def test_an_alias_renames_instead_of_creating() -> None:
    changes = between([vpc("old")], [vpc("new", aliases=("urn::old",))])
    assert only(changes) is Operation.UPDATE
    assert changes.items[0].former_urn == "urn::old"


def test_a_change_of_protection_alone_is_an_update() -> None:
    assert only(between([vpc()], [vpc(protect=True)])) is Operation.UPDATE


def test_deleting_and_replacing_what_is_protected_is_refused_and_updating_it_is_not() -> None:
    there = vpc(protect=True)
    assert between([there], []).refused
    assert between([there], [vpc(inputs={"cidrBlock": "10.9.0.0/16"}, protect=True)]).refused
    assert not between([there], [vpc(inputs={**there.inputs, "enableDnsSupport": False})]).refused


def test_one_update_may_give_up_a_protection_and_replace() -> None:
    changes = between([vpc(protect=True)], [vpc(inputs={"cidrBlock": "10.9.0.0/16"})])
    assert only(changes) is Operation.REPLACE
    assert not changes.refused


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_every_resource_is_counted_once(old: list[str], new: list[str]) -> None:
    changes = between([vpc(name) for name in old], [vpc(name) for name in new])
    assert sum(changes.counts.values()) == len(set(old) | set(new))
    assert changes.counts["same"] == len(set(old) & set(new))


def test_deletes_come_last_and_dependents_first() -> None:
    base, user = vpc("base"), vpc("user", dependencies=("urn::base",))
    changes = between([base, user], [vpc("fresh")])
    assert [(change.operation, change.name) for change in changes.items] == [
        (Operation.CREATE, "fresh"),
        (Operation.DELETE, "user"),
        (Operation.DELETE, "base"),
    ]
