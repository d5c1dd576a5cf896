"""CREATE TRIGGER and the statements in it, as values (sqlite.org/lang_createtrigger.html)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migration.schema.query import QueryParser, Select

if TYPE_CHECKING:
    from migration.schema.expression import Expression

Timing = Literal["BEFORE", "AFTER", "INSTEAD OF"]
Event = Literal["INSERT", "UPDATE", "DELETE"]


@dataclass(frozen=True)
class Assignment:
    column: str
    value: Expression


@dataclass(frozen=True)
class Upsert:
    """ON CONFLICT behind an INSERT; no assignments: DO NOTHING."""

    target: tuple[str, ...]
    assignments: tuple[Assignment, ...] = ()
    where: Expression | None = None
    partial: bool = False


@dataclass(frozen=True)
class Insert:
    """`conflict` is the word behind OR; exactly one of `rows` and `query` is set, neither: DEFAULT VALUES."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Expression, ...], ...] = ()
    query: Select | None = None
    conflict: str = ""
    upsert: Upsert | None = None


@dataclass(frozen=True)
class Update:
    table: str
    alias: str | None
    assignments: tuple[Assignment, ...]
    where: Expression | None = None
    conflict: str = ""


@dataclass(frozen=True)
class Delete:
    table: str
    alias: str | None
    where: Expression | None = None


Statement = Select | Insert | Update | Delete


@dataclass(frozen=True)
class Trigger:
    """A trigger; `columns` are those of UPDATE OF (none: all)."""

    name: str
    timing: Timing
    event: Event
    columns: tuple[str, ...]
    table: str
    when: Expression | None
    body: tuple[Statement, ...]


def parse_trigger(sql: str) -> Trigger:
    """Parse CREATE TRIGGER as sqlite_schema keeps it.

    Raises:
        BadSqlError: not a trigger, or one with parts that this parser does not know.
    """
    return _TriggerParser(sql).trigger()


class _TriggerParser(QueryParser):
    def trigger(self) -> Trigger:
        self._expect("CREATE")
        self._take("TEMP")
        self._take("TEMPORARY")
        self._expect("TRIGGER")
        self._words("IF", "NOT", "EXISTS")
        name = self.table_name()
        timing = self._timing()
        event, columns = self._event()
        self._expect("ON")
        table = self.table_name()
        self._words("FOR", "EACH", "ROW")
        when = self.expression(0) if self._take("WHEN") else None
        self._expect("BEGIN")
        body = []
        while not self._take("END"):
            body.append(self._statement())
            self._expect(";")
        self._take(";")
        self.expect_end()
        return Trigger(name, timing, event, columns, table, when, tuple(body))

    def _timing(self) -> Timing:
        if self._take("AFTER"):
            return "AFTER"
        if self._words("INSTEAD", "OF"):
            return "INSTEAD OF"
        self._take("BEFORE")
        return "BEFORE"

    def _event(self) -> tuple[Event, tuple[str, ...]]:
        if self._take("INSERT"):
            return "INSERT", ()
        if self._take("DELETE"):
            return "DELETE", ()
        self._expect("UPDATE")
        columns: list[str] = []
        if self._take("OF"):
            columns.append(self.name("a column"))
            while self._take(","):
                columns.append(self.name("a column"))
        return "UPDATE", tuple(columns)

    def _statement(self) -> Statement:
        if self._take("INSERT"):
            return self._insert(self._conflict())
        if self._take("REPLACE"):
            return self._insert("REPLACE")
        if self._take("UPDATE"):
            return self._update()
        if self._words("DELETE", "FROM"):
            table, alias = self.table_name(), self._alias()
            return Delete(table, alias, self.expression(0) if self._take("WHERE") else None)
        return self.select()

    def _conflict(self) -> str:
        return self._next("a conflict clause").value.upper() if self._take("OR") else ""

    def _insert(self, conflict: str) -> Insert:
        self._expect("INTO")
        table = self.table_name()
        if self._take("AS"):
            raise self._unexpected("an INSERT without an alias", back=1)
        token = self._peek()
        columns = self.names() if token is not None and token.is_operator("(") else ()
        if self._words("DEFAULT", "VALUES"):
            return Insert(table, columns, conflict=conflict)
        rows: list[tuple[Expression, ...]] = []
        query = None
        if self._take("VALUES"):
            rows.append(self._arguments())
            while self._take(","):
                rows.append(self._arguments())
        else:
            query = self.select()
        return Insert(table, columns, tuple(rows), query, conflict, self._upsert())

    def _upsert(self) -> Upsert | None:
        if not self._words("ON", "CONFLICT"):
            return None
        token = self._peek()
        target = self.names() if token is not None and token.is_operator("(") else ()
        partial = self._take("WHERE")
        if partial:
            self.expression(0)
        self._expect("DO")
        if self._take("NOTHING"):
            return Upsert(target, partial=partial)
        self._expect("UPDATE")
        self._expect("SET")
        assignments = self._assignments()
        where = self.expression(0) if self._take("WHERE") else None
        return Upsert(target, assignments, where, partial)

    def _update(self) -> Update:
        conflict = self._conflict()
        table, alias = self.table_name(), self._alias()
        self._expect("SET")
        assignments = self._assignments()
        where = self.expression(0) if self._take("WHERE") else None
        return Update(table, alias, assignments, where, conflict)

    def _assignments(self) -> tuple[Assignment, ...]:
        found = [*self._assignment()]
        while self._take(","):
            found += self._assignment()
        return tuple(found)

    def _assignment(self) -> list[Assignment]:
        token = self._peek()
        if token is not None and token.is_operator("("):
            columns = self.names()
            self._expect("=")
            values = self._arguments()
            if len(values) != len(columns):
                raise self._unexpected("as many values as columns")
            return [Assignment(column, value) for column, value in zip(columns, values, strict=True)]
        column = self.name("a column")
        self._expect("=")
        return [Assignment(column, self.expression(0))]
