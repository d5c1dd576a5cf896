"""The command `outgrow migrate orm-check`; what does the work is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
from monitor.terminal import emit_json, err, out

EXAMPLES = """
Examples:

  outgrow migrate orm-check postgresql://app@db.example/app --app ../shop

  outgrow migrate orm-check postgresql://app@db.example/app --app ../shop --data-source dist/db.js --json

Runs the application's own TypeORM as `typeorm schema:log` does, in a process of Node's, with synchronize \
and migrations switched off. The environment is passed on: set what makes your entities those of PostgreSQL. \
Exit codes: 0 TypeORM finds nothing to change; 1 it could not be asked; 2 wrong input; 3 it would change \
something, and the statements are printed.
"""

App: TypeAlias = Annotated[Path, typer.Option("--app", help="The application's folder, with node_modules.")]
Module: TypeAlias = Annotated[
    Path, typer.Option("--data-source", help="The module in it that exports the DataSource.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("orm-check", epilog=EXAMPLES)(orm_check)


def orm_check(
    dsn: option.Dsn,
    *,
    app: App = Path(),
    data_source: Module = Path("dist/data-source.js"),
    as_json: option.AsJson = False,
) -> None:
    """Let the application's TypeORM say what it would change in the migrated schema: it must be nothing."""
    from migration.orm_check import check_application  # noqa: PLC0415

    with err.status("asking TypeORM ..."):
        found = check_application(app, data_source, dsn)
    if as_json:
        emit_json(found.to_json())
    elif found.statements:
        out.print(f"[bold red]TypeORM would change {len(found.statements)} things[/]:")
        for statement in found.statements:
            out.print(f"  {statement}", markup=False, highlight=False, soft_wrap=True)
        if found.types:
            out.print(
                "\nmigrate again with these rules (--rules FILE), and the types are those of the entities:"
            )
            out.print(found.rules(), markup=False, highlight=False, soft_wrap=True)
    else:
        out.print(f"TypeORM finds nothing to change for {found.entities} entities")
    raise typer.Exit(int(found.exit_code))
