"""Plans generated columns: PostgreSQL goes on computing those whose expression it would compute alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema.ddl import quote_identifier
from migration.schema.scope import Scope
from migration.schema.target import Conversion
from migration.schema.translate import translate
from migration.schema.typed import NUMBERS, Typed, UntranslatableError, kind_of

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.target import TargetColumn, TargetTable


def generate(draft: PlanDraft, table: TargetTable, column: TargetColumn) -> TargetColumn:
    """The column as one that PostgreSQL computes; as an ordinary one, filled by the copy, where it could not.

    PostgreSQL has no generated column that refers to another one.
    """
    expression = column.source.generation_expression
    if column.source.generated is None:
        return column
    path = f"{table.source.name}.{column.source.name}"
    if column.unreadable:
        text = f"SQLite cannot compute it here, the column stays empty: {expression}"
        draft.left("generated column", path, text, _declared(column), table=table.source.name)
        return column
    try:
        scope = Scope.of(
            (other for other in table.columns if other.source.generated is None),
            skipped=table.source.skipped,
        )
        scope = replace(scope, computes=True)
        sql = _as_column(translate(expression or "", scope), column)
    except UntranslatableError as error:
        if draft.orm.same_sql and expression is not None:
            return replace(column, generated=expression, default=None)
        text = f"PostgreSQL does not compute it, its present values are copied: {expression} ({error})"
        draft.left("generated column", path, text, _declared(column), table=table.source.name)
        return column
    if column.source.generated == "virtual":
        draft.note("info", path, "was computed when read; PostgreSQL stores it")
    return replace(column, generated=sql, default=None)


def _declared(column: TargetColumn) -> str:
    """The column as SQLite declares it."""
    source = column.source
    kind = (source.generated or "virtual").upper()
    parts = (quote_identifier(source.name), source.declared_type)
    return f"{' '.join(part for part in parts if part)} AS ({source.generation_expression}) {kind}"


def _as_column(value: Typed, column: TargetColumn) -> str:
    if column.raw_codec is not None:
        raise UntranslatableError("its texts are damaged")
    if column.conversion is Conversion.ANY_AS_TEXT:
        raise UntranslatableError("its values are of several classes, by the affinity of its type")
    wanted = kind_of(column.type)
    if value.kind == "boolean" and wanted == "integer":
        return f"{value.operand}::integer"
    number = value.kind in NUMBERS and wanted in ("number", "real")
    if value.kind == wanted or number or value.kind == "null":
        return value.sql
    raise UntranslatableError(f"the expression gives {value.kind}, the column is {column.type}")
