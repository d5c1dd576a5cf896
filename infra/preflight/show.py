"""A preflight's report on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table

from infra.preflight.finding import Status
from monitor.terminal import out

if TYPE_CHECKING:
    from infra.preflight.finding import Report

SIGNS: Final = {
    Status.PASS: "[green]pass[/]",
    Status.FAIL: "[bold red]FAIL[/]",
    Status.UNKNOWN: "[yellow]unknown[/]",
}


def show_report(report: Report) -> None:
    """Print what was found, failures first, and what to do about them."""
    out.print(f"[bold]{report.phase}[/] in account {report.account}, asked as {escape(report.identity)}")
    table = Table()
    for heading in ("", "Check", "Region", "Subject", "Found"):
        table.add_column(heading, overflow="fold")
    for one in report.findings:
        table.add_row(SIGNS[one.status], one.check, one.region, escape(one.subject), escape(one.detail))
    out.print(table)
    for step in dict.fromkeys(one.next_step for one in report.findings if one.next_step):
        out.print(f"next: {escape(step)}", soft_wrap=True)
    counts = ", ".join(f"{report.count(status)} {status}" for status in Status)
    out.print(f"{counts}; nothing was changed")
