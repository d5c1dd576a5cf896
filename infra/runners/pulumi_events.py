"""What the Pulumi engine says while it works, in the runners' words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from infra.changes import Change, Changes, Operation
from infra.runners.protocol import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi.automation.events import EngineEvent, StepEventMetadata

#: The engine's steps in our words. Of a replacement's three, `replace` is counted, its halves are told of.
COUNTED: Final = {
    "create": Operation.CREATE,
    "import": Operation.CREATE,
    "update": Operation.UPDATE,
    "replace": Operation.REPLACE,
    "delete": Operation.DELETE,
    "same": Operation.SAME,
}
TOLD: Final = {**COUNTED, "create-replacement": Operation.REPLACE, "delete-replaced": Operation.DELETE}
del TOLD["replace"]  # the logical step between the two halves does nothing itself
#: How a refresh begins on every resource. What it found follows as the outcome's operation.
REFRESH: Final = "refresh"


class EngineLog:
    """Collects what one operation says: its changes in order, its errors.

    Args:
        on_event: is told of every step.
        planning: nothing is carried out; steps are planned only.
    """

    def __init__(self, on_event: Callable[[Event], None], *, planning: bool = False) -> None:
        self._on_event = on_event
        self._planning = planning
        self._found: dict[tuple[str, Operation], Change] = {}
        self.errors: list[str] = []

    @property
    def changes(self) -> Changes:
        return Changes.of(self._found.values())

    def clear(self) -> None:
        """Forget everything, before the operation is tried again."""
        self._found.clear()
        self.errors.clear()

    def __call__(self, event: EngineEvent) -> None:
        diagnostic = event.diagnostic_event
        if diagnostic is not None and diagnostic.severity == "error":
            self.errors.append(plain(diagnostic.message))
        if event.resource_pre_event is not None:
            metadata = event.resource_pre_event.metadata
            self._count(metadata)
            self._tell(metadata, "planned" if self._planning else "started")
        if event.res_outputs_event is not None:
            metadata = event.res_outputs_event.metadata
            self._count(metadata)
            if not self._planning or _word(metadata) not in TOLD:
                self._tell(metadata, "done")
        if event.res_op_failed_event is not None:
            self._tell(event.res_op_failed_event.metadata, "failed")

    def _count(self, metadata: StepEventMetadata) -> None:
        operation = COUNTED.get(_word(metadata))
        if operation is None:
            return
        inputs = tuple(sorted({*(metadata.diffs or ()), *(metadata.detailed_diff or {})}))
        change = Change(operation, metadata.urn, metadata.type, _name(metadata), inputs=inputs)
        self._found.setdefault((metadata.urn, operation), change)

    def _tell(self, metadata: StepEventMetadata, status: str) -> None:
        operation = TOLD.get(_word(metadata))
        if operation is not None and operation is not Operation.SAME:
            self._on_event(Event(operation.value, metadata.urn, metadata.type, _name(metadata), status))


def plain(text: str) -> str:
    """Take terminal colours and the engine's colour marks out."""
    return re.sub(r"\x1b\[[0-9;]*m|<\{%[^%]*%\}>", "", text).strip()


def _word(metadata: StepEventMetadata) -> str:
    return str(getattr(metadata.op, "value", metadata.op))


def _name(metadata: StepEventMetadata) -> str:
    return metadata.urn.rpartition("::")[2]
