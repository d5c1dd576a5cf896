"""Proves that a target holds what its source holds. Reads both sides; writes nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from migration.planning import draft_migration
from migration.schema.options import PlanOptions
from migration.source.file import check_source
from migration.source.snapshot import READERS, hold_snapshot
from migration.target.database import connected
from migration.target.rejects import RejectTable
from migration.target_first.read import read_existing
from migration.target_first.rows import find_existing
from migration.verification.catalog import read_catalog
from migration.verification.checksums import compare_table
from migration.verification.existing import compare_existing
from migration.verification.findings import Verification
from migration.verification.layout import Sides
from migration.verification.objects import compare_objects
from migration.verification.orphans import compare_orphans
from migration.verification.rejected import confirm_rejects
from migration.verification.sequences import compare_sequences

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from migration.native.library import NativeReader
    from migration.schema.target import Note, TargetPlan
    from migration.target.database import Connection
    from migration.verification.findings import TableFinding


def verify_migration(
    source: Path,
    dsn: str,
    options: PlanOptions | None = None,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Compare a SQLite file with the PostgreSQL schema it was migrated to.

    Args:
        source: the SQLite file.
        dsn: the target, as URL or key=value.
        options: those of the migration: its schema and its policies for text that PostgreSQL cannot store.
        advance: told the number of rows after every few thousand.

    Raises:
        SourceRefusedError, SourceBusyError: the source cannot be read.
        DsnError, TargetUnreachableError, TargetLostError: the target cannot be reached, or goes away.
    """
    checked = check_source(source)
    with connected(dsn) as target, hold_snapshot(checked.path, READERS) as snapshot:
        chosen = options or PlanOptions()
        plan = draft_migration(
            checked.path,
            chosen,
            connection=snapshot.connection,
            existing=find_existing(target, chosen, None),
            readers=snapshot.natives,
        ).plan
        native = next(iter(snapshot.natives), None)
        return compare(snapshot.connection, target, plan, advance=advance, native=native)


def compare(
    reader: sqlite3.Connection,
    target: Connection,
    plan: TargetPlan,
    *,
    advance: Callable[[int], None],
    notes: Sequence[Note] = (),
    native: NativeReader | None = None,
) -> Verification:
    """Compare a held snapshot with a target; see `verify_migration`.

    `notes` announce differences beyond those that the plan announces; `native` reads the same snapshot.
    """
    started = time.monotonic()
    sides = both_sides(reader, target, plan, native)
    catalog = read_catalog(target, plan.schema)
    tables = tuple(
        compare_table(sides, table, catalog.tables.get(table.name), advance=advance) for table in plan.tables
    )
    return compare_rest(sides, plan, tables, notes=notes, started=started)


def both_sides(
    reader: sqlite3.Connection, target: Connection, plan: TargetPlan, native: NativeReader | None
) -> Sides:
    """What is compared, with the rows that were rejected."""
    rejects = confirm_rejects(reader, plan, RejectTable.find(target, plan.schema))
    return Sides(reader, target, plan.schema, plan.options, rejects, native)


def compare_rest(
    sides: Sides,
    plan: TargetPlan,
    tables: Sequence[TableFinding],
    *,
    notes: Sequence[Note] = (),
    started: float,
) -> Verification:
    """Compare everything but rows, and put all findings together.

    Args:
        sides: what is compared.
        plan: which names what is where.
        tables: what the comparison of rows has found.
        notes: announce differences beyond those that the plan announces.
        started: when the comparison began (`time.monotonic`).
    """
    target = sides.target
    catalog = read_catalog(target, plan.schema)
    return Verification(
        tables=tuple(tables),
        objects=(
            compare_objects(plan, catalog, (*notes, *plan.notes))
            if plan.existing is None
            else compare_existing(
                plan, plan.existing, read_existing(target, plan.schema), (*notes, *plan.notes)
            )
        ),
        sequences=compare_sequences(sides, plan, catalog),
        orphans=compare_orphans(sides, plan, catalog),
        seconds=time.monotonic() - started,
    )
