"""What carries out a stack change, whoever does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.changes import Changes


@dataclass(frozen=True)
class Event:
    """Progress on one resource.

    Args:
        operation: "create", "update", "replace" or "delete".
        urn: of the resource.
        type: its type token.
        name: its name.
        status: "planned" in a preview, "started", "done" or "failed"; "kept" where deletion only forgets it.
    """

    operation: str
    urn: str
    type: str
    name: str
    status: str


@dataclass(frozen=True)
class Deployment:
    """What an `up` left behind: the stack's outputs and what was done to get there."""

    outputs: Mapping[str, object]
    changes: Changes


@dataclass(frozen=True)
class Interrupted:
    """A step that was begun and of whose end nobody knows: the process was killed or lost its connection.

    Args:
        operation: "create", "update" or "delete".
        urn: of the resource.
    """

    operation: str
    urn: str

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


def silent(event: Event) -> None:
    """Take an event and say nothing."""
    del event


class Runner(Protocol):
    """Deploys phases. One of them deploys for real, the other rehearses."""

    @property
    def name(self) -> str:
        """Which runner this is: "pulumi" or "rehearsal"."""

    def preview(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Changes:
        """Say what `up` would do, and do nothing."""

    def up(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Deployment:
        """Make what is there equal to the phase's program.

        Raises:
            infra.errors.ProtectedResource: that would delete or replace something protected; nothing was
            done. infra.errors.UpdateInProgress: somebody else is at it. infra.errors.InterruptedUpdate: an
            earlier run may have created something that the state does not know. infra.errors.InfraError: it
            failed; what was done until then is kept, and the next `up` goes on.
        """

    def interrupted(self, phase: str) -> tuple[Interrupted, ...]:
        """Name the steps that an earlier run began and never ended; reads only."""

    def drift(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Changes:
        """Say how what is really there differs from what the state remembers; changes neither.

        Raises:
            infra.errors.InfraError: the phase has never been deployed, or cannot be read.
        """

    def refresh(
        self, phase: str, *, on_event: Callable[[Event], None] = silent, clear_pending_creates: bool = False
    ) -> Changes:
        """Make the state remember what is really there, and settle interrupted steps; deploys nothing.

        Args:
            phase: its id.
            on_event: is told of every resource that differs.
            clear_pending_creates: also forget creations that were interrupted; only right after a look
            that they left nothing behind.

        Raises:
            infra.errors.UpdateInProgress: somebody else is at it. infra.errors.InfraError: it failed.
        """

    def outputs(self, phase: str) -> Mapping[str, object]:
        """Give the outputs of the last `up`, secrets masked; empty where there was none."""

    def destroy(
        self,
        phase: str,
        *,
        on_event: Callable[[Event], None] = silent,
        unprotect: bool = False,
        dry_run: bool = False,
    ) -> Changes:
        """Remove all of a phase's resources.

        Args:
            phase: its id.
            on_event: is told of every step.
            unprotect: give up the protection of what is protected first.
            dry_run: only say what would be removed.

        Raises:
            infra.errors.ProtectedResource: something is protected; nothing was done.
            infra.errors.UpdateInProgress: somebody else is at it.
            infra.errors.InfraError: it failed.
        """
