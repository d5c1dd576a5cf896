"""The runners: `rehearsal` needs nothing, `pulumi` needs the Pulumi CLI and an AWS account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.errors import InfraError
from infra.runners.protocol import Deployment, Event, Interrupted, Runner
from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.changes import Change
    from infra.graph import Graph

__all__ = [
    "DEFAULT_STATE",
    "Deployment",
    "Event",
    "Interrupted",
    "Runner",
    "UnknownRunner",
    "WrongOption",
    "make_runner",
]

#: Where a rehearsal keeps its state unless told otherwise, below the folder the command is given in.
DEFAULT_STATE: Final = Path(".outgrow") / "rehearsal.json"
NAMES: Final = ("rehearsal", "pulumi")


class UnknownRunner(InfraError, UsageError):
    """There is no runner of that name."""


class WrongOption(InfraError, UsageError):
    """An option of one runner was given to the other."""


def make_runner(
    name: str,
    *,
    state: Path | None = None,
    stacks: Path | None = None,
    stand_ins: Mapping[str, object] | None = None,
    fail_at: str | None = None,
    evaluate_phase: Callable[..., Graph] | None = None,
    backend: str | None = None,
    secrets_provider: str | None = None,
    cancel_lock: str | None = None,
) -> Runner:
    """Make a runner by name.

    Args:
        name: "rehearsal" or "pulumi".
        state: the rehearsal's state file; DEFAULT_STATE by default.
        stacks: the folder of the stack files; the project's own by default, and always with "pulumi".
        stand_ins: outputs that the rehearsal answers with on top of a phase's own where the phase has a
        database, such as the connection string of a local one. They are never written to the state.
        fail_at: the name or URN of the resource whose step fails in the rehearsal.
        evaluate_phase: gives the rehearsal the graph of a phase, where it has been evaluated already.
        backend: Pulumi's state, such as "s3://bucket?region=us-east-1".
        secrets_provider: what seals the secrets of a Pulumi stack when it is first made.
        cancel_lock: the one lock, as "user@host:pid", that Pulumi's runner may release.

    Raises:
        UnknownRunner: there is no such runner.
        WrongOption: an option belongs to the other one.
        infra.errors.InfraError: the runner cannot work with these options.
    """
    if name == "rehearsal":
        given = {"--backend": backend, "--secrets-provider": secrets_provider, "--cancel-lock": cancel_lock}
        _refuse("pulumi", given)
        from infra.runners.rehearsal import RehearsalRunner  # noqa: PLC0415  # each is loaded where it is chosen

        def fails(change: Change) -> bool:
            return fail_at in {change.name, change.urn}

        return RehearsalRunner(
            state or DEFAULT_STATE,
            stacks=stacks,
            stand_ins=stand_ins or {},
            fail_at=fails,
            evaluate_phase=evaluate_phase,
        )
    if name == "pulumi":
        _refuse("rehearsal", {"--fail-at": fail_at})
        from infra.runners.pulumi_cli import PulumiRunner  # noqa: PLC0415
        from infra.runners.pulumi_options import PulumiOptions  # noqa: PLC0415

        return PulumiRunner(stacks=stacks, options=PulumiOptions(backend, secrets_provider, cancel_lock))
    raise UnknownRunner(f"there is no runner {name}", next_step=f"use one of: {', '.join(NAMES)}")


def _refuse(runner: str, given: Mapping[str, str | None]) -> None:
    for option, value in given.items():
        if value is not None:
            raise WrongOption(
                f"{option} is for --runner {runner}",
                next_step=f"add --runner {runner}, or leave {option} out",
            )
