"""Plans CHECK constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.enumeration import is_list_of
from migration.schema.target import Statement
from migration.schema.tokens import tokenize
from migration.schema.translate import translate_condition
from migration.schema.typed import UntranslatableError

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.source import Check, Table


def plan_checks(draft: PlanDraft, table: Table) -> list[Statement]:
    """The statements that add a table's CHECKs."""
    target, names = draft.tables[table.name], draft.constraints(table)
    scope = draft.scope(table)
    statements = []
    for check in table.checks:
        if _is_type(draft, table, check):
            continue
        ensured = draft.orm.replaces_check(target, check)
        if ensured is not None:
            draft.note(
                "changed", check.name or table.name, f"{ensured}, instead of CHECK ({check.expression})"
            )
            continue
        path = f"{table.name} {check.name}" if check.name else table.name
        try:
            condition = translate_condition(check.expression, scope)
        except UntranslatableError as error:
            if not draft.orm.same_sql:
                named = f"CONSTRAINT {ddl.quote_identifier(check.name)} " if check.name else ""
                text = f"CHECK ({check.expression}) was left out: {error}"
                draft.left("check", path, text, f"{named}CHECK ({check.expression})", table=table.name)
                continue
            condition = check.expression
        seed = f"{table.name}.{check.expression}"
        name = (
            names.take(check.name, seed, kind="check")
            if check.name
            else names.invent(target.name, _only_column(table, check), "check")
        )
        sql = ddl.add_check(draft.schema, target.name, name, condition)
        statements.append(Statement("check", name, target.name, sql, optional=True))
    return statements


def _only_column(table: Table, check: Check) -> tuple[str, ...]:
    """The column that a CHECK without a name is about, after which PostgreSQL names it; () if about more."""
    known = {column.name.lower(): column.name for column in table.columns}
    named = {known.get(token.value.lower()) for token in tokenize(check.expression) if token.can_name}
    found = named - {None}
    return tuple(name for name in found if name is not None) if len(found) == 1 else ()


def _is_type(draft: PlanDraft, table: Table, check: Check) -> bool:
    """Whether the column's type is the list that the CHECK has."""
    return any(
        column.labels and is_list_of(check, column.source) for column in draft.tables[table.name].columns
    )
