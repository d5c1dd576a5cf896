"""The Automation API's errors, said in ours: what failed, why, and what to type next."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pulumi.automation.errors import CommandError, ConcurrentUpdateError, StackNotFoundError

from infra.errors import InfraError, ProtectedResource, UpdateInProgress
from infra.runners.lock import parse_locks
from infra.runners.pulumi_events import plain
from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.runners.pulumi_events import EngineLog

#: How the engine words its refusal to delete and to replace.
PROTECTED: Final = ("because it is protected", "marked for protection")
#: How the CLI words that it cannot read the stack's secrets.
LOCKED_SECRETS: Final = ("passphrase must be set", "incorrect passphrase", "constructing secrets manager")
#: Lines of the CLI's output that are shown when it fails.
SHOWN_LINES: Final = 6


class SecretsLocked(InfraError, UsageError):
    """The stack's secrets cannot be read with what this environment holds."""


@contextlib.contextmanager
def explained(phase: str, operation: str, log: EngineLog) -> Iterator[None]:
    """Turn the Automation API's errors into ours; StackNotFoundError passes."""
    try:
        yield
    except StackNotFoundError:
        raise
    except ConcurrentUpdateError as error:
        raise in_progress(phase, operation, error) from None
    except CommandError as error:
        why = "; ".join(log.errors) or _last_lines(plain(str(error)))
        flat = " ".join(why.split())
        if any(phrase in flat for phrase in PROTECTED):
            raise ProtectedResource(
                f"pulumi {operation} of {phase} stopped at a protected resource",
                why=why,
                next_step=f"to lose the data: outgrow infra destroy {phase} --unprotect --runner pulumi",
            ) from None
        if any(phrase in flat for phrase in LOCKED_SECRETS):
            raise secrets_locked(phase, why) from None
        raise InfraError(
            f"pulumi {operation} of {phase} failed",
            why=why,
            next_step="correct the cause and run the same command again: it goes on where it stopped",
        ) from None


def in_progress(phase: str, operation: str, error: ConcurrentUpdateError) -> UpdateInProgress:
    """Say who holds the stack, since when, and how that lock could be released."""
    locks = parse_locks(plain(str(error)))
    if not locks:
        return UpdateInProgress(
            f"another update of {phase} is in progress",
            why="the backend holds the stack and does not say for whom",
            next_step=f"wait for it; if it is gone for good: pulumi cancel --stack {phase}",
        )
    now = datetime.now(UTC)
    return UpdateInProgress(
        f"another update of {phase} is in progress",
        why="the stack is held by " + "; ".join(lock.describe(now) for lock in locks),
        next_step=f"wait for it; if that run is gone for good, and only then: "
        f"outgrow infra {operation} {phase} --runner pulumi --cancel-lock {locks[0].owner}",
    )


def secrets_locked(phase: str, why: str) -> SecretsLocked:
    return SecretsLocked(
        f"the secrets of {phase} cannot be read",
        why=why,
        next_step="set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE; with a KMS key instead, "
        "give --secrets-provider awskms://alias/NAME when the stack is first made",
    )


def _last_lines(said: str) -> str:
    lines = [
        line.strip() for line in said.splitlines() if line.strip() and not line.strip().startswith("stdout:")
    ]
    errors = [line for line in lines if "error:" in line]
    return "; ".join((errors or lines)[-SHOWN_LINES:])
