"""Functions that PostgreSQL does not have, or has under another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.lint.hits import at, before, behind, constant, on_call, over, replace_call
from migration.lint.rule import Edit, Hit, Rule, Severity
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration.lint.statement import Sql

_FUNCTIONS = "postgresql.org/docs/current/functions-string.html"
_CONDITIONAL = "postgresql.org/docs/current/functions-conditional.html"
_AGGREGATE = "postgresql.org/docs/current/functions-aggregate.html"


def _ifnull(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("ifnull"):
        yield on_call(sql, call, over(sql, call.name, call.name, "coalesce"))


def _iif(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("iif", "if"):
        if len(call.arguments) not in (2, 3):
            continue
        edits = list(replace_call(sql, call, "CASE WHEN ", " THEN", " END"))
        if len(call.arguments) == 3:
            comma = call.arguments[1][1] + 1
            edits[2] = over(sql, comma, comma, " ELSE")
        yield on_call(sql, call, *edits)


def _group_concat(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("group_concat"):
        if not call.arguments:
            continue
        first, last = call.arguments[0]
        edits = [over(sql, call.name, call.name, "string_agg")]
        ordered = next((p for p in range(first, last + 1) if sql.words(p, "ORDER", "BY")), None)
        value = last if ordered is None else ordered - 1
        if not _is_text(sql, first + 1 if sql.word(first, "DISTINCT") else first, value):
            begin = first + 1 if sql.word(first, "DISTINCT") else first
            simple = begin == value or (value - begin == 2 and sql.operator(begin + 1, "."))
            if simple:
                edits.append(behind(sql, value, "::text"))
            else:
                edits += [before(sql, begin, "("), behind(sql, value, ")::text")]
        if len(call.arguments) == 1:
            edits.append(behind(sql, value, ", ','"))
        yield on_call(sql, call, *edits)


def _is_text(sql: Sql, first: int, last: int) -> bool:
    column = sql.column_in((first, last))
    return column is not None and column.type.startswith(("text", "character"))


#: Functions with the same arguments and another name.
_RENAMED = {
    "instr": "strpos",
    "char": "chr",
    "unicode": "ascii",
    "quote": "quote_nullable",
}


def _renamed(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls(*_RENAMED):
        old = sql.tokens[call.name].value.lower()
        if (
            not call.arguments
            or (old == "char" and sql.word(0, "CREATE", "ALTER"))
            or _is_type(sql, call.name)
        ):
            continue
        new = _RENAMED[old]
        same = old == "instr" or (len(call.arguments) == 1 and old != "quote")  # which quotes no numbers
        edits = (over(sql, call.name, call.name, new),) if same else ()
        yield on_call(sql, call, *edits, why=f"PostgreSQL has no {old}()", instead=f"{new}()")


def _is_type(sql: Sql, place: int) -> bool:
    return sql.word(place - 1, "AS")


def _hex(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("hex", "unhex", "zeroblob"):
        name = sql.tokens[call.name].value.lower()
        inner = next((c for c in sql.calls("randomblob") if c.name == call.open + 1), None)
        if name == "hex" and inner is not None and inner.close == call.close - 1:
            continue  # random-blob says it
        instead = {
            "hex": "upper(encode(x, 'hex')) of bytes, upper(encode(convert_to(x, 'UTF8'), 'hex')) of a text",
            "unhex": "decode(x, 'hex')",
            "zeroblob": "decode(repeat('00', n), 'hex')",
        }[name]
        yield on_call(sql, call, why=f"PostgreSQL has no {name}()", instead=instead)


def _extremes(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("max", "min"):
        if len(call.arguments) < 2:
            continue
        new = "greatest" if sql.tokens[call.name].value.lower() == "max" else "least"
        yield on_call(
            sql,
            call,
            over(sql, call.name, call.name, new),
            why=f"PostgreSQL calls it {new}(), which skips NULL",
        )


def _total(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("total"):
        if len(call.arguments) == 1:
            yield on_call(
                sql, call, *replace_call(sql, call, "coalesce(sum(", ", ", "), 0)::double precision")
            )


def _typeof(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("typeof"):
        if len(call.arguments) == 1:
            yield on_call(sql, call, *replace_call(sql, call, "pg_typeof(", ", ", ")::text"))


def _printf(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("printf", "format"):
        pattern = constant(sql, call.arguments[0]) if call.arguments else None
        plain = pattern is not None and "%" in pattern and _only_strings(pattern)
        name = sql.tokens[call.name].value.lower()
        if name == "format" and plain:
            continue
        edits = (over(sql, call.name, call.name, "format"),) if plain else ()
        yield on_call(sql, call, *edits)


def _only_strings(pattern: str) -> bool:
    rest = pattern.replace("%%", "")
    return rest.count("%") == rest.count("%s")


def _substr(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("substr", "substring"):
        if len(call.arguments) < 2:
            continue
        first, last = call.arguments[1]
        if not (last == first + 1 and sql.operator(first, "-") and sql.kind(last) is Kind.NUMBER):
            if not (first == last and sql.kind(first) is Kind.NUMBER and sql.tokens[first].value == "0"):
                continue
            yield on_call(sql, call, why="places begin at 1: SQLite and PostgreSQL count from 0 differently")
            continue
        count = sql.tokens[last].value
        if len(call.arguments) == 2:
            edits = (over(sql, call.name, call.name, "right"), over(sql, first, last, count))
            yield on_call(sql, call, *edits)
        else:
            yield on_call(sql, call, instead=f"substr(right(x, {count}), 1, n)")


def _random(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("random"):
        if call.arguments or sql.standing(call.name) == "ORDER":
            continue
        outer = sql.operator(call.name - 1, "(") and sql.word(call.name - 2, "ABS")
        if outer and sql.operator(call.close + 1, ")") and sql.operator(call.close + 2, "%"):
            text = f"floor(random() * {sql.kept(call.close + 3, call.close + 3)})::bigint"
            yield at(sql, call.name - 2, call.close + 3, over(sql, call.name - 2, call.close + 3, text))
            continue
        if outer and sql.operator(call.close + 1, "%") and sql.operator(call.close + 3, ")"):
            text = f"floor(random() * {sql.kept(call.close + 2, call.close + 2)})::bigint"
            yield at(sql, call.name - 2, call.close + 3, over(sql, call.name - 2, call.close + 3, text))
        else:
            yield on_call(sql, call)
    for call in sql.calls("randomblob"):
        outer = sql.operator(call.name - 1, "(") and sql.word(call.name - 2, "HEX")
        sixteen = len(call.arguments) == 1 and sql.shown(*call.arguments[0]) == "16"
        if outer and sixteen and sql.operator(call.close + 1, ")"):
            text = "upper(replace(gen_random_uuid()::text, '-', ''))"
            yield at(sql, call.name - 2, call.close + 1, over(sql, call.name - 2, call.close + 1, text))
        else:
            yield on_call(
                sql,
                call,
                why="PostgreSQL has no randomblob()",
                instead="gen_random_bytes(n) of the extension pgcrypto, or gen_random_uuid()",
            )


def _round(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("round"):
        if len(call.arguments) != 2:
            continue
        first, last = call.arguments[0]
        column = sql.column_in((first, last))
        if column is not None and column.type.startswith(("numeric", "integer", "bigint", "smallint")):
            continue
        severity: Severity | None = "fails" if column is not None else None
        wrapped: tuple[Edit, ...] = (behind(sql, last, "::numeric"),)
        if first != last:
            wrapped = (before(sql, first, "("), behind(sql, last, ")::numeric"))
        yield at(sql, call.name, call.close, *wrapped, severity=severity)


def _rowid_functions(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("last_insert_rowid"):
        yield on_call(sql, call, over(sql, call.name, call.close, "lastval()"))


def _changes(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("changes", "total_changes", "sqlite_version", "sqlite_source_id"):
        name = sql.tokens[call.name].value.lower()
        if name.startswith("sqlite"):
            edits = (over(sql, call.name, call.close, "version()"),)
            yield on_call(sql, call, *edits, instead="version()", why=f"PostgreSQL has no {name}()")
        elif not call.arguments:
            yield on_call(sql, call)


def _rule(
    name: str, title: str, why: str, instead: str, link: str, *, find: Callable[[Sql], Iterator[Hit]]
) -> Rule:
    return Rule(name, title, "fails", why, instead, link, find)


RULES = (
    _rule(
        "ifnull",
        "ifnull() is SQLite's",
        "PostgreSQL has no ifnull()",
        "coalesce()",
        _CONDITIONAL,
        find=_ifnull,
    ),
    _rule(
        "iif", "iif() is SQLite's", "PostgreSQL has no iif()", "CASE WHEN ... END", _CONDITIONAL, find=_iif
    ),
    _rule(
        "group-concat",
        "group_concat() is called string_agg()",
        "PostgreSQL has no group_concat()",
        "string_agg(text, separator); say ORDER BY in it where the order matters",
        _AGGREGATE,
        find=_group_concat,
    ),
    _rule(
        "renamed-function",
        "a function with another name on PostgreSQL",
        "PostgreSQL has no function of this name",
        "its name on PostgreSQL",
        _FUNCTIONS,
        find=_renamed,
    ),
    _rule(
        "hex",
        "hex(), unhex() and zeroblob() are SQLite's",
        "PostgreSQL has no function of this name",
        "encode() and decode()",
        "postgresql.org/docs/current/functions-binarystring.html",
        find=_hex,
    ),
    _rule(
        "scalar-max",
        "max() and min() of several values are greatest() and least()",
        "PostgreSQL's max() and min() take one argument",
        "greatest() and least(), which skip NULLs; SQLite's give NULL where one argument is",
        _CONDITIONAL,
        find=_extremes,
    ),
    _rule(
        "total",
        "total() is SQLite's",
        "PostgreSQL has no total()",
        "coalesce(sum(x), 0)",
        _AGGREGATE,
        find=_total,
    ),
    _rule(
        "typeof",
        "typeof() tells SQLite's storage class",
        "PostgreSQL has no typeof()",
        "pg_typeof(x), with PostgreSQL's names of types; a column has one type there, so often nothing",
        "postgresql.org/docs/current/functions-info.html",
        find=_typeof,
    ),
    _rule(
        "printf",
        "printf() is called format(), and knows %s, %I and %L only",
        "PostgreSQL has no printf(), and its format() takes no numbers' formats such as %d or %.2f",
        "format() with %s, to_char(x, 'FM999990.00'), or lpad(x::text, 5, '0')",
        "postgresql.org/docs/current/functions-string.html",
        find=_printf,
    ),
    Rule(
        "substr-negative",
        "substr() from the end",
        "differs",
        "a negative start counts from the end in SQLite; in PostgreSQL it lies before the text",
        "right(x, n)",
        _FUNCTIONS,
        _substr,
    ),
    Rule(
        "random-blob",
        "random() is a fraction on PostgreSQL",
        "differs",
        "SQLite's random() is any 64-bit integer, PostgreSQL's lies between 0 and 1",
        "floor(random() * n)::bigint for an integer below n",
        "postgresql.org/docs/current/functions-math.html",
        _random,
    ),
    Rule(
        "round-digits",
        "round() to digits takes numeric only",
        "check",
        "PostgreSQL rounds double precision to whole numbers only: round(real, 2) fails",
        "round(x::numeric, 2)",
        "postgresql.org/docs/current/functions-math.html",
        _round,
    ),
    _rule(
        "last-insert-rowid",
        "last_insert_rowid() is SQLite's",
        "PostgreSQL has no rowid; lastval() works only in the same session, which a pool does not promise",
        "INSERT ... RETURNING id",
        "postgresql.org/docs/current/dml-returning.html",
        find=_rowid_functions,
    ),
    _rule(
        "last-error",
        "changes() and sqlite_version() are SQLite's",
        "PostgreSQL has no such function: the driver tells how many rows a statement changed",
        "the driver's row count (rowCount, cursor.rowcount), or RETURNING",
        "postgresql.org/docs/current/dml-returning.html",
        find=_changes,
    ),
)
