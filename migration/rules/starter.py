"""Writes the beginning of a rules file for one source: every table and column, as comments."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from migration.planning import draft_migration
from migration.schema.options import PlanOptions
from migration.source.file import check_source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from migration.schema.target import TargetPlan, TargetTable

_HEAD = """\
# Rules for the migration of {source}: docs/rules.md. Take away a # to make a rule of a line.
# outgrow migrate inspect {source} --rules THIS_FILE shows what comes of it.

tables:
"""
_HOOKS = """
# SQL of your own: before_schema, after_schema, before_load, after_load, after_all.
hooks:
  # after_all:
  #   - GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC
"""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?")


def starter(path: Path, options: PlanOptions | None = None) -> str:
    """The text of the file; read as it is, it says nothing.

    Raises:
        SourceRefusedError: the file is not a whole, readable SQLite database.
    """
    plan = draft_migration(check_source(path).path, options or PlanOptions()).plan
    return "".join((_HEAD.format(source=path.name), *_tables(plan), "\ncolumns:\n", *_columns(plan), _HOOKS))


def _tables(plan: TargetPlan) -> Iterable[str]:
    for table in plan.tables:
        yield f"  # {_key(table.source.name)}: {{rename: {_key(table.name)}}}  # or skip: true\n"


def _columns(plan: TargetPlan) -> Iterable[str]:
    settle = {obstacle.object: obstacle.what for obstacle in plan.obstacles}
    for table in plan.tables:
        yield f"\n  # {_line(table.name)}: {table.rows:,} rows\n"
        yield from _columns_of(table, settle)


def _columns_of(table: TargetTable, settle: dict[str, str]) -> Iterable[str]:
    for column in table.columns:
        path = f"{table.source.name}.{column.source.name}"
        why = settle.get(path, column.why)
        yield f"  # {_key(path)}: {{type: {_quoted(column.type)}}}  # {_line(why)}\n"


def _key(name: str) -> str:
    """A name as a YAML key."""
    return name if _PLAIN.fullmatch(name) and name.lower() not in _WORDS else _quoted(name)


def _quoted(text: str) -> str:
    """A double-quoted YAML text is one of JSON."""
    return text if re.fullmatch(r"[a-z][a-z ]*", text) else json.dumps(text, ensure_ascii=False)


def _line(text: str) -> str:
    return " ".join(text.split())


#: Words that YAML 1.1 takes for something else than a text.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
