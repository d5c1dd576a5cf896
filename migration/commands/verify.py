"""The command `outgrow migrate verify`; what does the work is imported when it runs."""

from __future__ import annotations

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
from migration.commands.plan_choice import PlanChoice, choosing_plan
from monitor.errors import ExitCode
from monitor.terminal import emit_json, err

EXAMPLES = """
Examples:

  outgrow migrate verify app.db postgresql://app@db.example/app

  outgrow migrate verify app.db postgresql://app@db.example/app --json

Both sides are only read. Exit codes: 0 equal; 1 failed; 2 wrong input; 3 something differs or was rejected, \
and the report names it.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify", epilog=EXAMPLES)(verify)


@choosing_plan(existing=True, without=("truncate_target",))
def verify(
    source: option.Source,
    dsn: option.Dsn,
    *,
    plan: PlanChoice,
    accept_rejects: option.AcceptRejects = False,
    iam_token: option.IamToken = False,
    as_json: option.AsJson = False,
) -> None:
    """Prove that PostgreSQL holds what the SQLite file holds: objects, rows, sequences, orphans."""
    from migration.running.report_text import print_verification  # noqa: PLC0415
    from migration.target.iam import with_parameter  # noqa: PLC0415
    from migration.verify import verify_migration  # noqa: PLC0415

    options = plan.read()
    with err.status("comparing ..."):
        found = verify_migration(source, with_parameter(dsn) if iam_token else dsn, options)
    if as_json:
        emit_json(found.to_json())
    else:
        print_verification(found.to_json())
    rejected = found.rejected and not accept_rejects
    raise typer.Exit(int(ExitCode.DIFFERS if rejected else found.exit_code))
