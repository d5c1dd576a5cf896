"""Plans primary keys and unique constraints.

They stay constraints, under their names: a later DROP CONSTRAINT of the application must find them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from migration.schema import ddl
from migration.schema.doubtful import may_refuse_key
from migration.schema.nocase import is_nocase, is_text, note_merged
from migration.schema.source import UniqueConstraint
from migration.schema.target import Statement
from migration.schema.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.draft import PlanDraft
    from migration.schema.source import Index, PrimaryKey, Table
    from migration.schema.target import TargetTable


KeyKind = Literal["PRIMARY KEY", "UNIQUE"]
#: Rows from which on building an index takes longer than its bookkeeping.
_BIG = 100_000


def plan_keys(draft: PlanDraft) -> list[Statement]:
    """The statements that add every primary key and unique constraint."""
    statements: list[Statement] = []
    for table, target in draft.tables_in_order():
        if table.primary_key is not None:
            statements.extend(_primary_key(draft, table, target, table.primary_key))
        for unique in table.uniques:
            wanted = unique.name or draft.orm.unique_name(table, unique.columns)
            statements.extend(_unique(draft, table, target, unique, wanted))
        for index in table.indexes:
            if index.unique and draft.orm.is_constraint(table, index):
                statements.extend(
                    _unique(
                        draft,
                        table,
                        target,
                        _as_constraint(index),
                        draft.orm.index_name(table, index) or index.name,
                    )
                )
    return statements


def _as_constraint(index: Index) -> UniqueConstraint:
    """A unique index over whole columns, as the constraint that its library has on PostgreSQL."""
    terms = index.terms
    return UniqueConstraint(
        tuple(term.column or "" for term in terms), index.name, tuple(term.collation for term in terms)
    )


def _primary_key(draft: PlanDraft, table: Table, target: TargetTable, key: PrimaryKey) -> Iterable[Statement]:
    nulls = sum(draft.profile.tables[table.name].columns[column].nulls for column in key.columns)
    if nulls:
        draft.note(
            "changed",
            table.name,
            f"its primary key ({', '.join(key.columns)}) holds {counted(nulls, 'NULL')}, which PostgreSQL "
            "has in no primary key: it becomes a unique constraint",
        )
        yield from _unique(draft, table, target, key, key.name)
        return
    columns = draft.column_names(table.name, key.columns)
    name = draft.key_name(table, key.name or draft.orm.primary_key_name(table, key), (), "pkey")
    sql = ddl.add_primary_key(draft.schema, target.name, name, columns)
    yield Statement(
        "primary key",
        name,
        target.name,
        sql,
        optional=may_refuse_key(draft, table, key.columns),
        columns=columns,
        in_two=_by_index(draft, table, name, "PRIMARY KEY", columns),
    )
    yield from _collations(draft, table, target, key, name)
    _note_conflict(draft, f"{table.name} {name}", key.on_conflict)


def _unique(
    draft: PlanDraft,
    table: Table,
    target: TargetTable,
    unique: UniqueConstraint | PrimaryKey,
    wanted: str | None,
) -> Iterable[Statement]:
    columns = draft.column_names(table.name, unique.columns)
    name = draft.key_name(table, wanted, columns, "key")
    sql = ddl.add_unique(draft.schema, target.name, name, columns)
    yield Statement(
        "unique",
        name,
        target.name,
        sql,
        optional=may_refuse_key(draft, table, unique.columns),
        columns=columns,
        in_two=_by_index(draft, table, name, "UNIQUE", columns),
    )
    yield from _collations(draft, table, target, unique, name)
    _note_conflict(draft, f"{table.name} {name}", unique.on_conflict)


def is_big(draft: PlanDraft, table: Table) -> bool:
    """Whether a table is so big that keys are made in two steps, beside others."""
    return draft.profile.tables[table.name].rows >= _BIG


def _by_index(
    draft: PlanDraft, table: Table, name: str, kind: KeyKind, columns: tuple[str, ...]
) -> tuple[str, str] | None:
    """The way over an index, where it pays to build several of them at the same time."""
    if not is_big(draft, table):
        return None
    return ddl.key_by_index(draft.schema, draft.tables[table.name].name, name, kind, columns)


def _collations(
    draft: PlanDraft, table: Table, target: TargetTable, key: UniqueConstraint | PrimaryKey, name: str
) -> Iterable[Statement]:
    """What the constraint, which compares bytes, does not ensure: no two values that differ only in case."""
    if not any(key.collations):
        return
    note_merged(draft, table, key.columns, f"{table.name} {name}")
    terms, folded = [], False
    for column, collation in zip(key.columns, key.collations, strict=True):
        planned = draft.column(table.name, column)
        quoted = ddl.quote_identifier(planned.name)
        textual = is_text(planned.type) and not planned.folding
        if is_nocase(collation) and textual and draft.orm.folds_case:
            terms.append(f"lower({quoted})")
            folded = True
        else:
            terms.append(quoted)
        if collation is not None and (collation.upper() != "NOCASE" or not draft.orm.folds_case):
            draft.note("changed", f"{table.name} {name}", f"collated as {collation}, now by bytes")
    if folded:
        index = draft.relations.take(f"{name}_nocase", table.name, kind="index")
        draft.note(
            "changed",
            f"{table.name} {name}",
            f"compares without case, which the unique index {index} over lower() ensures beside it",
        )
        sql = ddl.create_index(draft.schema, target.name, index, terms, unique=True)
        yield Statement("index", index, target.name, sql, optional=True)


def _note_conflict(draft: PlanDraft, item: str, on_conflict: str | None) -> None:
    if on_conflict not in (None, "ABORT", "FAIL", "ROLLBACK"):
        draft.note(
            "changed", item, f"ON CONFLICT {on_conflict} is not in PostgreSQL: a conflict is an error there"
        )
