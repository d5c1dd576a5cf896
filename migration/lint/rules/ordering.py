"""ORDER BY and LIMIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.lint.hits import at, behind, over
from migration.lint.rule import Edit, Hit, Rule, Severity
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.statement import Sql

_NEVER_NULL = frozenset(
    ("count", "row_number", "rank", "dense_rank", "random", "coalesce", "ifnull", "length")
)
_TEXTS = ("text", "character")


def _terms(sql: Sql, order: int) -> tuple[tuple[int, int], ...]:
    return (
        sql.split(order + 2, min(sql.clause_end(order + 1), sql.end(order)))
        if order + 2 < len(sql.tokens)
        else ()
    )


def _orders(sql: Sql) -> Iterator[int]:
    for place in sql.find("ORDER"):
        if sql.word(place + 1, "BY"):
            yield place


def _expression(sql: Sql, term: tuple[int, int]) -> tuple[int, int, bool]:
    """The expression of a term without its direction, and whether that is DESC."""
    first, last = term
    descending = sql.word(last, "DESC")
    if sql.word(last, "ASC", "DESC"):
        last -= 1
    return first, last, descending


def _nulls(sql: Sql) -> Iterator[Hit]:
    for order in _orders(sql):
        edits: list[Edit] = []
        names = []
        certain = False
        for term in _terms(sql, order):
            first, last = term
            if any(sql.word(place, "NULLS") for place in range(first, last + 1)):
                continue
            first, last, descending = _expression(sql, term)
            nullable = _may_be_null(sql, first, last)
            if nullable is False:
                continue
            certain = certain or nullable is True
            edits.append(behind(sql, term[1], f" NULLS {'LAST' if descending else 'FIRST'}"))
            names.append(sql.shown(first, last))
        if edits:
            severity: Severity | None = "differs" if certain else None
            why = f"SQLite takes NULL for the smallest value, PostgreSQL for the greatest: {', '.join(names)}"
            yield at(
                sql, order, min(sql.clause_end(order + 1), sql.end(order)), *edits, severity=severity, why=why
            )


def _may_be_null(sql: Sql, first: int, last: int) -> bool | None:
    """Whether a term of an order may be NULL; None where nobody knows."""
    if first > last or sql.in_hole(first):
        return False
    if first == last and sql.kind(first) is Kind.NUMBER:
        place = int(sql.tokens[first].value) - 1 if sql.tokens[first].value.isdigit() else 0
        select = next(iter(sql.find("SELECT")), None)
        items = sql.items(select) if select is not None else ()
        return _may_be_null(sql, *items[place]) if 0 <= place < len(items) else None
    name = sql.tokens[last].value.casefold()
    column = sql.column_in((first, last))
    if column is not None:
        return not (column.not_null or column.identity)
    if first == last and name in sql.outputs:
        _, begin, end = sql.outputs[name]
        return _may_be_null(sql, begin, end)
    if any(
        sql.words(place + 1, "IS", "NOT", "NULL") and sql.tokens[place].value.casefold() == name
        for place in range(len(sql.tokens) - 3)
    ):
        return False
    if sql.operator(last, ")") and sql.tokens[first].value.lower() in _NEVER_NULL:
        return False
    return False if name in ("id", "rowid") else None


def _text_order(sql: Sql) -> Iterator[Hit]:
    for order in _orders(sql):
        edits: list[Edit] = []
        names = []
        for term in _terms(sql, order):
            first, last, _ = _expression(sql, term)
            column = sql.column_in((first, last)) if first <= last else None
            collated = any(sql.word(place, "COLLATE") for place in range(term[0], term[1] + 1))
            if column is None or not column.type.startswith(_TEXTS) or collated:
                continue
            names.append(column.name)
            if first == last and sql.tokens[last].value.casefold() in sql.outputs:
                continue
            edits.append(behind(sql, last, ' COLLATE "C"'))
        compound = any(True for _ in sql.find("UNION", "EXCEPT", "INTERSECT", "DISTINCT"))
        if names:
            kept = edits if len(edits) == len(names) and not compound else []
            why = (
                f"SQLite orders {', '.join(names)} by bytes (Z before a), PostgreSQL by the language "
                "unless that is C"
            )
            yield at(sql, order, min(sql.clause_end(order + 1), sql.end(order)), *kept, why=why)


def _limits(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("LIMIT"):
        last = sql.clause_end(place)
        parts = sql.split(place + 1, last) if place < last else ()
        if len(parts) == 2:
            offset, limit = (sql.shown(*part) for part in parts)
            yield at(sql, place, last, over(sql, place + 1, last, f"{limit} OFFSET {offset}"))


def _negative(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("LIMIT"):
        if sql.operator(place + 1, "-") and sql.kind(place + 2) is Kind.NUMBER:
            yield at(sql, place, place + 2, over(sql, place + 1, place + 2, "ALL"))


RULES = (
    Rule(
        "text-order",
        "texts have another order",
        "check",
        "SQLite orders texts by their bytes, PostgreSQL by the database's language unless that is C",
        'COLLATE "C" where the order of bytes matters; nothing, where that of the language is better',
        "postgresql.org/docs/current/collation.html",
        _text_order,
        needs_source=True,
    ),
    Rule(
        "null-order",
        "NULLs stand at the other end",
        "check",
        "SQLite takes NULL for the smallest value, PostgreSQL for the greatest",
        "NULLS FIRST behind ascending terms, NULLS LAST behind descending ones",
        "postgresql.org/docs/current/queries-order.html",
        _nulls,
    ),
    Rule(
        "limit-comma",
        "LIMIT takes no comma",
        "fails",
        "PostgreSQL has no LIMIT offset, count",
        "LIMIT count OFFSET offset",
        "postgresql.org/docs/current/queries-limit.html",
        _limits,
    ),
    Rule(
        "limit-negative",
        "LIMIT is not negative",
        "fails",
        "a negative LIMIT means none in SQLite and is an error in PostgreSQL",
        "LIMIT ALL, or no LIMIT",
        "postgresql.org/docs/current/queries-limit.html",
        _negative,
    ),
)
