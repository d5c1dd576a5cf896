"""`outgrow optimize`: parse, look, show, and on request apply."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer resolves it at run time
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import ExitCode
from monitor.terminal import emit_json, err, out

if TYPE_CHECKING:
    from monitor.optimize.querylog import QueryLog


def optimize(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="The SQLite file the application writes to.")],
    *,
    queries: Annotated[
        Path | None,
        typer.Option(help="The application's queries: SQL, JSON lines, or TypeORM's log.", metavar="FILE"),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Take the slow queries a running monitor knows.", metavar="URL")
    ] = None,
    token_env: Annotated[
        str | None, typer.Option(help="With --url: environment variable holding the token.", metavar="NAME")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Make a verified backup, then change the file.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --apply: say what would be done, and do nothing.")
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="How long to run queries, and to try indexes.")
    ] = 120.0,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=600, help="Seconds after which one query is interrupted.")
    ] = 5.0,
    wait: Annotated[float, typer.Option(min=0, max=600, help="Seconds to wait for a lock on SRC.")] = 5.0,
    max_lock: Annotated[
        float,
        typer.Option(min=0, max=3600, help="With --apply: the longest that writers may have to wait."),
    ] = 5.0,
    work: Annotated[
        Path | None,
        typer.Option(help="Folder for the copy.", metavar="DIR", show_default="the temporary files'"),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make SQLite faster: the log mode, statistics, indexes that are proven to help, slow query patterns.

    Everything is tried on a copy; SRC is only read, unless --apply is given.
    An index is proposed only if queries ran measurably faster with it and
    answered the same. --apply keeps SRC.backup-DATE beside the file.

    Exit status: 0 nothing remains that --apply would do; 3 something does;
    4 SRC is locked, or the changes would lock it for longer than --max-lock.

    \b
    Examples:
      outgrow optimize shop.db
      outgrow optimize shop.db --queries ormlogs.log
      outgrow optimize shop.db --queries slow.sql --apply --dry-run
      outgrow optimize shop.db --url http://127.0.0.1:9464 --apply
      outgrow optimize shop.db --queries log.jsonl --json | jq .indexes
    """  # noqa: D301  # \b keeps the examples' lines apart in the help
    from monitor.optimize.advising import Wishes, advise  # noqa: PLC0415
    from monitor.optimize.applying import apply as carry_out  # noqa: PLC0415
    from monitor.optimize.rendering import render, render_applied  # noqa: PLC0415
    from monitor.optimize.trial import Limits  # noqa: PLC0415

    if queries is not None and url is not None:
        from monitor.optimize.errors import BadQueryLog  # noqa: PLC0415

        raise BadQueryLog("two sources of queries were given", next_step="give --queries or --url, not both")
    wishes = Wishes(seconds=seconds, limits=Limits(seconds=timeout), wait_s=wait, work=work)
    log = _log(queries, url, token_env)
    with err.status("looking", spinner="dots") as status:
        advice = advise(source, log, wishes, status.update)
    changing = apply and not dry_run
    applied = carry_out(source, advice, wait_s=wait, max_lock_s=max_lock) if changing else None
    if json_output:
        emit_json({"advice": advice, "applied": applied})
    elif applied is None:
        out.print(render(advice, dry_run=apply))
    else:
        out.print(render_applied(applied, advice))
    if advice.changes and not changing:
        raise typer.Exit(ExitCode.DIFFERS)


def _log(queries: Path | None, url: str | None, token_env: str | None) -> QueryLog | None:
    if queries is not None:
        from monitor.optimize.querylog import read_log  # noqa: PLC0415

        return read_log(queries)
    if url is None:
        return None
    import os  # noqa: PLC0415

    from monitor.optimize.slow_record import fetch_slow_queries  # noqa: PLC0415

    return fetch_slow_queries(url, token=os.environ.get(token_env) if token_env else None)
