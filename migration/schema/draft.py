"""What planning has settled so far.

The stages of `plan` fill a draft one after the other; the plan made of it is frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.orm.registry import recognise
from migration.schema.names import Namespace
from migration.schema.target import Note, Obstacle, TargetColumn, TargetTable

if TYPE_CHECKING:
    from migration.schema.decision import Level
    from migration.schema.options import PlanOptions
    from migration.schema.source import SourceSchema, Table
    from migration.schema.view_names import Output
    from migration.values.facts import Profile


class PlanDraft:
    """The plan in the making. Tables and columns are looked up by the names they have in the source."""

    def __init__(self, source: SourceSchema, profile: Profile, options: PlanOptions) -> None:
        self.source = source
        self.profile = profile
        self.options = options
        self.orm = recognise(source, options.orm).profile
        self.notes: list[Note] = []
        self.obstacles: list[Obstacle] = []
        self.relations = Namespace(lambda name, chosen: self.note("changed", name, f"is named {chosen}"))
        self.tables: dict[str, TargetTable] = {}
        self.views: dict[str, str] = {}
        #: The columns of each view that was translated.
        self.outputs: dict[str, list[Output]] = {}
        self.functions = Namespace(lambda name, chosen: self.note("info", name, f"its function is {chosen}"))
        self._constraints: dict[str, Namespace] = {}

    @property
    def schema(self) -> str:
        return self.options.schema

    def note(self, level: Level, item: str, text: str) -> None:
        """Tell the user something about one object."""
        self.notes.append(Note(level, item, text))

    def left(self, kind: str, item: str, text: str, sql: str, *, table: str = "") -> None:
        """Tell the user of an object that is not migrated, with the SQL by which SQLite has it."""
        self.notes.append(Note("left", item, text, kind, table, sql))

    def obstacle(self, item: str, count: int, what: str, next_step: str) -> None:
        """Record something that must be settled before anything is migrated."""
        self.obstacles.append(Obstacle(item, count, what, next_step))

    def source_table(self, name: str) -> Table:
        """A table as the file declares it."""
        return next(table for table in self.source.tables if table.name == name)

    def column(self, table: str, column: str) -> TargetColumn:
        """The target's column, by the source's names."""
        return next(found for found in self.tables[table].columns if found.source.name == column)

    def column_names(self, table: str, columns: tuple[str, ...]) -> tuple[str, ...]:
        """The target's names of these columns."""
        return tuple(self.column(table, column).name for column in columns)

    def rowid_column(self, table: Table) -> str | None:
        """The column that is the rowid under another name, if the table has one."""
        key = table.primary_key
        return key.columns[0] if key is not None and key.rowid_alias else None

    def constraints(self, table: Table) -> Namespace:
        """The names of one table's constraints; those of keys are names of relations as well."""
        if table.name not in self._constraints:
            self._constraints[table.name] = Namespace(
                lambda name, chosen: self.note("changed", f"{table.name} {name}", f"is named {chosen}")
            )
        return self._constraints[table.name]

    def key_name(self, table: Table, name: str | None, columns: tuple[str, ...], kind: str) -> str:
        """The name of a primary key or unique constraint, which its index has too; invented where none is."""
        if name is not None:
            chosen = self.relations.take(name, table.name)
        else:
            chosen = self.relations.invent(self.tables[table.name].name, columns, kind)
        self.constraints(table).reserve((chosen,))
        return chosen

    def tables_in_order(self) -> tuple[tuple[Table, TargetTable], ...]:
        """Source and target of each table, in the order of the file."""
        return tuple((table, self.tables[table.name]) for table in self.source.tables)
