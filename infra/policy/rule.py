"""A rule of the policy pack, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.policy.facts import Part, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator


class Severity(StrEnum):
    """What a finding means for a deployment."""

    MANDATORY = "mandatory"  # stops it
    ADVISORY = "advisory"  # is said


#: What is wrong with a resource, a sentence each; nothing where that cannot be known yet.
Check = Callable[[Part, Whole], Iterable[str]]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        id: stable name, as findings and docs show it.
        severity: whether a finding stops a deployment.
        what: what has to be so.
        why: what happens otherwise.
        remedy: what to change.
        source: page of the documentation it follows from.
        types: of the resources it judges; empty judges the stack as a whole, once.
        check: finds what is wrong.
        alone: it looks at nothing but the resource, so Pulumi can refuse it before it is made.
    """

    id: str
    severity: Severity
    what: str
    why: str
    remedy: str
    source: str
    types: tuple[str, ...]
    check: Check
    alone: bool = True


@dataclass(frozen=True)
class Finding:
    """One violation of a rule by one resource."""

    rule: str
    severity: Severity
    urn: str
    type: str
    name: str
    message: str
    remedy: str
    source: str


def judge(rules: Iterable[Rule], whole: Whole) -> tuple[Finding, ...]:
    """Apply rules to a stack: mandatory findings first, then by rule and resource."""
    found = [finding for rule in rules for finding in _apply(rule, whole)]
    return tuple(sorted(found, key=lambda one: (one.severity is not Severity.MANDATORY, one.rule, one.urn)))


def _apply(rule: Rule, whole: Whole) -> Iterator[Finding]:
    parts = whole.of_type(*rule.types) if rule.types else (Part("", "the stack", {}),)
    for part in parts:
        for message in rule.check(part, whole):
            yield Finding(
                rule.id, rule.severity, part.urn, part.type, part.name, message, rule.remedy, rule.source
            )


def rule(
    id_: str,
    what: str,
    *,
    why: str,
    remedy: str,
    source: str,
    types: tuple[str, ...] = (),
    severity: Severity = Severity.MANDATORY,
    alone: bool = True,
) -> Callable[[Check], Rule]:
    """Make a rule of a check; `Rule` says what the arguments are."""

    def made(check: Check) -> Rule:
        return Rule(id_, severity, what, why, remedy, source, types, check, alone and bool(types))

    return made
