"""Plans triggers: a function in PL/pgSQL with the trigger's body, and the trigger that calls it.

A trigger of SQLite's does not fire itself again, directly or through others (recursive_triggers is off unless
an application turns it on); where its statements could lead back to it, its function remembers that it is at
work. What has no translation with the same meaning is noted as left.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING

from migration.schema import expression as sqlite
from migration.schema.ddl import quote_identifier, quote_literal
from migration.schema.names import fit
from migration.schema.query import From, Select
from migration.schema.raising import raises
from migration.schema.relations import Catalog, QueryScope
from migration.schema.statement import Delete, Update, parse_trigger
from migration.schema.target import Statement
from migration.schema.tokens import BadSqlError
from migration.schema.translate import condition
from migration.schema.translate_query import QueryTranslator
from migration.schema.trigger_body import BodyWriter
from migration.schema.trigger_graph import TriggerGraph
from migration.schema.trigger_keys import serves_keys
from migration.schema.typed import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.schema.draft import PlanDraft
    from migration.schema.relations import Known, Relation
    from migration.schema.source import OtherObject
    from migration.schema.statement import Trigger


def plan_triggers(draft: PlanDraft) -> list[Statement]:
    """The statements that make the triggers, all of them optional."""
    parsed: dict[str, Trigger] = {}
    for other in draft.source.others:
        if other.kind == "trigger":
            try:
                parsed[other.name] = parse_trigger(other.sql)
            except BadSqlError as error:
                _left(draft, other, error.why)
    graph = TriggerGraph(parsed.values(), draft.source)
    catalog = Catalog(draft)
    statements: list[Statement] = []
    for other in draft.source.others:
        if other.kind != "trigger" or other.name not in parsed:
            continue
        if _keeps_search(draft, parsed[other.name]):
            why = "it kept the index of a full-text search up to date, which PostgreSQL does by itself"
            draft.note("changed", other.name, f"not needed any more: {why}")
            continue
        try:
            trigger = _timed(draft, parsed[other.name])
            statements += _Planner(draft, catalog, graph, trigger).statements()
        except UntranslatableError as error:
            _left(draft, other, str(error))
    _note_order(
        draft, [parsed[name] for name in parsed if any(made.name == fit(name) for made in statements)]
    )
    return statements


def _left(draft: PlanDraft, other: OtherObject, why: str) -> None:
    draft.left("trigger", other.name, f"the trigger was left out: {why}", other.sql, table=other.table)


def _timed(draft: PlanDraft, trigger: Trigger) -> Trigger:
    """The trigger, made to fire before the change where a foreign key would not wait for it."""
    if not serves_keys(draft.source, trigger):
        return trigger
    own = any(
        not isinstance(item, Select) and item.table.casefold() == trigger.table.casefold()
        for item in trigger.body
    )
    if own or raises(trigger.body) or _reads(trigger.body, trigger.table):
        raise UntranslatableError(
            "PostgreSQL checks foreign keys before it fires, and what it does would be another thing before"
        )
    said = "fires before the row is changed, because PostgreSQL checks foreign keys before its AFTER triggers"
    draft.note("changed", trigger.name, said)
    return replace(trigger, timing="BEFORE")


def _keeps_search(draft: PlanDraft, trigger: Trigger) -> bool:
    """Whether a trigger does nothing but tell an FTS table of changes of the table that has its texts."""
    rows = {(table.shown or table.name).casefold() for table in draft.source.tables}
    written = {
        "" if isinstance(statement, Select) else statement.table.casefold() for statement in trigger.body
    }
    return bool(written) and written <= draft.searches - rows


@dataclass(frozen=True)
class _Planner:
    """Plans one trigger."""

    draft: PlanDraft
    catalog: Catalog
    graph: TriggerGraph
    trigger: Trigger

    def statements(self) -> list[Statement]:
        trigger, name = self.trigger, fit(self.trigger.name)
        known = self.catalog.get(trigger.table)
        if (known.table is None) != (trigger.timing == "INSTEAD OF"):
            raise UntranslatableError(f"{trigger.timing} on {trigger.table}")
        if trigger.timing == "INSTEAD OF" and trigger.columns:
            raise UntranslatableError("PostgreSQL has no INSTEAD OF UPDATE OF columns")
        self._refuse_own_row()
        scope = QueryScope(tuple(self._rows(known)))
        when = self._when(scope)
        writer = self._written(scope)
        guarded = self.graph.returns_to(trigger)
        inside = when is not None and (trigger.timing == "INSTEAD OF" or _queries(trigger.when))
        function = self.draft.functions.take(trigger.name, trigger.name)
        body = _body(writer.lines, self._end(), when if inside else None, self._guard() if guarded else None)
        called = f"{quote_identifier(self.draft.schema)}.{quote_identifier(function)}"
        asked = f"\n  WHEN ({when})" if when is not None and not inside else ""
        event = self._event(known)
        for note in writer.notes:
            self.draft.note("changed", trigger.name, note)
        self._notes(guarded=guarded)
        return [
            Statement("function", function, known.name, _function(called, body), optional=True),
            Statement(
                "trigger",
                name,
                known.name,
                f"CREATE TRIGGER {quote_identifier(name)} {trigger.timing} {event} ON {known.sql}\n"
                f"  FOR EACH ROW{asked} EXECUTE FUNCTION {called}()",
                optional=True,
            ),
        ]

    def _refuse_own_row(self) -> None:
        """Before a row is changed, PostgreSQL lets nobody else change it; SQLite leaves it open."""
        trigger = self.trigger
        if trigger.timing == "BEFORE" and trigger.event != "INSERT":
            for statement in trigger.body:
                if isinstance(statement, Update | Delete) and (
                    statement.table.casefold() == trigger.table.casefold()
                ):
                    raise UntranslatableError("before a change of its table, it changes that table itself")

    def _rows(self, known: Known) -> Iterator[Relation]:
        """NEW and OLD. Before the change, PostgreSQL has not computed what it generates."""
        computed = set()
        if known.target is not None and self.trigger.timing == "BEFORE":
            generated = (column for column in known.target.columns if column.generated is not None)
            computed = {column.source.name.casefold() for column in generated}
        for row, events in (("new", ("INSERT", "UPDATE")), ("old", ("UPDATE", "DELETE"))):
            if self.trigger.event in events:
                relation = known.relation(row, row.upper(), hidden=True)
                if row == "new" and computed:
                    columns = {
                        name: None if name in computed else column
                        for name, column in relation.columns.items()
                    }
                    relation = replace(relation, columns=columns)
                yield relation

    def _when(self, scope: QueryScope) -> str | None:
        if self.trigger.when is None:
            return None
        return condition(QueryTranslator(self.catalog, scope).typed(self.trigger.when))

    def _written(self, scope: QueryScope) -> BodyWriter:
        ignore = None
        if self.trigger.timing != "AFTER" or len(self.graph.beside(self.trigger)) == 1:
            ignore = [*self._release(), "RETURN NULL"]
        writer = BodyWriter(self.catalog, scope, ignore, self.graph.fires, self.graph.followed)
        for statement in self.trigger.body:
            writer.write(statement)
        return writer

    def _event(self, known: Known) -> str:
        if not self.trigger.columns:
            return self.trigger.event
        assert known.target is not None
        names = {column.source.name.casefold(): column.name for column in known.target.columns}
        listed = [names.get(name.casefold()) for name in self.trigger.columns]
        if None in listed:
            raise UntranslatableError(f"{known.source} has no such column as UPDATE OF names")
        return f"UPDATE OF {', '.join(quote_identifier(name) for name in listed if name is not None)}"

    def _end(self) -> str:
        if self.trigger.timing == "AFTER":
            return "RETURN NULL"
        return "RETURN OLD" if self.trigger.event == "DELETE" else "RETURN NEW"

    def _guard(self) -> str:
        """A setting of the session that tells whether the trigger is at work; a rollback resets it."""
        return f"outgrow.in_{hashlib.sha1(self.trigger.name.encode(), usedforsecurity=False).hexdigest()[:8]}"

    def _release(self) -> list[str]:
        if not self.graph.returns_to(self.trigger):
            return []
        return [f"PERFORM set_config({quote_literal(self._guard())}, 'off', true)"]

    def _notes(self, *, guarded: bool) -> None:
        note, name = self.draft.note, self.trigger.name
        note("info", name, "the trigger was translated to PL/pgSQL; compare what it does")
        if guarded:
            note("info", name, "does not fire itself, as in SQLite unless PRAGMA recursive_triggers is on")
        if self.trigger.timing == "AFTER" and _reads(self.trigger.body, self.trigger.table):
            note(
                "changed",
                name,
                f"PostgreSQL fires it after the whole statement: where one changes several rows, what the "
                f"trigger reads from {self.trigger.table} already has all of them",
            )


def _function(called: str, body: str) -> str:
    tag = "$body$"
    while tag in body:
        tag = f"{tag[:-1]}_$"
    return f"CREATE FUNCTION {called}() RETURNS trigger LANGUAGE plpgsql AS {tag}\n{body}\n{tag}"


def _body(lines: list[str], end: str, when: str | None, guard: str | None) -> str:
    inner = [*lines]
    if guard is not None:
        name = quote_literal(guard)
        inner = [
            f"IF current_setting({name}, true) = 'on' THEN",
            f"  {end};",
            "END IF;",
            f"PERFORM set_config({name}, 'on', true);",
            *inner,
            f"PERFORM set_config({name}, 'off', true);",
        ]
    if when is not None:
        inner = [f"IF {when} THEN", *(f"  {line}" for line in inner), "END IF;"]
    # A column may have the name of one of PL/pgSQL's own variables, such as found.
    return "\n".join(
        ["#variable_conflict use_column", "BEGIN", *(f"  {line}" for line in (*inner, f"{end};")), "END"]
    )


def _note_order(draft: PlanDraft, triggers: list[Trigger]) -> None:
    """Several triggers for one event: SQLite promises no order and fires the latest first."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for trigger in triggers:
        groups[trigger.table.casefold(), trigger.timing, trigger.event].append(trigger.name)
    for names in groups.values():
        if sorted(names, key=str.encode) != names[::-1]:
            for name in names:
                others = ", ".join(other for other in names if other != name)
                draft.note("changed", name, f"PostgreSQL fires it and {others} in the order of their names")


def _queries(node: object) -> bool:
    """Whether there is a subquery in an expression."""
    if isinstance(node, sqlite.Subquery | sqlite.Exists | sqlite.InQuery):
        return True
    if isinstance(node, tuple):
        return any(_queries(item) for item in node)
    return is_dataclass(node) and any(_queries(getattr(node, part.name)) for part in fields(node))


def _reads(node: object, table: str) -> bool:
    """Whether a SELECT somewhere reads the table."""
    if isinstance(node, From):
        return node.name.casefold() == table.casefold() or _reads(node.query, table)
    if isinstance(node, tuple):
        return any(_reads(item, table) for item in node)
    return is_dataclass(node) and any(_reads(getattr(node, part.name), table) for part in fields(node))
