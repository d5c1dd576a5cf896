"""Are the sequences ahead of every value in use, so that the application's next row gets a free one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from migration.schema.ddl import qualified, quote_identifier
from migration.target.database import execute, scalar
from migration.verification.findings import SequenceFinding

if TYPE_CHECKING:
    from migration.schema.target import TargetColumn, TargetPlan
    from migration.verification.catalog import Catalog
    from migration.verification.layout import Sides


def compare_sequences(sides: Sides, plan: TargetPlan, catalog: Catalog) -> tuple[SequenceFinding, ...]:
    """Look at every column whose values SQLite gives out and PostgreSQL must go on giving out."""
    findings = []
    columns = ((table, column) for table in plan.tables for column in table.columns if column.identity)
    for table, column in columns:
        actual = catalog.tables.get(table.name)
        if actual is None or column.name not in actual.columns:
            continue
        name = qualified(plan.schema, table.name)
        stored = (
            f"SELECT max({quote_identifier(column.source.name)}) FROM {quote_identifier(table.source.name)}"  # noqa: S608
        )
        ours = sides.reader.execute(stored).fetchone()[0]
        there = sql.Identifier(plan.schema, table.name)
        largest = execute(
            sides.target, "SELECT max({column}) FROM {table}", column=sql.Identifier(column.name), table=there
        ).fetchone()
        theirs = largest[0] if largest else None
        key = table.source.primary_key
        numbered = key is not None and column.source.name in key.columns
        given_out = plan.source.sequences.get(table.source.name) if numbered else None
        used = max([value for value in (ours, theirs, given_out) if isinstance(value, int)], default=0)
        sequence = scalar(sides.target, "SELECT pg_get_serial_sequence(%s, %s)", [name, column.name])
        following = _next_value(sides, sequence or _chosen(sides, plan, column))
        findings.append(SequenceFinding(table.name, column.name, following, max(used, 0)))
    return tuple(findings)


def _chosen(sides: Sides, plan: TargetPlan, column: TargetColumn) -> str | None:
    """The sequence of a name of its own that no column owns, if there still is one."""
    if column.sequence is None:
        return None
    for name in (qualified(plan.schema, column.sequence), column.sequence):
        found = scalar(sides.target, "SELECT to_regclass(%s)::text", [name])
        if found is not None:
            return name
    return None


def _next_value(sides: Sides, sequence: str | None) -> int | None:
    """What a sequence gives out next; `sequence` is a quoted name as pg_get_serial_sequence gives it."""
    if sequence is None:
        return None
    query = f"SELECT CASE WHEN is_called THEN last_value::numeric + 1 ELSE last_value END FROM {sequence}"  # noqa: S608
    return int(scalar(sides.target, query.encode()))
