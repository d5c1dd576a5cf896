"""Arguments and options that the migrate commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from migration.schema.options import OrmChoice

Source: TypeAlias = Annotated[Path, typer.Argument(metavar="SRC", help="The SQLite file; it is only read.")]
Dsn: TypeAlias = Annotated[
    str, typer.Argument(metavar="DSN", help="The PostgreSQL database: a URL or key=value pairs.")
]
Schema: TypeAlias = Annotated[str, typer.Option(help="The PostgreSQL schema of the migrated tables.")]
Journal: TypeAlias = Annotated[
    Path | None, typer.Option(help="The file that remembers the steps (default: beside the source).")
]
Orm: TypeAlias = Annotated[
    OrmChoice, typer.Option("--profile", "--orm", help="The library that made the file (auto: recognise it).")
]
NulPolicy: TypeAlias = Annotated[
    Literal["refuse", "strip", "replace", "reject", "bytea"],
    typer.Option(help="What becomes of U+0000 in text."),
]
InvalidUtf8: TypeAlias = Annotated[
    Literal["refuse", "replace", "latin-1", "reject", "bytea"],
    typer.Option(help="What becomes of damaged text."),
]
Misfits: TypeAlias = Annotated[
    Literal["auto", "widen", "reject"],
    typer.Option(help="Values that the declared type cannot hold: a wider type, or the rows rejected."),
]
Blanks: TypeAlias = Annotated[
    Literal["auto", "null", "reject", "refuse"],
    typer.Option(help="'', '0000-00-00' and 0 as dates, '' as number or boolean: NULL, rejected, refused."),
]
BooleanWords: TypeAlias = Annotated[
    bool, typer.Option("--boolean-words", help="Read yes, no, y, n, on and off as booleans.")
]
Names: TypeAlias = Annotated[
    Literal["keep", "lower", "snake"], typer.Option(help="How names are spelled on the target.")
]
Include: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="TABLE", help="Migrate only these tables and views (*, ?); may be repeated."),
]
Exclude: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="TABLE", help="Leave out these tables and views (*, ?); may be repeated."),
]
RulesFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--rules", help="A YAML file with your rules for tables and columns: docs/rules.md."),
]
IamToken: TypeAlias = Annotated[
    bool, typer.Option("--iam-token", help="Connect to RDS or Aurora with a token of AWS IAM, no password.")
]
TargetFirst: TypeAlias = Annotated[
    bool, typer.Option("--target-first", help="Load into the tables that the application has made there.")
]
CreateMissing: TypeAlias = Annotated[
    bool, typer.Option("--create-missing", help="With --target-first: make the tables it has not.")
]
TruncateTarget: TypeAlias = Annotated[
    bool, typer.Option("--truncate-target", help="With --target-first: first delete the rows it holds.")
]
DropColumns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--drop-column",
        metavar="TABLE.COLUMN",
        help="With --target-first: leave a column behind that the target has not (repeatable).",
    ),
]
Fts: TypeAlias = Annotated[
    Literal["skip", "tsvector"],
    typer.Option(help="What becomes of a full-text search: left, or a GIN index over to_tsvector()."),
]
Nocase: TypeAlias = Annotated[
    Literal["lower", "citext", "icu"],
    typer.Option(help="How COLLATE NOCASE goes on: indexes over lower(), type citext, an ICU collation."),
]
Comments: TypeAlias = Annotated[
    Literal["auto", "yes", "no"],
    typer.Option(help="Comments beside columns become PostgreSQL's (auto: not where an ORM made the file)."),
]
Jobs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        help="How many connections work at the same time (default: one for each processor, 2 to 4).",
    ),
]
Verify: TypeAlias = Annotated[bool, typer.Option(help="Compare both sides before the run is finished.")]
AcceptRejects: TypeAlias = Annotated[
    bool, typer.Option("--accept-rejects", help="Rejected rows are no reason for exit code 3.")
]
MaxRejects: TypeAlias = Annotated[
    int, typer.Option(min=0, help="End the run where more rows of one table cannot be stored.")
]
Rejects: TypeAlias = Annotated[
    Path | None, typer.Option(help="The file for rejected rows (default: beside the journal).")
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Print every step and statement; change nothing.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print everything as one JSON document.")]
