"""The command line: assembles the folders' sub-commands. No logic lives here."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer
from rich.markup import escape

import examples.demo.cli
import infra.cli
import migration.cli
import migration.promotion.cli
import monitor.cli
from monitor.errors import ExitCode, OutgrowError
from monitor.terminal import err

app = typer.Typer(
    name="outgrow",
    help="Measure when an application outgrows SQLite, migrate it to PostgreSQL, promote its Pulumi stack.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,  # noqa: ARG001  # read by main
) -> None:
    """Every command has --help; --debug shows the traceback behind an error."""


for folder in (monitor.cli, infra.cli, migration.cli, migration.promotion.cli, examples.demo.cli):
    folder.register(app)


def main() -> None:
    """Run the command line; print errors as what, why and the next step, and exit with the documented code."""
    try:
        app()
    except OutgrowError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        err.print(f"[bold red]error:[/] {escape(error.what)}", soft_wrap=True)
        if error.why:
            err.print(f"  why:  {escape(error.why)}", soft_wrap=True)
        if error.next_step:
            err.print(f"  next: {escape(error.next_step)}", soft_wrap=True)
        sys.exit(int(error.exit_code))
    except KeyboardInterrupt:
        err.print("interrupted; nothing is lost, the same command continues where it stopped")
        sys.exit(int(ExitCode.FAILED))


if __name__ == "__main__":
    main()
