"""The command line: assembles the folders' sub-commands. No logic lives here."""

from __future__ import annotations

import os
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
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback behind an error.")] = False,
) -> None:
    """Measure when an application outgrows SQLite, migrate it to PostgreSQL, promote its Pulumi stack."""
    del debug  # main reads it: an error may come before the options are parsed


for folder in (monitor.cli, infra.cli, migration.cli, migration.promotion.cli, examples.demo.cli):
    folder.register(app)


def main() -> None:
    """Run the command line; an error is printed as what, why and the next step, and decides the exit code."""
    try:
        app()
    except OutgrowError as error:
        _tell(error.what, error.why, error.next_step)
        sys.exit(int(error.exit_code))
    except KeyboardInterrupt:
        err.print("interrupted; what was done is kept, and the same command goes on from there")
        sys.exit(int(ExitCode.FAILED))
    except BrokenPipeError:
        # The reader of our output went away; Python must not complain about that once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.FAILED))
    except Exception as error:  # noqa: BLE001  # a defect of ours: still one clear line, and the traceback on demand
        _tell(
            "Outgrow met something it did not expect",
            f"{type(error).__name__}: {error}",
            "run it again as `outgrow --debug ...` and report the traceback",
        )
        sys.exit(int(ExitCode.FAILED))


def _tell(what: str, why: str, next_step: str) -> None:
    if "--debug" in sys.argv:
        traceback.print_exc()
    err.print(f"[bold red]error:[/] {escape(what)}", soft_wrap=True)
    if why:
        err.print(f"  why:  {escape(why)}", soft_wrap=True)
    if next_step:
        err.print(f"  next: {escape(next_step)}", soft_wrap=True)


if __name__ == "__main__":
    main()
