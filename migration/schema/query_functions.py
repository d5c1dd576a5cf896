"""Functions that only views and triggers may use, because what PostgreSQL has for them is not immutable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.ddl import quote_literal
from migration.schema.defaults import random_hex
from migration.schema.typed import Typed, UntranslatableError, number, text

if TYPE_CHECKING:
    from collections.abc import Sequence

_PRINTF = re.compile(r"%(?:%|(0\d+)?([ds]))")


def random_call(node: sqlite.Call) -> Typed | None:
    """hex(randomblob(16)), perhaps in lower case: an identifier that many schemas draw so."""
    upper = True
    if node.name in ("lower", "upper") and len(node.arguments) == 1:
        upper = node.name == "upper"
        (inner,) = node.arguments
        if not isinstance(inner, sqlite.Call):
            return None
        node = inner
    match node:
        case sqlite.Call("hex", (sqlite.Call("randomblob", (sqlite.Literal("integer", size),)),)):
            drawn = random_hex(2 * int(size), upper=upper)
            return None if drawn is None else Typed(drawn, "text")
        case _:
            return None


def query_call(name: str, arguments: Sequence[Typed]) -> Typed | None:
    """Translate a call; None where the function is none of these."""
    match name:
        case "hex" if len(arguments) == 1:
            (item,) = arguments
            octets = item.operand if item.kind == "bytes" else f"convert_to({text(item)}, 'UTF8')"
            return Typed(f"upper(COALESCE(encode({octets}, 'hex'), ''))", "text")
        case "json_object" if len(arguments) % 2 == 0:
            members = [
                f"{quote_literal(_label(label) + ':')} || {_json(value)}"
                for label, value in zip(arguments[::2], arguments[1::2], strict=True)
            ]
            return _joined("{", members, "}")
        case "json_array":
            return _joined("[", [_json(item) for item in arguments], "]")
        case "printf" | "format" if arguments and arguments[0].constant is not None:
            return _printf(arguments[0].constant.text, arguments[1:])
        case _:
            return None


def _joined(first: str, members: Sequence[str], last: str) -> Typed:
    """SQLite writes its JSON without blanks, PostgreSQL's functions with them: so it is put together here."""
    if not members:
        return Typed(quote_literal(first + last), "text")
    inside = " || ',' || ".join(members)
    return Typed(f"'{first}' || {inside} || '{last}'", "text", atomic=False)


def _label(item: Typed) -> str:
    if item.constant is None or item.constant.kind != "text" or not item.constant.text.isprintable():
        raise UntranslatableError("a label of a JSON object is no constant")
    return '"' + item.constant.text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json(item: Typed) -> str:
    """One value as JSON, as SQLite writes it."""
    match item.kind:
        case "null":
            return "'null'"
        case "text" | "uuid":
            return f"COALESCE(to_json({item.operand}::text)::text, 'null')"
        case "integer":
            return f"COALESCE({item.operand}::text, 'null')"
        case "boolean":
            return f"COALESCE({item.operand}::integer::text, 'null')"
        case _:
            raise UntranslatableError(f"PostgreSQL writes a {item.kind} differently into JSON")


def _printf(pattern: str, arguments: Sequence[Typed]) -> Typed:
    parts: list[str] = []
    at, rest = 0, list(arguments)
    for found in _PRINTF.finditer(pattern):
        if "%" in pattern[at : found.start()]:
            break
        if found.start() > at:
            parts.append(quote_literal(pattern[at : found.start()]))
        at = found.end()
        if found.group() == "%%":
            parts.append("'%'")
        elif not rest or (found.group(1) and found.group(2) == "s"):
            raise UntranslatableError(f"printf with {found.group()}")
        else:
            parts.append(_formatted(rest.pop(0), found.group(2), int(found.group(1) or 0)))
    if "%" in pattern[at:]:
        raise UntranslatableError(f"the format {pattern} has no translation")
    if at < len(pattern):
        parts.append(quote_literal(pattern[at:]))
    return Typed(" || ".join(parts) or "''", "text", atomic=len(parts) < 2)


def _formatted(item: Typed, conversion: str, width: int) -> str:
    if conversion == "s":
        return f"COALESCE({text(item)}, '')"
    if item.kind == "null":
        return quote_literal("0" * max(width, 1))
    if item.kind not in ("integer", "boolean"):
        raise UntranslatableError(f"printf shows a {item.kind} as an integer")
    value = f"COALESCE({number(item)}, 0)"
    if not width:
        return f"{value}::text"
    digits = f"abs({value})::text"
    zeros = f"repeat('0', {width} - length({digits}) - ({value} < 0)::integer)"
    return f"CASE WHEN {value} < 0 THEN '-' ELSE '' END || {zeros} || {digits}"
