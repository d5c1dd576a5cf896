"""Plans, bills and findings on a terminal."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from infra.changes import Operation
from infra.graph import PROVIDER_PREFIX
from infra.policy.rule import Severity
from monitor.terminal import err, out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.changes import Changes
    from infra.cost import Cost, CostItem
    from infra.doctor import Finding
    from infra.plan import Plan, PlannedResource
    from infra.policy.rule import Rule
    from infra.policy.stack import PolicyReport
    from infra.release_check import Release
    from infra.runners.protocol import Event
    from monitor.phases import Budget

#: What each operation looks like: the sign and the colour people know from other planners.
SIGNS = {
    Operation.CREATE: "[green]+[/]",
    Operation.UPDATE: "[yellow]~[/]",
    Operation.REPLACE: "[magenta]±[/]",
    Operation.DELETE: "[red]-[/]",
}
#: Changes shown one by one; more are counted.
SHOWN_CHANGES = 30


def show_plan(plan: Plan) -> None:
    """Print a plan: what is there by component, what it costs, what would change."""
    custom = [one for one in plan.resources if not one.type.startswith(("pulumi:", "outgrow:"))]
    out.print(
        f"[bold]{plan.phase}[/]: {len(custom)} resources, evaluated offline; nothing is deployed by a plan"
    )
    out.print(component_tree(plan.resources))
    show_cost(plan.monthly_cost, plan.budget)
    show_policy(plan.policy)
    since = f"as if {plan.from_phase} became it" if plan.from_phase else "against what has been rehearsed"
    show_changes(plan.changes, since)
    out.print(f"plan {plan.hash}")


def component_tree(resources: Iterable[PlannedResource]) -> Tree:
    """Group resources below their components; equal types of one component share a line."""
    children: dict[str | None, list[PlannedResource]] = defaultdict(list)
    for resource in resources:
        children[resource.parent].append(resource)

    def grow(branch: Tree, urn: str) -> None:
        plain: dict[str, list[PlannedResource]] = defaultdict(list)
        for child in children[urn]:
            if child.urn in children:
                grow(branch.add(f"[bold]{escape(child.name)}[/] [dim]{escape(child.type)}[/]"), child.urn)
            else:
                plain[child.type].append(child)
        for type_, found in sorted(plain.items()):
            names = ", ".join(
                f"{one.name}{' [cyan]protected[/]' if one.protect else ''}" for one in found[:4]
            )
            more = f" and {len(found) - 4} more" if len(found) > 4 else ""
            kind = "provider" if type_.startswith(PROVIDER_PREFIX) else type_.rpartition(":")[2]
            branch.add(f"{escape(kind)} [dim]x{len(found)}[/] {names}{more}")

    (root,) = children[None]
    tree = Tree(f"[bold]{escape(root.name)}[/]")
    grow(tree, root.urn)
    return tree


def show_cost(cost: Cost, budget: Budget, *, items: bool = False) -> None:
    """Print a bill by line, or by item, and the verdict against the budget."""
    table = Table(title=f"US dollars a month, list prices of {cost.prices_as_of}", title_justify="left")
    table.add_column("Line")
    if items:
        for heading in ("Item", "Quantity", "Unit price"):
            table.add_column(heading, justify="left" if heading == "Item" else "right")
    table.add_column("USD", justify="right")
    table.add_column("Source" if items else "Of it unverified", justify="left" if items else "right")
    if items:
        for item in merged(cost.items):
            quantity = f"{item.quantity:,.10g} {item.unit}"
            source = item.source if item.verified else f"{item.source} [yellow]unverified[/]"
            table.add_row(item.line, item.item, quantity, f"{item.unit_price:g}", f"{item.usd:,.2f}", source)
    else:
        for line, usd in cost.lines.items():
            unverified = sum(item.usd for item in cost.items if item.line == line and not item.verified)
            table.add_row(line, f"{usd:,.2f}", f"[yellow]{unverified:,.2f}[/]" if unverified else "")
    table.add_section()
    table.add_row("[bold]total[/]", *([""] * 3 if items else []), f"[bold]{cost.total:,.2f}[/]", "")
    out.print(table)
    share = cost.total / budget.max
    fits = "[green]within[/]" if cost.total <= budget.max else "[bold red]OVER[/]"
    out.print(f"budget {budget.min:g} to {budget.max:g}: {fits} it, {share:.0%} of the maximum")
    for type_ in cost.unknown:
        out.print(
            f"[bold red]no price is known for {escape(type_)}[/]: the total is too low by what it costs"
        )
    for name in cost.unused:
        out.print(f"[yellow]outgrow:usage.{name} is stated, but nothing in the plan is billed by it[/]")


def show_policy(report: PolicyReport) -> None:
    """Print what the policy pack found, and what to do about it."""
    stopping = len(report.mandatory)
    said = len(report.findings) - stopping
    verdict = f"[bold red]{stopping} mandatory[/]" if stopping else "[green]no mandatory findings[/]"
    out.print(f"policy: {report.rules} rules, {verdict}, {said} advisory")
    for one in report.findings:
        colour = "bold red" if one.severity is Severity.MANDATORY else "yellow"
        out.print(f"  [{colour}]{one.rule}[/] {escape(one.name)}: {escape(one.message)}")
        out.print(f"    [dim]{escape(one.remedy)}[/]")


def show_rules(rules: Iterable[Rule]) -> None:
    """Print every rule and why it is there."""
    for rule in rules:
        colour = "red" if rule.severity is Severity.MANDATORY else "yellow"
        out.print(f"[bold]{rule.id}[/] [{colour}]{rule.severity.value}[/] {escape(rule.what)}")
        out.print(f"  [dim]{escape(rule.why)} {rule.source}[/]")


def merged(items: Iterable[CostItem]) -> tuple[CostItem, ...]:
    """Join items that differ in their resource only."""
    found: dict[tuple[object, ...], CostItem] = {}
    for item in items:
        key = (item.line, item.item, item.unit, item.unit_price, item.verified)
        known = found.get(key)
        found[key] = (
            replace(known, quantity=known.quantity + item.quantity, usd=round(known.usd + item.usd, 2))
            if known
            else item
        )
    return tuple(found.values())


def show_changes(changes: Changes, since: str) -> None:
    """Print changes, in the order of doing."""
    counted = ", ".join(
        f"{count} to {name}" for name, count in changes.counts.items() if name != "same" and count
    )
    out.print(f"changes {since}: {counted or 'none'}; {changes.counts['same']} stay as they are")
    kinds = {operation: count for operation, count in changes.counts.items() if count and operation != "same"}
    if set(kinds) == {"create"}:
        return  # the tree shows them already
    for change in changes.items[:SHOWN_CHANGES]:
        why = f" [dim]({escape(', '.join(change.inputs))})[/]" if change.inputs else ""
        guard = " [cyan]protected[/]" if change.protect else ""
        out.print(
            f"  {SIGNS[change.operation]} {escape(change.name)} [dim]{escape(change.type)}[/]{why}{guard}"
        )
    if len(changes.items) > SHOWN_CHANGES:
        out.print(f"  [dim]and {len(changes.items) - SHOWN_CHANGES} more; --json has them all[/]")


def tell(event: Event) -> None:
    """Print the end of a step as progress, on standard error."""
    if event.status == "started":
        return
    sign = SIGNS.get(Operation(event.operation), " ")
    err.print(f"  {sign} {escape(event.name)} [dim]{escape(event.type)}[/] {event.status}")


def show_outputs(outputs: Mapping[str, object]) -> None:
    table = Table(box=None, show_header=False)
    for name, value in sorted(outputs.items()):
        table.add_row(f"[bold]{escape(name)}[/]", escape(str(value)))
    out.print(table)


def show_releases(releases: Iterable[Release]) -> None:
    """Show for each service what was asked for beside what runs."""
    table = Table()
    for heading in ("Region", "Service", "Asked for", "Runs", "Tasks", "State"):
        table.add_column(heading)
    for one in releases:
        colour = "green" if one.arrived else "bold red"
        asked, runs = (arn.rpartition("/")[2] if arn else "nothing" for arn in (one.asked, one.runs))
        running, desired = one.tasks
        table.add_row(
            one.region,
            one.service,
            asked,
            f"[{colour}]{escape(runs)}[/]",
            f"{running} of {desired}",
            escape(one.state),
        )
    out.print(table)


def show_findings(findings: Iterable[Finding]) -> None:
    table = Table()
    for heading in ("", "Part", "Found", "For"):
        table.add_column(heading)
    for finding in findings:
        light = (
            "[green]yes[/]" if finding.found else "[yellow]no[/]" if finding.optional else "[bold red]no[/]"
        )
        table.add_row(light, finding.part, escape(finding.detail), finding.enables)
    out.print(table)
