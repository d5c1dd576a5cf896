"""Plans the references between tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.doubtful import may_refuse_key
from migration.schema.keys import is_big
from migration.schema.references import cannot_refer
from migration.schema.target import Statement
from migration.schema.unify import family
from migration.schema.wording import counted

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.source import ForeignKey, Table


def plan_foreign_keys(draft: PlanDraft, table: Table) -> list[Statement]:
    """The statements that add a table's foreign keys; those with orphans do not look at the present rows."""
    target, names = draft.tables[table.name], draft.constraints(table)
    orphans = draft.profile.tables[table.name].orphans
    statements = []
    for position, key in enumerate(table.foreign_keys):
        path = f"{table.name} ({', '.join(key.columns)})"
        why = cannot_refer(draft.source, key) or _incomparable(draft, table, key)
        if why is not None:
            text = f"the foreign key to {key.parent_table} was left out: {why}"
            draft.left("foreign key", path, text, _declared(key), table=table.name)
            continue
        columns = draft.column_names(table.name, key.columns)
        seed = f"{table.name}.{position}"
        wanted = key.name or draft.orm.foreign_key_name(table, key)
        if wanted:
            name = names.take(wanted, seed, kind="foreign key")
        else:
            name = names.invent(target.name, columns, "fkey")
        resolved = replace(
            key,
            columns=columns,
            parent_table=draft.tables[key.parent_table].name,
            parent_columns=draft.column_names(key.parent_table, key.parent_columns),
        )
        unchecked = _note_orphans(draft, path, key, orphans[position])
        if not unchecked and draft.tables[key.parent_table].rejects:
            draft.note(
                "changed",
                path,
                f"rows of {key.parent_table} are rejected, so that others may refer to them: the foreign key "
                "is NOT VALID, so PostgreSQL checks new rows only",
            )
            unchecked = True
        sql = ddl.add_foreign_key(draft.schema, target.name, name, resolved, not_valid=unchecked)
        otherwise, in_two = None, None
        if not unchecked:
            otherwise = ddl.add_foreign_key(draft.schema, target.name, name, resolved, not_valid=True)
            if is_big(draft, table):
                in_two = otherwise, ddl.validate(draft.schema, target.name, name)
        # Without the parent's key there can be no reference to it.
        parent = draft.source_table(key.parent_table)
        folded = any(draft.column(table.name, column).folding for column in key.columns)
        optional = folded or may_refuse_key(draft, parent, key.parent_columns)
        statements.append(
            Statement(
                "foreign key",
                name,
                target.name,
                sql,
                optional=optional,
                otherwise=otherwise,
                parent=resolved.parent_table,
                columns=resolved.parent_columns,
                in_two=in_two,
            )
        )
    return statements


def _declared(key: ForeignKey) -> str:
    """The foreign key as a table constraint of SQLite's."""
    named = f"CONSTRAINT {ddl.quote_identifier(key.name)} " if key.name else ""
    parent = ddl.quote_identifier(key.parent_table)
    over = f" ({ddl.quote_columns(key.parent_columns)})" if key.parent_columns else ""
    rules = "".join(
        f" ON {event} {action}"
        for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update))
        if action.upper() != "NO ACTION"
    )
    return f"{named}FOREIGN KEY ({ddl.quote_columns(key.columns)}) REFERENCES {parent}{over}{rules}"


def _note_orphans(draft: PlanDraft, path: str, key: ForeignKey, orphans: int | None) -> bool:
    """Whether present rows may break the reference."""
    if orphans == 0:
        return False
    found = "rows could not be checked"
    if orphans is not None:
        found = f"{counted(orphans, 'row')} without a parent in {key.parent_table}"
    draft.note("changed", path, f"{found}: the foreign key is NOT VALID, so PostgreSQL checks new rows only")
    return True


def _incomparable(draft: PlanDraft, table: Table, key: ForeignKey) -> str | None:
    for ours, theirs in zip(key.columns, key.parent_columns, strict=True):
        child, parent = draft.column(table.name, ours).type, draft.column(key.parent_table, theirs).type
        if family(child) != family(parent):
            return f"{ours} is {child} and {key.parent_table}.{theirs} is {parent}"
    return None
