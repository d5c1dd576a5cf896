"""SQLite's LIKE and GLOB as PostgreSQL has them (sqlite.org/lang_expr.html, 5)."""

from __future__ import annotations

from migration.schema.ddl import quote_literal
from migration.schema.typed import Typed, UntranslatableError, text


def like(value: Typed, pattern: Typed, escape: Typed | None) -> Typed:
    """SQLite's LIKE ignores the case of ASCII letters, so it is ILIKE; no character escapes by itself."""
    parts = [text(value), "ILIKE", text(pattern)]
    if escape is not None:
        parts += ["ESCAPE", text(escape)]
    elif pattern.constant is None or "\\" in pattern.constant.text:
        parts += ["ESCAPE", "''"]
    return Typed(" ".join(parts), "boolean", atomic=False)


def glob(value: Typed, pattern: Typed) -> Typed:
    """GLOB with a constant pattern, as a regular expression."""
    if pattern.constant is None or pattern.constant.kind != "text":
        raise UntranslatableError("the pattern of GLOB is not a constant")
    expression = glob_to_regex(pattern.constant.text)
    return Typed(f"{text(value)} ~ {quote_literal(expression)}", "boolean", atomic=False)


_SPECIAL = frozenset("\\^$.|?*+()[]{}")


def glob_to_regex(pattern: str) -> str:
    """A GLOB pattern as a POSIX regular expression that matches the same texts, from start to end.

    Raises:
        UntranslatableError: a [ that is never closed, which matches nothing in SQLite.
    """
    parts, at = [], 0
    while at < len(pattern):
        character = pattern[at]
        if character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "[":
            end = _class_end(pattern, at)
            parts.append(_class(pattern[at + 1 : end]))
            at = end
        else:
            parts.append("\\" + character if character in _SPECIAL else character)
        at += 1
    return f"^{''.join(parts)}$"


def _class_end(pattern: str, start: int) -> int:
    """Where the set that begins at `start` ends; a ] right behind the [ or [^ belongs to the set."""
    first = start + 1
    if pattern[first : first + 1] == "^":
        first += 1
    end = pattern.find("]", first + 1)
    if end < 0:
        raise UntranslatableError(f"the pattern {pattern!r} of GLOB has a [ without ]")
    return end


def _class(inside: str) -> str:
    negated = inside.startswith("^")
    members = inside[1:] if negated else inside
    escaped = "".join(f"\\{character}" if character in "\\[]^" else character for character in members)
    return f"[{'^' if negated else ''}{escaped}]"
