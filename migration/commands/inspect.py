"""The command `outgrow migrate inspect`; the work is imported when it runs, so that --help is quick."""

from __future__ import annotations

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
from migration.commands.plan_choice import PlanChoice, choosing_plan
from monitor.errors import ExitCode

EXAMPLES = """
Examples:

  outgrow migrate inspect app.db

  outgrow migrate inspect app.db --json | jq '.notes[] | select(.level == "left")'

Exit codes: 0 every value can be stored; 1 failed; 2 wrong input; 3 some values cannot be stored: an option
must say what to do with them, or their rows would be kept aside.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect", epilog=EXAMPLES)(inspect)


@choosing_plan()
def inspect(
    source: option.Source,
    *,
    plan: PlanChoice,
    as_json: option.AsJson = False,
) -> None:
    """Show what a SQLite file holds, what each column becomes in PostgreSQL and why, and what needs a hand.

    Every row is read, nothing is changed.
    """
    from migration.inspection import inspect_source  # noqa: PLC0415
    from monitor.terminal import emit_json  # noqa: PLC0415

    options = plan.read()
    inspection = inspect_source(source, options)
    if as_json:
        emit_json(inspection)
    else:
        from migration.inspection_text import print_inspection  # noqa: PLC0415

        print_inspection(inspection)
    if inspection.obstacles or inspection.rejects:
        raise typer.Exit(int(ExitCode.DIFFERS))
