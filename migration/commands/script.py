"""The command `outgrow migrate script`; the work is imported when it runs, so that --help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
from migration.commands.plan_choice import PlanChoice, choosing_plan
from monitor.errors import ExitCode

Out: TypeAlias = Annotated[Path, typer.Option(help="The folder to write to; made if it is missing.")]
Force: TypeAlias = Annotated[bool, typer.Option(help="Replace the files of an earlier script.")]

EXAMPLES = """
Examples:

  outgrow migrate script app.db --out sql

  psql --no-psqlrc --dbname app --file sql/run.sql

Exit codes: 0 written; 1 failed; 2 wrong input, or a folder that is not empty; 3 written, but some rows can
only be kept aside.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("script", epilog=EXAMPLES)(script)


@choosing_plan()
def script(
    source: option.Source,
    *,
    out: Out,
    plan: PlanChoice,
    force: Force = False,
    accept_rejects: option.AcceptRejects = False,
    as_json: option.AsJson = False,
) -> None:
    """Write the migration as numbered SQL files that psql alone can run.

    The folder holds schema, rows, keys, constraints, sequences, a verification, a rollback and a README.
    """
    from migration.script import write_script  # noqa: PLC0415
    from migration.scripting.report import print_script, watching  # noqa: PLC0415
    from monitor.terminal import emit_json  # noqa: PLC0415

    options = plan.read()
    with watching() as advance:
        written = write_script(source, out, options, force=force, advance=advance)
    if as_json:
        emit_json(written)
    else:
        print_script(written)
    if written.rejected and not accept_rejects:
        raise typer.Exit(int(ExitCode.DIFFERS))
