"""Says what becomes of virtual tables: their rows, their searches, and the tables behind them.

FTS becomes a GIN index over the texts where the user wants it, and is left otherwise. The index is over an
expression, so that the tables keep exactly the columns that they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.nocase import is_text
from migration.schema.target import Statement
from migration.schema.virtual import FTS, RTREE, parse_virtual

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.schema.draft import PlanDraft
    from migration.schema.target import TargetColumn, TargetTable
    from migration.schema.virtual import VirtualTable


def plan_others(draft: PlanDraft) -> list[Statement]:
    """The indexes for full-text search; and a note for every virtual table and what is behind it."""
    statements: list[Statement] = []
    for other in draft.source.others:
        if other.kind == "virtual table":
            statements += _virtual(draft, parse_virtual(other.name, other.sql))
        elif other.kind == "shadow table":
            draft.note(
                "info",
                other.name,
                f"is how SQLite keeps the virtual table {other.table}; not migrated itself",
            )
    return statements


def _virtual(draft: PlanDraft, virtual: VirtualTable) -> Iterator[Statement]:
    rows = _own_rows(draft, virtual)
    if virtual.module in RTREE and rows is not None:
        text = "its rows are in an ordinary table; queries by box work, without the spatial index"
        draft.note("changed", virtual.name, text)
    elif virtual.module in FTS:
        yield from _search(draft, virtual, rows)
    else:
        module = virtual.module or "?"
        _left(draft, virtual, f"PostgreSQL has no module {module}; its rows are not migrated")


def _own_rows(draft: PlanDraft, virtual: VirtualTable) -> TargetTable | None:
    return next(
        (
            target
            for table, target in draft.tables_in_order()
            if table.virtual and (table.shown or table.name) == virtual.name
        ),
        None,
    )


def _left(draft: PlanDraft, virtual: VirtualTable, why: str) -> None:
    draft.left("virtual table", virtual.name, why, virtual.sql)


def _search(draft: PlanDraft, virtual: VirtualTable, rows: TargetTable | None) -> Iterator[Statement]:
    kept = "its rows are in an ordinary table; " if rows is not None else ""
    if virtual.content == "":
        _left(
            draft, virtual, "it keeps the words of texts, and not the texts: build the search anew from them"
        )
        return
    if rows is None and virtual.content is None:
        _left(draft, virtual, f"its rows cannot be read: this SQLite has no module {virtual.module}")
        return
    if draft.options.fts == "skip":
        _left(draft, virtual, f"{kept}the search is not migrated; --fts tsvector makes an index for it")
        return
    target = rows if rows is not None else _content(draft, virtual)
    columns = [] if target is None else _texts(target, virtual)
    if target is None or not columns:
        _left(draft, virtual, f"{kept}there is no table {virtual.content} with texts to search in")
        return
    language = "english" if "porter" in virtual.tokenizer.lower() else "simple"
    document = " || ' ' || ".join(f"COALESCE({_text(column)}, '')" for column in columns)
    expression = f"to_tsvector('{language}', {document})"
    name = draft.relations.take(f"{virtual.name}_search", virtual.name)
    sql = (
        f"CREATE INDEX {ddl.quote_identifier(name)} ON {ddl.qualified(draft.schema, target.name)}"
        f" USING gin ({expression})"
    )
    draft.searches.add(virtual.name.casefold())
    draft.note("changed", virtual.name, _queries(virtual, target, kept, expression, language))
    yield Statement("index", name, target.name, sql, optional=True)


def _queries(virtual: VirtualTable, target: TargetTable, kept: str, expression: str, language: str) -> str:
    """How a search is written from now on."""
    asked = f"{expression} @@ plainto_tsquery('{language}', 'words')"
    text = f"{kept}instead of MATCH, search {target.name} with WHERE {asked}"
    if "trigram" in virtual.tokenizer.lower():
        text += "; it found parts of words, which takes an index of the extension pg_trgm"
    return text


def _content(draft: PlanDraft, virtual: VirtualTable) -> TargetTable | None:
    """The table whose texts are searched."""
    wanted = (virtual.content or "").casefold()
    return next(
        (target for table, target in draft.tables_in_order() if table.name.casefold() == wanted), None
    )


def _texts(target: TargetTable, virtual: VirtualTable) -> list[TargetColumn]:
    """The searched columns, if all of them are there and can be read as text by an index."""
    by_name = {(column.source.shown or column.source.name).casefold(): column for column in target.columns}
    found = [by_name[name.casefold()] for name in virtual.searched if name.casefold() in by_name]
    fit = [column for column in found if _text(column) is not None]
    return fit if len(fit) == len(virtual.searched) else []


def _text(column: TargetColumn) -> str | None:
    """The column as text, by a cast that never depends on a setting."""
    name = ddl.quote_identifier(column.name)
    if is_text(column.type):
        return f"{name}::text" if column.folding == "citext" else name
    return f"{name}::text" if column.type in ("smallint", "integer", "bigint") else None
