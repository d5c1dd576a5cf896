"""The order in which an engine carries changes out, replacement by replacement. Pure.

A replaced resource is made anew first, and the old one goes at the end, when nobody refers to it any more.
The program or a fixed name can ask for the opposite: then whatever is replaced along with it goes first,
dependents before what they depend on. The rules are those of Pulumi's engine (its documentation of
deleteBeforeReplace, retainOnDelete, deletedWith and auto-naming).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.changes import Change, Operation
from infra.graph import in_dependency_order, needs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from infra.graph import Graph, Resource

#: Inputs that are a resource's name in the cloud: two of them cannot be there at one time. The AWS provider
#: asks for deletion first where one is given and stays the same.
FIXED_NAMES = (
    "name",
    "bucket",
    "clusterIdentifier",
    "globalClusterIdentifier",
    "identifier",
    "replicationGroupId",
)


@dataclass(frozen=True)
class Step:
    """One thing that an engine does to one resource.

    Args:
        change: what it belongs to. A replacement has two steps: one that makes the new, a DELETE for the old.
        old: what is deleted; None where something is made or changed.
        replaced: what is deleted has, or will have, a successor of the same URN.
        asks_nobody: the provider is not asked to delete it: it is retained, or goes along with another
        (deletedWith).
    """

    change: Change
    old: Resource | None = None
    replaced: bool = False
    asks_nobody: bool = False


def steps_of(
    changes: Iterable[Change],
    there: Mapping[str, Resource],
    wanted: Graph | None,
    condemned: Iterable[Resource] = (),
) -> tuple[Step, ...]:
    """Put changes into the order of doing.

    Args:
        changes: in dependency order, as `changes_between` gives them.
        there: what the state holds, by URN.
        wanted: the new graph; None where all of it goes.
        condemned: what an earlier run replaced and did not come to delete.
    """
    items = tuple(changes)
    old_of = {change.urn: there[change.former_urn or change.urn] for change in items if _is_there(change)}
    replaced = {change.urn: change for change in items if change.operation is Operation.REPLACE}
    first = {
        urn
        for urn, change in replaced.items()
        if wanted is not None and goes_first(old_of[urn], wanted[change.urn])
    }
    early: set[str] = set()
    steps: list[Step] = []
    for change in items:
        if change.operation is Operation.DELETE:
            continue
        if change.urn in first:
            along = [
                urn for urn in _dependents(change.urn, old_of, replaced) | {change.urn} if urn not in early
            ]
            early.update(along)
            order = in_dependency_order(old_of[urn] for urn in along)
            steps += [_deletion(one, replaced=True) for one in reversed(order)]
        steps.append(Step(change))
    late = [old_of[urn] for urn in replaced if urn not in early]
    going = [old_of[change.urn] for change in items if change.operation is Operation.DELETE]
    successors = {one.urn for one in (*late, *condemned)}
    unordered = {(one.urn, one.id): one for one in (*going, *late, *condemned)}
    protected = {change.urn for change in items if change.operation is Operation.DELETE and change.protect}
    steps += [
        _deletion(one, replaced=one.urn in successors, protect=one.urn in protected)
        for one in reversed(_in_order(unordered.values()))
    ]
    gone = {step.old.urn for step in steps if step.old is not None}
    return tuple(
        replace(step, asks_nobody=True)
        if step.old is not None and (step.old.retain_on_delete or step.old.deleted_with in gone)
        else step
        for step in steps
    )


def goes_first(old: Resource, new: Resource) -> bool:
    """Whether the old resource is deleted before the new one is made."""
    if new.delete_before_replace is not None:
        return new.delete_before_replace
    return any(
        name in new.inputs and old.inputs.get(name) == new.inputs[name] and name not in new.secret_inputs
        for name in FIXED_NAMES
    )


def _is_there(change: Change) -> bool:
    return change.operation is not Operation.CREATE


def _deletion(old: Resource, *, replaced: bool, protect: bool = False) -> Step:
    change = Change(Operation.DELETE, old.urn, old.type, old.name, protect=protect)
    return Step(change, old, replaced)


def _dependents(urn: str, old_of: Mapping[str, Resource], among: Collection[str]) -> set[str]:
    """Those of `among` whose old resource needs that of `urn`, directly or through others."""
    found = {old_of[urn].urn}
    new_urn_of = {old_of[one].urn: one for one in among}
    for one in in_dependency_order(old_of[one] for one in among):
        if needs(one) & found:
            found.add(one.urn)
    return {new_urn_of[one] for one in found} - {urn}


def _in_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Dependencies first; generations of one URN keep the order they come in."""
    given = tuple(resources)
    by_urn: dict[str, list[Resource]] = {}
    for one in given:
        by_urn.setdefault(one.urn, []).append(one)
    return tuple(
        generation
        for one in in_dependency_order(found[0] for found in by_urn.values())
        for generation in by_urn[one.urn]
    )
