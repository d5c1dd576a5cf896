"""Translates SQLite expressions over a table's columns to PostgreSQL: with their meaning, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.clocks import read_shifted, read_spelling, write_clock
from migration.schema.dates import date_call
from migration.schema.ddl import quote_literal
from migration.schema.declared import Affinity, affinity_of
from migration.schema.expression_parser import parse_expression
from migration.schema.functions import call
from migration.schema.json_paths import extract
from migration.schema.patterns import glob, like
from migration.schema.tokens import BadSqlError
from migration.schema.typed import (
    NUMBERS,
    Kind,
    Typed,
    UntranslatableError,
    boolean,
    calculated,
    calculation,
    comparable,
    number,
    same,
    text,
    wider,
)

if TYPE_CHECKING:
    from migration.schema.scope import Names, Scope

_ORDER = frozenset({"<", "<=", ">", ">="})
_CALCULATING = frozenset({"+", "-", "*", "/", "%", "&", "|", "<<", ">>", "||"})
_NULL = Typed("NULL", "null")


def translate(sql: str, scope: Scope) -> Typed:
    """Translate one expression.

    Raises:
        UntranslatableError: it has no counterpart that means the same.
    """
    try:
        parsed = parse_expression(sql)
    except BadSqlError as error:
        raise UntranslatableError(error.why) from None
    return Translator(scope).typed(parsed)


def translate_condition(sql: str, scope: Scope) -> str:
    """Translate an expression that is used as a condition: a CHECK, or an index's WHERE.

    Raises:
        UntranslatableError: it has no counterpart that means the same.
    """
    return condition(translate(sql, scope))


def condition(item: Typed) -> str:
    """A condition that stands alone, so without parentheses around it."""
    return item.sql if item.kind == "boolean" else boolean(item)


def _collation(left: Typed, right: Typed) -> str | None:
    """Which collation a comparison uses (sqlite.org/datatype3.html, 7.1); None for BINARY."""
    written = next((item for item in (left, right) if item.collated), None)
    column = next((item for item in (left, right) if item.column), None)
    deciding = written or column
    return deciding.collation if deciding is not None else None


def _truth(item: Typed) -> Typed:
    """A constant 0 or 1 beside truths is one, too."""
    if item.constant is not None and item.kind == "integer" and item.constant.text in ("0", "1"):
        return Typed("true" if item.constant.text == "1" else "false", "boolean")
    return item


class Translator:
    """Translates parsed expressions; a subclass also those with subqueries."""

    def __init__(self, scope: Names) -> None:
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
                return self._clock(node) or self.called(node)
            case sqlite.Cast():
                return self._cast(node)
            case sqlite.Collate():
                return self._collate(node)
            case sqlite.Subquery() | sqlite.Exists() | sqlite.InQuery() | sqlite.Raise():
                return self.queried(node)

    def queried(self, node: sqlite.Queried) -> Typed:
        """What only triggers can contain."""
        raise UntranslatableError(f"{type(node).__name__.upper()} is not translated here")

    def called(self, node: sqlite.Call) -> Typed:
        """A call of a function."""
        if node.name == "length" and len(node.arguments) == 1:
            octets = node.arguments[0]
            if isinstance(octets, sqlite.Cast) and affinity_of(octets.type) is Affinity.BLOB:
                return Typed(f"octet_length({text(self.typed(octets.operand))})", "integer")
        arguments = [self.typed(argument) for argument in node.arguments]
        dated = date_call(node.name, arguments, stored=not self._scope.clocks)
        return dated or call(node.name, arguments, for_index=self._scope.for_index)

    def _clock(self, node: sqlite.Call | sqlite.Literal) -> Typed | None:
        """A reading of the clock, in the form that SQLite gives it in."""
        if not self._scope.clocks:
            return None
        if isinstance(node, sqlite.Literal):
            spelled = node.text
        elif all(isinstance(item, sqlite.Literal) and item.kind == "text" for item in node.arguments):
            listed = ",".join(f"'{item.text}'" for item in node.arguments if isinstance(item, sqlite.Literal))
            spelled = f"{node.name}({listed})"
        else:
            return None
        clock = read_spelling(spelled.lower())
        if clock is None and isinstance(node, sqlite.Call) and len(node.arguments) > 1:
            first, _, shift = spelled.removesuffix(")").rpartition(",")
            clock = read_shifted(f"{first})".lower(), shift)
        if clock is None:
            return None
        plain = clock.partition(" ")[0]
        kind: Kind = {"epoch": "integer", "milliseconds": "integer", "julian": "real"}.get(plain, "text")  # type: ignore[assignment]
        if isinstance(node, sqlite.Call) and node.name == "strftime":
            kind = "text"
        shown = write_clock(clock, kind, session_clock=False)
        return None if shown is None else Typed(shown, kind, clock=clock)

    def _literal(self, node: sqlite.Literal) -> Typed:
        match node.kind:
            case "integer":
                return Typed(node.text, "integer", constant=node)
            case "real":
                return Typed(node.text, "real", constant=node)
            case "text":
                return Typed(quote_literal(node.text), "text", constant=node)
            case "blob":
                return Typed(f"'\\x{node.text}'::bytea", "bytes", constant=node)
            case "word":
                return Typed(node.text, "boolean")
            case "null":
                return _NULL
            case _:
                reading = self._clock(node)
                if reading is None:
                    raise UntranslatableError(f"{node.text} changes with time")
                return reading

    def _name(self, node: sqlite.Name) -> Typed:
        found = self._scope.find(node)
        if found is not None:
            return found
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
        if node.operator == "+" or item.kind == "null":
            return item
        if node.operator == "-" and item.constant is not None and item.kind in NUMBERS:
            plain = item.constant.text
            negative = plain.removeprefix("-") if plain.startswith("-") else f"-{plain}"
            return Typed(negative, item.kind, constant=sqlite.Literal(item.constant.kind, negative))
        if node.operator == "~" and item.kind != "integer":
            raise UntranslatableError(f"~{item.sql} on a {item.kind}")
        return calculation(f"{node.operator}{number(item)}", calculated(item, item))

    def _binary(self, operator: str, left: Typed, right: Typed) -> Typed:
        if operator in _CALCULATING and "null" in (left.kind, right.kind):
            return _NULL
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
                return calculation(f"{number(left)} {operator} {number(right)}", calculated(left, right))
            case "/" | "%":
                return self._division(operator, left, right)
            case "&" | "|" | "<<" | ">>" if left.kind == right.kind == "integer":
                if operator in ("<<", ">>"):  # PostgreSQL takes the distance modulo the width
                    raise UntranslatableError("shifts differ where the distance is 64 or more, or negative")
                return calculation(f"{number(left)} {operator} {number(right)}", "integer")
            case "->>" if self._scope.for_index:
                return extract(left, right)
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
        ours, theirs = comparable(left, right) if operator in _ORDER else same(left, right)
        if all(item.kind == "text" or item.constant is not None for item in (left, right)) and "text" in (
            left.kind,
            right.kind,
        ):
            collation = _collation(left, right)
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
        """SQLite divides by zero to NULL, integers to integers, and takes % of integers only."""
        kind = calculated(left, right)
        if kind == "number" or (operator == "%" and kind != "integer"):
            raise UntranslatableError(
                f"{left.sql} {operator} {right.sql} depends on what is stored as an integer"
            )
        divisor = number(right)
        constant = right.constant
        if constant is None or float(constant.text) == 0:
            divisor = f"NULLIF({divisor}, 0)"
        return calculation(f"{number(left)} {operator} {divisor}", kind)

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
        value = replace(value, collated=True)
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
        if any(result.kind == "boolean" for result in results):
            results = [_truth(result) for result in results]
        kind = wider(result.kind for result in results)
        if kind == "null":
            return _NULL
        subject = self.typed(node.subject) if node.subject is not None else None
        parts = ["CASE"]
        for (question, _), result in zip(node.branches, results, strict=False):
            tested = self.typed(question)
            when = condition(tested if subject is None else self._comparison("=", subject, tested))
            parts.append(f"WHEN {when} THEN {result.sql}")
        if node.otherwise is not None:
            parts.append(f"ELSE {results[-1].sql}")
        return Typed(" ".join((*parts, "END")), kind)

    def _cast(self, node: sqlite.Cast) -> Typed:
        item, affinity = self.typed(node.operand), affinity_of(node.type)
        if item.clock == "epoch" and affinity in (Affinity.INTEGER, Affinity.NUMERIC):
            return Typed(number(item), "integer", type="bigint")
        match affinity, item.kind:
            case Affinity.TEXT, _:
                return Typed(text(item), "text")
            case Affinity.INTEGER, "boolean":
                return Typed(number(item), "integer")
            case Affinity.INTEGER, "integer":
                return item
            case Affinity.INTEGER, ("real" | "number"):
                return Typed(f"trunc({number(item)})::bigint", "integer", type="bigint")
            case Affinity.REAL, ("integer" | "real" | "number" | "boolean"):
                return Typed(f"{number(item)}::double precision", "real")
            case _:
                raise UntranslatableError(
                    f"SQLite's CAST to {node.type} reads the beginning of a {item.kind}"
                )

    def _collate(self, node: sqlite.Collate) -> Typed:
        item = self.typed(node.operand)
        collation = None if node.collation == "BINARY" else node.collation
        return replace(item, collation=collation, collated=True)
