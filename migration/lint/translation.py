"""Translates a whole SELECT as views and triggers are translated: with its meaning, or not at all.

It knows less SQL than the rules do, and says more: every type decides what is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.draft import PlanDraft
from migration.schema.query import QueryParser
from migration.schema.relations import Catalog, QueryScope
from migration.schema.tables import plan_tables
from migration.schema.tokens import BadSqlError
from migration.schema.translate_query import QueryTranslator
from migration.schema.typed import UntranslatableError
from migration.schema.views import plan_views

if TYPE_CHECKING:
    from migration.lint.statement import Sql
    from migration.schema.target import TargetPlan
    from migration.values.facts import Profile


def catalog_of(profile: Profile, plan: TargetPlan) -> Catalog:
    """The tables and views of a plan, as queries name them."""
    draft = PlanDraft(plan.source, profile, plan.options)
    plan_tables(draft)
    plan_views(draft)
    return Catalog(draft)


def translated(sql: Sql) -> str | None:
    """The SELECT in PostgreSQL's SQL; None where it is none, or cannot be translated with its meaning."""
    if sql.known is None or sql.known.catalog is None or not sql.word(0, "SELECT") or sql.piece.holes:
        return None
    parser = QueryParser(sql.text)
    try:
        query = parser.select()
        parser.expect_end()
        found = QueryTranslator(sql.known.catalog, QueryScope(())).select(query)
    except (BadSqlError, UntranslatableError):
        return None
    return found.sql
