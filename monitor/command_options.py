"""What several commands share: options of the same meaning, and values from the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import MonitorError, UsageError

Stacks = Annotated[
    Path | None, typer.Option("--stacks", help="Folder of the stack files.", show_default=False)
]
Cost = Annotated[
    float | None,
    typer.Option(
        "--monthly-cost",
        help="What the infrastructure costs a month, for the cost per user.",
        metavar="USD",
        min=0,
        show_default="the phase's highest budget",
    ),
]


class WrongOptions(MonitorError, UsageError):
    """The options contradict each other, or lack something."""


def token(variable: str | None) -> str | None:
    """Return the token a variable holds; None where none is named.

    Raises:
        WrongOptions: it is empty or not set.
    """
    return None if variable is None else environment(variable, "--token-env")


def environment(variable: str, option: str) -> str:
    """Return an environment variable's value.

    Raises:
        WrongOptions: it is empty or not set; the message names the option.
    """
    value = os.environ.get(variable)
    if not value:
        raise WrongOptions(
            f"the environment variable {variable} is empty",
            why=f"{option} names it",
            next_step=f"set it with: export {variable}=...",
        )
    return value
