"""Small ways to make hits, which many rules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.lint.rule import Edit, Hit, Severity
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from migration.lint.statement import Call, Sql


def at(
    sql: Sql,
    first: int,
    last: int | None = None,
    *edits: Edit,
    severity: Severity | None = None,
    why: str = "",
    instead: str = "",
) -> Hit:
    """A hit on the tokens from `first` to `last`."""
    end = sql.tokens[first if last is None else last].end
    return Hit(sql.tokens[first].start, end, edits, severity, why, instead)


def over(sql: Sql, first: int, last: int, text: str) -> Edit:
    """Other text for these tokens."""
    return Edit(sql.tokens[first].start, sql.tokens[last].end, text)


def without(sql: Sql, first: int, last: int) -> Edit:
    """These tokens gone, with the blank before them."""
    begin = sql.tokens[first - 1].end if first else sql.tokens[first].start
    return Edit(begin, sql.tokens[last].end, "")


def behind(sql: Sql, place: int, text: str) -> Edit:
    """Text behind a token."""
    end = sql.tokens[place].end
    return Edit(end, end, text)


def before(sql: Sql, place: int, text: str) -> Edit:
    """Text before a token."""
    start = sql.tokens[place].start
    return Edit(start, start, text)


def on_call(sql: Sql, call: Call, *edits: Edit, why: str = "", instead: str = "") -> Hit:
    """A hit on a call with its arguments."""
    return at(sql, call.name, call.close, *edits, why=why, instead=instead)


def replace_call(sql: Sql, call: Call, before_all: str, separators: str, after_all: str) -> tuple[Edit, ...]:
    """Write a call otherwise and leave its arguments as they are, so that other rules may edit those.

    Args:
        sql: the piece.
        call: the call.
        before_all: replaces the name and the opening parenthesis.
        separators: replaces each comma between arguments.
        after_all: replaces the closing parenthesis.
    """
    edits = [over(sql, call.name, call.open, before_all)]
    for _, last in call.arguments[:-1]:
        edits.append(over(sql, last + 1, last + 1, separators))
    edits.append(over(sql, call.close, call.close, after_all))
    return tuple(edits)


def constant(sql: Sql, span: tuple[int, int]) -> str | None:
    """The value of an argument that is one text in single quotes."""
    first, last = span
    if first == last and sql.kind(first) is Kind.STRING and not sql.in_hole(first):
        return sql.tokens[first].value
    return None


def bit(sql: Sql, place: int) -> str | None:
    """The truth that a 0 or 1 at a place stands for, in PostgreSQL's words."""
    token = sql.tokens[place] if 0 <= place < len(sql.tokens) else None
    if token is None or token.kind is not Kind.NUMBER or token.value not in ("0", "1"):
        return None
    return "true" if token.value == "1" else "false"
