"""Translates SQLite expressions over a table's columns to PostgreSQL: with their meaning, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.ddl import quote_identifier, quote_literal
from migration.schema.declared import Affinity, affinity_of
from migration.schema.functions import call
from migration.schema.patterns import glob, like
from migration.schema.tokens import BadSqlError
from migration.schema.typed import Typed, UntranslatableError, boolean, comparable, kind_of, number, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.target import TargetColumn
    from migration.schema.typed import Kind

_ROWID = frozenset({"rowid", "oid", "_rowid_"})
_ORDER = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True)
class Scope:
    """The columns an expression may name, by their name in lower case.

    `rowid` is the column that stands for the rowid, where there is one. With `ascii_case`, lower and upper
    change ASCII letters only, as SQLite's do.
    """

    columns: dict[str, TargetColumn]
    rowid: str | None = None
    ascii_case: bool = True

    @classmethod
    def of(
        cls, columns: Iterable[TargetColumn], rowid: str | None = None, *, ascii_case: bool = True
    ) -> Scope:
        return cls({column.source.name.casefold(): column for column in columns}, rowid, ascii_case)


def translate(sql: str, scope: Scope) -> Typed:
    """Translate one expression.

    Raises:
        UntranslatableError: it has no counterpart that means the same.
    """
    try:
        parsed = sqlite.parse_expression(sql)
    except BadSqlError as error:
        raise UntranslatableError(error.why) from None
    return _Translator(scope).typed(parsed)


def translate_condition(sql: str, scope: Scope) -> str:
    """Translate an expression that is used as a condition: a CHECK, or an index's WHERE.

    Raises:
        UntranslatableError: it has no counterpart that means the same.
    """
    return _condition(translate(sql, scope))


def _condition(item: Typed) -> str:
    """A condition that stands alone, so without parentheses around it."""
    return item.sql if item.kind == "boolean" else boolean(item)


def _wider(left: Typed, right: Typed) -> Kind:
    return "number" if "number" in (left.kind, right.kind) else "integer"


class _Translator:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def typed(self, node: sqlite.Expression) -> Typed:
        match node:
            case sqlite.Literal():
                return self._literal(node)
            case sqlite.Name():
                return self._name(node)
            case sqlite.Unary():
                return self._unary(node)
            case sqlite.Binary():
                return self._binary(node.operator, self.typed(node.left), self.typed(node.right))
            case sqlite.Like():
                return self._like(node)
            case sqlite.IsNull():
                return self._is_null(node)
            case sqlite.Between():
                return self._between(node)
            case sqlite.In():
                return self._in(node)
            case sqlite.Case():
                return self._case(node)
            case sqlite.Call():
                arguments = [self.typed(argument) for argument in node.arguments]
                return call(node.name, arguments, ascii_case=self._scope.ascii_case)
            case sqlite.Cast():
                return self._cast(node)
            case sqlite.Collate():
                return self._collate(node)

    def _literal(self, node: sqlite.Literal) -> Typed:
        match node.kind:
            case "integer":
                return Typed(node.text, "integer", constant=node)
            case "real":
                return Typed(node.text, "number", constant=node)
            case "text":
                return Typed(quote_literal(node.text), "text", constant=node)
            case "blob":
                return Typed(f"'\\x{node.text}'::bytea", "bytes", constant=node)
            case "word":
                return Typed(node.text, "boolean")
            case "null":
                return Typed("NULL", "null")
            case _:
                raise UntranslatableError(f"{node.text} changes with time")

    def _name(self, node: sqlite.Name) -> Typed:
        column = self._scope.columns.get(node.name.casefold())
        if column is None and node.name.lower() in _ROWID and self._scope.rowid is not None:
            column = self._scope.columns[self._scope.rowid.casefold()]
        if column is not None:
            return Typed(
                quote_identifier(column.name),
                kind_of(column.type),
                column=True,
                collation=column.source.collation,
                type=column.type,
            )
        if node.double_quoted:  # SQLite takes a quoted name that names nothing for a text
            return self._literal(sqlite.Literal("text", node.name))
        raise UntranslatableError(f"there is no column {node.name}")

    def _unary(self, node: sqlite.Unary) -> Typed:
        if node.operator == "NOT" and isinstance(node.operand, sqlite.IsNull):
            return self._is_null(node.operand, negated=True)
        if (
            node.operator == "NOT"
            and isinstance(node.operand, sqlite.Binary)
            and node.operand.operator == "IS"
        ):
            return self._is(self.typed(node.operand.left), self.typed(node.operand.right), negated=True)
        item = self.typed(node.operand)
        if node.operator == "NOT":
            return Typed(f"NOT {boolean(item)}", "boolean", atomic=False)
        if node.operator == "+":
            return item
        if node.operator == "-" and item.constant is not None and item.kind in ("integer", "number"):
            negative = sqlite.Literal(item.constant.kind, f"-{item.constant.text}")
            return Typed(f"-{item.constant.text}", item.kind, constant=negative)
        if node.operator == "~" and item.kind != "integer":
            raise UntranslatableError(f"~{item.sql} on a {item.kind}")
        return Typed(f"{node.operator}{number(item)}", _wider(item, item), atomic=False)

    def _binary(self, operator: str, left: Typed, right: Typed) -> Typed:
        match operator:
            case "AND" | "OR":
                return Typed(f"{boolean(left)} {operator} {boolean(right)}", "boolean", atomic=False)
            case "=" | "<>" | "<" | "<=" | ">" | ">=":
                return self._comparison(operator, left, right)
            case "IS":
                return self._is(left, right)
            case "||":
                return Typed(f"{text(left)} || {text(right)}", "text", atomic=False)
            case "+" | "-" | "*":
                return Typed(f"{number(left)} {operator} {number(right)}", _wider(left, right), atomic=False)
            case "/" | "%":
                return self._division(operator, left, right)
            case "&" | "|" | "<<" | ">>" if left.kind == right.kind == "integer":
                if operator in ("<<", ">>"):  # PostgreSQL takes the distance modulo the width
                    raise UntranslatableError("shifts differ where the distance is 64 or more, or negative")
                return Typed(f"{number(left)} {operator} {number(right)}", "integer", atomic=False)
            case _:
                raise UntranslatableError(f"the operator {operator} has no translation")

    def _is_null(self, node: sqlite.IsNull, *, negated: bool = False) -> Typed:
        test = "IS NOT NULL" if negated else "IS NULL"
        return Typed(f"{self.typed(node.operand).operand} {test}", "boolean", atomic=False)

    def _is(self, left: Typed, right: Typed, *, negated: bool = False) -> Typed:
        if right.kind == "boolean" and right.sql in ("true", "false"):
            test = f"IS {'NOT ' if negated else ''}{right.sql.upper()}"
            return Typed(f"{boolean(left)} {test}", "boolean", atomic=False)
        return self._comparison("IS DISTINCT FROM" if negated else "IS NOT DISTINCT FROM", left, right)

    def _comparison(self, operator: str, left: Typed, right: Typed) -> Typed:
        ours, theirs = comparable(left, right)
        if left.kind == "text" or right.kind == "text":
            collation = left.collation or right.collation
            if collation == "NOCASE":
                ours, theirs = f'lower({ours} COLLATE "C")', f'lower({theirs} COLLATE "C")'
            elif collation == "RTRIM":
                ours, theirs = f"rtrim({ours}, ' ')", f"rtrim({theirs}, ' ')"
            elif collation is not None:
                raise UntranslatableError(f"the collation {collation} exists in its application only")
            elif operator in _ORDER:
                ours = f'{ours} COLLATE "C"'
        return Typed(f"{ours} {operator} {theirs}", "boolean", atomic=False)

    def _division(self, operator: str, left: Typed, right: Typed) -> Typed:
        """SQLite divides by zero to NULL, and takes % of integers only."""
        if operator == "%" and (left.kind, right.kind) != ("integer", "integer"):
            raise UntranslatableError("% of other numbers than integers")
        divisor = number(right)
        constant = right.constant
        if constant is None or float(constant.text) == 0:
            divisor = f"NULLIF({divisor}, 0)"
        return Typed(f"{number(left)} {operator} {divisor}", _wider(left, right), atomic=False)

    def _like(self, node: sqlite.Like) -> Typed:
        value, pattern = self.typed(node.value), self.typed(node.pattern)
        match node.operator:
            case "LIKE":
                return like(value, pattern, self.typed(node.escape) if node.escape is not None else None)
            case "GLOB":
                return glob(value, pattern)
            case _:
                raise UntranslatableError(f"{node.operator} means what the application defines")

    def _between(self, node: sqlite.Between) -> Typed:
        value = self.typed(node.value)
        low = self._comparison(">=", value, self.typed(node.low))
        high = self._comparison("<=", value, self.typed(node.high))
        return Typed(f"{low.sql} AND {high.sql}", "boolean", atomic=False)

    def _in(self, node: sqlite.In) -> Typed:
        value = self.typed(node.value)
        if not node.choices:
            return Typed("false", "boolean")
        choices = [self.typed(choice) for choice in node.choices]
        # The left side alone decides the collation of IN.
        pairs = [comparable(value, choice) for choice in choices]
        subjects = {subject for subject, _ in pairs}
        if len(subjects) > 1 or value.collation is not None:
            equal = [self._comparison("=", value, choice).sql for choice in choices]
            return Typed(" OR ".join(equal), "boolean", atomic=False)
        return Typed(f"{subjects.pop()} IN ({', '.join(item for _, item in pairs)})", "boolean", atomic=False)

    def _case(self, node: sqlite.Case) -> Typed:
        results = [self.typed(result) for _, result in node.branches]
        if node.otherwise is not None:
            results.append(self.typed(node.otherwise))
        kinds: set[Kind] = {result.kind for result in results} - {"null"}
        if kinds == {"integer", "number"}:
            kinds = {"number"}
        if len(kinds) > 1:
            raise UntranslatableError(f"a CASE gives {' or '.join(sorted(kinds))}")
        subject = self.typed(node.subject) if node.subject is not None else None
        parts = ["CASE"]
        for (condition, _), result in zip(node.branches, results, strict=False):
            tested = self.typed(condition)
            when = _condition(tested if subject is None else self._comparison("=", subject, tested))
            parts.append(f"WHEN {when} THEN {result.sql}")
        if node.otherwise is not None:
            parts.append(f"ELSE {results[-1].sql}")
        return Typed(" ".join((*parts, "END")), next(iter(kinds), "null"))

    def _cast(self, node: sqlite.Cast) -> Typed:
        item, affinity = self.typed(node.operand), affinity_of(node.type)
        match affinity, item.kind:
            case Affinity.TEXT, _:
                return Typed(text(item), "text")
            case Affinity.INTEGER, ("integer" | "boolean"):
                return Typed(f"{number(item)}::bigint", "integer")
            case Affinity.INTEGER, "number":
                return Typed(f"trunc({number(item)})::bigint", "integer")
            case Affinity.REAL, ("integer" | "number" | "boolean"):
                return Typed(f"{number(item)}::double precision", "number")
            case _:
                raise UntranslatableError(
                    f"SQLite's CAST to {node.type} reads the beginning of a {item.kind}"
                )

    def _collate(self, node: sqlite.Collate) -> Typed:
        item = self.typed(node.operand)
        collation = None if node.collation == "BINARY" else node.collation
        return Typed(item.sql, item.kind, item.atomic, item.constant, item.column, collation, item.type)
