"""SELECTs that raise: the way SQLite's triggers refuse a change, written as IF ... RAISE in PL/pgSQL."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.query import Item
from migration.schema.translate import condition
from migration.schema.typed import UntranslatableError, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.schema.query import Select
    from migration.schema.translate_query import QueryTranslator


@dataclass(frozen=True)
class Raised:
    """One way through a SELECT: an SQL condition (None: otherwise), and what is raised."""

    question: str | None
    raising: sqlite.Raise | None


def raises(node: object) -> bool:
    """Whether there is a RAISE anywhere in an expression or a statement."""
    if isinstance(node, sqlite.Raise):
        return True
    if isinstance(node, tuple):
        return any(raises(item) for item in node)
    return is_dataclass(node) and any(raises(getattr(node, part.name)) for part in fields(node))


def branches(query: Select, translator: QueryTranslator) -> Iterator[list[Raised]]:
    """For each result that may raise, its ways, of which the first whose question is true is gone.

    Raises:
        UntranslatableError: RAISE stands where PL/pgSQL cannot have it.
    """
    translated = False
    for item in query.items:
        if item.expression is None or not raises(item.expression):
            continue
        if raises(replace(query, items=())):
            raise UntranslatableError("RAISE stands outside of the results")
        ways = _ways(item.expression)
        rows = query.sources and not _aggregates(query, tuple(asked for asked, _ in ways))
        if rows and any(raising is not None for _, raising in ways[1:]):
            raise UntranslatableError("each row of a SELECT may raise something else")
        yield [
            Raised(_question(query, asked, translator), raising)
            for asked, raising in (ways[:1] if rows else ways)
        ]
        translated = True
    if not translated:
        translator.select(query)  # has no effect, but must not be something unknown that has


def _ways(node: sqlite.Expression) -> list[tuple[sqlite.Expression | None, sqlite.Raise | None]]:
    """The questions in the order in which SQLite asks them, each with what it raises; None: always."""
    match node:
        case sqlite.Raise():
            return [(None, node)]
        case sqlite.Case():
            ways: list[tuple[sqlite.Expression | None, sqlite.Raise | None]] = []
            for when, result in node.branches:
                asked = when if node.subject is None else sqlite.Binary("=", node.subject, when)
                ways.append((asked, _raised(result)))
            return [*ways, (None, _raised(node.otherwise))]
        case sqlite.Call("coalesce" | "ifnull") if isinstance(node.arguments[-1], sqlite.Raise):
            asked = sqlite.IsNull(node.arguments[0])
            for argument in node.arguments[1:-1]:
                asked = sqlite.Binary("AND", asked, sqlite.IsNull(argument))
            return [(asked, node.arguments[-1])]
        case sqlite.Call("iif" | "if", (asked, yes, *no)):
            return [(asked, _raised(yes)), (None, _raised(no[0] if no else None))]
        case _:
            raise UntranslatableError("RAISE stands where PL/pgSQL has no statement")


def _raised(node: sqlite.Expression | None) -> sqlite.Raise | None:
    if isinstance(node, sqlite.Raise):
        return node
    if node is not None and raises(node):
        raise UntranslatableError("RAISE stands where PL/pgSQL has no statement")
    return None


def _question(query: Select, asked: sqlite.Expression | None, translator: QueryTranslator) -> str | None:
    """Whether a row of the SELECT answers the question with yes."""
    if not query.sources and not query.others:
        parts = [part for part in (query.where, asked) if part is not None]
        if not parts:
            return None
        both = parts[0] if len(parts) == 1 else sqlite.Binary("AND", parts[0], parts[1])
        return condition(translator.typed(both))
    if query.others or query.limit is not None or query.group_by:
        raise UntranslatableError("RAISE in a SELECT with UNION, GROUP BY or LIMIT")
    if _aggregates(query, (asked,)):
        shown = asked if asked is not None else sqlite.Literal("word", "true")
        return condition(translator.typed(sqlite.Subquery(replace(query, items=(Item(shown),), order_by=()))))
    where = [part for part in (query.where, asked) if part is not None]
    both = sqlite.Binary("AND", *where) if len(where) > 1 else (where[0] if where else None)  # type: ignore[assignment]
    rows = replace(query, items=(Item(sqlite.Literal("integer", "1")),), where=both, order_by=())
    return condition(translator.typed(sqlite.Exists(rows)))


def _aggregates(query: Select, asked: tuple[sqlite.Expression | None, ...]) -> bool:
    return query.having is not None or _counts(asked)


def _counts(node: object) -> bool:
    """Whether an expression has an aggregate, subqueries aside."""
    if isinstance(node, sqlite.Call):
        alone = node.name in ("min", "max") and len(node.arguments) == 1
        if alone or node.name in ("count", "sum", "total", "avg", "group_concat"):
            return True
    if isinstance(node, sqlite.Subquery | sqlite.Exists):
        return False
    if isinstance(node, tuple):
        return any(_counts(item) for item in node)
    return is_dataclass(node) and any(_counts(getattr(node, part.name)) for part in fields(node))


def message(raising: sqlite.Raise, translator: QueryTranslator) -> str:
    """The statement that raises the error; an error of SQLite's is one of integrity."""
    assert raising.message is not None
    shown = text(translator.typed(raising.message))
    return f"RAISE EXCEPTION USING MESSAGE = {shown}, ERRCODE = 'integrity_constraint_violation'"
