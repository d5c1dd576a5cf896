"""The command `outgrow migrate script`; the work is imported when it runs, so that --help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
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


def script(
    source: option.Source,
    *,
    out: Out,
    schema: option.Schema = "public",
    orm: option.Orm = "auto",
    nul_policy: option.NulPolicy = "refuse",
    invalid_utf8: option.InvalidUtf8 = "refuse",
    misfits: option.Misfits = "auto",
    blanks: option.Blanks = "auto",
    boolean_words: option.BooleanWords = False,
    names: option.Names = "keep",
    include: option.Include = None,
    exclude: option.Exclude = None,
    rules: option.RulesFile = None,
    fts: option.Fts = "skip",
    nocase: option.Nocase = "lower",
    comments: option.Comments = "auto",
    force: Force = False,
    accept_rejects: option.AcceptRejects = False,
    as_json: option.AsJson = False,
) -> None:
    """Write the migration as numbered SQL files that psql alone can run.

    The folder holds schema, rows, keys, constraints, sequences, a verification, a rollback and a README.
    """
    from migration.rules.reading import read_rules  # noqa: PLC0415
    from migration.schema.options import PlanOptions  # noqa: PLC0415
    from migration.script import write_script  # noqa: PLC0415
    from migration.scripting.report import print_script, watching  # noqa: PLC0415
    from monitor.terminal import emit_json  # noqa: PLC0415

    options = PlanOptions(
        schema=schema,
        nul_policy=nul_policy,
        invalid_utf8=invalid_utf8,
        misfits=misfits,
        blanks=blanks,
        boolean_words=boolean_words,
        fts=fts,
        nocase=nocase,
        comments=comments,
        orm=orm,
        names=names,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        rules=read_rules(rules),
    )
    with watching() as advance:
        written = write_script(source, out, options, force=force, advance=advance)
    if as_json:
        emit_json(written)
    else:
        print_script(written)
    if written.rejected and not accept_rejects:
        raise typer.Exit(int(ExitCode.DIFFERS))
