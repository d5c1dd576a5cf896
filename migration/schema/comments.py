"""Comments in a declaration that stand beside a column, and what PostgreSQL makes of them.

Only what stands on a line behind the column's own words counts; a line of its own may as well be an old
declaration that somebody has put out of use.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.target import Statement
from migration.schema.tokens import skipped, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.schema.declaration import ColumnDeclaration
    from migration.schema.draft import PlanDraft


_COMMENT = re.compile(r"--([^\n]*)|/\*(.*?)(?:\*/|\Z)", re.DOTALL)


def plan_comments(draft: PlanDraft) -> list[Statement]:
    """COMMENT ON for every table and column that has a comment, where they are wanted."""
    wanted = draft.options.comments
    if wanted == "no" or (wanted == "auto" and draft.orm.name != "generic"):
        return []
    statements = []
    for table, target in draft.tables_in_order():
        home = ddl.qualified(draft.schema, target.name)
        if table.comment:
            sql = f"COMMENT ON TABLE {home} IS {ddl.quote_literal(table.comment)}"
            statements.append(Statement("comment", target.name, target.name, sql))
        for column in target.columns:
            if column.source.comment:
                path = f"{home}.{ddl.quote_identifier(column.name)}"
                sql = f"COMMENT ON COLUMN {path} IS {ddl.quote_literal(column.source.comment)}"
                statements.append(Statement("comment", f"{target.name}.{column.name}", target.name, sql))
    return statements


def read_comments(sql: str, columns: Sequence[ColumnDeclaration]) -> tuple[str, dict[str, str]]:
    """The table's comment, which stands behind the parenthesis that opens its columns; and the columns'."""
    table: list[str] = []
    beside: dict[str, list[str]] = {column.name: [] for column in columns}
    tokens = tokenize(sql)
    for text, start in _comments(sql):
        last = next((token for token in reversed(tokens) if token.end <= start), None)
        if last is None or "\n" in _COMMENT.sub("", sql[last.end : start]):
            continue
        if columns and last.is_operator("(") and last.start < columns[0].start:
            table.append(text)
            continue
        owner = next((column for column in columns if column.start <= last.start < column.end), None)
        if owner is None and last.is_operator(","):
            owner = next((column for column in reversed(columns) if column.end <= last.start), None)
            behind = [column for column in columns if column.start > last.start]
            if not behind and owner is not None and not _follows(sql, owner, last.start):
                owner = None
        if owner is not None:
            beside[owner.name].append(text)
    return " ".join(table), {name: " ".join(texts) for name, texts in beside.items() if texts}


def _follows(sql: str, owner: ColumnDeclaration, comma: int) -> bool:
    """Whether nothing but blanks and comments lies between a column and the comma: no constraint does."""
    return not tokenize(sql[owner.end : comma])


def _comments(sql: str) -> Iterator[tuple[str, int]]:
    for text, start in skipped(sql):
        for found in _COMMENT.finditer(text):
            said = found.group(1) if found.group(1) is not None else found.group(2)
            plain = " ".join(line.strip(" \t*") for line in said.splitlines()).strip(" -*\t\r")
            if plain:
                yield " ".join(plain.split()), start + found.start()
