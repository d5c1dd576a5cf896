"""The captured graph: what a Pulumi program asked the engine for, as frozen values.

Nothing here knows how the graph was captured. Secret values are never in it: `SECRET` stands in their place.
A value that only the cloud can compute is `UNKNOWN` in a preview, and a made-up name in a rehearsal.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SECRET = "[secret]"  # noqa: S105  # what is shown instead of one
UNKNOWN = "[unknown]"

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


def urn_of(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """Make a URN as the engine does: a parent's type leads its child's, that of the stack is left out."""
    parent_type = parent.split("::")[2] if parent else ""
    qualified = f"{parent_type}${type_}" if parent_type and parent_type != STACK_TYPE else type_
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


@dataclass(frozen=True)
class Resource:
    """One resource of the graph.

    Args:
        urn: the engine's name of it, unique in the graph.
        type: type token such as "aws:rds/instance:Instance".
        name: the name the program gave it.
        parent: URN of the component it belongs to, None for the stack itself.
        inputs: what the program asked for, by the provider's property names, secrets masked.
        secret_inputs: names of the inputs that hold a secret anywhere.
        dependencies: URNs that must exist before it, sorted.
        property_dependencies: per input, the URNs its value comes from.
        custom: True for what a provider manages, False for a component, which only groups.
        protect: True refuses deletion and replacement.
        ignore_changes: inputs whose changes leave the resource alone.
        replace_on_changes: inputs whose change replaces the resource, beyond what the provider says.
        delete_before_replace: the old one goes before the new one comes; None leaves it to the provider.
        retain_on_delete: deletion forgets it and leaves it in the cloud.
        deleted_with: URN of the resource whose deletion takes this one along, "" for none.
        aliases: former URNs.
        provider: "urn::id" of the provider it is managed by, "" for the default one.
        id: what the provider calls it; "" for components and where it is not known yet.
        outputs: what the provider answered, secrets masked.
    """

    urn: str
    type: str
    name: str
    parent: str | None
    inputs: Mapping[str, Any]
    secret_inputs: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    custom: bool = True
    protect: bool = False
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    retain_on_delete: bool = False
    deleted_with: str = ""
    aliases: tuple[str, ...] = ()
    provider: str = ""
    id: str = ""
    outputs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_provider(self) -> bool:
        return self.type.startswith(PROVIDER_PREFIX)

    @property
    def is_stack(self) -> bool:
        return self.type == STACK_TYPE


@dataclass(frozen=True)
class Graph:
    """What one evaluation of the program declared.

    Args:
        stack: the phase's id.
        resources: parents and dependencies first; among equals by URN, so that no timing shows.
        outputs: the stack's outputs, secrets masked.
        secret_outputs: names of the outputs that are secret.
    """

    stack: str
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    secret_outputs: tuple[str, ...] = ()

    def __getitem__(self, urn: str) -> Resource:
        return self._by_urn[urn]

    def __contains__(self, urn: str) -> bool:
        return urn in self._by_urn

    @cached_property
    def _by_urn(self) -> Mapping[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    def of_type(self, *types: str) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.type in types)


def in_dependency_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Sort so that whatever a resource needs comes before it; among equals by URN.

    References to resources outside the given ones do not matter.

    Raises:
        ValueError: the resources depend on each other in a circle.
    """
    by_urn = {resource.urn: resource for resource in resources}
    waits = {urn: {need for need in needs(one) if need in by_urn} for urn, one in by_urn.items()}
    needed_by: dict[str, list[str]] = {urn: [] for urn in by_urn}
    for urn, needed in waits.items():
        for need in needed:
            needed_by[need].append(urn)
    free = [urn for urn, needed in waits.items() if not needed]
    heapq.heapify(free)
    ordered: list[Resource] = []
    while free:
        urn = heapq.heappop(free)
        ordered.append(by_urn[urn])
        for waiting in needed_by[urn]:
            waits[waiting].discard(urn)
            if not waits[waiting]:
                heapq.heappush(free, waiting)
    if len(ordered) != len(by_urn):
        circle = sorted(urn for urn, needed in waits.items() if needed)
        raise ValueError(f"resources depend on each other in a circle: {', '.join(circle)}")
    return tuple(ordered)


def needs(resource: Resource) -> set[str]:
    """Collect the URNs a resource cannot exist without: dependencies, parent, provider."""
    needed = set(resource.dependencies)
    for urns in resource.property_dependencies.values():
        needed.update(urns)
    if resource.parent:
        needed.add(resource.parent)
    if resource.provider:
        needed.add(resource.provider.rpartition("::")[0])
    needed.discard(resource.urn)
    return needed
