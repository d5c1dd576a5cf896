"""GROUP BY, HAVING, and the names of results in conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.lint.hits import at, over
from migration.lint.rule import Hit, Rule
from migration.lint.words import KEYWORDS
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.statement import Sql

AGGREGATES = frozenset(
    (
        *("count", "sum", "avg", "min", "max", "total", "group_concat", "string_agg", "json_group_array"),
        *("json_group_object", "array_agg", "json_agg", "jsonb_agg", "bool_or", "bool_and", "every"),
    )
)
_SELECT = "postgresql.org/docs/current/sql-select.html"


def _aggregates(sql: Sql, first: int, last: int) -> bool:
    """Whether these tokens call an aggregate that is no window function."""
    for call in sql.calls(*AGGREGATES):
        if first <= call.name <= last:
            scalar = sql.tokens[call.name].value.lower() in ("min", "max") and len(call.arguments) > 1
            inner = any(sql.word(place, "SELECT") for place in range(first, call.name))
            if not scalar and not inner and not sql.word(call.close + 1, "OVER"):
                return True
    return False


def _bare(sql: Sql, first: int, last: int) -> Iterator[int]:
    """The names of columns in an expression that stand in no aggregate and no subquery."""
    covered = [(call.open, call.close) for call in sql.calls(*AGGREGATES) if first <= call.name <= last] + [
        (place, sql.close(place))
        for place in range(first, last + 1)
        if sql.operator(place, "(") and sql.word(place + 1, "SELECT")
    ]
    place = first
    while place <= last:
        token = sql.tokens[place]
        inside = any(begin < place < end for begin, end in covered)
        name = token.kind is Kind.NAME or (token.kind is Kind.WORD and token.value.upper() not in KEYWORDS)
        typed = sql.word(place - 1, "AS")
        if (
            name
            and not inside
            and not typed
            and not sql.operator(place + 1, "(", ".")
            and not sql.in_hole(place)
        ):
            yield place
        place += 1


def _normal(sql: Sql, first: int, last: int) -> str:
    """An expression without blanks, quotes and case, to be compared."""
    return " ".join(
        token.value.casefold() for token in sql.tokens[first : last + 1] if not token.is_operator("(")
    ).replace(" )", "")


def _plain_item(sql: Sql, item: tuple[int, int]) -> tuple[int, int]:
    """A result without its name."""
    first, last = item
    if last - first >= 2 and sql.word(last - 1, "AS"):
        return first, last - 2
    if last - first >= 1 and sql.tokens[last].can_name and sql.tokens[last - 1].can_name:
        return first, last - 1
    return item


def _loose(sql: Sql) -> Iterator[Hit]:
    for select in sql.find("SELECT"):
        items = [_plain_item(sql, item) for item in sql.items(select)]
        group = sql.clause(select, "GROUP")
        grouped: list[tuple[int, int]] = []
        if group is not None and sql.word(group + 1, "BY"):
            grouped = list(sql.split(group + 2, min(sql.clause_end(group + 1), sql.end(group))))
        elif not any(_aggregates(sql, *item) for item in items):
            continue
        if any(sql.in_hole(place) for first, last in grouped for place in range(first, last + 1)):
            continue
        known = {_normal(sql, *term) for term in grouped}
        known |= {text.rsplit(" . ", maxsplit=1)[-1] for text in known}
        aliases = {name for name in known if name in sql.outputs}
        numbers = {int(text) for text in known if text.isdigit()}
        if _groups_by_key(sql, grouped):
            continue
        loose = []
        for number, (first, last) in enumerate(items, 1):
            text = _normal(sql, first, last)
            named = any(sql.outputs[alias][1:] == (first, last) for alias in aliases)
            if number in numbers or named or text in known or _constant(sql, first, last):
                continue
            bare = [place for place in _bare(sql, first, last) if not _is_known(sql, place, known)]
            loose += bare[:1]
        for name, place in {sql.tokens[place].value: place for place in reversed(loose)}.items():
            yield at(
                sql,
                place,
                place,
                why=f"{name} is neither grouped nor summed up; SQLite shows any row's (with min() or max(): "
                "of that row)",
            )


def _is_known(sql: Sql, place: int, known: set[str]) -> bool:
    token = sql.tokens[place].value.casefold()
    if token in known:
        return True
    return sql.operator(place - 1, ".") and _normal(sql, place - 2, place) in known


def _constant(sql: Sql, first: int, last: int) -> bool:
    return all(
        sql.kind(place) in (Kind.NUMBER, Kind.STRING, Kind.PARAMETER) for place in range(first, last + 1)
    )


def _groups_by_key(sql: Sql, grouped: list[tuple[int, int]]) -> bool:
    """Grouped by a primary key, PostgreSQL shows the other columns of its table."""
    if sql.known is None:
        return any(sql.tokens[last].value.casefold() == "id" for _, last in grouped)
    names = {sql.tokens[last].value.casefold() for _, last in grouped}
    for table in sql.tables.values():
        key = table.target.source.primary_key if table.target is not None else None
        if key is not None and {name.casefold() for name in key.columns} <= names:
            return True
    return False


def _having(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("HAVING"):
        select = next(
            (
                p
                for p in reversed(range(place))
                if sql.word(p, "SELECT") and sql.depths[p] == sql.depths[place]
            ),
            None,
        )
        if select is None or sql.clause(select, "GROUP") is not None:
            continue
        end = min(sql.clause_end(place), sql.end(place))
        if not _aggregates(sql, place + 1, end) or any(
            list(_bare(sql, *_plain_item(sql, item))) for item in sql.items(select)
        ):
            yield at(sql, place, end)


def _alias_conditions(sql: Sql) -> Iterator[Hit]:
    """The name of a result in WHERE, HAVING or ON."""
    for place, token in enumerate(sql.tokens):
        name = token.value.casefold()
        if token.kind not in (Kind.WORD, Kind.NAME) or name not in sql.outputs or sql.in_hole(place):
            continue
        named, first, last = sql.outputs[name]
        if named == place or sql.operator(place - 1, ".") or sql.operator(place + 1, "(", "."):
            continue
        if sql.depths[place] < sql.depths[named] or sql.standing(place) not in ("WHERE", "HAVING", "ON"):
            continue
        if any(sql.tokens[other].value.casefold() == name for other in range(first, last + 1)):
            continue  # an expression over the column of this name: the column is meant
        if sql.column(place) is not None or _within_other(sql, named, place):
            continue
        if sql.standing(place) != "HAVING" and _aggregates(sql, first, last):
            continue
        text = sql.kept(first, last)
        yield at(sql, place, place, over(sql, place, place, text if first == last else f"({text})"))


def _within_other(sql: Sql, named: int, place: int) -> bool:
    """Whether another SELECT begins between the name and its use, or the name's own SELECT has ended."""
    between = range(named, place)
    return any(sql.word(other, "SELECT", "UNION") for other in between) or any(
        sql.depths[other] < sql.depths[named] for other in between
    )


RULES = (
    Rule(
        "loose-group-by",
        "a result that is neither grouped nor summed up",
        "fails",
        "PostgreSQL shows only what is grouped by, or an aggregate",
        "GROUP BY it too, an aggregate such as min(x), or SELECT DISTINCT ON (key) ... ORDER BY key, other",
        _SELECT,
        _loose,
    ),
    Rule(
        "having-without-group",
        "HAVING without GROUP BY",
        "fails",
        "PostgreSQL takes all rows for one group then, and shows no column of a single row",
        "WHERE for conditions on rows, or a GROUP BY",
        _SELECT,
        _having,
    ),
    Rule(
        "alias-in-condition",
        "WHERE and HAVING do not know the names of results",
        "fails",
        "PostgreSQL knows the names of results in GROUP BY and ORDER BY only",
        "the expression itself, or a subquery around it",
        _SELECT,
        _alias_conditions,
    ),
)
