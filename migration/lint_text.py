"""Prints a lint's report for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from migration.schema.wording import counted
from monitor.terminal import out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.lint.findings import Finding, LintReport, Statement, Unread
    from migration.lint.rule import Rule

_COLOURS = {"fails": "bold red", "differs": "yellow", "check": "cyan"}
_MOST = 10
#: Findings of one rule that are shown for one statement.
_ALIKE = 3


def print_lint(report: LintReport) -> None:
    """Every finding with its place, then each statement as PostgreSQL takes it, then the count."""
    of_statement: dict[int, list[Finding]] = {}
    for finding in report.findings:
        of_statement.setdefault(finding.statement, []).append(finding)
    for statement in report.statements:
        found = of_statement.get(statement.number, [])
        for same in _by_rule(found):
            for finding in same[:_ALIKE]:
                _print_finding(finding)
            if len(same) > _ALIKE:
                out.print(f"  and {len(same) - _ALIKE} more of {same[0].rule} in this statement")
        _print_statement(statement, found)
    _print_unread("Not read", report.unread)
    _print_unread("Read word by word only: no parser takes it for a statement of SQLite's", report.unparsed)
    if report.skipped_rules and report.pieces:
        out.print(
            f"Without --source, {counted(len(report.skipped_rules), 'rule')} found nothing: "
            f"{', '.join(report.skipped_rules)}; the SQLite file knows types, keys and names.",
            soft_wrap=True,
        )
    looked = f"{counted(report.pieces, 'piece')} of SQL in {counted(report.files, 'file')}"
    if report.postgres:
        looked += f", {report.postgres:,} of them PostgreSQL's already"
    if not report.findings:
        out.print(f"[bold green]Nothing found[/] in {looked}.", soft_wrap=True)
        return
    levels = ", ".join(
        f"{sum(finding.severity == level for finding in report.findings)} {said}"
        for level, said in (("fails", "fail"), ("differs", "differ"), ("check", "to check"))
    )
    out.print(f"[bold]{counted(len(report.findings), 'finding')}[/] ({levels}) in {looked}.", soft_wrap=True)


def _by_rule(found: Sequence[Finding]) -> list[list[Finding]]:
    """Findings of one statement, those of one rule together, in the order of their first places."""
    groups: dict[str, list[Finding]] = {}
    for finding in found:
        groups.setdefault(finding.rule, []).append(finding)
    return list(groups.values())


def _print_finding(finding: Finding) -> None:
    colour = _COLOURS[finding.severity]
    place = escape(f"{finding.file}:{finding.line}:{finding.column}")
    level = f"[{colour}]{finding.severity}[/]"
    out.print(
        f"[bold]{place}[/] {level} {finding.rule}: {escape(_flat(finding.sql))}",
        soft_wrap=True,
    )
    out.print(f"  {escape(finding.why)}", soft_wrap=True)
    if finding.rewritten is not None:
        written = _flat(finding.rewritten) or "nothing"
        out.print(f"  write: {escape(written)}", soft_wrap=True)
    else:
        out.print(f"  instead: {escape(finding.instead)}", soft_wrap=True)


def _print_statement(statement: Statement, found: Sequence[Finding]) -> None:
    if statement.translated is not None:
        out.print(f"  [bold]on PostgreSQL[/]: {escape(_flat(statement.translated))}\n", soft_wrap=True)
        return
    if statement.rewritten is None or (len(found) == 1 and statement.kind == "fragment"):
        out.print("")
        return
    said = "on PostgreSQL" if statement.complete else "so far, the rest by hand"
    out.print(f"  [bold]{said}[/]: {escape(_flat(statement.rewritten))}\n", soft_wrap=True)


def _flat(text: str) -> str:
    """SQL in one line; in several, where a comment ends with its line."""
    if "--" in text:
        return "\n    ".join(line.rstrip() for line in text.splitlines())
    return " ".join(text.split())


def _print_unread(heading: str, listed: Sequence[Unread]) -> None:
    if not listed:
        return
    out.print(f"[bold]{heading}[/]:")
    for item in listed[:_MOST]:
        out.print(f"  {escape(f'{item.file}:{item.line}: {item.why}')}", soft_wrap=True)
    if len(listed) > _MOST:
        out.print(f"  and {len(listed) - _MOST} more")


def print_rules(rules: Sequence[Rule]) -> None:
    """What each rule is about."""
    for rule in rules:
        needs = " (with --source)" if rule.needs_source else ""
        out.print(
            f"[bold]{rule.id}[/] {rule.severity}{needs}: {escape(rule.title)}",
            soft_wrap=True,
        )
        out.print(f"  {escape(rule.why)}; write {escape(rule.instead)}", soft_wrap=True)
        out.print(f"  {escape(rule.link)}", soft_wrap=True)
