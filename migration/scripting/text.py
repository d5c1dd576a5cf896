"""Renders the files of a script from their templates."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from migration.running.steps import hook_statements
from migration.schema.ddl import qualified, quote_identifier, quote_literal
from migration.target.rejects import SCHEMA, TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.schema.target import Statement, TargetPlan, TargetTable
    from migration.script import DataFile

#: Which statements go into which file.
_KEYS = ("primary key", "unique", "index")
_CONSTRAINTS = ("check", "foreign key")
_VIEWS = ("rows", "view", "function", "trigger", "comment")


def render(
    name: str,
    plan: TargetPlan,
    data: Sequence[DataFile] = (),
    *,
    table: TargetTable | None = None,
    rejected: int = 0,
) -> str:
    """The text of one file.

    Args:
        name: the file, whose template is called name.j2.
        plan: what the files carry out.
        data: the files with the rows.
        table: the table that a file with rows is about.
        rejected: how many rows the file of rejects has.
    """
    return (
        _environment()
        .get_template(f"{name}.j2")
        .render(
            plan=plan,
            schema=plan.schema,
            source=plan.source.path.name,
            data=data,
            table=table,
            keys=_of(plan, _KEYS),
            constraints=_of(plan, _CONSTRAINTS),
            views=_of(plan, _VIEWS),
            identities=[(item, column) for item in plan.tables for column in item.columns if column.identity],
            left=[note for note in plan.notes if note.level == "left"],
            hooks=plan.options.rules.hooks,
            rejected=rejected,
            rejects=qualified(SCHEMA, TABLE),
        )
    )


def render_hooks(plan: TargetPlan, point: str) -> str:
    """The text of a file with the user's own SQL for one point of the migration."""
    template = _environment().get_template("hooks.sql.j2")
    source = plan.source.path.name
    return template.render(schema=plan.schema, source=source, point=point, hooks=hook_statements(plan, point))


def _of(plan: TargetPlan, kinds: Sequence[str]) -> list[Statement]:
    return [statement for statement in plan.after_load if statement.kind in kinds]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("migration"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # SQL, quoted by the filters below; nothing here is HTML
    )
    environment.filters |= {
        "identifier": quote_identifier,
        "literal": quote_literal,
        "commented": commented,
        "dollar_tag": dollar_tag,
        "line": one_line,
    }
    environment.globals["qualified"] = qualified
    return environment


def commented(text: str) -> str:
    """Every line behind two dashes."""
    return "\n".join(f"-- {line}".rstrip() for line in text.splitlines())


def one_line(text: str) -> str:
    """A text for a comment or a table row: without line ends, and without what would end a Markdown cell."""
    return " ".join(text.split()).replace("|", "\\|")


def dollar_tag(sql: str) -> str:
    """A dollar quote that does not occur in the SQL it is to surround."""
    tag = "$outgrow$"
    number = 0
    while tag in sql:
        number += 1
        tag = f"$outgrow{number}$"
    return tag
