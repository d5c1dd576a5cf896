"""`outgrow report`: gather, reckon, write."""

from __future__ import annotations

import os
import sys
from pathlib import Path  # noqa: TC003  # Typer resolves it at run time
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.terminal import emit_json, err

if TYPE_CHECKING:
    from infra.report.facts import Gathered


def report(
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="The HTML file to write.", metavar="FILE.html")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of a running monitor.", metavar="URL")] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            help="A monitor's store: alone, or as the history beside another source.", metavar="FILE"
        ),
    ] = None,
    snapshot: Annotated[
        Path | None, typer.Option(help="Measurements as JSON; - reads standard input.", metavar="FILE")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="SQLite file or PostgreSQL connection string.", metavar="FILE_OR_DSN")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.25, max=600, help="With --database: how long to watch.")
    ] = 2.0,
    phase: Annotated[
        str | None,
        typer.Option(help="Judge by this phase's limits.", show_default="the snapshot's, or phase-1"),
    ] = None,
    title: Annotated[
        str, typer.Option(help="The report's title.")
    ] = "Infrastructure and scalability analysis",
    value_per_user: Annotated[
        float | None,
        typer.Option(
            min=0, help="What a concurrent user is worth in a month, US dollars.", show_default="0.10"
        ),
    ] = None,
    token_env: Annotated[
        str | None, typer.Option(help="With --url: environment variable holding the token.", metavar="NAME")
    ] = None,
    stacks: Annotated[
        Path | None, typer.Option("--stacks", metavar="DIR", help="Folder of the stack files.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the report's contents as JSON.")] = False,
) -> None:
    """Write the analysis report for people who decide: capacity, matrix, roadmap, cost-benefit, forecast.

    It is made from measurements; what was not measured is called unknown.
    One HTML file without scripts or requests; it prints on A4.

    \b
    Examples:
      outgrow report --url http://127.0.0.1:9464 --out report.html
      outgrow report --database shop.db --store shop.history --out report.html
      outgrow report --snapshot measured.json --out report.html
        --title "Shop, autumn 2026" --value-per-user 0.5
      outgrow report --snapshot measured.json --json | jq .climbs
    """  # noqa: D301  # \b keeps the examples' lines apart in the help
    from infra.report.gathering import WrongSources  # noqa: PLC0415
    from infra.report.page import contents, render  # noqa: PLC0415

    if sum(source is not None for source in (url, snapshot, database)) > 1 or (url and store):
        raise WrongSources(
            "more than one source of measurements was given",
            next_step="give one of --url, --snapshot, --database; --store adds a history to the last two",
        )
    if out is None and not json_output:
        raise WrongSources("the report has no file to go to", next_step="give --out report.html, or --json")
    gathered = _gather(url, snapshot, database, store, seconds, phase, token_env, stacks)
    shown = contents(gathered, title, value_per_user, stacks)
    if out is not None:
        _write(out, render(shown))
        err.print(f"wrote {out}: {shown['headline']}", soft_wrap=True, markup=False)
    if json_output:
        emit_json(shown)


def _gather(  # noqa: PLR0917  # one option each
    url: str | None,
    snapshot: Path | None,
    database: str | None,
    store: Path | None,
    seconds: float,
    phase: str | None,
    token_env: str | None,
    stacks: Path | None,
) -> Gathered:
    from infra.report import gathering  # noqa: PLC0415

    if url is not None:
        token = os.environ.get(token_env) if token_env else None
        return gathering.gather_url(url, token=token, stacks=stacks)
    if snapshot is not None:
        document = sys.stdin.buffer.read() if str(snapshot) == "-" else _read(snapshot)
        return gathering.gather_snapshot(document, snapshot.name, store=store, phase=phase, stacks=stacks)
    if database is not None:
        return gathering.gather_database(database, seconds=seconds, store=store, phase=phase, stacks=stacks)
    if store is not None:
        return gathering.gather_store(store, phase=phase, stacks=stacks)
    raise gathering.WrongSources(
        "a report needs a source of measurements",
        next_step="give one of --url URL, --database FILE, --snapshot FILE, --store FILE",
    )


def _read(path: Path) -> bytes:
    from infra.report.gathering import WrongSources  # noqa: PLC0415

    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongSources(f"{path} cannot be read", why=error.strerror or str(error)) from None


def _write(path: Path, text: str) -> None:
    """Write beside the place and rename, so that no half report is ever there."""
    from infra.report.gathering import WrongSources  # noqa: PLC0415

    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WrongSources(f"{path} cannot be written", why=error.strerror or str(error)) from None
