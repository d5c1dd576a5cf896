"""The command `outgrow demo`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import ExitCode


class App(StrEnum):
    """Which shop plays."""

    AUTO = "auto"
    EXPRESS = "express"
    PYTHON = "python"


def register(app: typer.Typer) -> None:
    """Add `demo` to the command line."""
    app.command("demo")(demo)


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for the artefacts; an earlier demo's is replaced.")
    ] = Path("demo-out"),
    app: Annotated[
        App, typer.Option(help="The shop: Express where Node is usable, else Python; or the one you name.")
    ] = App.AUTO,
    scale: Annotated[
        float,
        typer.Option(
            min=0.001, max=1.0, help="Multiplies the limits of load, so that one machine can reach them."
        ),
    ] = 0.05,
    json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON, the story on stderr.")
    ] = False,
) -> None:
    """Tell the whole story on this machine: load, falling score, migration, promotion, recovery.

    Needs no cloud account and listens on 127.0.0.1 only. Ends by itself; what it leaves is in the folder OUT.

    Examples:

      outgrow demo

      outgrow demo --app python --out /tmp/demo

      outgrow demo --json > summary.json
    """
    from examples.demo.story import Wishes, tell_story  # noqa: PLC0415  # the story imports every folder
    from monitor.terminal import emit_json, err  # noqa: PLC0415
    from monitor.terminal import out as terminal  # noqa: PLC0415

    outcome = tell_story(Wishes(out, app.value, scale), err if json else terminal)
    if json:
        emit_json(outcome.summary())
    else:
        terminal.print(f"\nEverything it made is in {out}/; begin with {out}/summary.json.", soft_wrap=True)
    if not outcome.kept:
        raise typer.Exit(int(ExitCode.DIFFERS))
