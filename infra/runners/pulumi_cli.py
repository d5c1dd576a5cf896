"""Deploys for real: the Pulumi CLI, driven through its Automation API in the project's own folder.

The stack's settings come from `stacks/` because Pulumi.yaml says so; the Automation API knows nothing of that
key, so it is never given settings of a stack or a project, which it would write where the CLI does not look.
Backend and secrets are the CLI's business (PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE or a KMS key).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from pulumi import automation
from pulumi.automation.errors import (
    CommandError,
    ConcurrentUpdateError,
    InvalidVersionError,
    StackNotFoundError,
)

from infra.changes import Change, Changes, Operation
from infra.errors import InfraError, ProtectedResource, PulumiMissing, UpdateInProgress
from infra.graph import SECRET
from infra.runners.protocol import Deployment, Event, silent
from infra.settings import load_settings, require_deployable
from infra.stack_file import ROOT, stack_path
from monitor.errors import UsageError
from monitor.phases import STACKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pulumi.automation.events import EngineEvent, StepEventMetadata

INSTALL: Final = "install it as https://www.pulumi.com/docs/install/ says, then: outgrow doctor"
#: The engine's steps in our words; the two halves of a replacement are told of by the third.
OPERATIONS: Final = {
    "create": Operation.CREATE,
    "import": Operation.CREATE,
    "update": Operation.UPDATE,
    "replace": Operation.REPLACE,
    "delete": Operation.DELETE,
    "same": Operation.SAME,
}
#: How the engine words its refusal to delete and to replace.
PROTECTED: Final = ("because it is protected", "marked for protection")
#: Lines of the CLI's output that are shown when it fails.
SHOWN_LINES: Final = 6


class StacksFolderFixed(InfraError, UsageError):
    """The Pulumi CLI reads the stack files of Pulumi.yaml's own folder only."""


class _Log:
    """Collects what an operation says: its changes in order, its errors."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self.changes: list[Change] = []
        self.errors: list[str] = []

    def __call__(self, event: EngineEvent) -> None:
        diagnostic = event.diagnostic_event
        if diagnostic is not None and diagnostic.severity == "error":
            self.errors.append(_plain(diagnostic.message))
        if event.resource_pre_event is not None:
            self._step(event.resource_pre_event.metadata, "started")
        if event.res_outputs_event is not None:
            self._step(event.res_outputs_event.metadata, "done")
        if event.res_op_failed_event is not None:
            self._step(event.res_op_failed_event.metadata, "failed")

    def _step(self, step: StepEventMetadata, status: str) -> None:
        operation = OPERATIONS.get(getattr(step.op, "value", step.op))
        if operation is None:
            return
        name = step.urn.rpartition("::")[2]
        if status == "started":
            inputs = tuple(sorted(step.diffs or ()))
            self.changes.append(Change(operation, step.urn, step.type, name, inputs=inputs))
        if operation is not Operation.SAME:
            self._on_event(Event(operation.value, step.urn, step.type, name, status))


class PulumiRunner:
    """Deploys through the Pulumi CLI.

    Args:
        root: the project's folder, with Pulumi.yaml, the program and the stack files.
        stacks: the folder of the stack files; the CLI knows only the project's own.

    Raises:
        StacksFolderFixed: another folder was asked for.
    """

    name = "pulumi"

    def __init__(self, *, root: Path = ROOT, stacks: Path | None = None) -> None:
        self._root = str(root)
        self._stacks = root / STACKS.name
        if stacks is not None and stacks.resolve() != self._stacks:
            raise StacksFolderFixed(
                f"the Pulumi CLI cannot read stack files from {stacks}",
                why=f"Pulumi.yaml names its folder once and for all: {STACKS.name}/",
                next_step="change the files there, or rehearse with --runner rehearsal",
            )

    def preview(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Changes:
        """Ask the CLI what `up` would do."""
        stack, log = self._stack(phase), _Log(on_event)
        with _explained(phase, "preview", log):
            stack.preview(color="never", on_event=log)
        return Changes.of(log.changes)

    def up(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Deployment:
        """Deploy; refused before anything is touched while the stack file still holds example values."""
        require_deployable(load_settings(phase, self._stacks), stack_path(phase, self._stacks))
        stack, log = self._stack(phase), _Log(on_event)
        with _explained(phase, "up", log):
            result = stack.up(color="never", on_event=log, show_secrets=False)
        return Deployment(_masked(result.outputs), Changes.of(log.changes))

    def outputs(self, phase: str) -> Mapping[str, object]:
        """Read the stack's outputs; empty where the stack has never been made."""
        load_settings(phase, self._stacks)
        try:
            with _explained(phase, "outputs", _Log(silent)):
                return _masked(automation.select_stack(phase, work_dir=self._root, opts=_options()).outputs())
        except StackNotFoundError:
            return {}

    def destroy(
        self,
        phase: str,
        *,
        on_event: Callable[[Event], None] = silent,
        unprotect: bool = False,
        dry_run: bool = False,
    ) -> Changes:
        """Remove the stack's resources; the stack itself and its history stay."""
        stack, log = self._stack(phase), _Log(on_event)
        with _explained(phase, "destroy", log):
            if dry_run:
                stack.preview_destroy(color="never", on_event=log)
                return Changes.of(log.changes)
            if unprotect:
                command = stack.workspace.pulumi_command
                command.run(["state", "unprotect", "--all", "--yes", "--stack", phase], self._root, {})
            stack.destroy(color="never", on_event=log, show_secrets=False)
        return Changes.of(log.changes)

    def _stack(self, phase: str) -> automation.Stack:
        load_settings(phase, self._stacks)
        with _explained(phase, "select", _Log(silent)):
            return automation.create_or_select_stack(phase, work_dir=self._root, opts=_options())


def _options() -> automation.LocalWorkspaceOptions:
    """Find the CLI.

    Raises:
        PulumiMissing: it is not here, or too old for the SDK.
    """
    if shutil.which("pulumi") is None:
        raise PulumiMissing(
            "the Pulumi CLI is not installed", why="there is no command pulumi on the PATH", next_step=INSTALL
        )
    try:
        command = automation.PulumiCommand()
    except InvalidVersionError as error:
        raise PulumiMissing("the Pulumi CLI does not fit", why=str(error), next_step=INSTALL) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise PulumiMissing("the Pulumi CLI does not run", why=str(error), next_step=INSTALL) from None
    return automation.LocalWorkspaceOptions(pulumi_command=command)


@contextlib.contextmanager
def _explained(phase: str, operation: str, log: _Log) -> Iterator[None]:
    """Turn the Automation API's errors into ours; StackNotFoundError passes."""
    try:
        yield
    except StackNotFoundError:
        raise
    except ConcurrentUpdateError as error:
        owner = re.search(r"created by .*", _plain(str(error)))
        raise UpdateInProgress(
            f"another update of {phase} is in progress",
            why=owner.group(0) if owner else "the backend holds a lock on the stack",
            next_step=f"wait for it; if its owner is gone for good: pulumi cancel --stack {phase}",
        ) from None
    except CommandError as error:
        why = "; ".join(log.errors) or _last_lines(_plain(str(error)))
        if any(phrase in " ".join(why.split()) for phrase in PROTECTED):
            raise ProtectedResource(
                f"pulumi {operation} of {phase} stopped at a protected resource",
                why=why,
                next_step=f"to lose the data: outgrow infra destroy {phase} --unprotect --runner pulumi",
            ) from None
        raise InfraError(
            f"pulumi {operation} of {phase} failed",
            why=why,
            next_step="correct the cause and run the same command again: it goes on where it stopped",
        ) from None


def _masked(outputs: automation.OutputMap) -> dict[str, object]:
    return {name: SECRET if output.secret else output.value for name, output in sorted(outputs.items())}


def _plain(text: str) -> str:
    """Take terminal colours and the engine's colour marks out."""
    return re.sub(r"\x1b\[[0-9;]*m|<\{%[^%]*%\}>", "", text).strip()


def _last_lines(said: str) -> str:
    lines = [
        line.strip() for line in said.splitlines() if line.strip() and not line.strip().startswith("stdout:")
    ]
    errors = [line for line in lines if "error:" in line]
    return "; ".join((errors or lines)[-SHOWN_LINES:])
