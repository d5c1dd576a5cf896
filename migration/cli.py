"""The migrate commands."""

from __future__ import annotations

import typer

from migration.commands import baseline as baseline_command
from migration.commands import inspect as inspect_command
from migration.commands import lint as lint_command
from migration.commands import orm_check as orm_check_command
from migration.commands import rejects as rejects_command
from migration.commands import rules as rules_command
from migration.commands import run as run_command
from migration.commands import script as script_command
from migration.commands import verify as verify_command


def register(app: typer.Typer) -> None:
    """Add `outgrow migrate` with its commands."""
    group = typer.Typer(no_args_is_help=True, help="Move a SQLite file to PostgreSQL, and prove it.")
    for command in (
        *(inspect_command, rules_command, script_command, run_command, verify_command),
        *(rejects_command, baseline_command, orm_check_command, lint_command),
    ):
        command.register(group)
    app.add_typer(group, name="migrate")
