"""Does the target have everything that the source declares? Compared by structure, and by name if any."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from migration.schema.ddl import qualified
from migration.schema.enumeration import is_list_of
from migration.verification.compare_trigger import compare_trigger
from migration.verification.findings import ObjectFinding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.schema.source import ForeignKey, Index
    from migration.schema.target import Note, TargetPlan, TargetTable
    from migration.verification.catalog import Catalog, CatalogForeignKey, CatalogTable


Shape: TypeAlias = tuple[tuple[str | None, ...], tuple[bool, ...], bool, bool]


#: How the note of a statement begins that PostgreSQL refused during the run.
REFUSED = "PostgreSQL refused it: "


def compare_objects(plan: TargetPlan, catalog: Catalog, notes: Sequence[Note]) -> tuple[ObjectFinding, ...]:
    """Everything declared that is missing or otherwise, with the note that announced it.

    The plan lends its names, not its word: what is expected comes from the source's declarations.
    """
    findings: list[ObjectFinding] = []
    for table in plan.tables:
        actual = catalog.tables.get(table.name)
        if actual is None:
            findings.append(ObjectFinding("table", table.name, table.name, "is missing"))
            continue
        for part in (_columns, _keys, _foreign_keys, _indexes, _checks):
            findings.extend(part(table, actual, plan))
    findings.extend(_others(plan, catalog))
    return tuple(_with_note(finding, notes, plan) for finding in findings)


def _columns(table: TargetTable, actual: CatalogTable, plan: TargetPlan) -> Iterator[ObjectFinding]:
    key = table.source.primary_key.columns if table.source.primary_key and actual.primary_key else ()
    for column in table.columns:
        name = f"{table.name}.{column.name}"
        found = actual.columns.get(column.name)
        if found is None:
            yield ObjectFinding("column", name, table.name, "is missing")
            continue
        wanted = "nocase" if column.folding == "icu" else None
        if column.folding and found.collation != wanted:
            said = [collation or "that of its type" for collation in (found.collation, wanted)]
            yield ObjectFinding(
                "column", name, table.name, f"has the collation {said[0]} instead of {said[1]}"
            )
        enumeration = column.labels and column.type == qualified(plan.schema, found.base)
        type_name, there = column.type, found.type
        if column.folding == "citext":
            type_name, there = "citext", found.base
        if _bare(there) != _bare(type_name) and not enumeration:
            text = f"has the type {there} instead of {type_name}"
            yield ObjectFinding("column", name, table.name, text)
        if column.source.not_null and not found.not_null:
            yield ObjectFinding("column", name, table.name, "is not NOT NULL")
        if found.not_null and not column.source.not_null and column.source.name not in key:
            yield ObjectFinding("column", name, table.name, "is NOT NULL, but not so in the source")
        generates = column.identity or column.generated is not None
        if (
            _has_default(column.source.default)
            and not (found.has_default or found.identity)
            and not generates
        ):
            text = f"has no default; the source's is {column.source.default}"
            yield ObjectFinding("default", name, table.name, text)
    for extra in actual.columns.keys() - {column.name for column in table.columns}:
        yield ObjectFinding("column", f"{table.name}.{extra}", table.name, "is not in the source")


def _bare(type_name: str) -> str:
    """A type without its schema, which the user need not name."""
    return type_name.rpartition(".")[2]


def _has_default(expression: str | None) -> bool:
    return expression is not None and expression.strip().upper() not in {"NULL", "(NULL)"}


def _keys(table: TargetTable, actual: CatalogTable, plan: TargetPlan) -> Iterator[ObjectFinding]:
    key = table.source.primary_key
    if key is not None and actual.primary_key != _names(table, key.columns):
        yield ObjectFinding("primary key", _listed(table, key.columns), table.name, "is missing")
    for unique in table.source.uniques:
        columns = _names(table, unique.columns)
        if columns not in actual.uniques.values():
            name = unique.name or _listed(table, unique.columns)
            yield ObjectFinding(
                "unique", name, table.name, f"there is no constraint over ({', '.join(columns)})"
            )
        elif unique.name is not None:
            name = plan.name_of("unique", table.source.name, unique.name)
            if actual.uniques.get(name) != columns:
                yield ObjectFinding("unique", name, table.name, "has another name")


def _foreign_keys(table: TargetTable, actual: CatalogTable, plan: TargetPlan) -> Iterator[ObjectFinding]:
    tables = {planned.source.name: planned for planned in plan.tables}
    for key in table.source.foreign_keys:
        name = key.name or _listed(table, key.columns)
        parent = tables.get(key.parent_table)
        found = [
            there
            for there in actual.foreign_keys
            if parent is not None
            and there.columns == _names(table, key.columns)
            and there.parent_table == parent.name
            and there.parent_columns == _names(parent, key.parent_columns)
        ]
        if not found:
            text = f"there is no reference to {key.parent_table} ({', '.join(key.parent_columns)})"
            yield ObjectFinding("foreign key", name, table.name, text)
        elif all(_rules(key) != rules for rules in map(_catalog_rules, found)):
            text = f"has other rules: {_catalog_rules(found[0])} instead of {_rules(key)}"
            yield ObjectFinding("foreign key", name, table.name, text)
        elif key.name is not None:
            wanted = plan.name_of("foreign key", table.source.name, key.name)
            if wanted not in {there.name for there in found}:
                yield ObjectFinding("foreign key", name, table.name, "has another name")


def _rules(key: ForeignKey) -> str:
    return _said(key.on_delete, key.on_update, deferrable=key.deferrable, deferred=key.initially_deferred)


def _catalog_rules(there: CatalogForeignKey) -> str:
    return _said(
        there.on_delete, there.on_update, deferrable=there.deferrable, deferred=there.initially_deferred
    )


def _said(on_delete: str, on_update: str, *, deferrable: bool, deferred: bool) -> str:
    checked = "deferred" if deferrable and deferred else "deferrable" if deferrable else "immediate"
    return f"ON DELETE {on_delete.upper()} ON UPDATE {on_update.upper()}, {checked}"


def _indexes(table: TargetTable, actual: CatalogTable, plan: TargetPlan) -> Iterator[ObjectFinding]:
    for index in table.source.indexes:
        wanted = _shape(table, index)
        shapes = [(there.columns, there.descending, there.unique, there.partial) for there in actual.indexes]
        if wanted not in shapes and not _is_constraint(wanted, actual):
            text = "there is no such index" + (" (unique)" if index.unique else "")
            yield ObjectFinding("index", index.name, table.name, text)
    # Some indexes stand on PostgreSQL only: beside a key that ignores case, or for a library's searches.
    declared = {index.name for index in table.source.indexes}
    declared |= {plan.name_of("index", table.source.name, name) for name in declared}
    present = declared | {there.name for there in actual.indexes}
    for statement in plan.after_load:
        if statement.kind == "index" and statement.table == table.name and statement.name not in present:
            yield ObjectFinding("index", statement.name, table.name, "is missing")


def _is_constraint(shape: Shape, actual: CatalogTable) -> bool:
    """Whether a unique constraint has the index: some libraries have one on PostgreSQL and none in SQLite."""
    columns, descending, unique, partial = shape
    return unique and not partial and not any(descending) and columns in actual.uniques.values()


def _shape(table: TargetTable, index: Index) -> Shape:
    names = {column.source.name: column.name for column in table.columns}
    columns = tuple(
        None if term.column is None else names.get(term.column, term.column) for term in index.terms
    )
    return columns, tuple(term.descending for term in index.terms), index.unique, index.where is not None


def _checks(table: TargetTable, actual: CatalogTable, plan: TargetPlan) -> Iterator[ObjectFinding]:
    """Checks are compared by name, the unnamed ones by number: their expressions are translated."""
    listed = [column.source for column in table.columns if column.labels]
    checks = [
        check for check in table.source.checks if not any(is_list_of(check, column) for column in listed)
    ]
    named = [
        plan.name_of("check", table.source.name, check.name) for check in checks if check.name is not None
    ]
    for name in named:
        if name not in actual.checks:
            yield ObjectFinding("check", name, table.name, "is missing")
    unnamed = len(checks) - len(named)
    there = len([name for name in actual.checks if name not in named])
    if there < unnamed:
        text = f"{unnamed - there} of {unnamed} unnamed checks are missing"
        yield ObjectFinding("check", table.name, table.name, text)


def _others(plan: TargetPlan, catalog: Catalog) -> Iterator[ObjectFinding]:
    for other in plan.source.others:
        name = plan.name_of("view", "", other.name)
        if other.kind == "view" and name not in catalog.views:
            yield ObjectFinding(other.kind, other.name, other.table, "is missing")
        elif other.kind == "trigger":
            yield from compare_trigger(other, plan, catalog)
        elif other.kind == "virtual table" and other.name not in catalog.tables:
            yield ObjectFinding(other.kind, other.name, other.name, "is missing")


def _names(table: TargetTable, columns: Sequence[str]) -> tuple[str, ...]:
    known = {column.source.name: column.name for column in table.columns}
    return tuple(known.get(column, column) for column in columns)


def _listed(table: TargetTable, columns: Sequence[str]) -> str:
    return f"{table.name} ({', '.join(columns)})"


#: What a note has to speak of to announce a finding of a kind, where other notes are about the same object.
_TOPICS = {"column": "NULL", "default": "default", "check": "CHECK", "primary key": "primary key"}


def _with_note(finding: ObjectFinding, notes: Sequence[Note], plan: TargetPlan) -> ObjectFinding:
    """Attach what was said about the object (for a key or check without a name: about its table).

    The plan speaks of it by the source's name, a refusal by the target's.
    """
    named = {finding.name, f"{finding.table} {finding.name}"}
    named |= {name.new for name in plan.names if name.old == finding.name and name.kind == finding.kind}
    if finding.kind == "primary key":
        named.add(finding.table)
    named |= _in_the_source(named, finding.table, plan)
    topic = _TOPICS.get(finding.kind, "")
    said = [
        note
        for note in notes
        if (
            note.level != "info" and note.object in named and topic in note.text and not _stays(note, finding)
        )
        or (note.text.startswith(REFUSED) and _is_about(note, finding, named))
    ]
    if not said:
        return finding
    note = min(said, key=lambda note: note.level != "left")
    return ObjectFinding(finding.kind, finding.name, finding.table, finding.text, note.text, note.level)


def _stays(note: Note, finding: ObjectFinding) -> bool:
    """An index beside a constraint is no reason for the constraint to be missing."""
    return finding.kind == "unique" and "beside it" in note.text


def _in_the_source(named: set[str], table: str, plan: TargetPlan) -> set[str]:
    """The same names with the table and its columns as the source calls them."""
    planned = next((known for known in plan.tables if known.name == table), None)
    if planned is None:
        return set()
    source = planned.source.name
    columns = {f"{table}.{column.name}": f"{source}.{column.source.name}" for column in planned.columns}
    found = {columns[name] for name in named if name in columns}
    for name in named:
        if name == table or name.startswith(f"{table} "):
            found.add(source + name.removeprefix(table))
    return found


def _is_about(refused: Note, finding: ObjectFinding, named: set[str]) -> bool:
    """A refusal speaks of a key by the name that it has in PostgreSQL, which the source may not give it."""
    if refused.kind in {"foreign key", "unique", "primary key"}:
        return (refused.kind, refused.table) == (finding.kind, finding.table)
    return refused.object in named
