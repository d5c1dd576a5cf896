"""The command `outgrow migrate rejects`; what does the work is imported when it runs."""

from __future__ import annotations

import typer

from migration.commands import options as option  # noqa: TC001  # Typer reads the annotations
from monitor.errors import ExitCode
from monitor.terminal import emit_json, out

EXAMPLES = """
Examples:

  outgrow migrate rejects postgresql://app@db.example/app

  outgrow migrate rejects postgresql://app@db.example/app --json | jq '.rejects[].original'

Only reads. Exit codes: 0 nothing was rejected; 1 failed; 2 wrong input; 3 there are rejected rows.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rejects", epilog=EXAMPLES)(rejects)


def rejects(dsn: option.Dsn, *, schema: option.Schema = "public", as_json: option.AsJson = False) -> None:
    """List the rows that a migration could not store, and why; PostgreSQL keeps them with their bytes."""
    from rich.markup import escape  # noqa: PLC0415

    from migration.target.database import connected  # noqa: PLC0415
    from migration.target.rejects import RejectTable  # noqa: PLC0415

    with connected(dsn) as target:
        kept = RejectTable.find(target, schema)
        found = list(kept.rejects()) if kept is not None else []
        where = kept.shown if kept is not None else None
    if as_json:
        emit_json({"schema": schema, "table": where, "rejects": [item.to_json() for item in found]})
    else:
        for item in found:
            column = f".{item.column}" if item.column else ""
            row = f"rowid {item.rowid}" if item.rowid is not None else "a row without rowid"
            out.print(f"{escape(item.table)}{escape(column)}, {row}: {escape(item.reason)}", soft_wrap=True)
        kept_in = f", kept in {escape(where)}" if where is not None and found else ""
        out.print(f"[bold]{len(found):,} rows rejected{kept_in}[/]", soft_wrap=True)
    if found:
        raise typer.Exit(int(ExitCode.DIFFERS))
