"""SQLite's JSON paths (sqlite.org/json1.html, 3) as PostgreSQL's."""

from __future__ import annotations

import re

from migration.schema.ddl import quote_literal
from migration.schema.typed import Typed, UntranslatableError, text

_STEP = re.compile(r'\.(?:"([^"]*)"|([^.\["]+))|\[(\d+)\]')


def extract(item: Typed, path: Typed) -> Typed:
    """The text of what a constant path leads to, for an index.

    SQLite gives JSON numbers and truths as numbers where PostgreSQL gives their text, so this is of use only
    where queries are written for PostgreSQL anyway.
    """
    if path.constant is None:
        raise UntranslatableError("the path into the JSON is no constant")
    document = item.operand if item.kind == "json" else f"{text(item)}::jsonb"
    return Typed(f"{document} #>> {quote_literal(_array(path.constant.text))}", "text", atomic=False)


def _array(path: str) -> str:
    """The steps of a path as a text array: $.a."b c"[0] is {"a","b c","0"}."""
    if path.startswith("$"):
        steps, at = [], 1
        while at < len(path):
            match = _STEP.match(path, at)
            if match is None:
                raise UntranslatableError(f"the JSON path {path} has no translation")
            steps.append(next(group for group in match.groups() if group is not None))
            at = match.end()
    else:
        steps = [path]  # what stands right of -> may be a bare name or position
    quoted = (step.replace("\\", "\\\\").replace('"', '\\"') for step in steps)
    return "{" + ",".join(f'"{step}"' for step in quoted) + "}"
