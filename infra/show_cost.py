"""What users, use and phases make of a bill, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from monitor.terminal import out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.cost_levels import LineDifference, PerUser
    from infra.report.economics import Climb


def show_per_user(found: PerUser, age: int | None) -> None:
    """Print the cost of a user against the mission's limit, and how old prices are where they are too old."""
    verdict = "[green]below[/]" if found.met else "[bold red]not below[/]"
    out.print(
        f"{found.usd:.4f} USD a user and month at {found.users:,} users: "
        f"{verdict} the limit of {found.target:g}"
    )
    if age is not None:
        out.print(
            f"[yellow]the prices are {age} days old; compare them with AWS's before you rely on them[/]"
        )


def show_comparison(before: str, after: str, lines: Iterable[LineDifference]) -> None:
    """Print two bills beside each other."""
    table = Table(title="US dollars a month", title_justify="left")
    table.add_column("Line")
    for heading in (before, after, "Difference"):
        table.add_column(heading, justify="right")
    for one in lines:
        if one.line == "total":
            table.add_section()
        table.add_row(one.line, f"{one.before:,.2f}", f"{one.after:,.2f}", f"{one.difference:+,.2f}")
    out.print(table)


def show_benefits(climbs: Iterable[Climb]) -> None:
    """Print each climb: what it costs once and each month, what it carries, from when it pays."""
    table = Table(title="What each climb costs and carries", title_justify="left")
    for heading in (
        "Climb",
        "Once",
        "A month",
        "Users",
        "Cost",
        "Return",
        "Cheaper a user from",
        "Needed beyond",
    ):
        table.add_column(heading, justify="left" if heading == "Climb" else "right")
    for one in climbs:
        table.add_row(
            f"{one.start} to {one.end}",
            _number(one.investment_usd, "{:,.0f}"),
            _number(one.extra_usd, "{:+,.2f}"),
            f"x{one.capacity_factor:g}",
            _number(one.cost_factor, "x{:.1f}"),
            _number(one.return_factor, "{:.1f}"),
            _number(one.cheaper_from, "{:,.0f}"),
            f"{one.needed_from:,.0f}",
        )
    out.print(table)
    out.print(
        "Once is the mission's estimate in US dollars. Return is users gained for each part of cost added."
    )


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)
