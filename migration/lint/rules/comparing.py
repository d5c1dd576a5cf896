"""Comparisons and calculations: what SQLite's loose types let pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.lint.hits import at, before, behind, bit, over
from migration.lint.rule import Edit, Hit, Rule
from migration.lint.rules.writing import written_to
from migration.lint.words import KEYWORDS
from migration.schema.ddl import quote_literal
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.statement import Sql
    from migration.schema.target import TargetColumn

_EQUAL = ("=", "==", "<>", "!=")
_SIGNS = (*_EQUAL, "<", ">", "<=", ">=")
_EXPRESSIONS = "postgresql.org/docs/current/functions-comparison.html"
_MATHS = "postgresql.org/docs/current/functions-math.html"


def _is(column: TargetColumn | None, *types: str) -> bool:
    return column is not None and column.type.startswith(types)


_TEXTS = ("text", "character", "citext")
_WHOLE = ("integer", "bigint", "smallint")


def _booleans(sql: Sql) -> Iterator[Hit]:
    for place, token in enumerate(sql.tokens):
        compares = sql.operator(place, *_EQUAL) or (token.is_word("IS") and not sql.word(place + 1, "NULL"))
        if compares:
            behind_it = place + 2 if sql.word(place + 1, "NOT") else place + 1
            left, right = sql.operand_before(place), (behind_it, behind_it)
            for column, other in ((sql.column_in(left), right), (_named(sql, place), left)):
                truth = bit(sql, other[0]) if other[0] == other[1] else None
                if _is(column, "boolean") and truth is not None:
                    yield at(sql, min(left[0], other[0]), max(right[0], other[1]), over(sql, *other, truth))
                    break
    yield from _inserted(sql)
    for call in sql.calls("sum", "avg", "max", "min"):
        if len(call.arguments) != 1:
            continue
        first, last = call.arguments[0]
        if _is(sql.column_in((first, last)), "boolean"):
            yield at(sql, call.name, call.close, behind(sql, last, "::int"))
    for call in sql.calls("coalesce", "ifnull"):
        if len(call.arguments) == 2 and _is(sql.column_in(call.arguments[0]), "boolean"):
            first, last = call.arguments[1]
            truth = bit(sql, first) if first == last else None
            if truth is not None:
                yield at(sql, call.name, call.close, over(sql, first, last, truth))


def _named(sql: Sql, sign: int) -> TargetColumn | None:
    return sql.column_in(sql.operand_after(sign)) if sign + 1 < len(sql.tokens) else None


def _inserted(sql: Sql) -> Iterator[Hit]:
    """0 and 1 in VALUES, at the places of boolean columns."""
    into = next(iter(sql.find("INTO")), None)
    if into is None or sql.known is None:
        return
    _, columns = written_to(sql, into)
    values = next(iter(sql.find("VALUES")), None)
    if columns is None or values is None:
        return
    for place in range(values + 1, sql.clause_end(values) + 1):
        if sql.operator(place, "(") and sql.depths[place] == sql.depths[values]:
            spans = sql.split(place + 1, sql.close(place) - 1)
            for column, (first, last) in zip(columns, spans, strict=False):
                truth = bit(sql, first) if first == last else None
                if _is(column, "boolean") and truth is not None:
                    yield at(
                        sql, first, last, over(sql, first, last, truth), why=f"{column.name} is a boolean"
                    )


def _summed(sql: Sql) -> Iterator[Hit]:
    """sum(a = b): SQLite's comparisons are numbers."""
    for call in sql.calls("sum", "avg", "total"):
        if len(call.arguments) != 1:
            continue
        first, last = call.arguments[0]
        inside = [place for place in range(first, last + 1) if sql.depths[place] == sql.depths[first]]
        case = any(sql.word(place, "CASE", "WHEN", "FILTER") for place in inside)
        compares = any(
            sql.operator(place, *_SIGNS) or sql.word(place, "LIKE", "IN", "IS", "BETWEEN", "AND", "OR")
            for place in inside
        )
        if compares and not case:
            yield at(sql, call.name, call.close, before(sql, first, "("), behind(sql, last, ")::int"))


def _conditions(sql: Sql) -> Iterator[Hit]:
    """WHERE flag, where the flag is a number."""
    for place in sql.find("WHERE", "AND", "OR", "ON", "NOT", "HAVING"):
        if sql.word(place, "AND") and _closes_between(sql, place):
            continue
        first, last = sql.operand_after(place) if place + 1 < len(sql.tokens) else (1, 0)
        column = sql.column_in((first, last))
        ended = (
            last + 1 >= len(sql.tokens)
            or sql.operator(last + 1, ")", ";")
            or sql.word(
                last + 1,
                "AND",
                "OR",
                "GROUP",
                "ORDER",
                "LIMIT",
                "HAVING",
                "RETURNING",
                "UNION",
                "WHERE",
                "JOIN",
                "LEFT",
            )
        )
        if ended and _is(column, *_WHOLE, "numeric", "double"):
            yield at(
                sql,
                first,
                last,
                behind(sql, last, " <> 0"),
                why=f"{column.name} is {column.type}" if column else "",
            )


def _closes_between(sql: Sql, place: int) -> bool:
    for other in range(place - 1, -1, -1):
        if sql.depths[other] == sql.depths[place]:
            if sql.word(other, "BETWEEN"):
                return True
            if sql.word(other, "AND", "OR", "WHERE", "ON", "HAVING", "SELECT"):
                return False
    return False


def _casts(sql: Sql) -> Iterator[Hit]:
    for place in range(1, len(sql.tokens) - 1):
        if not sql.operator(place, *_SIGNS):
            continue
        left, right = sql.operand_before(place), sql.operand_after(place)
        ours, theirs = sql.column_in(left), sql.column_in(right)
        assigns = sql.standing(place) == "SET"
        for column, other, span in ((ours, right, left), (theirs, left, right)):
            token = sql.tokens[other[1]]
            if column is None or token.kind not in (Kind.NUMBER, Kind.STRING) or sql.in_hole(other[1]):
                continue
            if _is(column, *_TEXTS) and token.kind is Kind.NUMBER and not assigns:
                text = quote_literal(sql.shown(*other).replace(" ", ""))
                why = f"{column.name} is {column.type}: PostgreSQL compares no text with a number"
                yield at(sql, min(left[0], span[0]), max(right[1], span[1]), over(sql, *other, text), why=why)
            elif (
                _is(column, *_WHOLE)
                and token.kind is Kind.STRING
                and not token.value.strip().lstrip("-").isdigit()
            ):
                why = f"{column.name} is {column.type}: {token.value!r} is no such number, which is an error"
                yield at(sql, min(left[0], span[0]), max(right[1], span[1]), why=why)
        if ours is not None and theirs is not None and not assigns and _strangers(ours, theirs):
            why = (
                f"{ours.name} is {ours.type}, {theirs.name} is {theirs.type}: PostgreSQL compares no such two"
            )
            number_first = _is(ours, *_WHOLE, "numeric", "double")
            edit = behind(sql, left[1] if number_first else right[1], "::text")
            yield at(sql, left[0], right[1], edit, why=why)


def _strangers(ours: TargetColumn, theirs: TargetColumn) -> bool:
    numbers = (*_WHOLE, "numeric", "double", "real")
    return (_is(ours, *_TEXTS) and _is(theirs, *numbers)) or (_is(ours, *numbers) and _is(theirs, *_TEXTS))


def _plus(sql: Sql) -> Iterator[Hit]:
    for place in range(1, len(sql.tokens) - 1):
        if not sql.operator(place, "+"):
            continue
        sides = (sql.operand_before(place), sql.operand_after(place))
        texts = [
            span
            for span in sides
            if (span[0] == span[1] and sql.kind(span[0]) is Kind.STRING) or _is(sql.column_in(span), *_TEXTS)
        ]
        if not texts or sql.operator(place - 1, "(", ",") or sql.word(place - 1, *KEYWORDS):
            continue
        yield at(sql, sides[0][0], sides[1][1])


def _division(sql: Sql) -> Iterator[Hit]:
    yield from _by_zero(sql, "/")


def _modulo(sql: Sql) -> Iterator[Hit]:
    yield from _by_zero(sql, "%")


def _by_zero(sql: Sql, sign: str) -> Iterator[Hit]:
    for place in range(1, len(sql.tokens) - 1):
        if not sql.operator(place, sign) or sql.in_hole(place):
            continue
        if sign == "%" and _formats(sql, place):
            continue
        left, right = sql.operand_before(place), sql.operand_after(place)
        number = right[0] == right[1] and sql.kind(right[0]) is Kind.NUMBER
        zero = number and float(sql.tokens[right[0]].value.replace("_", "")) == 0
        sides = (sql.column_in(left), sql.column_in(right))
        decimal = [item for item in sides if item is not None and _is(item, "numeric", "double")]
        edits: tuple[Edit, ...] = ()
        whys = []
        if not number or zero:
            edits = (before(sql, right[0], "NULLIF("), behind(sql, right[1], ", 0)"))
            whys.append("dividing by zero is an error in PostgreSQL, and NULL in SQLite")
        if decimal and sign == "/":
            name = decimal[0].name
            whys.append(
                f"{name} is {decimal[0].type}: SQLite divides two values stored as integers to an integer"
            )
        elif decimal:
            whys.append(f"{decimal[0].name} is {decimal[0].type}: SQLite's % works on integers only")
        if whys:
            fractional = {"severity": "differs"} if decimal and not edits else {}
            yield at(sql, left[0], right[1], *edits, why="; ".join(whys), **fractional)  # type: ignore[arg-type]


def _formats(sql: Sql, place: int) -> bool:
    """Whether a % belongs to a parameter of Python's: %s, %(name)s, %%."""
    if sql.piece.language != "py":
        return False
    behind_it = sql.text[sql.tokens[place].end : sql.tokens[place].end + 2]
    doubled = sql.text[sql.tokens[place].start - 1 : sql.tokens[place].start] == "%"
    return doubled or behind_it[:1] in ("%", "(") or behind_it.rstrip(" ),\n") == "s"


def _double_equals(sql: Sql) -> Iterator[Hit]:
    for place in range(len(sql.tokens)):
        if sql.operator(place, "=="):
            yield at(sql, place, place, over(sql, place, place, "="))


def _is_value(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("IS"):
        other = place + 2 if sql.word(place + 1, "NOT") else place + 1
        if other >= len(sql.tokens) or sql.word(other, "NULL", "TRUE", "FALSE", "DISTINCT", "JSON"):
            continue
        column = sql.column_in(sql.operand_before(place))
        if _is(column, "boolean") and bit(sql, other) is not None:
            continue  # boolean-number says it
        text = "IS DISTINCT FROM" if other == place + 2 else "IS NOT DISTINCT FROM"
        yield at(sql, place, other, over(sql, place, other - 1, text))


def _blobs(sql: Sql) -> Iterator[Hit]:
    for place, token in enumerate(sql.tokens):
        if token.kind is Kind.BLOB:
            yield at(sql, place, place, over(sql, place, place, f"'\\x{token.value}'::bytea"))


def _not_null(sql: Sql) -> Iterator[Hit]:
    if sql.word(0, "CREATE", "ALTER"):
        return
    for place in sql.find("NOT"):
        if sql.word(place + 1, "NULL") and not sql.word(place - 1, "IS") and place:
            yield at(sql, place, place + 1, over(sql, place, place, "IS NOT"))


def _cast_types(sql: Sql) -> Iterator[Hit]:
    types = {"BLOB": "bytea", "DATETIME": "timestamp", "DOUBLE": "double precision", "STRING": "text"}
    for call in sql.calls("cast"):
        last = call.close - 1
        name = sql.tokens[last].value.upper()
        if sql.word(last - 1, "AS") and name in types:
            yield at(sql, call.name, call.close, over(sql, last, last, types[name]), severity="fails")
        elif sql.word(last - 1, "AS") and name in ("INTEGER", "INT", "REAL", "NUMERIC", "BIGINT", "FLOAT"):
            column = sql.column_in((call.open + 1, last - 2))
            if _is(column, *_TEXTS):
                yield at(sql, call.name, call.close)
            elif name in ("INTEGER", "INT", "BIGINT") and _is(column, "numeric", "double", "real"):
                edits = (before(sql, call.open + 1, "trunc("), behind(sql, last - 2, ")"))
                yield at(
                    sql, call.name, call.close, *edits, why="SQLite cuts the fraction off, PostgreSQL rounds"
                )


RULES = (
    Rule(
        "boolean-number",
        "a boolean is no number",
        "fails",
        "PostgreSQL compares no boolean with 0 or 1, and adds none up",
        "true and false; flag::int to add up",
        "postgresql.org/docs/current/datatype-boolean.html",
        _booleans,
        needs_source=True,
    ),
    Rule(
        "boolean-sum",
        "a comparison is no number",
        "fails",
        "SQLite's comparisons are 0 or 1; PostgreSQL adds no booleans up",
        "count(*) FILTER (WHERE a = b), or sum((a = b)::int)",
        "postgresql.org/docs/current/sql-expressions.html",
        _summed,
    ),
    Rule(
        "number-as-condition",
        "a number is no condition",
        "fails",
        "PostgreSQL wants a boolean in WHERE, AND, OR and NOT",
        "n <> 0",
        "postgresql.org/docs/current/functions-logical.html",
        _conditions,
        needs_source=True,
    ),
    Rule(
        "implicit-cast",
        "texts and numbers are not compared",
        "fails",
        "SQLite makes numbers of texts, or texts of numbers, to compare them; PostgreSQL does not",
        "a constant or a cast of the same type: code = '123', code::integer = n",
        "postgresql.org/docs/current/typeconv-oper.html",
        _casts,
        needs_source=True,
    ),
    Rule(
        "string-plus-number",
        "+ adds no texts",
        "fails",
        "SQLite reads the number at the beginning of a text (and takes 0 where there is none)",
        "|| to join texts, x::numeric to calculate",
        "postgresql.org/docs/current/functions-string.html",
        _plus,
    ),
    Rule(
        "integer-division",
        "a division may end with an error",
        "check",
        "dividing by zero is an error in PostgreSQL, and NULL in SQLite",
        "a / NULLIF(b, 0)",
        _MATHS,
        _division,
    ),
    Rule(
        "modulo",
        "% may end with an error",
        "check",
        "dividing by zero is an error in PostgreSQL, and NULL in SQLite",
        "a % NULLIF(b, 0)",
        _MATHS,
        _modulo,
    ),
    Rule(
        "double-equals", "== is written =", "fails", "PostgreSQL has no ==", "=", _EXPRESSIONS, _double_equals
    ),
    Rule(
        "is-value",
        "IS compares with NULL, TRUE and FALSE only",
        "fails",
        "PostgreSQL's IS takes no other value",
        "IS NOT DISTINCT FROM, IS DISTINCT FROM; = where neither side is NULL",
        _EXPRESSIONS,
        _is_value,
    ),
    Rule(
        "not-null",
        "NOT NULL behind a value is IS NOT NULL",
        "fails",
        "PostgreSQL does not know x NOT NULL as a condition",
        "x IS NOT NULL",
        _EXPRESSIONS,
        _not_null,
    ),
    Rule(
        "blob-literal",
        "x'..' is a string of bits",
        "fails",
        "PostgreSQL reads x'ff' as a bit string",
        "'\\xff'::bytea",
        "postgresql.org/docs/current/datatype-binary.html",
        _blobs,
    ),
    Rule(
        "cast-type",
        "CAST reads more strictly",
        "check",
        "SQLite's CAST takes the number a text begins with, or 0; PostgreSQL's fails where it is no number",
        "a cast of values that are numbers, or a CASE around it",
        "postgresql.org/docs/current/sql-expressions.html",
        _cast_types,
    ),
)
