"""The command `outgrow migrate rules`; the work is imported when it runs, so that --help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Source: TypeAlias = Annotated[Path | None, typer.Argument(metavar="SRC", help="The SQLite file.")]
JsonSchema: TypeAlias = Annotated[bool, typer.Option("--schema", help="Print the JSON schema of the rules.")]

EXAMPLES = """
Examples:

  outgrow migrate rules app.db > rules.yaml

  outgrow migrate rules --schema > rules.schema.json

  outgrow migrate inspect app.db --rules rules.yaml

Exit codes: 0 printed; 1 failed; 2 wrong input.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rules", epilog=EXAMPLES)(rules)


def rules(source: Source = None, *, schema: JsonSchema = False) -> None:
    """Print the beginning of a rules file for a source: every table and column in comments.

    What rules can say is told in docs/rules.md.
    """
    from monitor.errors import UsageError  # noqa: PLC0415

    if schema:
        import json  # noqa: PLC0415

        from migration.rules.document import json_schema  # noqa: PLC0415

        typer.echo(json.dumps(json_schema(), indent=2))
        return
    if source is None:
        raise UsageError(
            "there is no source to print rules for",
            next_step="outgrow migrate rules SRC, or outgrow migrate rules --schema",
        )
    from migration.rules.starter import starter  # noqa: PLC0415

    typer.echo(starter(source), nl=False)
