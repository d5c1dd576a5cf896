"""The policy pack: each rule fails and passes where it should, and no value of any shape makes one crash."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.graph import UNKNOWN
from infra.policy.facts import Part, Whole, plain
from infra.policy.rule import Rule, Severity, judge
from infra.policy.rules import RULES
from tests.unit.infra.policy_examples import EXAMPLES, Example, whole

BY_ID = {rule.id: rule for rule in RULES}
PAGE = Path(__file__).parents[3] / "docs" / "policy.md"


def cases(*, failing: bool) -> list[Any]:
    return [
        pytest.param(BY_ID[id_], example, id=f"{id_}-{number}")
        for id_, both in EXAMPLES.items()
        for number, example in enumerate(both[0 if failing else 1])
    ]


def test_every_rule_has_a_failing_and_a_passing_example() -> None:
    assert EXAMPLES.keys() == BY_ID.keys()
    assert all(failing and passing for failing, passing in EXAMPLES.values())


@pytest.mark.parametrize(("rule", "example"), cases(failing=True))
def test_a_rule_finds_what_breaks_it(rule: Rule, example: Example) -> None:
    found = judge([rule], whole(example))
    assert found
    assert all(one.message and one.remedy and one.source.startswith("https://") for one in found)


@pytest.mark.parametrize(("rule", "example"), cases(failing=False))
def test_a_rule_lets_pass_what_keeps_it(rule: Rule, example: Example) -> None:
    assert judge([rule], whole(example)) == ()


@pytest.mark.parametrize(("rule", "example"), cases(failing=True))
def test_what_a_preview_does_not_know_is_never_held_against_it(rule: Rule, example: Example) -> None:
    given_ = whole(example)
    veiled = tuple(
        Part.of(one.type, one.name, dict.fromkeys(one.properties, UNKNOWN), urn=one.urn)
        for one in given_.parts
    )
    before = {(one.urn, one.message) for one in judge([rule], given_)}
    after = {(one.urn, one.message) for one in judge([rule], Whole(veiled, given_.promise))}
    assert len(after) <= max(len(before), 1)


def test_ids_are_unique_and_every_rule_says_why() -> None:
    assert max(Counter(rule.id for rule in RULES).values()) == 1
    assert all(re.fullmatch(r"[a-z0-9-]+", rule.id) and rule.why and rule.remedy for rule in RULES)


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 99999)
    | st.sampled_from(["", UNKNOWN, "true", "*", "1 GB", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["encrypted", "ebs", "type", "name", "value", "httpTokens", "Statement", "tags"]),
            inner,
        )
    ),
    max_leaves=6,
)
KEYS = sorted(
    {
        key
        for both in EXAMPLES.values()
        for side in both
        for one in side
        for part in whole(one).parts
        for key in part.properties
    }
)
TYPES = sorted({type_ for rule in RULES for type_ in rule.types})


@given(
    st.lists(
        st.tuples(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(KEYS), ANY, max_size=6)), max_size=4
    )
)
def test_no_graph_however_broken_makes_a_rule_crash(graph: list[tuple[str, dict[str, Any]]]) -> None:
    parts = tuple(Part.of(type_, f"r{number}", inputs) for number, (type_, inputs) in enumerate(graph))
    judge(RULES, Whole(parts))


def test_wrapped_values_are_read_and_secrets_are_not() -> None:
    mark = "4dabf18193072939515e22adb298388d"
    output = {mark: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": [1]}
    secret = {mark: "1b47061264138c4ac30d75fd1eb44270", "value": "x"}
    found = plain({"a": output, "b": secret, "c": object(), "d": {mark: output[mark]}})
    assert found == {"a": [1], "b": "[secret]", "c": UNKNOWN, "d": UNKNOWN}


def test_the_documentation_lists_the_rules_as_they_are() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| (mandatory|advisory) \| (.+?) \|", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert rows == [(rule.id, rule.severity.value, rule.what) for rule in RULES]
    assert {rule.severity for rule in RULES} == set(Severity)
