"""The command `outgrow migrate lint`; what does the work is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations

EXAMPLES = """
Examples:

  outgrow migrate lint src/

  outgrow migrate lint src/ reports.sql --source app.db

  outgrow migrate lint src/ --ignore null-order,text-order --json | jq '.findings[] | .rule'

Reads .sql files, and the SQL in texts of .ts, .js, .mjs, .cjs, .py, .rb and .go files. With --source, \
types, keys and names of the SQLite file are known, and more can be said. Nothing is run or changed. \
Exit codes: 0 nothing found; 1 failed; 2 wrong usage; 3 findings.
"""

Paths: TypeAlias = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILES_OR_FOLDERS...", help="Files, and folders of them."),
]
SourceFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--source", metavar="SRC", help="The SQLite file behind the SQL; it is only read."),
]
Only: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="RULE,...", help="Ask these rules only; may be repeated.")
]
Ignore: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="RULE,...", help="Do not ask these rules; may be repeated.")
]
ListRules: TypeAlias = Annotated[bool, typer.Option("--list-rules", help="List the rules and end.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lint", epilog=EXAMPLES)(lint)


def lint(
    paths: Paths = None,
    *,
    source: SourceFile = None,
    orm: option.Orm = "auto",
    names: option.Names = "keep",
    rules_file: option.RulesFile = None,
    only: Only = None,
    ignore: Ignore = None,
    list_rules: ListRules = False,
    as_json: option.AsJson = False,
) -> None:
    """Read an application's SQL and say what PostgreSQL refuses or answers otherwise, and what to write."""
    from migration.errors import OptionRefusedError  # noqa: PLC0415
    from migration.lint.catalogue import chosen  # noqa: PLC0415
    from migration.lint.check import lint_files  # noqa: PLC0415
    from migration.lint.known import known_schema  # noqa: PLC0415
    from migration.lint_text import print_lint, print_rules  # noqa: PLC0415
    from migration.rules.reading import read_rules  # noqa: PLC0415
    from migration.schema.options import PlanOptions  # noqa: PLC0415
    from monitor.terminal import emit_json  # noqa: PLC0415

    asked = chosen(_listed(only), _listed(ignore))
    if list_rules:
        if as_json:
            emit_json([{key: value for key, value in vars(rule).items() if key != "find"} for rule in asked])
        else:
            print_rules(asked)
        return
    if not paths:
        raise OptionRefusedError(
            "nothing to lint", next_step="name files or folders: outgrow migrate lint --help"
        )
    known = None
    if source is not None:
        known = known_schema(source, PlanOptions(orm=orm, names=names, rules=read_rules(rules_file)))
    report = lint_files(paths, known=known, source=source, library=orm, rules=asked)
    if as_json:
        emit_json(report.to_json())
    else:
        print_lint(report)
    raise typer.Exit(int(report.exit_code))


def _listed(values: list[str] | None) -> tuple[str, ...]:
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())
