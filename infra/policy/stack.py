"""Judges a captured graph, as `outgrow infra policy` and the plan do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.policy.facts import Part, Promise, Whole
from infra.policy.rule import Finding, Severity, judge
from infra.policy.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.graph import Graph, Resource
    from infra.settings import Settings


@dataclass(frozen=True)
class PolicyReport:
    """What the policy pack says of a stack.

    Args:
        rules: how many were applied.
        findings: mandatory ones first.
    """

    rules: int
    findings: tuple[Finding, ...]

    @property
    def mandatory(self) -> tuple[Finding, ...]:
        """Those that stop a deployment."""
        return tuple(one for one in self.findings if one.severity is Severity.MANDATORY)


def judge_graph(graph: Graph, settings: Settings | None = None) -> PolicyReport:
    """Apply every rule to a graph; without settings, what the stack promises is not known."""
    return PolicyReport(len(RULES), judge(RULES, whole_of(graph, settings)))


def whole_of(graph: Graph, settings: Settings | None = None) -> Whole:
    promise = promise_of(settings) if settings else Promise()
    parts = tuple(_part(one, graph.outputs if one.is_stack else one.inputs) for one in graph.resources)
    return Whole(parts, promise, settings.region if settings else "")


def promise_of(settings: Settings) -> Promise:
    """Say what a stack file promises, as far as rules need it."""
    return Promise(
        phase=settings.phase,
        budget=settings.roadmap.budget.max,
        disposable=settings.disposable,
        production=settings.environment == "production",
        limits={
            metric: (limit.stay is not None) + (limit.urgent is not None)
            for metric, limit in settings.roadmap.thresholds.items()
        },
    )


def _part(resource: Resource, properties: Mapping[str, object]) -> Part:
    return Part.of(
        resource.type,
        resource.name,
        properties,
        urn=resource.urn,
        protect=resource.protect,
        retain_on_delete=resource.retain_on_delete,
        parent=resource.parent or "",
        provider=resource.provider.rpartition("::")[0],
        comes_from=resource.property_dependencies,
    )
