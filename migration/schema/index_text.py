"""What the text of CREATE INDEX says and no PRAGMA tells: the expressions and the predicate."""

from __future__ import annotations

from migration.schema.tokens import BadSqlError, Token, tokenize


def parse_index(sql: str) -> tuple[list[str], str | None]:
    """The terms of an index as written, without COLLATE, ASC and DESC; and its WHERE, if it has one.

    Raises:
        BadSqlError: not a CREATE INDEX.
    """
    tokens = tokenize(sql)
    at = next((i for i, token in enumerate(tokens) if token.is_word("ON")), None)
    # CREATE INDEX name ON table ( terms ) [WHERE predicate]: an index may itself be named "on" only if
    # quoted.
    if at is None or at + 2 >= len(tokens) or not tokens[at + 2].is_operator("("):
        raise BadSqlError(
            "cannot read the SQL of an index", why=f"it is not CREATE INDEX ... ON table (...): {sql[:60]}"
        )
    terms: list[str] = []
    depth, first = 0, at + 3
    for position in range(at + 2, len(tokens)):
        token = tokens[position]
        depth += token.is_operator("(") - token.is_operator(")")
        if (depth == 1 and token.is_operator(",")) or depth == 0:
            terms.append(_term(sql, tokens[first:position]))
            first = position + 1
        if depth == 0:
            rest = tokens[position + 1 :]
            where = (
                sql[rest[0].end :].strip().rstrip(";").strip() if rest and rest[0].is_word("WHERE") else None
            )
            return terms, where
    raise BadSqlError("cannot read the SQL of an index", why="its list of terms never ends")


def _term(sql: str, tokens: list[Token]) -> str:
    end = len(tokens)
    if end and tokens[end - 1].is_word("ASC", "DESC"):
        end -= 1
    if end > 2 and tokens[end - 2].is_word("COLLATE"):
        end -= 2
    return sql[tokens[0].start : tokens[end - 1].end] if end else ""
