"""Calls of functions as a statement writes them: an index on an expression serves only the very same text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.optimize.statement import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Functions that an index may be made on: they answer the same for the same value, always.
DETERMINISTIC: Final = frozenset(
    {"lower", "upper", "substr", "substring", "length", "json_extract", "abs", "trim", "coalesce", "ifnull"}
)


def calls(sql: str) -> Iterator[str]:
    """Find the calls of deterministic functions, without parameters among their arguments, innermost too."""
    tokens = [match for match in TOKEN.finditer(sql) if match.lastgroup not in ("comment", "space")]
    for place, token in enumerate(tokens[:-1]):
        if token.lastgroup != "word" or token[0].lower() not in DETERMINISTIC or tokens[place + 1][0] != "(":
            continue
        depth = 0
        for later in tokens[place + 1 :]:
            depth += (later[0] == "(") - (later[0] == ")")
            if later.lastgroup == "parameter":
                break
            if depth == 0:
                yield sql[token.start() : later.end()]
                break


def without_alias(call: str, alias: str) -> str:
    """Take a table's name or alias off the columns of a call: an index's expression has none."""
    tokens = list(TOKEN.finditer(call))
    kept = []
    skip = False
    for place, token in enumerate(tokens):
        if skip:
            skip = False
            continue
        following = tokens[place + 1][0] if place + 1 < len(tokens) else ""
        if (
            following == "."
            and token.lastgroup in ("word", "name")
            and token[0].strip('"`[]').lower() == alias
        ):
            skip = True
            continue
        kept.append(token[0])
    return "".join(kept)
