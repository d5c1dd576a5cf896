"""Plans the whole target, stage by stage: tables and types, then keys, indexes, checks and references, with a
note for everything that will differ. Pure: nothing is read or written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.draft import Draft
from migration.schema.foreign_keys import plan_foreign_keys
from migration.schema.indexes import plan_indexes
from migration.schema.keys import plan_keys
from migration.schema.options import PlanOptions
from migration.schema.others import plan_others
from migration.schema.tables import plan_tables
from migration.schema.target import Statement, TargetPlan
from migration.schema.unify import unify_references

if TYPE_CHECKING:
    from migration.schema.source import SourceSchema
    from migration.values.profile import Profile


def plan_target(source: SourceSchema, profile: Profile, options: PlanOptions | None = None) -> TargetPlan:
    """Plan the PostgreSQL schema for a source and what its columns hold.

    What cannot be stored at all is listed in the plan's `obstacles`; `migration.planning` refuses it.
    """
    draft = Draft(source, profile, options or PlanOptions())
    plan_tables(draft)
    unify_references(draft)
    indexes = plan_indexes(draft)
    after_load = (*plan_keys(draft), *indexes, *plan_foreign_keys(draft), *plan_others(draft))
    tables = tuple(draft.tables[table.name] for table in source.tables)
    create = tuple(
        Statement("table", table.name, table.name, ddl.create_table(draft.schema, table.name, table.columns))
        for table in tables
    )
    return TargetPlan(
        source,
        draft.schema,
        tables,
        create,
        after_load,
        tuple(draft.notes),
        tuple(draft.obstacles),
        draft.options,
    )
