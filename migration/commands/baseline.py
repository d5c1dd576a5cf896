"""The command `outgrow migrate baseline`; what does the work is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
from monitor.terminal import emit_json, out

EXAMPLES = """
Examples:

  outgrow migrate baseline app.db --out src/migrations

  outgrow migrate baseline app.db --out src/migrations --record postgresql://app@db.example/app

  outgrow migrate baseline app.db --out migrations --language js --json

The migrations of a SQLite application hold SQLite's SQL; put this one in their place. It does nothing where \
the tables are there already. With --record the named database also counts it as run, so that TypeORM's \
migration:run has nothing to do there. Exit codes: 0 written; 1 failed; 2 wrong input.
"""

Folder: TypeAlias = Annotated[Path, typer.Option("--out", help="The folder of the application's migrations.")]
InLanguage: TypeAlias = Annotated[Literal["ts", "js"], typer.Option(help="TypeScript, or CommonJS.")]
Record: TypeAlias = Annotated[
    str | None, typer.Option(metavar="DSN", help="A migrated database that shall count it as run.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("baseline", epilog=EXAMPLES)(baseline)


def baseline(
    source: option.Source,
    *,
    folder: Folder,
    language: InLanguage = "ts",
    record: Record = None,
    schema: option.Schema = "public",
    orm: option.Orm = "auto",
    rules: option.RulesFile = None,
    as_json: option.AsJson = False,
) -> None:
    """Write a TypeORM migration that makes the migrated schema, in place of SQLite's migrations."""
    from migration.baseline import make_baseline  # noqa: PLC0415
    from migration.rules.reading import read_rules  # noqa: PLC0415
    from migration.schema.options import PlanOptions  # noqa: PLC0415

    options = PlanOptions(schema=schema, orm=orm, rules=read_rules(rules))
    written = make_baseline(source, folder, options, language=language, record=record)
    if as_json:
        emit_json(written.to_json())
        return
    out.print(f"wrote {written.file}", soft_wrap=True, highlight=False)
    if written.recorded:
        out.print(f"the database counts {written.name} as run", soft_wrap=True, highlight=False)
