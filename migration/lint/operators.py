"""Operators of libraries that become LIKE: SQLite's ignores the case of ASCII, PostgreSQL's does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.lint.literals import STYLES, literals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.pieces import SourceFile


@dataclass(frozen=True)
class Operator:
    """What a library calls LIKE, and what ignores case there ('' where it is more than a word)."""

    library: str
    written: re.Pattern[str]
    instead: str
    advice: str


OPERATORS = (
    Operator("typeorm", re.compile(r"(?<![\w.])Like(?=\()"), "ILike", "ILike(), which ignores case"),
    Operator("sequelize", re.compile(r"\bOp\.like\b"), "Op.iLike", "Op.iLike, which ignores case"),
    Operator("knex", re.compile(r"(?<=\.)whereLike(?=\()"), "whereILike", "whereILike(), which ignores case"),
    Operator("drizzle", re.compile(r"(?<![\w.])like(?=\()"), "ilike", "ilike(), which ignores case"),
    Operator("django", re.compile(r"__contains="), "__icontains=", "icontains, which ignores case"),
    Operator("django", re.compile(r"__startswith="), "__istartswith=", "istartswith, which ignores case"),
    Operator("django", re.compile(r"__endswith="), "__iendswith=", "iendswith, which ignores case"),
    Operator(
        "prisma",
        re.compile(r"\b(?:contains|startsWith|endsWith)(?=\s*:)"),
        "",
        "mode: 'insensitive' beside it, which ignores case",
    ),
)


def find_operators(file: SourceFile, library: str) -> Iterator[tuple[Operator, int, int]]:
    """Every such operator of the file's library, with its place; not those in texts."""
    language = file.path.suffix.lstrip(".").lower()
    known = [operator for operator in OPERATORS if operator.library == library]
    if language not in STYLES or not known:
        return
    texts = [(item.start, item.end) for item in literals(file.text, language)]
    for operator in known:
        for match in operator.written.finditer(file.text):
            if not any(start < match.start() < end for start, end in texts):
                yield operator, match.start(), match.end()
