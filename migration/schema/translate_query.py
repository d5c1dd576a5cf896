"""Translates SELECTs over known tables, with every expression in them, to PostgreSQL: alike or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.ddl import quote_identifier
from migration.schema.query_functions import query_call, random_call
from migration.schema.relations import QueryScope, Relation
from migration.schema.translate import Translator, condition
from migration.schema.typed import (
    NUMBERS,
    Typed,
    UntranslatableError,
    number,
    text,
    wider,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migration.schema.query import From, Item, Ordering, Select
    from migration.schema.relations import Catalog

#: How a result is written: by its position and its value.
Write = "Callable[[int, Typed], str]"
_AGGREGATES = frozenset({"count", "sum", "total", "avg", "group_concat", "string_agg"})


@dataclass(frozen=True)
class Translated:
    """A SELECT in PostgreSQL's SQL, its results, and their names; `single` says that it gives one row."""

    sql: str
    results: tuple[Typed, ...]
    names: tuple[str, ...]
    single: bool = False


class QueryTranslator(Translator):
    """Translates expressions within a query's scope, and the queries within them."""

    def __init__(self, catalog: Catalog, scope: QueryScope) -> None:
        super().__init__(scope)
        self._catalog = catalog
        self._within = scope
        self.aggregates = False
        #: What the rows are grouped by; it may be shown although the columns in it may not.
        self.grouped: set[str] = set()

    # Expressions

    def typed(self, node: sqlite.Expression) -> Typed:
        if isinstance(node, sqlite.Binary) and node.operator in ("=", "IS"):
            same = self._same_row(node.left, node.right)
            if same is not None:
                return same
        before = len(self._within.seen)
        result = super().typed(node)
        if result.sql in self.grouped:
            del self._within.seen[before:]
        return result

    def _same_row(self, left: sqlite.Expression, right: sqlite.Expression) -> Typed | None:
        """Two rowids of one table are equal where its primary keys are."""
        if not isinstance(left, sqlite.Name) or not isinstance(right, sqlite.Name):
            return None
        ours, theirs = self._within.row(left), self._within.row(right)
        if ours is None or theirs is None or ours.source != theirs.source:
            return None
        pairs = [(ours.get(name), theirs.get(name)) for name in ours.key]
        parts = [f"{a.operand} = {b.operand}" for a, b in pairs if a is not None and b is not None]
        return Typed(" AND ".join(parts), "boolean", atomic=False)

    def queried(self, node: sqlite.Queried) -> Typed:
        match node:
            case sqlite.Exists():
                return Typed(f"EXISTS ({self.select(node.query).sql})", "boolean")
            case sqlite.Subquery():
                return self._scalar(node.query)
            case sqlite.InQuery():
                return self._in_query(node)
            case sqlite.Raise():
                raise UntranslatableError("RAISE stands where PL/pgSQL has no statement")

    def _scalar(self, query: Select) -> Typed:
        """SQLite takes the first row; PostgreSQL refuses several."""
        found = self.select(query)
        if len(found.results) != 1:
            raise UntranslatableError("a subquery with several columns is used as a value")
        limit = "" if found.single or query.limit is not None else " LIMIT 1"
        result = found.results[0]
        return replace(
            result, sql=f"({found.sql}{limit})", atomic=True, constant=None, collation=None, collated=False
        )

    def _in_query(self, node: sqlite.InQuery) -> Typed:
        value = self.typed(node.value)
        found = self.select(node.query)
        if len(found.results) != 1:
            raise UntranslatableError("IN compares with several columns")
        result = found.results[0]
        if value.kind != result.kind and not {value.kind, result.kind} <= NUMBERS:
            raise UntranslatableError(f"a {value.kind} is looked for among values that are {result.kind}")
        if value.collation is not None:
            raise UntranslatableError("IN compares by a collation of SQLite's")
        return Typed(f"{value.operand} IN ({found.sql})", "boolean", atomic=False)

    def called(self, node: sqlite.Call) -> Typed:
        extreme = node.name in ("min", "max") and len(node.arguments) == 1
        if not (extreme or node.name in _AGGREGATES):
            if node.star or node.distinct:
                raise UntranslatableError(f"{node.name} is no aggregate that is known")
            drawn = random_call(node)
            if drawn is not None:
                return drawn
            try:
                return super().called(node)
            except UntranslatableError:
                found = query_call(node.name, [self.typed(argument) for argument in node.arguments])
                if found is None:
                    raise
                return found
        self.aggregates = True
        if node.star:
            return Typed("count(*)", "integer", type="bigint")
        before = len(self._within.seen)
        arguments = [self.typed(argument) for argument in node.arguments]
        del self._within.seen[before:]
        return _aggregate(node, arguments)

    # Queries

    def select(self, query: Select, write: Callable[[int, Typed], str] | None = None) -> Translated:
        """A SELECT that may name what is around it.

        Args:
            query: the SELECT.
            write: how each result is written (default: as it is).
        """
        first = self._core(query, write)
        parts, results = [first.sql], list(first.results)
        for word, other in query.others:
            branch = self._core(other, write)
            if len(branch.results) != len(results):
                raise UntranslatableError(f"the sides of {word} have different columns")
            results = [_either(pair, write) for pair in zip(results, branch.results, strict=True)]
            parts += [word, branch.sql]
        if query.others and query.order_by:
            raise UntranslatableError(f"the rows of {query.others[0][0]} are put in an order")
        for word, limit in (("LIMIT", query.limit), ("OFFSET", query.offset)):
            if limit is not None:
                if not isinstance(limit, sqlite.Literal) or limit.kind != "integer":
                    raise UntranslatableError(f"{word} is no constant")
                parts.append(f"{word} {limit.text}")
        once = isinstance(query.limit, sqlite.Literal) and query.limit.text == "1"
        single = (first.single and not query.others) or once
        return Translated(" ".join(parts), tuple(results), first.names, single)

    def _core(self, query: Select, write: Callable[[int, Typed], str] | None) -> Translated:
        relations: list[Relation] = []
        sources = [self._source(source, relations) for source in query.sources]
        scope = QueryScope(tuple(relations), self._within)
        inner = QueryTranslator(self._catalog, scope)
        tables = "".join(
            f"{f' {source.join} ' if source.join else ''}{sql}{inner.joined(source)}"
            for source, sql in zip(query.sources, sources, strict=True)
        )
        where = condition(inner.typed(query.where)) if query.where is not None else None
        if inner.aggregates:
            raise UntranslatableError("an aggregate stands in WHERE")
        grouped = [inner.group(item, query.items) for item in query.group_by]
        scope.seen.clear()
        inner.grouped = set(grouped)
        results, names = inner.items(query.items)
        having = condition(inner.typed(query.having)) if query.having is not None else None
        order = [inner.ordered(item, results, names) for item in query.order_by]
        aggregates = inner.aggregates or bool(grouped) or having is not None
        if aggregates and not set(scope.seen) <= set(grouped):
            raise UntranslatableError(
                f"{(set(scope.seen) - set(grouped)).pop()} is neither grouped nor summed up"
            )
        if query.distinct and any(result.collation for result in results):
            raise UntranslatableError("DISTINCT compares by a collation of SQLite's")
        shown = [
            result.sql if write is None else write(place, result) for place, result in enumerate(results)
        ]
        if query.distinct and not set(_sql(order)) <= set(shown):
            raise UntranslatableError("DISTINCT with an order of something else")
        parts = [f"SELECT {'DISTINCT ' if query.distinct else ''}{', '.join(shown)}"]
        parts += [f"FROM {tables}"] if tables else []
        parts += [f"WHERE {where}"] if where is not None else []
        parts += [f"GROUP BY {', '.join(grouped)}"] if grouped else []
        parts += [f"HAVING {having}"] if having is not None else []
        parts += [f"ORDER BY {', '.join(sql + rest for sql, rest in order)}"] if order else []
        single = (aggregates and not grouped) or not query.sources
        return Translated(" ".join(parts), tuple(results), tuple(names), single)

    def _source(self, source: From, relations: list[Relation]) -> str:
        """One table of a FROM in PostgreSQL's SQL; its columns are added to the relations."""
        if source.query is not None:
            if source.alias is None:
                raise UntranslatableError("a subquery in FROM has no name")
            found = self.select(source.query)
            alias = quote_identifier(source.alias)
            columns: dict[str, Typed | None] = {}
            for name, result in zip(found.names, found.results, strict=True):
                columns[name.casefold()] = replace(
                    result, sql=f"{alias}.{quote_identifier(name)}", constant=None
                )
            relations.append(Relation(source.alias.casefold(), alias, columns))
            listed = ", ".join(quote_identifier(name) for name in found.names)
            return f"({found.sql}) AS {alias} ({listed})"
        known = self._catalog.get(source.name)
        relation = known.relation(source.alias)
        if any(other.alias == relation.alias for other in relations):
            raise UntranslatableError(f"{source.name} is named twice in one FROM")
        relations.append(relation)
        return f"{known.sql} AS {relation.sql}"

    def joined(self, source: From) -> str:
        """The condition of a join; PostgreSQL wants one on all but cross joins."""
        if source.using:
            raise UntranslatableError("a join with USING")
        if source.on is not None:
            if source.join == "CROSS JOIN":
                raise UntranslatableError("a cross join with a condition")
            return f" ON {condition(self.typed(source.on))}"
        return " ON true" if source.join not in ("", "CROSS JOIN") else ""

    def group(self, item: sqlite.Expression, items: Sequence[Item]) -> str:
        """A term of GROUP BY: an expression, the number of a result, or its name."""
        if isinstance(item, sqlite.Literal):
            place = int(item.text) - 1 if item.kind == "integer" else -1
            if not 0 <= place < len(items) or items[place].expression is None:
                raise UntranslatableError("rows are grouped by a constant")
            item = items[place].expression or item
        elif isinstance(item, sqlite.Name) and item.table is None and self._within.find(item) is None:
            named = [other.expression for other in items if other.alias == item.name]
            item = named[0] or item if named else item
        value = self.typed(item)
        if value.collation is not None or value.constant is not None or value.kind in ("json", "null"):
            raise UntranslatableError(f"rows are grouped by {value.sql}, a {value.collation or value.kind}")
        return value.sql

    def items(self, items: Sequence[Item]) -> tuple[list[Typed], list[str]]:
        """The results and their names; stars become the columns they stand for."""
        results: list[Typed] = []
        names: list[str] = []
        for item in items:
            if item.expression is not None:
                results.append(self.typed(item.expression))
                plain = item.expression.name if isinstance(item.expression, sqlite.Name) else item.text
                names.append(item.alias or plain)
                continue
            for relation in self._within.relations:
                if item.table is None or item.table.casefold() == relation.alias:
                    for name in relation.columns:
                        found = self._within.find(sqlite.Name(name, relation.alias))
                        assert found is not None
                        results.append(found)
                        names.append(name)
        return results, names

    def ordered(self, item: Ordering, results: Sequence[Typed], names: Sequence[str]) -> tuple[str, str]:
        """A term of ORDER BY, and its direction; SQLite's NULLs are smallest and its texts are bytes."""
        result = None
        if isinstance(item.expression, sqlite.Literal):
            place = int(item.expression.text) - 1 if item.expression.kind == "integer" else -1
            if not 0 <= place < len(results):
                raise UntranslatableError("rows are put in the order of a constant")
            result = results[place]
        if isinstance(item.expression, sqlite.Name) and item.expression.name in names:
            result = results[names.index(item.expression.name)]
        value = result or self.typed(item.expression)
        if value.collation is not None or value.kind in ("json", "boolean", "null"):
            raise UntranslatableError(f"rows are put in the order of a {value.collation or value.kind}")
        bytewise = ' COLLATE "C"' if value.kind == "text" else ""
        last = item.nulls or ("LAST" if item.descending else "FIRST")
        return value.sql, f"{bytewise}{' DESC' if item.descending else ''} NULLS {last}"


def _sql(order: Sequence[tuple[str, str]]) -> list[str]:
    return [sql for sql, _ in order]


def _either(pair: tuple[Typed, Typed], write: Callable[[int, Typed], str] | None) -> Typed:
    """A column of two SELECTs; where each is written as a column's type, that type is the same."""
    if write is not None:
        return pair[0]
    kind = wider(item.kind for item in pair)
    return Typed(pair[0].sql, kind, type=pair[0].type if pair[0].type == pair[1].type else "")


def _aggregate(node: sqlite.Call, arguments: Sequence[Typed]) -> Typed:
    value = arguments[0]
    once = "DISTINCT " if node.distinct else ""
    if node.distinct and value.collation is not None:
        raise UntranslatableError("DISTINCT compares by a collation of SQLite's")
    match node.name:
        case "count":
            return Typed(f"count({once}{value.sql})", "integer", type="bigint")
        case "sum" if value.kind in ("integer", "boolean"):
            return Typed(f"sum({once}{number(value)})::bigint", "integer", type="bigint")
        case "sum" if value.kind in NUMBERS:
            return Typed(f"sum({once}{number(value)})", value.kind)
        case "total":
            return Typed(f"COALESCE(sum({once}{number(value)}), 0)::double precision", "real")
        case "avg":
            return Typed(f"avg({once}({number(value)})::double precision)", "real")
        case "min" | "max" if value.kind == "text" and value.collation is None:
            return Typed(f'{node.name}({value.operand} COLLATE "C")', "text")
        case "min" | "max" if value.kind == "boolean":
            return Typed(f"{node.name}({number(value)})", "integer")
        case "min" | "max" if value.kind in {*NUMBERS, "timestamp", "timestamptz", "date", "time"}:
            return Typed(f"{node.name}({value.sql})", value.kind, type=value.type)
        case "group_concat" | "string_agg":
            separator = text(arguments[1]) if len(arguments) > 1 else "','"
            if node.distinct and len(arguments) > 1:
                raise UntranslatableError("group_concat with DISTINCT and a separator")
            return Typed(f"string_agg({once}{text(value)}, {separator})", "text")
        case _:
            raise UntranslatableError(f"{node.name} of a {value.kind}")
