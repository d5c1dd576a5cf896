"""From a SQLite file to its plan, where inspect, script, run, verify and promote all start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.errors import MigrationError
from migration.orm.registry import interpret
from migration.rules.checking import check_rules
from migration.rules.trial import try_rules
from migration.schema.connection import reading
from migration.schema.options import PlanOptions
from migration.schema.plan import plan_target
from migration.schema.read import read_schema
from migration.schema.selection import select
from migration.target_first.aim import aimed, take_aim
from migration.target_first.plan import plan_target_first
from migration.values.profile import profile_values

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from migration.native.library import NativeReader
    from migration.schema.target import TargetPlan
    from migration.target_first.existing import ExistingSchema
    from migration.values.facts import Profile

__all__ = ["Draft", "PlanOptions", "PlanRefusedError", "draft_migration", "plan_migration"]


class PlanRefusedError(MigrationError):
    """The file holds values that PostgreSQL cannot store, and the options give no leave to change them."""


@dataclass(frozen=True)
class Draft:
    """A plan, which may still have obstacles, with the profile it rests on."""

    profile: Profile
    plan: TargetPlan


def draft_migration(
    path: Path,
    options: PlanOptions | None = None,
    *,
    connection: sqlite3.Connection | None = None,
    existing: ExistingSchema | None = None,
    readers: Sequence[NativeReader] = (),
) -> Draft:
    """Plan the migration of a file, obstacles included. Nothing is written.

    Args:
        path: the SQLite file.
        options: the user's choices.
        connection: reads through this connection, so in its snapshot; without one, one is opened and closed.
        existing: the schema that the application made, where `options.target_first` asks for one.
        readers: read beside it, in the same snapshot, and make the planning faster.

    Raises:
        SourceRefusedError: the file cannot be read as a SQLite database.
    """
    chosen = options or PlanOptions()
    with reading(path, connection) as reader:
        whole = interpret(read_schema(path, connection=reader), chosen.orm)
        check_rules(chosen.rules, whole)
        source = select(whole, chosen)
        if existing is not None and chosen.target_first:
            aim = take_aim(source, existing, chosen.rules)
            source = aimed(source, aim)
            profile = profile_values(path, source, connection=reader, readers=readers)
            return Draft(
                profile, plan_target_first(source, profile, existing, aim, options=chosen, reader=reader)
            )
        profile = profile_values(path, source, connection=reader, readers=readers)
        return Draft(profile, try_rules(plan_target(source, profile, chosen), reader))


def plan_migration(
    path: Path,
    options: PlanOptions | None = None,
    *,
    connection: sqlite3.Connection | None = None,
    existing: ExistingSchema | None = None,
    readers: Sequence[NativeReader] = (),
) -> TargetPlan:
    """Plan the migration of a file; see `draft_migration`.

    Raises:
        SourceRefusedError: the file cannot be read as a SQLite database.
        PlanRefusedError: the file holds values that PostgreSQL cannot store.
    """
    plan = draft_migration(path, options, connection=connection, existing=existing, readers=readers).plan
    if plan.obstacles:
        first = plan.obstacles[0]
        raise PlanRefusedError(
            f"{path} cannot be migrated as it is",
            why="; ".join(f"{item.object}: {item.what}" for item in plan.obstacles),
            next_step=first.next_step,
        )
    return plan
