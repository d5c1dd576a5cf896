"""SQLite's scalar functions as PostgreSQL expressions of the same meaning (sqlite.org/lang_corefunc.html).

A function that is missing here, or whose arguments it cannot take, makes its expression untranslatable:
better left and named than translated into something else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema.json_paths import extract
from migration.schema.typed import (
    NUMBERS,
    Typed,
    UntranslatableError,
    boolean,
    comparable,
    number,
    text,
    wider,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Arguments = "Sequence[Typed]"


def call(name: str, arguments: Sequence[Typed], *, for_index: bool) -> Typed:
    """Translate a call.

    Args:
        name: the function, in lower case.
        arguments: already translated.
        for_index: whether to write what queries on PostgreSQL use: its own lower, which knows more letters
            than SQLite's, and JSON as text.

    Raises:
        UntranslatableError: no function, or no arguments, that mean the same.
    """
    if name in ("lower", "upper") and len(arguments) == 1:
        collation = "" if for_index else ' COLLATE "C"'
        return Typed(f"{name}({text(arguments[0])}{collation})", "text")
    if name == "json_extract" and for_index and len(arguments) == 2:
        return extract(*arguments)
    for counts, function in _FUNCTIONS.get(name, ()):
        if len(arguments) in counts:
            return function(arguments)
    raise UntranslatableError(f"the function {name} with {len(arguments)} arguments has no translation")


def _length(arguments: Sequence[Typed]) -> Typed:
    (item,) = arguments
    if item.kind == "bytes":
        return Typed(f"octet_length({item.sql})", "integer")
    return Typed(f"length({text(item)})", "integer")


def _same_kind(arguments: Sequence[Typed]) -> tuple[list[str], Typed]:
    """The arguments as one kind, and an argument that shows which."""
    known = [item for item in arguments if item.kind != "null"]
    if not known:
        return [item.sql for item in arguments], arguments[0]
    shape = next((item for item in known if item.constant is None), known[0])
    parts = []
    for item in arguments:
        if item.kind == "null" or item is shape:
            parts.append(item.sql)
        elif shape.kind == "boolean" and item.kind != "boolean":
            parts.append(boolean(item))
        else:
            parts.append(comparable(shape, item)[1])
    if shape.kind in NUMBERS:
        shape = replace(shape, kind=wider(item.kind if item.kind in NUMBERS else "integer" for item in known))
    return parts, shape


def _coalesce(arguments: Sequence[Typed]) -> Typed:
    known = [item for item in arguments if item.kind != "null"]
    if len(known) < 2:
        return known[0] if known else arguments[0]
    parts, shape = _same_kind(known)
    return Typed(f"COALESCE({', '.join(parts)})", shape.kind)


def _extreme(function: str) -> Callable[[Sequence[Typed]], Typed]:
    def translate(arguments: Sequence[Typed]) -> Typed:
        """SQLite's min and max are NULL if one argument is; LEAST and GREATEST pass over it."""
        if any(item.kind == "null" for item in arguments):
            return Typed("NULL", "null")
        parts, shape = _same_kind(arguments)
        if shape.kind == "text":
            raise UntranslatableError("texts are ordered differently in PostgreSQL")
        nulls = " OR ".join(f"{item.operand} IS NULL" for item in arguments if item.constant is None)
        chosen = f"{function}({', '.join(parts)})"
        return Typed(
            f"CASE WHEN {nulls} THEN NULL ELSE {chosen} END" if nulls else chosen, shape.kind, not nulls
        )

    return translate


def _nullif(arguments: Sequence[Typed]) -> Typed:
    if arguments[1].kind == "null" or arguments[0].kind == "null":
        return arguments[0]
    left, right = comparable(*arguments)
    if arguments[0].kind != arguments[1].kind:  # NULLIF would give the first as the type of the second
        kept = arguments[0]
        return Typed(f"CASE WHEN {left} = {right} THEN NULL ELSE {kept.sql} END", kept.kind, atomic=False)
    return Typed(f"NULLIF({left}, {right})", arguments[0].kind)


def _iif(arguments: Sequence[Typed]) -> Typed:
    condition, *choices = arguments
    parts, shape = _same_kind(choices)
    otherwise = f" ELSE {parts[1]}" if len(parts) > 1 else ""
    return Typed(f"CASE WHEN {boolean(condition)} THEN {parts[0]}{otherwise} END", shape.kind, atomic=False)


def _substring(arguments: Sequence[Typed]) -> Typed:
    start = arguments[1].constant
    if len(arguments) == 2 and start is not None and start.kind == "integer" and int(start.text) < 0:
        return Typed(f"right({text(arguments[0])}, {-int(start.text)})", "text")
    if start is None or start.kind != "integer" or int(start.text) < 1:
        raise UntranslatableError("substr counts from the end, or from a position that is no constant")
    length = ""
    if len(arguments) == 3:
        count = arguments[2].constant
        if count is None or count.kind != "integer" or int(count.text) < 0:
            raise UntranslatableError("the length of substr is no constant")
        length = f", {count.text}"
    return Typed(f"substr({text(arguments[0])}, {start.text}{length})", "text")


def _text_function(name: str, kind: str = "text") -> Callable[[Sequence[Typed]], Typed]:
    def translate(arguments: Sequence[Typed]) -> Typed:
        sql = f"{name}({', '.join(text(item) for item in arguments)})"
        return Typed(sql, "integer" if kind == "integer" else "text")

    return translate


def _number_function(name: str) -> Callable[[Sequence[Typed]], Typed]:
    def translate(arguments: Sequence[Typed]) -> Typed:
        return Typed(f"{name}({number(arguments[0])})", arguments[0].kind)

    return translate


def _round(arguments: Sequence[Typed]) -> Typed:
    digits = arguments[1].constant if len(arguments) > 1 else None
    if len(arguments) > 1 and (digits is None or digits.kind != "integer"):
        raise UntranslatableError("round to a number of digits that is no constant")
    places = digits.text if digits is not None else "0"
    # PostgreSQL rounds double precision half to even, numeric half away from zero as SQLite does.
    return Typed(f"round({number(arguments[0])}::numeric, {places})::double precision", "real")


_STORAGE = {"integer": "integer", "real": "real", "text": "text", "bytes": "blob"}


def _typeof(arguments: Sequence[Typed]) -> Typed:
    """The storage class follows from the column's type now; some types stand for several classes."""
    (item,) = arguments
    storage = _STORAGE.get(item.kind)
    if not item.column or storage is None:
        raise UntranslatableError(f"typeof({item.sql}): a {item.kind} has no single storage class")
    return Typed(f"CASE WHEN {item.operand} IS NULL THEN 'null' ELSE '{storage}' END", "text", atomic=False)


def _json_valid(arguments: Sequence[Typed]) -> Typed:
    """Casting refuses what is not JSON, which is what a CHECK wants; IS JSON would need PostgreSQL 16.

    Of NULL it is NULL, as in SQLite from 3.45 on.
    """
    (item,) = arguments
    shown = "true" if item.kind == "json" else f"{text(item)}::json IS NOT NULL"
    return Typed(f"CASE WHEN {item.operand} IS NOT NULL THEN {shown} END", "boolean")


def _document(item: Typed) -> str:
    return item.operand if item.kind == "json" else f"{text(item)}::json"


def _json_type(arguments: Sequence[Typed]) -> Typed:
    """PostgreSQL has one kind of number and one of truth; their text tells SQLite's apart."""
    document = _document(arguments[0])
    shown = f"({document})::text"
    return Typed(
        f"CASE json_typeof({document}) WHEN 'string' THEN 'text' WHEN 'boolean' THEN btrim({shown})"
        f" WHEN 'number' THEN CASE WHEN {shown} ~ '[.eE]' THEN 'real' ELSE 'integer' END"
        f" ELSE json_typeof({document}) END",
        "text",
    )


def _json_array_length(arguments: Sequence[Typed]) -> Typed:
    document = _document(arguments[0])
    return Typed(
        f"CASE WHEN json_typeof({document}) = 'array' THEN json_array_length({document})"
        f" WHEN {arguments[0].operand} IS NOT NULL THEN 0 END",
        "integer",
    )


def _likely(arguments: Sequence[Typed]) -> Typed:
    return arguments[0]


def _date(arguments: Sequence[Typed]) -> Typed:
    (item,) = arguments
    if item.kind in ("timestamp", "date"):
        return Typed(f"{item.operand}::date", "date")
    if item.kind == "timestamptz":
        return Typed(f"({item.operand} AT TIME ZONE 'UTC')::date", "date")
    raise UntranslatableError(f"date({item.sql}) reads a {item.kind} as a date")


_ONE, _ONE_OR_TWO, _TWO = (1,), (1, 2), (2,)
_SEVERAL = range(2, 100)
_FUNCTIONS: dict[str, tuple[tuple[Sequence[int], Callable[[Sequence[Typed]], Typed]], ...]] = {
    "length": ((_ONE, _length),),
    "char_length": ((_ONE, _length),),
    "coalesce": ((_SEVERAL, _coalesce),),
    "ifnull": ((_TWO, _coalesce),),
    "nullif": ((_TWO, _nullif),),
    "iif": (((2, 3), _iif),),
    "if": (((2, 3), _iif),),
    "substr": (((2, 3), _substring),),
    "substring": (((2, 3), _substring),),
    "trim": ((_ONE_OR_TWO, _text_function("btrim")),),
    "ltrim": ((_ONE_OR_TWO, _text_function("ltrim")),),
    "rtrim": ((_ONE_OR_TWO, _text_function("rtrim")),),
    "replace": (((3,), _text_function("replace")),),
    "instr": ((_TWO, _text_function("strpos", "integer")),),
    "abs": ((_ONE, _number_function("abs")),),
    "sign": ((_ONE, _number_function("sign")),),
    "round": ((_ONE_OR_TWO, _round),),
    "ceil": ((_ONE, _number_function("ceil")),),
    "ceiling": ((_ONE, _number_function("ceil")),),
    "floor": ((_ONE, _number_function("floor")),),
    "min": ((_SEVERAL, _extreme("LEAST")),),
    "max": ((_SEVERAL, _extreme("GREATEST")),),
    "typeof": ((_ONE, _typeof),),
    "json_valid": ((_ONE, _json_valid),),
    "json_type": ((_ONE, _json_type),),
    "json_array_length": ((_ONE, _json_array_length),),
    "likely": ((_ONE, _likely),),
    "unlikely": ((_ONE, _likely),),
    "date": ((_ONE, _date),),
}
