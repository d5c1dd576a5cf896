"""Writes the statements of a trigger's body in PL/pgSQL: each with its meaning, or the trigger is left."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.assign import assign
from migration.schema.ddl import quote_identifier
from migration.schema.query import Item, Select
from migration.schema.raising import branches, message
from migration.schema.relations import QueryScope
from migration.schema.statement import Delete, Insert, Update
from migration.schema.translate import condition
from migration.schema.translate_query import QueryTranslator
from migration.schema.typed import UntranslatableError
from migration.schema.unique_keys import UniqueKey, unique_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migration.schema.relations import Catalog, Known
    from migration.schema.statement import Assignment, Statement, Upsert
    from migration.schema.target import TargetColumn, TargetTable

_NULL = sqlite.Literal("null", "")
#: An error that ends the statement; PostgreSQL knows no other.
_ERRORS = ("", "ABORT", "FAIL", "ROLLBACK")


@dataclass
class BodyWriter:
    """Writes a body line by line.

    `scope` has the trigger's row. `ignore` are the lines that RAISE(IGNORE) becomes (None: it cannot).
    `fired` asks whether a table has triggers for an event, `followed` whether deleting from it changes other
    tables; what an INSERT OR REPLACE becomes depends on both.
    """

    catalog: Catalog
    scope: QueryScope
    ignore: list[str] | None
    fired: Callable[[str, str], bool]
    followed: Callable[[str], bool]
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def write(self, statement: Statement) -> None:
        """Add one statement.

        Raises:
            UntranslatableError: PL/pgSQL has none that means the same.
        """
        match statement:
            case Select():
                self._select(statement)
            case Insert():
                self._insert(statement)
            case Update():
                self._update(statement)
            case Delete():
                self._delete(statement)

    def _translator(self, *relations: Known, alias: str | None = None) -> QueryTranslator:
        """Translates what may name these tables and the trigger's row."""
        named = tuple(known.relation(alias) for known in relations)
        return QueryTranslator(self.catalog, QueryScope(named, self.scope))

    # SELECT

    def _select(self, query: Select) -> None:
        translator = self._translator()
        for ways in branches(query, translator):
            lines: list[str] = []
            while ways and ways[-1].raising is None:
                ways.pop()
            for number, way in enumerate(ways):
                done = ["NULL"]
                if way.raising is not None:
                    done = self._raise(way.raising, translator)
                if way.question is not None:
                    lines.append(f"{'ELSIF' if number else 'IF'} {way.question} THEN")
                elif number:
                    lines.append("ELSE")
                else:
                    lines.append("IF true THEN")
                lines += [f"  {line};" for line in done]
            self.lines += [*lines, "END IF;"]

    def _raise(self, raising: sqlite.Raise, translator: QueryTranslator) -> list[str]:
        if raising.action == "IGNORE":
            if self.ignore is None:
                raise UntranslatableError("RAISE(IGNORE) would have to stop other triggers, too")
            return self.ignore
        if raising.action != "ABORT":
            self.notes.append(f"RAISE({raising.action}) ends the statement, as RAISE(ABORT) does")
        return [message(raising, translator)]

    # INSERT

    def _insert(self, statement: Insert) -> None:
        known, target = self._table(statement.table)
        columns = [_column(known, target, name) for name in statement.columns] or [
            column for column in target.columns if column.generated is None
        ]
        into = f"INSERT INTO {known.sql} AS {quote_identifier(known.source)}"
        if not statement.rows and statement.query is None:
            self.lines.append(f"{into} DEFAULT VALUES{self._conflict(statement, known, target, [])};")
            return
        if statement.query is not None:
            columns, source = self._selected(statement.query, columns)
        else:
            columns, source = self._values(statement.rows, columns)
        listed = ", ".join(quote_identifier(column.name) for column in columns)
        self.lines += [
            f"{into} ({listed})",
            f"  {source}{self._conflict(statement, known, target, columns)};",
        ]

    def _values(
        self, rows: Sequence[Sequence[sqlite.Expression]], columns: list[TargetColumn]
    ) -> tuple[list[TargetColumn], str]:
        """The columns that are filled, and VALUES. A NULL for the rowid means the next one."""
        if any(len(row) != len(columns) for row in rows):
            raise UntranslatableError("there are more or fewer values than columns")
        given = [
            place
            for place, column in enumerate(columns)
            if not column.identity or any(row[place] != _NULL for row in rows)
        ]
        translator = self._translator()
        lines = []
        for row in rows:
            values = [
                "DEFAULT"
                if columns[place].identity and row[place] == _NULL
                else assign(translator.typed(row[place]), columns[place])
                for place in given
            ]
            lines.append(f"({', '.join(values)})")
        return [columns[place] for place in given], f"VALUES {', '.join(lines)}"

    def _selected(self, query: Select, columns: list[TargetColumn]) -> tuple[list[TargetColumn], str]:
        if len(query.items) == len(columns) and not query.others:
            kept = [
                place
                for place, column in enumerate(columns)
                if not (column.identity and query.items[place] == Item(_NULL, query.items[place].alias))
            ]
            query = replace(query, items=tuple(query.items[place] for place in kept))
            columns = [columns[place] for place in kept]
        filled = columns

        found = self._translator().select(
            query, lambda place, value: assign(value, filled[place]) if place < len(filled) else value.sql
        )
        if len(found.results) != len(columns):
            raise UntranslatableError("there are more or fewer values than columns")
        return columns, found.sql

    def _conflict(
        self, statement: Insert, known: Known, target: TargetTable, columns: list[TargetColumn]
    ) -> str:
        if statement.upsert is not None:
            if statement.conflict not in _ERRORS:
                raise UntranslatableError(f"INSERT OR {statement.conflict} with ON CONFLICT")
            return self._upsert(statement.upsert, known, target)
        if statement.conflict in _ERRORS:
            return ""
        if statement.conflict == "IGNORE":
            demanding = any(column.not_null and not column.identity for column in target.columns)
            if demanding or target.source.checks:
                self.notes.append("a NULL or a CHECK that INSERT OR IGNORE passed over is an error")
            return " ON CONFLICT DO NOTHING"
        if statement.conflict != "REPLACE":
            raise UntranslatableError(f"INSERT OR {statement.conflict}")
        return self._replace(known, target, columns)

    def _replace(self, known: Known, target: TargetTable, columns: list[TargetColumn]) -> str:
        """INSERT OR REPLACE: the row in the way takes all values of the new one, defaults included."""
        table = known.source
        filled = {column.source.name for column in columns}
        keys = [key for key in unique_keys(target.source) if not _never_meets(key, target, filled)]
        if not keys:
            return ""
        if len(keys) > 1 or not keys[0].plain:
            raise UntranslatableError(f"INSERT OR REPLACE may meet several rows of {table}")
        if self.fired(table, "UPDATE") or self.fired(table, "INSERT") or self.followed(table):
            raise UntranslatableError(f"INSERT OR REPLACE into {table}, whose own triggers or references act")
        names = [_column(known, target, name) for name in keys[0].columns]
        rest = [column for column in target.columns if column not in names and column.generated is None]
        over = ", ".join(quote_identifier(column.name) for column in names)
        if not rest:
            return f" ON CONFLICT ({over}) DO NOTHING"
        taken = ", ".join(
            f"{quote_identifier(column.name)} = EXCLUDED.{quote_identifier(column.name)}" for column in rest
        )
        return f" ON CONFLICT ({over}) DO UPDATE SET {taken}"

    def _upsert(self, upsert: Upsert, known: Known, target: TargetTable) -> str:
        keys = unique_keys(target.source)
        wanted = {name.casefold() for name in upsert.target}
        if wanted:
            keys = [key for key in keys if {name.casefold() for name in key.columns} == wanted]
        elif not upsert.assignments:
            return " ON CONFLICT DO NOTHING"
        if upsert.partial or len(keys) != 1 or not keys[0].plain:
            raise UntranslatableError("ON CONFLICT does not name one whole key that compares bytes")
        over = ", ".join(quote_identifier(_column(known, target, name).name) for name in keys[0].columns)
        if not upsert.assignments:
            return f" ON CONFLICT ({over}) DO NOTHING"
        proposed = known.relation("excluded", "EXCLUDED", hidden=True)
        scope = QueryScope((known.relation(None), proposed), self.scope)
        translator = QueryTranslator(self.catalog, scope)
        taken = self._assigned(upsert.assignments, known, target, translator)
        where = f" WHERE {condition(translator.typed(upsert.where))}" if upsert.where is not None else ""
        return f" ON CONFLICT ({over}) DO UPDATE SET {taken}{where}"

    # UPDATE and DELETE

    def _update(self, statement: Update) -> None:
        if statement.conflict not in _ERRORS:
            raise UntranslatableError(f"UPDATE OR {statement.conflict}")
        known, target = self._table(statement.table)
        translator = self._translator(known, alias=statement.alias)
        taken = self._assigned(statement.assignments, known, target, translator)
        name = quote_identifier(statement.alias or known.source)
        self.lines += [f"UPDATE {known.sql} AS {name}", f"  SET {taken}"]
        self._where(statement.where, translator)

    def _delete(self, statement: Delete) -> None:
        known, _ = self._table(statement.table)
        name = quote_identifier(statement.alias or known.source)
        self.lines.append(f"DELETE FROM {known.sql} AS {name}")  # noqa: S608
        self._where(statement.where, self._translator(known, alias=statement.alias))

    def _where(self, where: sqlite.Expression | None, translator: QueryTranslator) -> None:
        if where is not None:
            self.lines.append(f"  WHERE {condition(translator.typed(where))}")
        self.lines[-1] += ";"

    def _assigned(
        self,
        assignments: Sequence[Assignment],
        known: Known,
        target: TargetTable,
        translator: QueryTranslator,
    ) -> str:
        parts = []
        for assignment in assignments:
            column = _column(known, target, assignment.column)
            value = assign(translator.typed(assignment.value), column)
            parts.append(f"{quote_identifier(column.name)} = {value}")
        return ", ".join(parts)

    def _table(self, name: str) -> tuple[Known, TargetTable]:
        known = self.catalog.get(name)
        if known.target is None:
            raise UntranslatableError(f"{name} is a view that is written to")
        return known, known.target


def _column(known: Known, target: TargetTable, name: str) -> TargetColumn:
    found = next(
        (column for column in target.columns if column.source.name.casefold() == name.casefold()), None
    )
    if found is None:
        raise UntranslatableError(f"{known.source} has no column {name}")
    return found


def _never_meets(key: UniqueKey, target: TargetTable, filled: set[str]) -> bool:
    """Whether a new row cannot meet another one: its key is the next rowid."""
    given_out = {column.source.name for column in target.columns if column.identity}
    return set(key.columns) <= given_out and not set(key.columns) & filled
