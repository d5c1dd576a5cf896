"""Tables in which libraries keep their own records, and whose rows are true on each side for itself.

What an application's migrations have written on PostgreSQL describes PostgreSQL: those tables keep their rows
and the file's are not loaded. Django's content types and permissions are the other way round: the rest of the
data refers to them by number, so the file's rows take the place of those that `migrate` has made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

#: keep: the target's rows stay; replace: the file's take their place.
Treatment = Literal["keep", "replace"]

_KEPT = {
    "django_migrations": "Django",
    "alembic_version": "Alembic",
    "_prisma_migrations": "Prisma",
    "knex_migrations": "Knex",
    "knex_migrations_lock": "Knex",
    "SequelizeMeta": "Sequelize",
    "__drizzle_migrations": "Drizzle",
    "schema_migrations": "Rails",
    "ar_internal_metadata": "Rails",
    "typeorm_metadata": "TypeORM",
    "migrations": "TypeORM",
    "mikro_orm_migrations": "MikroORM",
}
#: Names that an application could have given a table of its own: the columns tell.
_COLUMNS = {
    "migrations": frozenset({"id", "timestamp", "name"}),
    "schema_migrations": frozenset({"version"}),
}
_REPLACED = ("auth_permission", "django_content_type", "django_site")


def library(table: str, columns: Collection[str]) -> str | None:
    """Whose records a table holds, if they are some library's; `columns` are its columns' names."""
    if table in _COLUMNS and _COLUMNS[table] != frozenset(columns):
        return None
    return _KEPT.get(table)


def treatment(table: str, columns: Collection[str], tables: Collection[str]) -> Treatment | None:
    """What becomes of a table's rows; None: it is the application's own. `tables` are all of the file's."""
    if table in _REPLACED and "django_migrations" in tables:
        return "replace"
    return "keep" if library(table, columns) is not None else None
