"""How names are written: quotes, capitals, words that PostgreSQL reserves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.lint.hits import at, over
from migration.lint.rule import Edit, Hit, Rule
from migration.lint.words import KEYWORDS, RESERVED_THERE_ONLY
from migration.schema.ddl import quote_identifier, quote_literal
from migration.schema.reserved import needs_quotes
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.statement import Sql

_IDENTIFIERS = "postgresql.org/docs/current/sql-syntax-lexical.html"
_NAMELIKE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CAMEL = re.compile(r"[A-Za-z_]*(?:[a-z0-9][A-Z]|[A-Z][a-z])\w*")


def _quoted_as(sql: Sql, place: int, opening: str) -> Iterator[Hit]:
    token = sql.tokens[place]
    if token.kind is Kind.NAME and sql.text[token.start] == opening:
        yield at(sql, place, place, over(sql, place, place, quote_identifier(_spelling(sql, place))))


def _spelling(sql: Sql, place: int) -> str:
    """A name as the target spells it, where that is known."""
    token = sql.tokens[place]
    shown = sql.piece.shown[token.start + 1 : token.end - 1] if sql.in_hole(place) else token.value
    if sql.known is None or sql.in_hole(place):
        return shown
    column = sql.column(place)
    if column is not None:
        return column.name
    spelled = sql.known.spelled(token.value)
    return spelled[0] if len(spelled) == 1 else shown


def _backticks(sql: Sql) -> Iterator[Hit]:
    for place in range(len(sql.tokens)):
        yield from _quoted_as(sql, place, "`")


def _brackets(sql: Sql) -> Iterator[Hit]:
    for place in range(len(sql.tokens)):
        yield from _quoted_as(sql, place, "[")


def _double_quoted(sql: Sql) -> Iterator[Hit]:
    """A quoted name that names nothing, which SQLite takes for a text."""
    names = [
        p for p, token in enumerate(sql.tokens) if token.kind is Kind.NAME and sql.text[token.start] == '"'
    ]
    values = [place for place in names if _may_be_value(sql, place)]
    others = len(names) - len(values)
    for place in values:
        token = sql.tokens[place]
        if sql.in_hole(place):
            continue
        if sql.known is not None:
            named = sql.known.spelled(token.value) or token.value.casefold() in (*sql.own_names, *sql.outputs)
            if named:
                continue
        elif _NAMELIKE.fullmatch(token.value) and (others or not _surely_value(sql, place)):
            continue
        yield at(sql, place, place, over(sql, place, place, quote_literal(token.value)))


_SIGNS = ("=", "==", "<>", "!=", "<", ">", "<=", ">=", "||")


def _may_be_value(sql: Sql, place: int) -> bool:
    if sql.operator(place + 1, ".") or sql.operator(place - 1, ".") or sql.word(place - 1, "AS"):
        return False
    standing = sql.standing(place)
    return (
        sql.operator(place - 1, *_SIGNS)
        or sql.word(place - 1, "LIKE", "GLOB", "THEN", "ELSE")
        or (standing == "VALUES" and sql.operator(place - 1, "(", ","))
        or (sql.operator(place - 1, "(", ",") and _in_list(sql, place))
    )


def _in_list(sql: Sql, place: int) -> bool:
    opened = next(
        (p for p in range(place - 1, -1, -1) if sql.depths[p] < sql.depths[place] and sql.operator(p, "(")), 0
    )
    return sql.word(opened - 1, "IN") or sql.word(
        opened - 1, "IFNULL", "COALESCE", "CONCAT", "DATETIME", "STRFTIME"
    )


def _surely_value(sql: Sql, place: int) -> bool:
    if sql.standing(place) == "VALUES" or sql.word(place - 1, "LIKE", "GLOB", "THEN", "ELSE"):
        return True
    return _in_list(sql, place) or sql.kind(place - 2) is Kind.WORD


def _capitals(sql: Sql) -> Iterator[Hit]:
    for place, token in enumerate(sql.tokens):
        if token.kind is Kind.NAME and sql.text[token.start] == '"':
            yield from _quoted(sql, place)
        if token.kind is not Kind.WORD or sql.in_hole(place):
            continue
        if sql.operator(place + 1, "(") and not _is_table(sql, place):
            continue
        folded = token.value.casefold()
        if folded in sql.own_names or token.value.upper() in KEYWORDS:
            continue
        if sql.piece.kind == "fragment" and (sql.operator(place - 1, ".") or sql.operator(place + 1, ".")):
            continue  # query builders put in the column's own name
        if sql.operator(place + 1, "."):
            known = sql.known.table(token.value) if sql.known else None
            if known is None and (sql.known is not None or not _CAMEL.fullmatch(token.value)):
                continue
        if folded in sql.outputs:
            if sql.outputs[folded][0] == place or sql.standing(place) not in ("WHERE", "HAVING", "ON"):
                yield from _output(sql, place)
                continue
            if sql.column(place) is None:
                continue  # alias-in-condition says it
        spelled = _spelled(sql, place)
        if spelled is not None and spelled != token.value.lower():
            why = f"PostgreSQL reads {token.value.lower()}, and the name is {spelled}" if sql.known else ""
            shown = quote_identifier(spelled) if needs_quotes(spelled) else spelled
            yield at(sql, place, place, over(sql, place, place, shown), why=why)


def _quoted(sql: Sql, place: int) -> Iterator[Hit]:
    """A name in quotes that is not spelled as the target spells it: SQLite does not heed its case."""
    token = sql.tokens[place]
    if sql.known is None or sql.in_hole(place) or token.value.casefold() in (*sql.own_names, *sql.outputs):
        return
    spelled = _spelled(sql, place)
    if spelled is not None and spelled != token.value:
        why = f"PostgreSQL heeds the case of a name in quotes, and the name is {spelled}"
        yield at(sql, place, place, over(sql, place, place, quote_identifier(spelled)), why=why)


def _is_table(sql: Sql, place: int) -> bool:
    return any(source.name == place for source in sql.sources)


def _spelled(sql: Sql, place: int) -> str | None:
    """How the name must be written on PostgreSQL; None: as it is, or it is no name of the schema."""
    token = sql.tokens[place]
    if sql.known is None:
        return token.value if _CAMEL.fullmatch(token.value) and not sql.word(place - 1, "COLLATE") else None
    if _is_table(sql, place) or sql.operator(place + 1, "."):
        table = sql.known.table(token.value)
        view = sql.known.views.get(token.value.casefold())
        return table.name if table is not None else view
    column = sql.column(place)
    if column is not None:
        return column.name
    if sql.tables and not sql.operator(place - 1, "."):
        return None
    spelled = sql.known.spelled(token.value)
    return spelled[0] if len(spelled) == 1 else None


def _output(sql: Sql, place: int) -> Iterator[Hit]:
    """The name of a result: the program reads it as it is written here."""
    token = sql.tokens[place]
    named, _, _ = sql.outputs[token.value.casefold()]
    if token.value == token.value.lower():
        return
    yield at(
        sql,
        place,
        place,
        over(sql, place, place, quote_identifier(token.value)),
        severity="differs" if place == named else None,
        why=f"the result is called {token.value.lower()}: the program finds no {token.value}"
        if place == named
        else "",
    )


def _reserved(sql: Sql) -> Iterator[Hit]:
    for place, token in enumerate(sql.tokens):
        if (
            token.kind is not Kind.WORD
            or token.value.upper() not in RESERVED_THERE_ONLY
            or sql.in_hole(place)
        ):
            continue
        if sql.piece.kind == "fragment" and sql.operator(place + 1, "."):
            continue  # query builders quote the names of their tables
        if sql.operator(place - 1, "."):
            continue  # behind a dot PostgreSQL takes every word
        named = _is_table(sql, place) or sql.operator(place + 1, ".")
        column = sql.column(place) if token.value.upper() not in KEYWORDS else None
        if not named and column is None:
            named = token.value.upper() not in KEYWORDS and (
                sql.operator(place + 1, *_SIGNS)
                or (sql.operator(place - 1, "(", ",") and sql.operator(place + 1, ")", ","))
            )
        if named or column is not None:
            why = "FROM user reads the name of the connection's user" if token.value.upper() == "USER" else ""
            if why and _is_table(sql, place) and sql.word(place - 1, "FROM", "JOIN"):
                yield at(sql, place, place, _quoting(sql, place), severity="differs", why=why)
            else:
                yield at(sql, place, place, _quoting(sql, place))


def _quoting(sql: Sql, place: int) -> Edit:
    spelled = _spelled(sql, place) if sql.known is not None else None
    return over(sql, place, place, quote_identifier(spelled or sql.tokens[place].value.lower()))


_SHADOWED = frozenset(("oid", "_rowid_"))


def _rowid(sql: Sql) -> Iterator[Hit]:
    for place, token in enumerate(sql.tokens):
        if token.kind is not Kind.WORD or token.value.lower() not in ("rowid", *_SHADOWED):
            continue
        if sql.word(place - 1, "WITHOUT") or sql.operator(place + 1, "(", ".") or sql.in_hole(place):
            continue
        if sql.column(place) is not None or token.value.casefold() in sql.outputs:
            continue
        edits: tuple[Edit, ...] = ()
        qualifier = (
            sql.tokens[place - 2].value.casefold() if sql.operator(place - 1, ".") and place > 1 else None
        )
        tables = list(sql.tables.values()) if qualifier is None else [sql.tables.get(qualifier)]
        if len(tables) == 1 and tables[0] is not None and tables[0].rowid is not None:
            name = tables[0].column(tables[0].rowid).name
            edits = (over(sql, place, place, quote_identifier(name) if needs_quotes(name) else name),)
        yield at(sql, place, place, *edits)


def _catalog(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("SQLITE_MASTER", "SQLITE_SCHEMA", "SQLITE_SEQUENCE", "SQLITE_TEMP_MASTER"):
        yield at(sql, place, place)


RULES = (
    Rule(
        "case-of-identifier",
        "names with capitals need quotes",
        "fails",
        "PostgreSQL reads a name without quotes in lower case, and Outgrow keeps the names' own spelling",
        'the name in double quotes, as it is spelled: "userId" (or migrate with --names snake)',
        _IDENTIFIERS,
        _capitals,
    ),
    Rule(
        "double-quoted-string",
        "double quotes are for names",
        "fails",
        "SQLite takes a quoted name that names nothing for a text; PostgreSQL says there is no such column",
        "single quotes: 'text'",
        _IDENTIFIERS,
        _double_quoted,
    ),
    Rule(
        "backtick-name",
        "backticks quote nothing on PostgreSQL",
        "fails",
        "PostgreSQL knows no backticks",
        'double quotes: "name"',
        _IDENTIFIERS,
        _backticks,
    ),
    Rule(
        "bracket-name",
        "brackets quote nothing on PostgreSQL",
        "fails",
        "PostgreSQL takes [ ] for a place in an array",
        'double quotes: "name"',
        _IDENTIFIERS,
        _brackets,
    ),
    Rule(
        "reserved-word",
        "a name that PostgreSQL reserves",
        "fails",
        "the word has a meaning of its own in PostgreSQL",
        'the name in double quotes: "user"',
        "postgresql.org/docs/current/sql-keywords-appendix.html",
        _reserved,
    ),
    Rule(
        "rowid",
        "there is no rowid",
        "fails",
        "rows have no number of their own in PostgreSQL",
        "the primary key",
        "postgresql.org/docs/current/ddl-system-columns.html",
        _rowid,
    ),
    Rule(
        "sqlite-catalog",
        "SQLite's own tables",
        "fails",
        "PostgreSQL describes itself elsewhere",
        "information_schema.tables and information_schema.columns; pg_get_serial_sequence() for sequences",
        "postgresql.org/docs/current/information-schema.html",
        _catalog,
    ),
)
