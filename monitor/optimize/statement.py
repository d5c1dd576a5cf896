"""SQL text without its values: the same statement with other values is the same query. Pure."""

from __future__ import annotations

import re
from typing import Final

#: What must not be taken apart, in the order it is tried: comments, strings, names, numbers, words.
TOKEN: Final = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<blob>[xX]'[0-9a-fA-F]*')
      | (?P<string>'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
      | (?P<parameter>\?\d*|[:@$][A-Za-z_]\w*)
      | (?P<number>(?<![\w.])(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))
      | (?P<word>[A-Za-z_]\w*)
      | (?P<space>\s+)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_READS: Final = frozenset({"select", "values"})
_WRITES: Final = frozenset({"insert", "update", "delete", "replace"})
_LIST: Final = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")


def shape(sql: str) -> str:
    """Return a statement without comments, with one space between tokens and ? for every value.

    Lists of values count as one: `IN (1, 2, 3)` and `IN (?)` have the same shape.
    """
    parts: list[str] = []
    for match in TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind in ("comment", "space"):
            if parts and parts[-1] != " ":
                parts.append(" ")
        elif kind in ("blob", "string", "parameter", "number"):
            parts.append("?")
        elif kind == "word":
            parts.append(match[0].lower())
        else:
            parts.append(match[0])
    return _LIST.sub("(?)", "".join(parts).strip().rstrip(";").strip())


def split(text: str) -> list[str]:
    """Split a script at the semicolons between its statements; those of a trigger's body stay together."""
    statements: list[str] = []
    current: list[str] = []
    words: list[str] = []
    depth = 0
    for match in TOKEN.finditer(text):
        kind, piece = match.lastgroup, match[0]
        if kind == "word":
            word = piece.lower()
            words.append(word)
            if "trigger" in words[:4] and words[0] == "create":
                depth += word in ("begin", "case")
                depth -= word == "end"
        if kind == "other" and piece == ";" and depth <= 0:
            statements.append("".join(current))
            current, words, depth = [], [], 0
        elif kind != "comment":
            current.append(piece)
        else:
            current.append(" ")
    statements.append("".join(current))
    return [statement.strip() for statement in statements if statement.strip()]


def verb(sql: str) -> str:
    """Return the word that says what a statement does; for WITH, the one after its tables."""
    depth = 0
    first = ""
    for match in TOKEN.finditer(sql):
        kind, piece = match.lastgroup, match[0].lower()
        if kind == "other":
            depth += piece == "("
            depth -= piece == ")"
        elif kind == "word" and depth == 0:
            first = first or piece
            if first != "with":
                return first
            if piece in _READS | _WRITES:
                return piece
    return first


def reads(sql: str) -> bool:
    """Say whether a statement only asks."""
    return verb(sql) in _READS


def writes(sql: str) -> bool:
    """Say whether a statement changes rows."""
    return verb(sql) in _WRITES


def parameters(sql: str) -> tuple[str, ...]:
    """Return a statement's parameters as they are written, in order."""
    return tuple(match[0] for match in TOKEN.finditer(sql) if match.lastgroup == "parameter")


def quoted(name: str) -> str:
    """Write a name as SQL, in quotes only where it needs them."""
    if re.fullmatch(r"[A-Za-z_]\w*", name) and name.upper() not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


#: SQLite's words that cannot stand as a name everywhere.
_RESERVED: Final = frozenset(
    """ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE CROSS
    DEFAULT DEFERRABLE DELETE DESC ASC DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM FULL
    GROUP HAVING IN INDEX INDEXED INNER INSERT INTERSECT INTO IS ISNULL JOIN KEY LEFT LIKE LIMIT
    MATCH NATURAL NOT NOTHING NOTNULL NULL OFFSET ON OR ORDER OUTER PRIMARY REFERENCES RETURNING
    RIGHT SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING VALUES VIEW WHEN WHERE
    WINDOW WITH""".split()  # noqa: SIM905  # a hundred words read better as words
)
