"""Finds the profile to follow: the user's choice, or what the file gives away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.orm.django import DJANGO
from migration.orm.drizzle import DRIZZLE
from migration.orm.generic import GENERIC
from migration.orm.knex import KNEX
from migration.orm.prisma import PRISMA
from migration.orm.rails import RAILS
from migration.orm.sequelize import SEQUELIZE
from migration.orm.sqlalchemy import SQLALCHEMY
from migration.orm.typeorm import TYPEORM

if TYPE_CHECKING:
    from migration.orm.profile import Evidence, OrmProfile
    from migration.schema.options import OrmChoice
    from migration.schema.source import SourceSchema, Table

#: Where two libraries' signs are equally strong, the earlier one is followed.
PROFILES: tuple[OrmProfile, ...] = (TYPEORM, DJANGO, RAILS, PRISMA, KNEX, SEQUELIZE, SQLALCHEMY, DRIZZLE)


@dataclass(frozen=True)
class Recognition:
    """The profile to follow; the evidence is the file's, None where the user chose or nothing was found."""

    profile: OrmProfile
    evidence: Evidence | None = None


def recognise(source: SourceSchema, choice: OrmChoice = "auto") -> Recognition:
    """The library to follow."""
    if choice != "auto":
        return Recognition(profile_named(choice))
    found = [(known, evidence) for known in PROFILES if (evidence := known.detect(source)) is not None]
    if not found:
        return Recognition(GENERIC)
    # max keeps the first of equals.
    profile, evidence = max(found, key=lambda pair: pair[1].strength)
    return Recognition(profile, evidence)


def profile_named(name: str) -> OrmProfile:
    """The profile that the command line calls so."""
    return next((known for known in PROFILES if known.name == name), GENERIC)


def interpret(source: SourceSchema, choice: OrmChoice = "auto") -> SourceSchema:
    """The same schema, in which every column whose library meant more than it declared says what it meant."""
    profile = recognise(source, choice).profile

    def read(table: Table) -> Table:
        columns = tuple(
            replace(column, meaning=profile.meaning(source, table, column)) for column in table.columns
        )
        return replace(table, columns=columns)

    return replace(source, tables=tuple(read(table) for table in source.tables))
