"""Deploys for real: the Pulumi CLI, driven through its Automation API in the project's own folder.

The stack's settings come from `stacks/` because Pulumi.yaml says so; the Automation API knows nothing of that
key, so it is never given settings of a stack or a project, which it would write where the CLI does not look.
Backend and secrets come from `PulumiOptions`, or are the CLI's business.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Final, TypeVar

from pulumi import automation
from pulumi.automation.errors import ConcurrentUpdateError, InvalidVersionError, StackNotFoundError

from infra.changes import Changes
from infra.errors import InfraError, InterruptedUpdate, NotDeployed, PulumiMissing, UpdateInProgress
from infra.graph import SECRET
from infra.runners.lock import parse_locks
from infra.runners.protocol import Deployment, Event, Interrupted, silent
from infra.runners.pulumi_errors import explained, in_progress
from infra.runners.pulumi_events import EngineLog, plain
from infra.runners.pulumi_options import PulumiOptions
from infra.settings import load_settings, require_deployable
from infra.stack_file import ROOT, stack_path
from monitor.errors import UsageError
from monitor.phases import STACKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

INSTALL: Final = "install it as https://www.pulumi.com/docs/install/ says, then: outgrow doctor"
#: How a checkpoint words what was under way, in ours.
UNDER_WAY: Final = {"creating": "create", "importing": "create", "updating": "update", "deleting": "delete"}

T = TypeVar("T")


class StacksFolderFixed(InfraError, UsageError):
    """The Pulumi CLI reads the stack files of Pulumi.yaml's own folder only."""


class PulumiRunner:
    """Deploys through the Pulumi CLI.

    Args:
        root: the project's folder, with Pulumi.yaml, the program and the stack files.
        stacks: the folder of the stack files; the CLI knows only the project's own.
        options: backend, secrets and the lock that may be released.

    Raises:
        StacksFolderFixed: another folder was asked for.
    """

    name = "pulumi"

    def __init__(
        self, *, root: Path = ROOT, stacks: Path | None = None, options: PulumiOptions | None = None
    ) -> None:
        self._root = str(root)
        self._stacks = root / STACKS.name
        self._options = options or PulumiOptions()
        if stacks is not None and stacks.resolve() != self._stacks:
            raise StacksFolderFixed(
                f"the Pulumi CLI cannot read stack files from {stacks}",
                why=f"Pulumi.yaml names its folder once and for all: {STACKS.name}/",
                next_step="change the files there, or rehearse with --runner rehearsal",
            )

    def preview(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Changes:
        """Ask the CLI what `up` would do; makes the stack where there is none, as the CLI needs one."""
        stack, log = self._stack(phase), EngineLog(on_event, planning=True)
        with explained(phase, "preview", log):
            stack.preview(color="never", on_event=log)
        return log.changes

    def up(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Deployment:
        """Deploy; refused before anything is touched while the stack file still holds example values.

        After an interrupted run the state is refreshed first. A creation that was cut off is for a person:
        what it made, if it made something, is known to AWS only.
        """
        require_deployable(load_settings(phase, self._stacks), stack_path(phase, self._stacks))
        stack, log = self._stack(phase), EngineLog(on_event)
        cut_off = self._interrupted(phase, stack)
        self._refuse_unknown_creations(phase, cut_off)
        again = True if cut_off else None

        def deploy() -> automation.UpResult:
            return stack.up(color="never", on_event=log, show_secrets=False, refresh=again)

        result = self._operate(phase, "up", stack, log, deploy)
        return Deployment(_masked(result.outputs), log.changes)

    def interrupted(self, phase: str) -> tuple[Interrupted, ...]:
        """Read the pending operations of the checkpoint; none where the stack has never been made."""
        try:
            return self._interrupted(phase, self._existing(phase))
        except NotDeployed:
            return ()

    def drift(self, phase: str, *, on_event: Callable[[Event], None] = silent) -> Changes:
        """Ask the providers what is really there, and compare; state and cloud stay as they are."""
        stack, log = self._existing(phase), EngineLog(on_event, planning=True)
        with explained(phase, "drift", log):
            stack.preview_refresh(color="never", on_event=log)
        return log.changes

    def refresh(
        self, phase: str, *, on_event: Callable[[Event], None] = silent, clear_pending_creates: bool = False
    ) -> Changes:
        """Take what is really there into the state; the cloud stays as it is."""
        stack, log = self._existing(phase), EngineLog(on_event)
        if not clear_pending_creates:
            self._refuse_unknown_creations(phase, self._interrupted(phase, stack))

        def read() -> automation.RefreshResult:
            clear = clear_pending_creates or None
            return stack.refresh(color="never", on_event=log, show_secrets=False, clear_pending_creates=clear)

        self._operate(phase, "refresh", stack, log, read)
        return log.changes

    def outputs(self, phase: str) -> Mapping[str, object]:
        """Read the stack's outputs; empty where the stack has never been made."""
        try:
            stack = self._existing(phase)
        except NotDeployed:
            return {}
        with explained(phase, "outputs", EngineLog(silent)):
            return _masked(stack.outputs())

    def destroy(
        self,
        phase: str,
        *,
        on_event: Callable[[Event], None] = silent,
        unprotect: bool = False,
        dry_run: bool = False,
    ) -> Changes:
        """Remove the stack's resources; the stack itself and its history stay."""
        try:
            stack = self._existing(phase)
        except NotDeployed:
            return Changes.of(())
        log = EngineLog(on_event, planning=dry_run)
        if dry_run:
            with explained(phase, "destroy", log):
                stack.preview_destroy(color="never", on_event=log)
            return log.changes

        def remove() -> automation.DestroyResult:
            if unprotect:
                self._command(stack, ["state", "unprotect", "--all", "--yes", "--stack", phase])
            return stack.destroy(color="never", on_event=log, show_secrets=False)

        self._operate(phase, "destroy", stack, log, remove)
        return log.changes

    def _stack(self, phase: str) -> automation.Stack:
        """Select the phase's stack, made where it is missing."""
        load_settings(phase, self._stacks)
        self._options.require_passphrase(phase, self._stacks)
        with explained(phase, "select", EngineLog(silent)):
            return automation.create_or_select_stack(phase, work_dir=self._root, opts=self._workspace())

    def _existing(self, phase: str) -> automation.Stack:
        """Select the phase's stack.

        Raises:
            NotDeployed: there is none.
        """
        load_settings(phase, self._stacks)
        self._options.require_passphrase(phase, self._stacks)
        try:
            with explained(phase, "select", EngineLog(silent)):
                return automation.select_stack(phase, work_dir=self._root, opts=self._workspace())
        except StackNotFoundError:
            raise NotDeployed(
                f"{phase} has not been deployed",
                why="the backend has no stack of that name",
                next_step=f"outgrow infra up {phase} --runner pulumi",
            ) from None

    @functools.cached_property
    def _pulumi(self) -> automation.PulumiCommand:
        """The CLI, asked for its version once."""
        return _command()

    def _workspace(self) -> automation.LocalWorkspaceOptions:
        return automation.LocalWorkspaceOptions(
            pulumi_command=self._pulumi,
            env_vars=self._options.environment(),
            secrets_provider=self._options.secrets_provider,
        )

    def _operate(
        self, phase: str, operation: str, stack: automation.Stack, log: EngineLog, call: Callable[[], T]
    ) -> T:
        """Call the engine; once more after releasing the one lock that may be released."""
        with explained(phase, operation, log):
            try:
                return call()
            except ConcurrentUpdateError as error:
                if self._options.cancel_lock is None:
                    raise
                self._release(phase, operation, stack, error)
                log.clear()
                return call()

    def _release(
        self, phase: str, operation: str, stack: automation.Stack, error: ConcurrentUpdateError
    ) -> None:
        """Release a lock that a dead run left behind: exactly the one named, and no living one.

        Raises:
            UpdateInProgress: the lock is another's or nobody's, or its process lives on this host.
        """
        locks, asked = parse_locks(plain(str(error))), self._options.cancel_lock
        refused = in_progress(phase, operation, error)
        if not locks or any(lock.owner != asked for lock in locks):
            raise UpdateInProgress(
                refused.what,
                why=f"{refused.why}, which is not the lock of {asked}",
                next_step=refused.next_step,
            )
        if any(lock.runs_here() for lock in locks):
            raise UpdateInProgress(
                refused.what,
                why=f"{refused.why}, and that process lives on this host",
                next_step="wait for it, or end it and run the same command again",
            )
        stack.cancel()

    def _interrupted(self, phase: str, stack: automation.Stack) -> tuple[Interrupted, ...]:
        with explained(phase, "export", EngineLog(silent)):
            exported = json.loads(self._command(stack, ["stack", "export", "--stack", phase]))
        pending = (exported.get("deployment") or {}).get("pending_operations") or ()
        return tuple(
            Interrupted(UNDER_WAY.get(one["type"], one["type"]), one["resource"]["urn"]) for one in pending
        )

    def _command(self, stack: automation.Stack, words: list[str]) -> str:
        """Run a command that the Automation API has no method for, or only one that shows secrets."""
        command, env = stack.workspace.pulumi_command, self._options.environment()
        return command.run(words, self._root, env).stdout

    def _refuse_unknown_creations(self, phase: str, cut_off: tuple[Interrupted, ...]) -> None:
        created = [one for one in cut_off if one.operation == "create"]
        if created:
            names = ", ".join(one.name for one in created)
            raise InterruptedUpdate(
                f"an earlier run of {phase} was cut off while it created {names}",
                why="whether AWS made it is not known here; made again, it would be there twice",
                next_step=f"look in AWS. What is not there: outgrow infra refresh {phase} --runner pulumi "
                f"--clear-pending-creates. What is there: pulumi refresh --stack {phase} "
                "--import-pending-creates, with its URN and ID",
            )


def _command() -> automation.PulumiCommand:
    """Find the CLI.

    Raises:
        PulumiMissing: it is not here, or too old for the SDK.
    """
    if shutil.which("pulumi") is None:
        raise PulumiMissing(
            "the Pulumi CLI is not installed", why="there is no command pulumi on the PATH", next_step=INSTALL
        )
    try:
        return automation.PulumiCommand()
    except InvalidVersionError as error:
        raise PulumiMissing("the Pulumi CLI does not fit", why=str(error), next_step=INSTALL) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise PulumiMissing("the Pulumi CLI does not run", why=str(error), next_step=INSTALL) from None


def _masked(outputs: automation.OutputMap) -> dict[str, object]:
    return {name: SECRET if output.secret else output.value for name, output in sorted(outputs.items())}
