"""Plans the whole target, with a note for everything that will differ.

Stage by stage: tables and types, then keys, indexes, checks and references, then what stays behind. Pure:
nothing is read or written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.application import plan_advice
from migration.schema.checks import plan_checks
from migration.schema.comments import plan_comments
from migration.schema.draft import PlanDraft
from migration.schema.foreign_keys import plan_foreign_keys
from migration.schema.indexes import plan_indexes
from migration.schema.keys import plan_keys
from migration.schema.nocase import plan_collations
from migration.schema.options import PlanOptions
from migration.schema.others import plan_others
from migration.schema.tables import plan_tables
from migration.schema.target import Statement, TargetPlan
from migration.schema.triggers import plan_triggers
from migration.schema.wording import counted

if TYPE_CHECKING:
    from migration.schema.source import SourceSchema
    from migration.values.facts import Profile


def plan_target(source: SourceSchema, profile: Profile, options: PlanOptions | None = None) -> TargetPlan:
    """Plan the PostgreSQL schema for a source and what its columns hold.

    What cannot be stored at all is listed in the plan's `obstacles`; `migration.planning` refuses it.
    """
    draft = PlanDraft(source, profile, options or PlanOptions())
    plan_tables(draft)
    collations = plan_collations(draft)
    # The names of indexes were chosen by someone, those of most keys by nobody: they are given out first.
    indexes = plan_indexes(draft)
    keys = plan_keys(draft)
    checks = [statement for table in source.tables for statement in plan_checks(draft, table)]
    references = [statement for table in source.tables for statement in plan_foreign_keys(draft, table)]
    views: list[Statement] = []
    if any(other.kind == "view" for other in source.others):
        from migration.schema.views import plan_views  # noqa: PLC0415  # sqlglot takes long to import

        views = plan_views(draft)
    searches = plan_others(draft)
    comments = plan_comments(draft)
    triggers = plan_triggers(draft)
    additions = tuple(draft.orm.additions(draft))
    for level, text in draft.orm.advisories(draft):
        draft.note(level, draft.orm.title, text)
    _note_choices(draft)
    tables = tuple(draft.tables[table.name] for table in source.tables)
    return TargetPlan(
        source,
        draft.schema,
        tables,
        (
            *collations,
            *draft.types,
            *(
                Statement(
                    "table", table.name, table.name, ddl.create_table(draft.schema, table.name, table.columns)
                )
                for table in tables
            ),
        ),
        (*keys, *indexes, *checks, *references, *searches, *additions, *views, *triggers, *comments),
        tuple(draft.notes),
        tuple(draft.obstacles),
        draft.options,
        names=tuple(draft.names),
        application=plan_advice(draft),
    )


def _note_choices(draft: PlanDraft) -> None:
    """Say what the user's own choices leave out or spell otherwise."""
    for remark in draft.source.left_out:
        draft.note(remark.level, remark.object, remark.text)
    folded = sum(name.why == "policy" for name in draft.names)
    if not folded:
        return
    spelled = f"{counted(folded, 'name')} in the spelling of --names {draft.options.names}"
    draft.note("info", "names", f"{spelled}; the list of names says which")
    if draft.orm.name != "generic":
        draft.note(
            "changed",
            "names",
            f"the file was made by {draft.orm.title}, which looks for its own names: --names keep has them",
        )
