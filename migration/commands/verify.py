"""The command `outgrow migrate verify`; what does the work is imported when it runs."""

from __future__ import annotations

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
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


def verify(
    source: option.Source,
    dsn: option.Dsn,
    *,
    schema: option.Schema = "public",
    orm: option.Orm = "auto",
    nul_policy: option.NulPolicy = "refuse",
    invalid_utf8: option.InvalidUtf8 = "refuse",
    misfits: option.Misfits = "auto",
    blanks: option.Blanks = "auto",
    boolean_words: option.BooleanWords = False,
    fts: option.Fts = "skip",
    nocase: option.Nocase = "lower",
    comments: option.Comments = "auto",
    accept_rejects: option.AcceptRejects = False,
    names: option.Names = "keep",
    include: option.Include = None,
    exclude: option.Exclude = None,
    rules: option.RulesFile = None,
    iam_token: option.IamToken = False,
    target_first: option.TargetFirst = False,
    create_missing: option.CreateMissing = False,
    drop_column: option.DropColumns = None,
    as_json: option.AsJson = False,
) -> None:
    """Prove that PostgreSQL holds what the SQLite file holds: objects, rows, sequences, orphans."""
    from migration.rules.reading import read_rules  # noqa: PLC0415
    from migration.running.report_text import print_verification  # noqa: PLC0415
    from migration.schema.options import PlanOptions  # noqa: PLC0415
    from migration.target.iam import with_parameter  # noqa: PLC0415
    from migration.verify import verify_migration  # noqa: PLC0415

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
        target_first=target_first,
        create_missing=create_missing,
        drop_columns=tuple(drop_column or ()),
    )
    with err.status("comparing ..."):
        found = verify_migration(source, with_parameter(dsn) if iam_token else dsn, options)
    if as_json:
        emit_json(found.to_json())
    else:
        print_verification(found.to_json())
    rejected = found.rejected and not accept_rejects
    raise typer.Exit(int(ExitCode.DIFFERS if rejected else found.exit_code))
