"""Names queries that no index makes fast: N+1, SELECT *, a wildcard in front, paging by OFFSET."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from monitor.advice import Severity
from monitor.optimize.access import parameter_number
from monitor.optimize.findings import Finding, Place
from monitor.optimize.statement import parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.optimize.search import Workload
    from monitor.optimize.structure import Structure
    from monitor.optimize.trial import Measured

_LOOP: Final = 10
_WIDE: Final = 8
_DEEP: Final = 1000
_SLOW_MS: Final = 1.0


def pattern_findings(one: Workload, structure: Structure, measured: Measured) -> Iterator[Finding]:
    """Name what is slow by the way a query is written."""
    yield from _loop(one)
    if one.reading.tree is None:
        return
    exp: Any = importlib.import_module("sqlglot").exp
    tree = one.reading.tree
    tables = [structure.tables[access.table] for access in one.reading.accesses]
    largest = max((table.rows for table in tables), default=0)
    yield from _star(exp, tree, one, structure)
    if largest < _DEEP:
        return
    for like in tree.find_all(exp.Like):
        pattern = str(like.expression.name)
        number = parameter_number(like.expression)
        if number is not None:
            pattern = _text_of(one, number)
        if pattern.startswith(("%", "_")):
            yield _finding(
                "leading-wildcard",
                one,
                "Search with a full-text index (FTS5) instead of LIKE with a wildcard in front",
                f"query {one.number} looks for '%...' in {like.this.sql(dialect='sqlite')}: no index helps, "
                f"and {largest:,} rows are read",
            )
            break
    offset = tree.find(exp.Offset)
    if offset is not None:
        yield from _paging(one, offset, largest)
    order = tree.find(exp.Order)
    if order is not None and order.find(exp.Rand) is not None:
        yield _finding(
            "order-by-random",
            one,
            "Pick random rows by key instead of ORDER BY random()",
            f"query {one.number} gives all {largest:,} rows a random number and sorts them",
        )
    for inside in tree.find_all(exp.In):
        if (
            isinstance(inside.parent, exp.Not)
            and inside.args.get("query") is not None
            and measured.ms > _SLOW_MS
        ):
            yield _finding(
                "not-in-subquery",
                one,
                "Write NOT EXISTS instead of NOT IN (SELECT ...)",
                f"query {one.number}: NOT IN answers nothing at all once the inner query gives a NULL",
            )
            break


def _loop(one: Workload) -> Iterator[Finding]:
    if one.kind != "log" or not one.query.asks or one.query.longest_run < _LOOP:
        return
    yield _finding(
        "n-plus-one",
        one,
        "Fetch the rows in one query: a JOIN, or WHERE ... IN (...); in TypeORM `relations`",
        f"query {one.number} ran {one.query.longest_run} times in a row with other values (N+1)",
    )


def _star(exp: Any, tree: Any, one: Workload, structure: Structure) -> Iterator[Finding]:
    starred = [
        select
        for select in tree.find_all(exp.Select)
        if any(
            isinstance(shown, exp.Star) or isinstance(getattr(shown, "this", None), exp.Star)
            for shown in select.expressions
        )
        and not any(isinstance(shown, exp.Count) for shown in select.expressions)
    ]
    if not starred or not one.reading.accesses:
        return
    tables = [structure.tables[access.table] for access in one.reading.accesses]
    wide = [table for table in tables if len(table.names) >= _WIDE or _heavy(table.columns)]
    if wide:
        yield _finding(
            "select-star",
            one,
            "Name the columns that are used instead of SELECT *",
            f"query {one.number} reads all {len(wide[0].names)} columns of {wide[0].name}",
        )


def _heavy(columns: Any) -> bool:
    return any("blob" in kind.lower() or "json" in kind.lower() for kind in columns.values())


def _paging(one: Workload, offset: Any, largest: int) -> Iterator[Finding]:
    number = parameter_number(offset.expression)
    text = _text_of(one, number) if number is not None else str(offset.expression.name)
    deep = text.isdigit() and int(text) >= _DEEP
    if deep or (number is not None and one.sampled):
        said = f"reads {int(text):,} rows to throw them away" if deep else f"can skip up to {largest:,} rows"
        yield _finding(
            "offset-paging",
            one,
            "Page by the last key seen (WHERE id > ? ORDER BY id LIMIT n) instead of OFFSET",
            f"query {one.number} {said}: the further the page, the slower",
        )


def _text_of(one: Workload, number: int) -> str:
    """Return a run's value for a parameter, as text: the largest of all runs where they are numbers."""
    written = parameters(one.query.sql)
    found: list[str] = []
    for run in one.runs:
        if isinstance(run.values, dict):
            found.append(str(run.values.get(written[number][1:], "")))
        elif run.values is not None and number < len(run.values):
            found.append(str(run.values[number]))
    numbers = [text for text in found if text.isdigit()]
    if numbers:
        return max(numbers, key=int)
    return found[0] if found else ""


def _finding(rule: str, one: Workload, title: str, evidence: str) -> Finding:
    ran = "once" if one.query.count == 1 else f"{one.query.count:,} times"
    return Finding(rule, Severity.WARNING, Place.QUERY, title, f"{evidence}; it ran {ran}")
