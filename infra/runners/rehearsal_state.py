"""The rehearsal's state file: what has been "deployed", by stack, as JSON that is never half written."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from infra.errors import InfraError, UpdateInProgress
from infra.graph import Resource
from infra.runners.lock import describe_owner, owner_words
from infra.runners.protocol import Interrupted
from monitor.errors import UsageError
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION = 1


class BadState(InfraError, UsageError):
    """A file that is no rehearsal's state."""


@dataclass(frozen=True)
class StackState:
    """What one stack holds.

    Args:
        resources: by URN, as the last step that touched each left it.
        outputs: of the last `up` that came to its end, secrets masked.
        condemned: replaced resources whose deletion is still to come.
        pending: steps that were begun; more than the one under way means that a run was cut off.
    """

    resources: Mapping[str, Resource] = field(default_factory=lambda: MappingProxyType({}))
    outputs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    condemned: tuple[Resource, ...] = ()
    pending: tuple[Interrupted, ...] = ()

    def with_resource(self, resource: Resource, former_urn: str | None = None) -> StackState:
        kept = {urn: one for urn, one in self.resources.items() if urn != former_urn}
        return replace(self, resources={**kept, resource.urn: resource})

    def without(self, urn: str) -> StackState:
        return replace(self, resources={name: one for name, one in self.resources.items() if name != urn})

    def without_condemned(self, old: Resource) -> StackState:
        kept = (one for one in self.condemned if (one.urn, one.id) != (old.urn, old.id))
        return replace(self, condemned=tuple(kept))


@dataclass(frozen=True)
class State:
    """All stacks of a state file, by name."""

    stacks: Mapping[str, StackState] = field(default_factory=lambda: MappingProxyType({}))

    def stack(self, name: str) -> StackState:
        return self.stacks.get(name, StackState())

    def with_stack(self, name: str, stack: StackState) -> State:
        return State({**self.stacks, name: stack})


def read_state(path: Path) -> State:
    """Read a state file; one that is not there is empty.

    Raises:
        BadState: the file cannot be read, or holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise BadState(
                f"{path} is of version {document['version']}",
                why=f"this Outgrow writes version {VERSION}",
                next_step="use the Outgrow that wrote it, or another --state file",
            )
        return State({name: _stack(content) for name, content in document["stacks"].items()})
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise BadState(f"{path} cannot be read", why=str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadState(
            f"{path} is no rehearsal's state", why=str(error), next_step="name another file with --state"
        ) from None


class StateWriter:
    """Writes a state file whole or not at all, and often: only what changed is put into words again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: dict[tuple[str, str, str], tuple[Resource, str]] = {}

    def write(self, state: State, *, durable: bool = True) -> None:
        """Write the state; `durable` waits until the disk has it, which only a loss of power needs.

        Raises:
            InfraError: the folder cannot be written to.
        """
        stacks = ",".join(
            f"{_words(name)}:{self._stack(name, stack)}" for name, stack in state.stacks.items()
        )
        text = f'{{"version":{VERSION},"stacks":{{{stacks}}}}}'
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    if durable:
                        os.fsync(file.fileno())
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise InfraError(
                f"{self._path} cannot be written", why=str(error), next_step="name another file with --state"
            ) from None

    def _stack(self, name: str, stack: StackState) -> str:
        resources, condemned = (
            ",\n".join(self._resource(name, one) for one in group)
            for group in (stack.resources.values(), stack.condemned)
        )
        return (
            f'{{"outputs":{_words(to_json(stack.outputs))},"pending":{_words(to_json(stack.pending))},'
            f'"condemned":[\n{condemned}],"resources":[\n{resources}]}}'
        )

    def _resource(self, stack: str, resource: Resource) -> str:
        key = (stack, resource.urn, resource.id)
        known = self._texts.get(key)
        if known is None or known[0] is not resource:
            known = self._texts[key] = (resource, _words(to_json(resource)))
        return known[1]


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the state file alone; the system lets go of it when the process ends, however it ends.

    Raises:
        UpdateInProgress: another process holds it.
        InfraError: the folder cannot be written to.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a+", encoding="utf-8")
    except OSError as error:
        raise InfraError(
            f"{lock} cannot be written", why=str(error), next_step="name another file with --state"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise UpdateInProgress(
                f"{path} is being changed",
                why=f"it is held by {describe_owner(file.read(), datetime.now(UTC))}",
                next_step="wait for it to end, then run the same command again",
            ) from None
        file.truncate(0)
        file.write(owner_words(datetime.now(UTC)))
        file.flush()
        yield


def _words(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _stack(content: dict[str, Any]) -> StackState:
    resources = [_resource(one) for one in content["resources"]]
    return StackState(
        {one.urn: one for one in resources},
        content["outputs"],
        tuple(_resource(one) for one in content.get("condemned", ())),
        tuple(Interrupted(**one) for one in content.get("pending", ())),
    )


def _resource(content: dict[str, Any]) -> Resource:
    """Make a resource of its JSON: lists that are tuples in the value become tuples again."""
    tuples = ("secret_inputs", "dependencies", "ignore_changes", "replace_on_changes", "aliases")
    depends = {name: tuple(urns) for name, urns in content["property_dependencies"].items()}
    given = {**content, **{name: tuple(content[name]) for name in tuples}, "property_dependencies": depends}
    return Resource(**given)
