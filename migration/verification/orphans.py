"""Rows that refer to nothing: SQLite tolerates them, and they must be the same ones on both sides."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import psycopg

from migration.schema.ddl import qualified, quote_identifier
from migration.schema.references import cannot_refer
from migration.verification.findings import OrphanFinding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.schema.source import ForeignKey
    from migration.schema.target import TargetPlan, TargetTable
    from migration.verification.catalog import Catalog
    from migration.verification.layout import Sides


def compare_orphans(sides: Sides, plan: TargetPlan, catalog: Catalog) -> tuple[OrphanFinding, ...]:
    """Count the orphans of every foreign key declared in the source, on both sides.

    What the plan has counted in this very state of the source is not counted again; and a foreign key that
    PostgreSQL has validated has no orphans there.
    """
    tables = {table.source.name: table for table in plan.tables}
    findings = []
    for table in plan.tables:
        for position, key in enumerate(table.source.foreign_keys):
            parent = tables.get(key.parent_table)
            if parent is None or cannot_refer(plan.source, key) is not None:
                continue  # SQLite cannot enforce it either, and compares what PostgreSQL may not
            if plan.existing is not None and not (
                _planned(table, key.columns) and _planned(parent, key.parent_columns)
            ):
                continue  # the application's schema has no such reference
            counted = None
            if position < len(table.orphans) and not sides.rejects:
                counted = table.orphans[position]
            ours = _query(
                _stored(sides, table),
                _stored(sides, parent),
                key.columns,
                key.parent_columns,
            )
            theirs = _query(
                qualified(plan.schema, table.name),
                qualified(plan.schema, parent.name),
                _names(table, key.columns),
                _names(parent, key.parent_columns),
            )
            findings.append(
                OrphanFinding(
                    table.name,
                    _names(table, key.columns),
                    parent.name,
                    _source(sides, ours) if counted is None else counted,
                    0 if _validated(catalog, table, parent, key) else _target(sides, theirs),
                )
            )
    return tuple(findings)


def _validated(catalog: Catalog, table: TargetTable, parent: TargetTable, key: ForeignKey) -> bool:
    actual = catalog.tables.get(table.name)
    wanted = (
        _names(table, key.columns),
        parent.name,
        _names(parent, key.parent_columns),
    )
    return actual is not None and any(
        found.validated and (found.columns, found.parent_table, found.parent_columns) == wanted
        for found in actual.foreign_keys
    )


def _stored(sides: Sides, table: TargetTable) -> str:
    """The source's rows of a table without the rejected ones."""
    name = quote_identifier(table.source.name)
    aside = sides.rejects.get(table.source.name)
    if aside is None or not aside.remaining:
        return name
    return f"(SELECT * FROM {name} WHERE {aside.remaining})"  # noqa: S608  # quoted


def _planned(table: TargetTable, columns: Sequence[str]) -> bool:
    return set(columns) <= {column.source.name for column in table.columns}


def _names(table: TargetTable, columns: Sequence[str]) -> tuple[str, ...]:
    """The target's names of some columns; unknown ones stay, and PostgreSQL will say so."""
    known = {column.source.name: column.name for column in table.columns}
    return tuple(known.get(column, column) for column in columns)


def _query(child: str, parent: str, columns: Sequence[str], parent_columns: Sequence[str]) -> str:
    pairs = list(zip(map(quote_identifier, columns), map(quote_identifier, parent_columns), strict=True))
    present = " AND ".join(f"c.{ours} IS NOT NULL" for ours, _ in pairs)
    equal = " AND ".join(f"p.{theirs} = c.{ours}" for ours, theirs in pairs)
    found = f"SELECT 1 FROM {parent} AS p WHERE {equal}"  # noqa: S608  # quoted
    return f"SELECT count(*) FROM {child} AS c WHERE {present} AND NOT EXISTS ({found})"  # noqa: S608  # quoted


def _source(sides: Sides, query: str) -> int | None:
    try:
        return int(sides.reader.execute(query).fetchone()[0])
    except sqlite3.OperationalError:  # no such column, or a collation that only the application has
        return None


def _target(sides: Sides, query: str) -> int | None:
    try:
        row = sides.target.execute(query.encode()).fetchone()
    except psycopg.ProgrammingError:  # no such table or column, or types that PostgreSQL does not compare
        return None
    return int(row[0]) if row else None
