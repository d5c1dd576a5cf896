"""LIKE, GLOB, REGEXP and MATCH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.lint.hits import at, before, behind, over
from migration.lint.rule import Edit, Hit, Rule, Severity
from migration.schema.ddl import quote_literal
from migration.schema.patterns import glob_to_regex
from migration.schema.tokens import Kind
from migration.schema.typed import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.statement import Sql

_TEXTS = ("text", "character", "citext", "varchar", "uuid")


def _like(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("LIKE"):
        if sql.operator(place + 1, "(") and sql.operator(place - 1, ",", "("):
            continue
        pattern = sql.tokens[place + 1] if place + 1 < len(sql.tokens) else None
        if pattern is None:
            continue
        plain = pattern.kind is Kind.STRING and not sql.in_hole(place + 1)
        letters = not plain or any(character.isalpha() for character in pattern.value)
        column = sql.column_in(sql.operand_before(place))
        if sql.word(place - 1, "NOT"):
            column = sql.column_in(sql.operand_before(place - 1))
        edits: list[Edit] = []
        why = ""
        if column is not None and not column.type.startswith(_TEXTS):
            name_end = place - (2 if sql.word(place - 1, "NOT") else 1)
            edits.append(behind(sql, name_end, "::text"))
            why = f"{column.name} is {column.type} on PostgreSQL, which LIKE does not take: it fails"
        if letters:
            edits.append(over(sql, place, place, "ILIKE"))
        if plain and "\\" in pattern.value and not sql.word(place + 2, "ESCAPE"):
            edits.append(behind(sql, place + 1, " ESCAPE ''"))
            why = why or "a backslash escapes in PostgreSQL's LIKE; in SQLite nothing does without ESCAPE"
        if edits:
            severity: Severity | None = "fails" if why.endswith("fails") else None
            yield at(sql, place, place + 1, *edits, why=why, severity=severity)


def _compares(sql: Sql, place: int) -> bool:
    """Whether the word here stands between two operands, and is no name."""
    if not 0 < place < len(sql.tokens) - 1 or sql.operator(place + 1, ",", ")", "="):
        return False
    return not (sql.operator(place - 1, ",", "(") or sql.word(place - 1, "SELECT", "BY", "AS", "WHERE"))


def _glob(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("GLOB"):
        if not _compares(sql, place):
            continue
        pattern = sql.tokens[place + 1]
        edits: tuple[Edit, ...] = ()
        if pattern.kind is Kind.STRING and not sql.in_hole(place + 1):
            try:
                written = quote_literal(glob_to_regex(pattern.value))
            except UntranslatableError:
                written = ""
            negated = sql.word(place - 1, "NOT")
            first = place - 1 if negated else place
            if written:
                edits = (over(sql, first, place + 1, f"{'!~' if negated else '~'} {written}"),)
        yield at(sql, place, place + 1, *edits)


def _regexp(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("REGEXP"):
        if not _compares(sql, place):
            continue
        negated = sql.word(place - 1, "NOT")
        first = place - 1 if negated else place
        yield at(sql, place, place, over(sql, first, place, "!~" if negated else "~"))


def _match(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("MATCH"):
        if place and not sql.word(place - 1, "NOT") and not sql.tokens[place - 1].can_name:
            continue
        if place + 1 < len(sql.tokens) and not sql.operator(place + 1, "("):
            yield at(sql, place, place + 1)


def _nocase(sql: Sql) -> Iterator[Hit]:
    for place in sql.find("COLLATE"):
        if not sql.word(place + 1, "NOCASE", "RTRIM", "BINARY"):
            continue
        name = sql.tokens[place + 1].value.upper()
        first, last = sql.operand_before(place)
        if name == "BINARY":
            edits: tuple[Edit, ...] = (over(sql, place + 1, place + 1, '"C"'),)
        elif sql.word(0, "CREATE", "ALTER"):
            edits = ()
        else:
            begin, end = ("lower(", ")") if name == "NOCASE" else ("rtrim(", ", ' ')")
            edits = (before(sql, first, begin), over(sql, place, place + 1, end))
            edits = (edits[0], Edit(sql.tokens[last].end, edits[1].end, end))
            other = _compared(sql, place, first)
            if other is not None:
                edits = (*edits, before(sql, other[0], begin), behind(sql, other[1], end))
        yield at(sql, place, place + 1, *edits)


def _compared(sql: Sql, place: int, first: int) -> tuple[int, int] | None:
    """The other side of the comparison that a COLLATE stands in."""
    signs = ("=", "==", "<>", "!=", "<", ">", "<=", ">=")
    if sql.operator(place + 2, *signs):
        return sql.operand_after(place + 2)
    if first and sql.operator(first - 1, *signs):
        return sql.operand_before(first - 1)
    return None


RULES = (
    Rule(
        "like-case",
        "LIKE heeds case on PostgreSQL",
        "differs",
        "SQLite's LIKE takes a-z and A-Z for the same, PostgreSQL's does not: rows are missing",
        "ILIKE, which ignores case (also beyond ASCII); LIKE where case should count",
        "postgresql.org/docs/current/functions-matching.html",
        _like,
    ),
    Rule(
        "glob",
        "GLOB is SQLite's own",
        "fails",
        "PostgreSQL has no GLOB",
        "a regular expression (~), or LIKE, which heeds case there",
        "postgresql.org/docs/current/functions-matching.html",
        _glob,
    ),
    Rule(
        "regexp",
        "REGEXP is written ~",
        "fails",
        "PostgreSQL has no REGEXP; its own regular expressions are POSIX with extensions",
        "~ (or ~* to ignore case)",
        "postgresql.org/docs/current/functions-matching.html",
        _regexp,
    ),
    Rule(
        "full-text",
        "MATCH searches an FTS table, which PostgreSQL has not",
        "fails",
        "full-text search is written otherwise: to_tsvector() @@ to_tsquery()",
        "to_tsvector('simple', body) @@ websearch_to_tsquery('simple', $1); "
        "outgrow migrate --fts tsvector makes the index",
        "postgresql.org/docs/current/textsearch.html",
        _match,
    ),
    Rule(
        "collate-nocase",
        "SQLite's collations do not exist on PostgreSQL",
        "fails",
        "PostgreSQL has no collation NOCASE, RTRIM or BINARY",
        'lower() on both sides (or citext, or an ICU collation: --nocase); COLLATE "C" for BINARY',
        "postgresql.org/docs/current/collation.html",
        _nocase,
    ),
)
