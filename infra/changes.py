"""What stands between what is there and what is wanted: create, update, replace, delete, in order of doing.

Pure. The rules are the engine's: resources are matched by URN or alias, ignored inputs do not count, an input
that cannot change on a living resource replaces it, and so does a new provider.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.graph import in_dependency_order
from infra.ignored import inputs_with_ignored
from infra.replacement import forcing_replacement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.graph import Resource


class Operation(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True)
class Change:
    """One resource and what happens to it.

    Args:
        operation: what.
        urn: of the resource; where an alias matched, the new one.
        type: its type token.
        name: its name.
        inputs: names of the inputs that differ.
        protect: it is protected where it is now and stays so: deleting or replacing it is refused.
        former_urn: what it was called before, where that differs.
    """

    operation: Operation
    urn: str
    type: str
    name: str
    inputs: tuple[str, ...] = ()
    protect: bool = False
    former_urn: str | None = None


@dataclass(frozen=True)
class Changes:
    """All of them: first what is made or changed, dependencies first, then what goes, dependents first.

    Args:
        counts: how many of each operation, `same` included.
        items: those that do something.
    """

    counts: Mapping[str, int]
    items: tuple[Change, ...]

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Changes:
        given = tuple(changes)
        found = Counter(change.operation for change in given)
        counts = {operation.value: found[operation] for operation in Operation}
        return cls(counts, tuple(change for change in given if change.operation is not Operation.SAME))

    @property
    def refused(self) -> tuple[Change, ...]:
        """Those that a protection forbids."""
        return tuple(
            change
            for change in self.items
            if change.protect and change.operation in {Operation.DELETE, Operation.REPLACE}
        )

    def __bool__(self) -> bool:
        return bool(self.items)


def changes_between(there: Mapping[str, Resource], wanted: Iterable[Resource]) -> Changes:
    """Compare what is there, by URN, with what is wanted.

    Args:
        there: the resources of the last deployment.
        wanted: the resources of a graph.
    """
    found: list[Change] = []
    kept: set[str] = set()
    for new in in_dependency_order(wanted):
        old = there.get(new.urn) or next((there[alias] for alias in new.aliases if alias in there), None)
        if old is None:
            found.append(Change(Operation.CREATE, new.urn, new.type, new.name))
            continue
        kept.add(old.urn)
        found.append(_compare(old, new))
    gone = in_dependency_order(old for urn, old in there.items() if urn not in kept)
    found += [
        Change(Operation.DELETE, old.urn, old.type, old.name, protect=old.protect) for old in reversed(gone)
    ]
    return Changes.of(found)


def _compare(old: Resource, new: Resource) -> Change:
    inputs = inputs_with_ignored(old.inputs, new.inputs, new.ignore_changes)
    names = old.inputs.keys() | inputs.keys()
    changed = tuple(sorted(name for name in names if old.inputs.get(name) != inputs.get(name)))
    operation = Operation.UPDATE if changed else Operation.SAME
    forcing = forcing_replacement(new.type, new.inputs, new.replace_on_changes)
    if forcing & set(changed) or (changed and "*" in forcing):
        operation = Operation.REPLACE
    if old.provider != new.provider:
        operation, changed = Operation.REPLACE, (*changed, "provider")
    if operation is Operation.SAME and (old.urn != new.urn or old.protect != new.protect):
        operation = Operation.UPDATE
    return Change(
        operation,
        new.urn,
        new.type,
        new.name,
        inputs=changed,
        # The engine lets an update give up a protection and replace at once, but not delete.
        protect=old.protect and new.protect,
        former_urn=old.urn if old.urn != new.urn else None,
    )
