"""The command `outgrow migrate run`; what does the work is imported when it runs, so that --help is quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
from migration.commands.plan_choice import PlanChoice, choosing_plan
from monitor.terminal import emit_json, err

if TYPE_CHECKING:
    from pathlib import Path

    from migration.run import RunOptions
    from migration.running.report import RunReport
    from migration.source.file import PageCheck

EXAMPLES = """
Examples:

  outgrow migrate run app.db postgresql://app@db.example/app

  outgrow migrate run app.db "host=/run/postgresql dbname=app" --schema shop --json

  outgrow migrate run app.db postgresql://app@db.example/app --dry-run

  outgrow migrate run app.db postgresql://app@db.example/app --rules rules.yaml --exclude 'tmp_*'

  outgrow migrate run app.db postgresql://app@db.example/app --target-first

The file may be in use: in WAL mode the application can write on, and the report says so if it did; in any \
other mode its writes wait, or fail as "locked", until the rows are copied and compared. The password comes \
from PGPASSWORD, ~/.pgpass, a service file or the connection string, as with psql. After an interruption the \
same command goes on where it stopped. Exit codes: 0 everything arrived; 1 failed, go on with the same \
command; 2 wrong input; 3 finished, but something named in the report was rejected or arrived otherwise.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", epilog=EXAMPLES)(run)


@choosing_plan(existing=True)
def run(
    source: option.Source,
    dsn: option.Dsn,
    *,
    plan: PlanChoice,
    journal: option.Journal = None,
    iam_token: option.IamToken = False,
    jobs: option.Jobs = None,
    verify: option.Verify = True,
    accept_rejects: option.AcceptRejects = False,
    max_rejects: option.MaxRejects = 1_000,
    rejects: option.Rejects = None,
    dry_run: option.DryRun = False,
    as_json: option.AsJson = False,
) -> None:
    """Migrate a SQLite file into PostgreSQL: tables, rows, keys, indexes, sequences, and the proof."""
    from migration.source.file import PageCheck, check_source  # noqa: PLC0415

    if iam_token:
        from migration.target.iam import with_parameter  # noqa: PLC0415

        dsn = with_parameter(dsn)

    def options() -> RunOptions:
        from migration.run import RunOptions  # noqa: PLC0415

        return RunOptions(plan.read(), journal, verify, accept_rejects, max_rejects, rejects, jobs)

    if dry_run:
        _show_steps(source, dsn, options(), as_json=as_json)
        return
    # The pages are checked while Python imports what does the rest.
    with PageCheck(check_source(source, deep=False)) as pages:
        report = _migrate(source, dsn, options(), pages)
    if as_json:
        emit_json(report.to_json())
    else:
        from migration.running.report_text import print_report  # noqa: PLC0415

        print_report(report)
    raise typer.Exit(int(report.exit_code))


def _migrate(source: Path, dsn: str, options: RunOptions, pages: PageCheck) -> RunReport:
    from migration.run import run_migration  # noqa: PLC0415
    from migration.running.progress import Lines, Live  # noqa: PLC0415

    if not err.is_terminal:
        return run_migration(source, dsn, options, Lines(), pages=pages)
    with Live() as progress:
        return run_migration(source, dsn, options, progress, pages=pages)


def _show_steps(source: Path, dsn: str, options: RunOptions, *, as_json: bool) -> None:
    from migration.running.dry_run import dry_run  # noqa: PLC0415
    from migration.running.report_text import print_steps  # noqa: PLC0415

    planned = dry_run(source, dsn, options)
    if as_json:
        emit_json(planned)
    else:
        print_steps(planned)
