"""What the SQLite file tells about the names in an application's SQL: types, keys, spelling on PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.lint.translation import catalog_of
from migration.planning import draft_migration
from migration.schema.unique_keys import UniqueKey, unique_keys
from migration.source.file import check_source
from migration.source.snapshot import READERS, hold_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from migration.schema.options import PlanOptions
    from migration.schema.relations import Catalog
    from migration.schema.target import TargetColumn, TargetPlan, TargetTable


@dataclass(frozen=True)
class KnownTable:
    """A table; its columns are found by their names in SQLite, in lower case.

    `rowid` is what the rowid is called, where it has a name.
    """

    name: str
    columns: Mapping[str, TargetColumn]
    keys: tuple[UniqueKey, ...] = ()
    rowid: str | None = None
    target: TargetTable | None = None

    def column(self, name: str) -> TargetColumn:
        """A column by the name that the file has for it."""
        return self.columns[name.casefold()]


@dataclass(frozen=True)
class KnownSchema:
    """The tables by their names in SQLite, in lower case; `views` has the names of views on the target."""

    tables: Mapping[str, KnownTable]
    views: Mapping[str, str]
    catalog: Catalog | None = None

    def table(self, name: str) -> KnownTable | None:
        return self.tables.get(name.casefold())

    def spelled(self, name: str) -> tuple[str, ...]:
        """How PostgreSQL spells the tables, views and columns that SQLite knows by this name."""
        key = name.casefold()
        found = [self.tables[key].name] if key in self.tables else []
        found += [self.views[key]] if key in self.views else []
        found += [table.columns[key].name for table in self.tables.values() if key in table.columns]
        return tuple(dict.fromkeys(found))


def known_schema(path: Path, options: PlanOptions) -> KnownSchema:
    """Read a SQLite file and plan its migration; every row is read, nothing is changed.

    Raises:
        SourceRefusedError: the file is not a whole, readable SQLite database.
    """
    checked = check_source(path)
    with hold_snapshot(checked.path, READERS) as snapshot:
        draft = draft_migration(
            checked.path, options, connection=snapshot.connection, readers=snapshot.natives
        )
    return known_of(draft.plan, catalog_of(draft.profile, draft.plan))


def known_of(plan: TargetPlan, catalog: Catalog | None = None) -> KnownSchema:
    """What a plan tells; with the catalog, whole queries can be translated."""
    tables = {}
    for target in plan.tables:
        key = target.source.primary_key
        tables[target.source.name.casefold()] = KnownTable(
            target.name,
            {column.source.name.casefold(): column for column in target.columns},
            tuple(unique_keys(target.source)),
            key.columns[0] if key is not None and key.rowid_alias else None,
            target,
        )
    views = {
        other.name.casefold(): plan.name_of("view", "", other.name)
        for other in plan.source.others
        if other.kind == "view"
    }
    return KnownSchema(tables, views, catalog)
