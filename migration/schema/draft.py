"""What planning has settled so far.

The stages of `plan` fill a draft one after the other; the plan made of it is frozen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migration.orm.registry import recognise
from migration.schema.names import Namespace
from migration.schema.naming import spell
from migration.schema.scope import Scope
from migration.schema.target import NewName, Note, Obstacle, Statement, TargetColumn, TargetTable

if TYPE_CHECKING:
    from migration.schema.decision import Level
    from migration.schema.names import Why
    from migration.schema.options import PlanOptions
    from migration.schema.source import SourceSchema, Table
    from migration.schema.view_names import Output
    from migration.values.facts import Profile

_KEY_KINDS = {"pkey": "primary key", "key": "unique"}


class PlanDraft:
    """The plan in the making. Tables and columns are looked up by the names they have in the source."""

    def __init__(self, source: SourceSchema, profile: Profile, options: PlanOptions) -> None:
        self.source = source
        self.profile = profile
        self.options = options
        self.orm = recognise(source.file, options.orm).profile
        self.notes: list[Note] = []
        self.obstacles: list[Obstacle] = []
        self.names: list[NewName] = []
        self.relations = Namespace(self._renamed_relation, self.spell)
        self.tables: dict[str, TargetTable] = {}
        self.views: dict[str, str] = {}
        #: The columns of each view that was translated.
        self.outputs: dict[str, list[Output]] = {}
        #: The virtual tables, in lower case, whose searches have an index instead.
        self.searches: set[str] = set()
        self.functions = Namespace(
            lambda _kind, _seed, name, chosen, _why: self.note("info", name, f"its function is {chosen}")
        )
        self.types: list[Statement] = []
        self.enumerations: dict[tuple[str, tuple[str, ...]], str] = {}
        self._constraints: dict[str, Namespace] = {}

    @property
    def schema(self) -> str:
        return self.options.schema

    def options_for(self, table: str, column: str) -> PlanOptions:
        """The options with what the rules say about one column, by the source's names."""
        rule = self.options.rules.column(table, column)
        said = {
            "nul_policy": rule.nul,
            "invalid_utf8": rule.utf8,
            "misfits": rule.misfits,
            "blanks": rule.blanks,
        }
        given: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        return replace(self.options, **given) if given else self.options

    def given_out(self, table: Table) -> int:
        """The greatest number in use or ever given out as a rowid, whether or not its row will be stored."""
        key = table.primary_key
        columns = self.profile.tables[table.name].columns
        stored = columns[key.columns[0]].max_integer if key is not None and key.rowid_alias else None
        return max(self.source.sequences.get(table.name, 0), stored or 0)

    def note(self, level: Level, item: str, text: str) -> None:
        """Tell the user something about one object."""
        self.notes.append(Note(level, item, text))

    def left(self, kind: str, item: str, text: str, sql: str, *, table: str = "") -> None:
        """Tell the user of an object that is not migrated, with the SQL by which SQLite has it."""
        self.notes.append(Note("left", item, text, kind, table, sql))

    def obstacle(self, item: str, count: int, what: str, next_step: str) -> None:
        """Record something that must be settled before anything is migrated."""
        self.obstacles.append(Obstacle(item, count, what, next_step))

    def spell(self, name: str) -> str:
        """A name as the user's policy wants it."""
        return spell(name, self.options.names)

    def renamed(self, kind: str, table: str, old: str, new: str, why: Why) -> None:
        """Record that something has another name on the target; what nobody asked for is a note, too."""
        self.names.append(NewName(kind, table, old, new, why))
        item = old if not table else f"{table}.{old}" if kind == "column" else f"{table} {old}"
        if why == "rule":
            self.note("info", item, f"is named {new}, as the rules say")
        elif why in ("long", "taken"):
            self.note("changed", item, f"is named {new}")

    def _renamed_relation(self, kind: str, seed: str, old: str, new: str, why: Why) -> None:
        """Tables and views belong to no table; their seed is their kind."""
        self.renamed(kind, "" if kind in ("table", "view") else seed, old, new, why)

    def scope(self, table: Table, *, for_index: bool = False) -> Scope:
        """The names that an expression over a table's columns may use."""
        target = self.tables[table.name]
        return Scope.of(target.columns, self.rowid_column(table), for_index=for_index, skipped=table.skipped)

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
                lambda kind, _seed, name, chosen, why: self.renamed(kind, table.name, name, chosen, why),
                self.spell,
            )
        return self._constraints[table.name]

    def key_name(self, table: Table, name: str | None, columns: tuple[str, ...], kind: str) -> str:
        """The name of a primary key or unique constraint, which its index has too; invented where none is."""
        if name is not None:
            chosen = self.relations.take(name, table.name, kind=_KEY_KINDS.get(kind, kind))
        else:
            chosen = self.relations.invent(self.tables[table.name].name, columns, kind)
        self.constraints(table).reserve((chosen,))
        return chosen

    def tables_in_order(self) -> tuple[tuple[Table, TargetTable], ...]:
        """Source and target of each table that is planned, in the order of the file."""
        return tuple(
            (table, self.tables[table.name]) for table in self.source.tables if table.name in self.tables
        )
