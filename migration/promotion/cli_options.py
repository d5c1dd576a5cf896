"""The options of `outgrow promote`, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_JOURNAL = Path("promotion.outgrow-journal")

Journal = Annotated[Path, typer.Option("--journal", metavar="FILE", help="The promotion's journal.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take the journal from a process on another host that is gone.")
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="DSN|env:NAME",
        help="The PostgreSQL database to fill. Where it has a password use env:NAME: arguments show in "
        "process lists. Left out: the database that the runner's outputs name. Never stored, so a resume "
        "needs it again.",
    ),
]

# What is promoted, and how it is planned
To = Annotated[str | None, typer.Option("--to", metavar="PHASE", help="The phase to climb to.")]
From = Annotated[str, typer.Option("--from", metavar="PHASE", help="The phase the application is in.")]
Database = Annotated[
    Path | None, typer.Option("--database", metavar="FILE", help="The application's SQLite file.")
]
Runner = Annotated[
    str, typer.Option(help="rehearsal (no cloud account is touched) or pulumi (the real Pulumi CLI).")
]
State = Annotated[Path | None, typer.Option(metavar="FILE", help="The rehearsal runner's state file.")]
Stacks = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Another folder of stack files.")]

# The gates
Monitor = Annotated[
    str | None, typer.Option(metavar="URL", help="The monitor sidecar that says whether to climb.")
]
MonitorTokenEnv = Annotated[
    str | None, typer.Option(metavar="NAME", help="The environment variable with the monitor's token.")
]
Assessment = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="An assessment saved from the monitor, instead of --monitor."),
]
Decision = Annotated[str, typer.Option(help="What the monitor must say at least: plan or urgent.")]
Sustained = Annotated[
    float, typer.Option(metavar="SECONDS", help="For how long it must have said so, without a break.")
]
MaxAge = Annotated[float, typer.Option(metavar="SECONDS", help="How old the assessment may be.")]
ApproveAs = Annotated[
    str | None, typer.Option(metavar="NAME", help="Approve the plan with this command, as NAME.")
]
AcceptCost = Annotated[
    str | None, typer.Option(metavar="NAME", help="NAME takes on a cost over the phase's budget.")
]

# The application
StopCommand = Annotated[
    str | None, typer.Option(help="Stops the application. Left out: the fence alone ends its writing.")
]
SwitchCommand = Annotated[
    str | None,
    typer.Option(
        help="Starts the application on PostgreSQL. Runs without a shell, finds OUTGROW_DATABASE_URL and "
        "OUTGROW_PHASE in its environment, and may run again after a crash."
    ),
]
RevertCommand = Annotated[
    str | None, typer.Option(help="Starts the application on the SQLite file again, after a failure.")
]
CommandTimeout = Annotated[
    float, typer.Option(metavar="SECONDS", help="How long each of these commands may take.")
]
HealthUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Answers with 2xx while the application is well.")
]
HealthTimeout = Annotated[
    float, typer.Option(metavar="SECONDS", help="How long the application may take to become well.")
]
HealthTimeoutAgain = Annotated[
    float | None,
    typer.Option("--health-timeout", metavar="SECONDS", help="Another limit for becoming well."),
]
FenceTimeout = Annotated[
    float, typer.Option(metavar="SECONDS", help="How long to wait for running SQLite transactions.")
]
