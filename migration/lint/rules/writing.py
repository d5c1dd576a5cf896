"""INSERT, UPDATE and DELETE, and how parameters are written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.lint.hits import at, behind, over, without
from migration.lint.rule import Edit, Hit, Rule
from migration.schema.ddl import quote_identifier
from migration.schema.reserved import needs_quotes
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from migration.lint.known import KnownTable
    from migration.lint.statement import Sql
    from migration.schema.target import TargetColumn

_INSERT = "postgresql.org/docs/current/sql-insert.html"


def written(name: str) -> str:
    """A name as people write it: in quotes where it needs them."""
    return quote_identifier(name) if needs_quotes(name) else name


def _insert_or(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("INSERT"):
        if not sql.word(place + 1, "OR") or place + 3 >= len(sql.tokens):
            continue
        action = sql.tokens[place + 2].value.upper()
        gone = without(sql, place + 1, place + 2)
        if action == "IGNORE":
            end = _conflict_place(sql, place)
            edits: tuple[Edit, ...] = (gone, behind(sql, end, " ON CONFLICT DO NOTHING"))
            why = "PostgreSQL has no INSERT OR IGNORE; ON CONFLICT passes over doubled keys only"
            yield at(sql, place, place + 2, *edits, why=why, instead="INSERT ... ON CONFLICT DO NOTHING")
        elif action == "REPLACE":
            yield _replacing(sql, place, place + 2, gone)
        else:
            yield at(sql, place, place + 2, gone, instead="INSERT: an error ends the transaction anyway")
    for place in sql.find("UPDATE"):
        if sql.word(place + 1, "OR") and place + 2 < len(sql.tokens):
            yield at(
                sql,
                place,
                place + 2,
                why="PostgreSQL has no UPDATE OR",
                instead="UPDATE ... WHERE NOT EXISTS (the row in the way), or catch the error",
            )


def _replace_into(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("REPLACE"):
        if sql.word(place + 1, "INTO") and not sql.word(place - 1, "OR"):
            yield _replacing(sql, place, place + 1, over(sql, place, place, "INSERT"))


def _replacing(sql: Sql, place: int, last: int, first_edit: Edit) -> Hit:
    clause, why = _update_all(sql, place)
    edits = (first_edit, behind(sql, _conflict_place(sql, place), f" {clause}")) if clause else ()
    return at(sql, place, last, *edits, why=why)


def _update_all(sql: Sql, place: int) -> tuple[str, str]:
    """ON CONFLICT for a REPLACE, or why the file does not tell it."""
    table, columns = written_to(sql, place)
    if table is None or table.target is None or columns is None:
        return "", ""
    given = {column.source.name for column in columns}
    keys = [
        key
        for key in table.keys
        if set(key.columns) & given or not all(table.column(name).identity for name in key.columns)
    ]
    if len(keys) != 1 or not keys[0].plain:
        several = "; ".join(", ".join(key.columns) for key in keys)
        return (
            "",
            f"SQLite deletes every row in the way ({several}), and ON CONFLICT names one key"
            if several
            else "",
        )
    key = keys[0].columns
    rest = [
        column
        for column in table.target.columns
        if column.source.name not in key
        and column.generated is None
        and (not column.identity or column in columns)
    ]
    over_key = ", ".join(written(table.column(name).name) for name in key)
    taken = ", ".join(f"{written(column.name)} = EXCLUDED.{written(column.name)}" for column in rest)
    action = f"DO UPDATE SET {taken}" if rest else "DO NOTHING"
    why = "SQLite deletes the old row first: its triggers and cascades act, here they do not"
    return f"ON CONFLICT ({over_key}) {action}", why


def written_to(sql: Sql, place: int) -> tuple[KnownTable | None, list[TargetColumn] | None]:
    """The table that is written to, and the columns that are listed (all, if none are)."""
    if sql.known is None:
        return None, None
    source = next((item for item in sql.sources if item.name > place), None)
    table = sql.known.table(sql.tokens[source.name].value) if source is not None else None
    if table is None or source is None:
        return None, None
    at_place = (source.alias if source.alias is not None else source.name) + 1
    if not sql.operator(at_place, "("):
        return table, list(table.columns.values())
    names = [
        sql.tokens[first].value.casefold() for first, _ in sql.split(at_place + 1, sql.close(at_place) - 1)
    ]
    if not all(name in table.columns for name in names):
        return table, None
    return table, [table.columns[name] for name in names]


def _conflict_place(sql: Sql, place: int) -> int:
    """The token behind which ON CONFLICT belongs: before RETURNING, else the last."""
    returning = next((other for other in sql.find("RETURNING") if other > place), None)
    return returning - 1 if returning is not None else sql.end(place)


def _upsert(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("CONFLICT"):
        if not sql.word(place - 1, "ON") or sql.word(0, "CREATE"):
            continue
        if sql.words(place + 1, "DO", "UPDATE"):
            yield _untargeted(sql, place)
        update = next((p for p in sql.find("SET") if p > place), None)
        if update is not None:
            yield from _ambiguous(sql, place, update)


def _untargeted(sql: Sql, place: int) -> Hit:
    table, _ = written_to(sql, 0)
    keys = [key for key in table.keys if key.plain] if table is not None else []
    edits: tuple[Edit, ...] = ()
    if table is not None and len(keys) == 1:
        listed = ", ".join(written(table.column(name).name) for name in keys[0].columns)
        edits = (behind(sql, place, f" ({listed})"),)
    return at(
        sql,
        place - 1,
        place + 2,
        *edits,
        why="PostgreSQL wants to know which key: ON CONFLICT (key) DO UPDATE",
        instead="ON CONFLICT (key) DO UPDATE SET ...",
    )


def _ambiguous(sql: Sql, place: int, update: int) -> Iterator[Hit]:
    """SET n = n + 1: PostgreSQL asks whether the old n is meant or the proposed one."""
    source = next((item for item in sql.sources), None)
    if source is None:
        return
    named = source.alias if source.alias is not None else source.name
    name = sql.kept(named, named)
    last = sql.clause_end(update)
    assigned = {
        sql.tokens[first].value.casefold()
        for first, _ in sql.split(update + 1, last)
        if sql.tokens[first].can_name
    }
    table = sql.known.table(sql.tokens[source.name].value) if sql.known else None
    names = set(table.columns) if table is not None else assigned
    where = sql.clause(place, "WHERE")
    spans = [(first + 2, end) for first, end in sql.split(update + 1, last)]
    spans += [(where + 1, sql.clause_end(where))] if where is not None and where > update else []
    for first, end in spans:
        for other in range(first, end + 1):
            token = sql.tokens[other]
            bare = token.kind in (Kind.WORD, Kind.NAME) and token.value.casefold() in names
            if bare and not sql.operator(other - 1, ".") and not sql.operator(other + 1, ".", "("):
                yield at(
                    sql,
                    other,
                    other,
                    Edit(token.start, token.start, f"{name}."),
                    why=f"{token.value} may be the old value or the proposed one: PostgreSQL does not choose",
                    instead=f"{sql.shown(named, named)}.{token.value}, or excluded.{token.value}",
                )


def _update_limit(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("UPDATE", "DELETE"):
        if place or not sql.whole:
            continue
        limit = sql.clause(place, "LIMIT")
        order = sql.clause(place, "ORDER")
        first = order if order is not None else limit
        if first is None:
            continue
        source = next(iter(sql.sources), None)
        where = sql.clause(place, "WHERE")
        edits: tuple[Edit, ...] = ()
        if source is not None and source.alias is None and sql.clause(place, "RETURNING") is None:
            table = sql.kept(source.name, source.name)
            begin = where if where is not None else first
            last = sql.end(first)
            inner = sql.kept(begin, last)
            text = f"WHERE ctid IN (SELECT ctid FROM {table} {inner})"  # noqa: S608  # text to be read
            edits = (Edit(sql.tokens[begin].start, sql.tokens[last].end, text),)
        yield at(sql, first, sql.end(first), *edits)


#: Libraries that write the parameters themselves; their users go on with ? or :name.
_TRANSLATING = frozenset(("knex", "sequelize", "rails", "django", "sqlalchemy", "drizzle"))
_NUMBERED = ("ts", "js", "mjs", "cjs", "go")


def _parameters(sql: Sql) -> Iterator[Hit]:
    piece = sql.piece
    if piece.kind != "query" or sql.library in _TRANSLATING or piece.language not in (*_NUMBERED, "py"):
        return
    if piece.callee in ("text", "raw", "literal", "sql"):
        return  # SQLAlchemy's, Knex's, a tag: these put the parameters in
    number, given = 0, dict[str, int]()
    for place, token in enumerate(sql.tokens):
        if token.kind is not Kind.PARAMETER or sql.in_hole(place):
            continue
        value = token.value
        if value.startswith("::") or re.fullmatch(r"\$\d+", value):
            continue  # PostgreSQL's already
        numbered = re.fullmatch(r"\?(\d+)", value)
        if numbered:
            shown = int(numbered[1])
        elif value == "?":
            number += 1
            shown = number
        else:
            shown = given.setdefault(value, len(given) + 1)
        python = f"%({value[1:]})s" if value[0] in ":@$" else "%s"
        if piece.language == "py" and numbered:
            yield at(sql, place, place)
            continue
        text = python if piece.language == "py" else f"${shown}"
        yield at(sql, place, place, over(sql, place, place, text))
    if piece.language == "py" and (number or given):
        yield from _doubled(sql)


def _doubled(sql: Sql) -> Iterator[Hit]:
    """Beside parameters, psycopg reads every % of the SQL: those of LIKE, too."""
    for place, token in enumerate(sql.tokens):
        if not sql.in_hole(place) and (token.kind is Kind.STRING or token.is_operator("%")):
            for at_place in range(token.start, token.end):
                if sql.text[at_place] == "%":
                    yield at(sql, place, place, Edit(at_place, at_place, "%"))


def _first_only(hits: Iterable[Hit]) -> Iterator[Hit]:
    """All parameters of a statement are one finding."""
    found = list(hits)
    if found:
        edits = tuple(edit for hit in found for edit in hit.edits)
        yield Hit(found[0].start, found[0].end, edits if len(edits) == len(found) else ())


RULES = (
    Rule(
        "insert-or",
        "INSERT OR ... is SQLite's",
        "fails",
        "PostgreSQL has no INSERT OR",
        "INSERT ... ON CONFLICT DO NOTHING, or ON CONFLICT (key) DO UPDATE SET column = EXCLUDED.column",
        _INSERT,
        _insert_or,
    ),
    Rule(
        "replace-into",
        "REPLACE INTO is SQLite's",
        "fails",
        "PostgreSQL has no REPLACE INTO",
        "INSERT ... ON CONFLICT (key) DO UPDATE SET column = EXCLUDED.column",
        _INSERT,
        _replace_into,
    ),
    Rule(
        "upsert",
        "ON CONFLICT names its key, and columns their table",
        "fails",
        "PostgreSQL's DO UPDATE needs the key, and takes no column that may be the old or the new one",
        "ON CONFLICT (key) DO UPDATE SET n = table.n + 1",
        _INSERT,
        _upsert,
    ),
    Rule(
        "update-limit",
        "UPDATE and DELETE take no ORDER BY and no LIMIT",
        "fails",
        "PostgreSQL changes all rows of a condition",
        "WHERE key IN (SELECT key ... ORDER BY ... LIMIT n)",
        "postgresql.org/docs/current/sql-update.html",
        _update_limit,
    ),
    Rule(
        "parameter-style",
        "parameters are written otherwise",
        "fails",
        "PostgreSQL's drivers know $1, $2 (Node, Go) or %s and %(name)s (Python, where a % in the SQL is %%)",
        "$1, $2, ... in the order of the values (Python: %s)",
        "node-postgres.com/features/queries; psycopg.org/psycopg3/docs/basic/params.html",
        lambda sql: _first_only(_parameters(sql)),
    ),
)
