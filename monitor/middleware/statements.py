r"""SQL without what its literals say, so that slow statements can be told apart and nobody's data is kept.

Strings, numbers, blobs and parameters become `?`, comments go, lists of values become one. What is left is
still SQL that EXPLAIN understands. `vectors.json` pins the results for both languages; the Express package's
`lib/statements.js` does the same.
"""

from __future__ import annotations

import re
from typing import Final

#: Longer SQL is cut before it is looked at, and the result once more.
_LONGEST_READ: Final = 20_000
LONGEST: Final = 4_000

_TOKEN: Final = re.compile(
    r"""
    (?P<skip> --[^\n]* | /\*[\s\S]*?(?:\*/|\Z) | [ \t\r\n\f\v]+ )
  | (?P<literal> [eE]'(?:[^'\\]|''|\\[\s\S])*(?:'|\Z)          # PostgreSQL's escapes
               | (?:[xXbBnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z)
               | \$(?P<tag>[A-Za-z_][A-Za-z0-9_]*|)\$[\s\S]*?(?:\$(?P=tag)\$|\Z)
               | \?[0-9]* | \$[0-9]+ | (?<![:A-Za-z0-9_])[:@$][A-Za-z_][A-Za-z0-9_]*
               | 0[xX][0-9a-fA-F]+
               | (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)? )
  | (?P<quoted> "(?:[^"]|"")*(?:"|\Z) )
  | (?P<name> `(?:[^`]|``)*(?:`|\Z) | \[[A-Za-z_][A-Za-z0-9_ ]*\]
            | [A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]* )
  | (?P<other> [\s\S] )
    """,
    re.VERBOSE,
)
_DOT_FOLLOWS: Final = re.compile(r"[ \t\r\n\f\v]*\.")
_BEFORE_VALUE: Final = frozenset({"=", "<", ">", "LIKE", "GLOB", "MATCH", "REGEXP", "BETWEEN"})
_LISTS: Final = frozenset({"IN", "VALUES"})
_IN_LIST: Final = re.compile(r"\b(IN ?)\( ?\?(?: ?, ?\?)+ ?\)", re.IGNORECASE)
_ROWS: Final = re.compile(r"\b(VALUES ?\([^()]*\))(?: ?, ?\([^()]*\))+", re.IGNORECASE)


def without_literals(sql: str) -> str:
    """Return a statement with `?` in place of every literal and parameter, at most `LONGEST` characters."""
    sql = sql[:_LONGEST_READ]
    parts: list[str] = []
    lists: list[bool] = []  # of each open parenthesis, whether it holds values
    closed_list = False
    before = ""
    for token in _TOKEN.finditer(sql):
        kind, text = str(token.lastgroup), token[0]
        if kind == "tag":
            kind = "literal"
        if kind == "skip":
            if parts and parts[-1] != " ":
                parts.append(" ")
            continue
        if kind == "literal":
            text = "?"
        elif kind == "quoted":
            # SQLite takes "abc" for a string where no column is called so: no name stands alone there.
            stands_alone = before != "." and not _DOT_FOLLOWS.match(sql, token.end())
            holds_values = bool(lists) and lists[-1] and before in ("(", ",")
            if stands_alone and (before in _BEFORE_VALUE or holds_values):
                text = "?"
        elif text == "(":
            lists.append(before in _LISTS or (before == "," and closed_list))
        elif text == ")":
            closed_list = lists.pop() if lists else False
        parts.append(text)
        before = text.upper()
    written = "".join(parts).strip(" ;")
    written = _ROWS.sub(r"\1", _IN_LIST.sub(r"\1(?)", written))
    return written if len(written) <= LONGEST else written[: LONGEST - 1] + "…"
