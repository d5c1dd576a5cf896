"""SQLite's functions of dates and times, which work on texts, numbers and modifiers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.lint.hits import at, constant, on_call, over
from migration.lint.rule import Hit, Rule
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.statement import Call, Sql

_NOW = "(now() AT TIME ZONE 'UTC')"
_SHIFT = re.compile(r"([+-]?)\s*(\d+(?:\.\d+)?)\s+(second|minute|hour|day|month|year)s?")
_FORMATS = {
    "Y": "YYYY", "m": "MM", "d": "DD", "H": "HH24", "M": "MI", "S": "SS", "j": "DDD", "f": "SS.MS",
    "F": "YYYY-MM-DD", "T": "HH24:MI:SS", "R": "HH24:MI", "I": "HH12", "p": "AM", "G": "IYYY", "V": "IW",
}  # fmt: skip
_SHOWN = {"datetime": "YYYY-MM-DD HH24:MI:SS", "date": "YYYY-MM-DD", "time": "HH24:MI:SS"}
#: Where a value is compared or stored, its type counts; elsewhere the text that SQLite gave is read.
_TYPED = ("WHERE", "HAVING", "ON", "SET", "VALUES", "JOIN")
#: Patterns whose texts are whole dates or times.
_WHOLE = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%F", "%F %T")
_SIGNS = ("=", "==", "<>", "!=", "<", ">", "<=", ">=")
_LINK = "postgresql.org/docs/current/functions-datetime.html"


def instant(sql: Sql, arguments: tuple[tuple[int, int], ...]) -> str | None:
    """A time value and its modifiers as a timestamp of PostgreSQL's, in UTC; None where nobody knows."""
    if not arguments:
        return _NOW
    first, *modifiers = arguments
    if "'auto'" in (sql.shown(*item).lower() for item in modifiers):
        return None
    texts = [constant(sql, item) for item in modifiers]
    value = _value(sql, first, epoch="unixepoch" in texts)
    for text in texts:
        if value is None or text is None:
            return None
        value = _modified(value, text.strip().lower())
    return value


def _value(sql: Sql, span: tuple[int, int], *, epoch: bool) -> str | None:
    text = constant(sql, span)
    if text is not None:
        if text.lower() == "now":
            return _NOW
        return f"timestamp '{text}'" if re.fullmatch(r"\d{4}-\d\d-\d\d([ T][\d:.]+)?", text) else None
    first, last = span
    written = sql.kept(first, last)
    simple = first == last or (last - first == 2 and sql.operator(first + 1, "."))
    operand = (
        written if simple or (sql.operator(last, ")") and sql.kind(first) is Kind.WORD) else f"({written})"
    )
    if epoch:
        return f"(to_timestamp({written}) AT TIME ZONE 'UTC')"
    column = sql.column_in(span)
    if column is not None and column.type.startswith("timestamp with time zone"):
        return f"({operand} AT TIME ZONE 'UTC')"
    if column is not None and column.type.startswith("timestamp"):
        return operand
    if sql.kind(first) is Kind.NUMBER or (sql.kind(first) is Kind.PARAMETER and not simple):
        return None
    return f"{operand}::timestamp"


def _modified(value: str, modifier: str) -> str | None:
    if modifier in ("unixepoch", "utc", "subsec", "subsecond"):
        return value
    if modifier.startswith("start of "):
        unit = modifier.removeprefix("start of ")
        return f"date_trunc('{unit}', {value})" if unit in ("day", "month", "year") else None
    shift = _SHIFT.fullmatch(modifier)
    if shift is None:
        return None
    return f"({value} {shift[1] or '+'} interval '{shift[2]} {shift[3]}s')"


def _dates(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("datetime", "date", "time"):
        if len(call.arguments) <= 1 and not _is_type_or_default(sql, call):
            yield _dated(sql, call)


def _arithmetic(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("datetime", "date", "time"):
        if len(call.arguments) > 1:
            yield _dated(sql, call)
    yield from _calculated(sql)


def _is_type_or_default(sql: Sql, call: Call) -> bool:
    """datetime(6) as a type, not a call."""
    return all(sql.kind(place) is Kind.NUMBER for span in call.arguments for place in span) and bool(
        call.arguments
    )


def _dated(sql: Sql, call: Call) -> Hit:
    name = sql.tokens[call.name].value.lower()
    value = instant(sql, call.arguments)
    if value is None:
        return on_call(sql, call)
    if sql.word(0, "CREATE", "ALTER"):
        text = {"datetime": value, "date": f"{value}::date", "time": f"{value}::time(0)"}[name]
    elif sql.standing(call.name) in _TYPED and not _beside_text(sql, call):
        whole = value if value != _NOW else f"date_trunc('second', {value})"
        text = {"datetime": whole, "date": f"{value}::date", "time": f"{value}::time(0)"}[name]
    else:
        text = f"to_char({value}, '{_SHOWN[name]}')"
    return on_call(sql, call, over(sql, call.name, call.close, text))


def _beside(sql: Sql, call: Call) -> tuple[int, int] | None:
    """What a call is compared with."""
    if sql.operator(call.name - 1, *_SIGNS):
        return sql.operand_before(call.name - 1)
    if sql.operator(call.close + 1, *_SIGNS) and call.close + 2 < len(sql.tokens):
        return sql.operand_after(call.close + 1)
    return None


def _beside_text(sql: Sql, call: Call) -> bool:
    """Whether a call is compared with a column that stays a text: PostgreSQL compares no date with one."""
    other = _beside(sql, call)
    column = sql.column_in(other) if other is not None else None
    return column is not None and column.type.startswith(("text", "character"))


def _beside_date(sql: Sql, call: Call) -> bool:
    """Whether a call is compared with a column of dates, or one of which nothing is known."""
    other = _beside(sql, call)
    if other is None or not sql.tokens[other[1]].can_name or sql.kind(other[1]) is Kind.STRING:
        return False
    column = sql.column_in(other)
    return column is None or column.type.startswith(("timestamp", "date"))


def _strftime(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("strftime"):
        pattern = constant(sql, call.arguments[0]) if call.arguments else None
        value = instant(sql, call.arguments[1:])
        text = formatted(pattern, value) if pattern is not None and value is not None else None
        if text and value and pattern in _WHOLE and _beside_date(sql, call):
            text = f"{value}::date" if pattern in ("%Y-%m-%d", "%F") else f"date_trunc('second', {value})"
        yield on_call(sql, call, *([over(sql, call.name, call.close, text)] if text else ()))


def formatted(pattern: str, value: str) -> str | None:
    """A pattern of strftime() over a timestamp, as PostgreSQL writes it; always a text, as in SQLite."""
    if pattern == "%s":
        return f"extract(epoch FROM {value})::bigint::text"
    if pattern == "%w":
        return f"extract(dow FROM {value})::text"
    if pattern == "%u":
        return f"extract(isodow FROM {value})::text"
    parts, at_place = [], 0
    while at_place < len(pattern):
        character = pattern[at_place]
        if character == "%":
            letter = pattern[at_place + 1 : at_place + 2]
            if letter == "%":
                parts.append("%")
            elif letter in _FORMATS:
                parts.append(_FORMATS[letter])
            else:
                return None
            at_place += 2
            continue
        parts.append(f'"{character}"' if character.isalpha() else character.replace("'", "''"))
        at_place += 1
    return f"to_char({value}, '{''.join(parts)}')"


def _epochs(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("julianday", "unixepoch"):
        value = instant(sql, call.arguments)
        if value is None:
            yield on_call(sql, call)
            continue
        julian = sql.tokens[call.name].value.lower() == "julianday"
        text = (
            f"(extract(julian FROM {value})::double precision - 0.5)"
            if julian
            else f"extract(epoch FROM {value})::bigint"
        )
        yield on_call(sql, call, over(sql, call.name, call.close, text))


def _calculated(sql: Sql) -> Iterator[Hit]:
    """A date column plus or minus a number, or two of them subtracted: PostgreSQL gives an interval."""
    for place, token in enumerate(sql.tokens):
        if token.kind is not Kind.OPERATOR or token.value not in ("+", "-") or place == 0:
            continue
        columns = [sql.column_in(sql.operand_before(place)), sql.column_in(sql.operand_after(place))]
        dated = [
            item
            for item in columns
            if item is not None and item.type.startswith(("timestamp", "date", "time"))
        ]
        if dated:
            first, last = sql.operand_before(place)[0], sql.operand_after(place)[1]
            yield at(
                sql,
                first,
                last,
                severity="fails" if len(dated) == 1 else "differs",
                why=f"{dated[0].name} is {dated[0].type} on PostgreSQL: it takes intervals, and a difference "
                "of two is an interval; SQLite calculates with the number at the beginning of the text",
            )


RULES = (
    Rule(
        "datetime-function",
        "datetime(), date() and time() are SQLite's",
        "fails",
        "PostgreSQL has no datetime() and no date('now'); its values are no texts",
        "now() AT TIME ZONE 'UTC', x::date, or to_char(x, 'YYYY-MM-DD') where a text is read",
        _LINK,
        _dates,
    ),
    Rule(
        "date-arithmetic",
        "dates are shifted by intervals",
        "fails",
        "PostgreSQL has no modifiers such as '+7 days'",
        "x + interval '7 days', date_trunc('month', x)",
        _LINK,
        _arithmetic,
    ),
    Rule(
        "strftime",
        "strftime() is called to_char()",
        "fails",
        "PostgreSQL has no strftime()",
        "to_char(x, 'YYYY-MM'), or date_trunc('month', x) to group by",
        "postgresql.org/docs/current/functions-formatting.html",
        _strftime,
    ),
    Rule(
        "julianday",
        "julianday() and unixepoch() are SQLite's",
        "fails",
        "PostgreSQL has neither",
        "extract(epoch FROM a - b) / 86400 for days between two times, extract(epoch FROM x) for seconds",
        _LINK,
        _epochs,
    ),
)
