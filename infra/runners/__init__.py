"""The runners: `rehearsal` needs nothing, `pulumi` needs the Pulumi CLI and an AWS account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.errors import InfraError
from infra.runners.protocol import Deployment, Event, Runner
from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_STATE", "Deployment", "Event", "Runner", "UnknownRunner", "make_runner"]

#: Where a rehearsal keeps its state unless told otherwise, below the folder the command is given in.
DEFAULT_STATE: Final = Path(".outgrow") / "rehearsal.json"
NAMES: Final = ("rehearsal", "pulumi")


class UnknownRunner(InfraError, UsageError):
    """There is no runner of that name."""


def make_runner(
    name: str,
    *,
    state: Path | None = None,
    stacks: Path | None = None,
    stand_ins: Mapping[str, object] | None = None,
) -> Runner:
    """Make a runner by name.

    Args:
        name: "rehearsal" or "pulumi".
        state: the rehearsal's state file; DEFAULT_STATE by default.
        stacks: the folder of the stack files; the project's own by default, and always with "pulumi".
        stand_ins: outputs that the rehearsal answers with on top of a phase's own where the phase has a
        database, such as the connection string of a local one. They are never written to the state.

    Raises:
        UnknownRunner: there is no such runner.
        infra.errors.InfraError: the runner cannot work with these options.
    """
    if name == "rehearsal":
        from infra.runners.rehearsal import RehearsalRunner  # noqa: PLC0415  # each is loaded where it is chosen

        return RehearsalRunner(state or DEFAULT_STATE, stacks=stacks, stand_ins=stand_ins or {})
    if name == "pulumi":
        from infra.runners.pulumi_cli import PulumiRunner  # noqa: PLC0415

        return PulumiRunner(stacks=stacks)
    raise UnknownRunner(f"there is no runner {name}", next_step=f"use one of: {', '.join(NAMES)}")
