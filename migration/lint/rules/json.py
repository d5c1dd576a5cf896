"""SQLite's functions of JSON, which works on texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.lint.hits import at, constant, on_call, over, replace_call
from migration.lint.rule import Edit, Hit, Rule
from migration.schema.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.statement import Sql

_STEP = re.compile(r"\.(?:\"([^\"]+)\"|([A-Za-z_]\w*))|\[(\d+)\]")
#: Functions that take the same arguments, once a text is jsonb.
_RENAMED = {
    "json_object": "json_build_object",
    "json_array": "json_build_array",
    "json_group_array": "json_agg",
    "json_group_object": "json_object_agg",
}
_OTHERS = {
    "json_set": "jsonb_set(x, '{a,b}', to_jsonb(value))",
    "json_insert": "jsonb_set(x, '{a}', to_jsonb(value)), or jsonb_insert() in an array",
    "json_replace": "jsonb_set(x, '{a}', to_jsonb(value), false)",
    "json_remove": "x #- '{a,b}'",
    "json_patch": "x || patch",
    "json_each": "jsonb_each(x) for an object, jsonb_array_elements(x) for an array",
    "json_tree": "a recursive query, or jsonb_path_query(x, '$.**')",
    "json_type": "jsonb_typeof(x)",
    "json_valid": "x IS JSON (since PostgreSQL 16)",
    "json_quote": "to_json(x)",
    "json": "x::json, or x::jsonb",
}


def path(text: str) -> tuple[str, ...] | None:
    """The steps of a path such as $.a.b[0]; None where it is no plain one."""
    if not text.startswith("$"):
        return None
    steps, at_place = [], 1
    while at_place < len(text):
        step = _STEP.match(text, at_place)
        if step is None:
            return None
        steps.append(step[1] or step[2] or step[3])
        at_place = step.end()
    return tuple(steps)


def _array(steps: tuple[str, ...]) -> str:
    quoted = (step if re.fullmatch(r"\w+", step) else '"' + step.replace('"', '\\"') + '"' for step in steps)
    return "'{" + ",".join(quoted).replace("'", "''") + "}'"


def _operand(sql: Sql, span: tuple[int, int]) -> str:
    """An operand as jsonb."""
    first, last = span
    column = sql.column_in(span)
    written = sql.kept(first, last)
    if column is not None and column.type in ("json", "jsonb"):
        return written
    simple = first == last or (last - first == 2 and sql.operator(first + 1, "."))
    return f"{written}::jsonb" if simple else f"({written})::jsonb"


def _functions(sql: Sql) -> Iterator[Hit]:
    for call in sql.calls("json_extract"):
        text = constant(sql, call.arguments[1]) if len(call.arguments) == 2 else None
        steps = path(text) if text is not None else None
        edits: tuple[Edit, ...] = ()
        if steps is not None:
            edits = (
                over(sql, call.name, call.close, f"({_operand(sql, call.arguments[0])} #>> {_array(steps)})"),
            )
        yield on_call(
            sql,
            call,
            *edits,
            why="PostgreSQL has no json_extract(), and what it takes out by #>> is a text, numbers included",
            instead="x::jsonb #>> '{a,b}', with ::integer or ::numeric behind it for a number",
        )
    for call in sql.calls("json_array_length"):
        edits = ()
        if len(call.arguments) == 1:
            text = f"jsonb_array_length({_operand(sql, call.arguments[0])})"
            edits = (over(sql, call.name, call.close, text),)
        yield on_call(sql, call, *edits, instead="jsonb_array_length(x::jsonb)")
    for call in sql.calls(*_RENAMED):
        new = _RENAMED[sql.tokens[call.name].value.lower()]
        yield on_call(sql, call, over(sql, call.name, call.name, new), instead=f"{new}()")
    for call in sql.calls(*_OTHERS):
        name = sql.tokens[call.name].value.lower()
        if name == "json" and len(call.arguments) != 1:
            continue
        simple = name == "json"
        edits = replace_call(sql, call, "(", ", ", ")::json") if simple else ()
        yield on_call(sql, call, *edits, instead=_OTHERS[name])
    yield from _arrows(sql)


def _arrows(sql: Sql) -> Iterator[Hit]:
    for place in range(1, len(sql.tokens) - 1):
        if not sql.operator(place, "->", "->>"):
            continue
        left = sql.operand_before(place)
        column = sql.column_in(left)
        known = column is not None and column.type in ("json", "jsonb")
        pattern = sql.tokens[place + 1]
        is_path = pattern.kind is Kind.STRING and pattern.value.startswith("$")
        if not is_path and (known or column is None):
            continue  # as PostgreSQL writes it
        if not is_path:
            yield at(sql, left[0], place + 1, over(sql, *left, _operand(sql, left)))
            continue
        steps = path(pattern.value)
        edits: tuple[Edit, ...] = ()
        if steps is not None:
            sign = "#>>" if sql.operator(place, "->>") else "#>"
            edits = (over(sql, left[0], place + 1, f"{_operand(sql, left)} {sign} {_array(steps)}"),)
        yield at(
            sql, left[0], place + 1, *edits, why="PostgreSQL's -> takes a key, and no path that begins with $"
        )


RULES = (
    Rule(
        "json-functions",
        "JSON is read by other functions",
        "fails",
        "PostgreSQL has no such function: its JSON has types of its own, json and jsonb",
        "jsonb's functions and operators",
        "postgresql.org/docs/current/functions-json.html",
        _functions,
    ),
)
