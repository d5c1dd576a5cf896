"""SQLite's tokens: what the text of a declaration consists of.

Rules: sqlite.org/lang_keywords.html (the four ways to quote a name), lang_expr.html (literals),
lang_comment.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from migration.errors import MigrationError


class BadSqlError(MigrationError):
    """Text that is not SQL as SQLite reads it."""


class Kind(Enum):
    WORD = "word"  # a bare name or keyword
    NAME = "name"  # a quoted name: "x", `x`, [x]
    STRING = "string"  # 'x', which SQLite also accepts as a name
    BLOB = "blob"  # x'00ff'
    NUMBER = "number"
    PARAMETER = "parameter"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `value` is the text without its quotes; `start` and `end` are positions in the SQL."""

    kind: Kind
    value: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Whether this is one of the (upper-case) keywords, unquoted."""
        return self.kind is Kind.WORD and self.value.upper() in words

    def is_operator(self, operator: str) -> bool:
        return self.kind is Kind.OPERATOR and self.value == operator

    @property
    def can_name(self) -> bool:
        """Whether SQLite accepts the token where a name is expected."""
        return self.kind in (Kind.WORD, Kind.NAME, Kind.STRING)


_TOKEN = re.compile(
    r"""
      (?P<skip>[ \t\n\f\r\v\ufeff]+|--[^\n]*|/\*(?:.*?\*/|.*\Z))
    | (?P<blob>[xX]'[0-9A-Fa-f]*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<double>"(?:[^"]|"")*")
    | (?P<backtick>`(?:[^`]|``)*`)
    | (?P<bracket>\[[^\]]*\])
    | (?P<number>0[xX][0-9A-Fa-f]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)
    | (?P<word>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*)
    | (?P<parameter>\?\d*|[:@$\#][A-Za-z0-9_$:\u0080-\U0010ffff]+)
    | (?P<operator>->>|->|\|\||<<|>>|<=|>=|==|!=|<>|.)
    """,
    re.VERBOSE | re.DOTALL,
)

_KINDS = {
    "blob": Kind.BLOB,
    "string": Kind.STRING,
    "double": Kind.NAME,
    "backtick": Kind.NAME,
    "bracket": Kind.NAME,
    "number": Kind.NUMBER,
    "word": Kind.WORD,
    "parameter": Kind.PARAMETER,
    "operator": Kind.OPERATOR,
}


def tokenize(sql: str) -> list[Token]:
    """Split SQL into tokens; blanks and comments are left out.

    Raises:
        BadSqlError: a quote that never ends.
    """
    tokens = []
    for match in _TOKEN.finditer(sql):
        group = match.lastgroup or "operator"
        if group == "skip":
            continue
        text = match.group()
        if group == "operator" and text in "'\"`[":
            raise BadSqlError(
                "cannot read the SQL of a declaration", why=f"the quote {text} at {match.start()} never ends"
            )
        tokens.append(Token(_KINDS[group], _value(group, text), match.start(), match.end()))
    return tokens


def skipped(sql: str) -> list[tuple[str, int]]:
    """What `tokenize` leaves out, blanks and comments, with its position."""
    return [(match.group(), match.start()) for match in _TOKEN.finditer(sql) if match.lastgroup == "skip"]


def _value(group: str, text: str) -> str:
    match group:
        case "string" | "double" | "backtick":
            return text[1:-1].replace(text[0] * 2, text[0])
        case "bracket":
            return text[1:-1]
        case "blob":
            return text[2:-1]
        case _:
            return text


def quoted(name: str) -> str:
    """A name as SQLite reads it back, whatever it consists of."""
    return '"' + name.replace('"', '""') + '"'
